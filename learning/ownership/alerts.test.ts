import t from 'tap';
import type { AccessVerdict } from '../../exchange/index.js';
import { bearer, exchange } from '../../test/support/inventory.js';
import { type AccessFacts, accessFinding, alertOf, castsSuspicion } from './alerts.js';
import { KeyedHash } from './hash.js';
import { OwnershipModel } from './index.js';
import { NAMELESS_CONFIDENCE } from './judge.js';
import { GRANT, Knowledge, PERSON } from './knowledge.js';
import { People } from './people.js';
import { loadPerson, newPerson, type Scatter, savePerson } from './person.js';
import type { Signs } from './reading.js';
import { Table, WORTH } from './table.js';

function people(): { known: Knowledge; people: People } {
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const write = (hi: number, lo: number, a: number, b: number, worth: number) => void known.table.set(hi, lo, a, b, worth);
  return {
    known,
    people: new People(
      known,
      write,
      (hi, lo) => void known.table.delete(hi, lo),
      () => undefined,
    ),
  };
}

/** Owners of the objects that a nameless caller opens in turn, as pairs of value and kind, and what is said of the last one. */
const openings: { name: string; owners: [value: number, kind: number][]; expected: Scatter }[] = [
  { name: 'the first object', owners: [[7, 2]], expected: { owners: 1, top: 1, isUsual: true } },
  {
    name: 'objects of one owner',
    owners: [
      [7, 2],
      [7, 2],
    ],
    expected: { owners: 1, top: 1, isUsual: true },
  },
  {
    name: 'one of another',
    owners: [
      [7, 2],
      [7, 2],
      [8, 2],
    ],
    expected: { owners: 2, top: 2 / 3, isUsual: false },
  },
  {
    name: 'a company beside a person',
    owners: [
      [7, 2],
      [7, 2],
      [8, 3],
    ],
    expected: { owners: 1, top: 1, isUsual: true },
  },
  {
    name: 'of many',
    owners: [
      [7, 2],
      [8, 2],
      [9, 2],
      [10, 2],
    ],
    expected: { owners: 4, top: 0.25, isUsual: false },
  },
];
for (const { name, owners, expected } of openings) {
  t.test(`openings of a nameless caller: ${name}`, async (t) => {
    const { people: all } = people();
    const person = all.add('k', 1);
    t.same(owners.map((pair, object) => all.voteByOpening(person, object, pair, false, true)).at(-1), expected);
  });
}

t.test('what openings of a group made of a caller is taken back when the caller opens another group', async (t) => {
  const { known, people: all } = people();
  const person = all.add('k', 1);
  for (let i = 0; i < 3; i++) all.voteByOpening(person, i, [5, 9], true, true);
  t.ok(known.holdsGroup(person.id, 5, 9));
  all.doubt(person);
  t.notOk(known.holdsGroup(person.id, 5, 9));
  t.notOk(known.hasKind(person.id, 9), 'and its group is unknown again');
  for (let i = 3; i < 6; i++) all.voteByOpening(person, i, [5, 9], true, true);
  all.setFlags(person, PERSON.established);
  all.doubt(person);
  t.ok(known.holdsGroup(person.id, 5, 9), 'who is established by more than that keeps it');
});

t.test('who opens one shared object again and again gets no name by it', async (t) => {
  const { known, people: all } = people();
  const person = all.add('k', 1);
  for (let i = 0; i < 9; i++) t.same(all.voteByOpening(person, 4, [7, 2], false, true), { owners: 1, top: 1, isUsual: true });
  t.notOk(known.holds(person.id, 7, 2));
});

t.test('who was shown what many own gets no name by three of one owner in a row', async (t) => {
  const { known, people: all } = people();
  const person = all.add('k', 1);
  for (const owner of [11, 12, 13, 14]) person.foreignOwners.add(owner);
  for (let i = 0; i < 9; i++) all.voteByOpening(person, i, [7, 2], false, true);
  t.notOk(known.holds(person.id, 7, 2));
});

t.test('where nobody knows how private a place is, a name takes five objects', async (t) => {
  const { known, people: all } = people();
  const person = all.add('k', 1);
  const namedAfter = (n: number): boolean => {
    all.voteByOpening(person, n, [7, 2], false, false);
    return known.holds(person.id, 7, 2);
  };
  t.same([0, 1, 2, 3, 4].map(namedAfter), [false, false, false, false, true]);
});

t.test('a name that was only concluded from openings joins nobody with who has it', async (t) => {
  const { known, people: all } = people();
  const [visitor, owner, other] = ['visitor', 'owner', 'other'].map((key) => all.add(key, 1));
  for (let i = 0; i < 3; i++) all.voteByOpening(visitor, i, [7, 2], false, true);
  t.ok(known.holds(visitor.id, 7, 2), 'on trial');
  for (let i = 0; i < 3; i++) t.equal(all.voteByList(owner, [7, 2], 1), owner, 'the lists of the owner say it, too');
  t.equal(all.holder(7, 2), owner, 'and the name stands for them');
  t.equal(all.voteByList(other, [7, 2], 3), owner, 'another credential of the owner is joined');
  all.setFlags(owner, PERSON.established);
  all.addGroup(owner, 5, 9);
  all.addGrant(owner, 1, 2, GRANT.granted);
  all.followNames(visitor);
  all.addGrant(owner, 1, 3, GRANT.granted);
  const shared = (): number[] => [2, 3].map((object) => known.grant(1, object, visitor.id));
  t.same(shared(), [GRANT.granted, GRANT.granted], 'what was and is shared with the owner is shared with the visitor');
  t.ok(visitor.flags & PERSON.established, 'the visitor counts as established');
  t.ok(known.holdsGroup(visitor.id, 5, 9), 'and as of their group');
  all.doubt(visitor);
  t.notOk(known.holds(visitor.id, 7, 2), 'until they open what is somebody else’s');
  t.notOk(known.holdsGroup(visitor.id, 5, 9));
  t.notOk(visitor.flags & PERSON.established);
  t.same(shared(), [0, 0]);
  all.addGrant(owner, 1, 4, GRANT.granted);
  t.equal(known.grant(1, 4, visitor.id), 0);
  t.equal(known.grant(1, 2, owner.id), GRANT.granted);
  t.equal(all.holder(7, 2), owner);
});

t.test('two credentials with one name, which nobody dared to join: what the one is given is for both', async (t) => {
  const { known, people: all } = people();
  const [phone, desk, stranger] = ['phone', 'desk', 'stranger'].map((key) => all.add(key, 1));
  all.addIdentity(phone, 7, 9);
  all.addGrant(phone, 1, 2, GRANT.granted);
  all.addIdentity(desk, 7, 9);
  all.addIdentity(stranger, 8, 9);
  all.addGrant(phone, 1, 3, GRANT.party);
  const given = ({ id }: { id: number }): number[] => [2, 3].map((object) => known.grant(1, object, id));
  t.same([phone, desk, stranger].map(given), [
    [GRANT.granted, GRANT.party],
    [GRANT.granted, GRANT.party],
    [0, 0],
  ]);
});

const verdict = (relation: AccessVerdict['relation'], confidence: number): AccessVerdict => ({
  relation,
  confidence,
  enforceable: false,
  location: { phase: 'request', in: 'path', path: '0' },
  resource: 'order',
  explanation: '',
});
const nothing: Signs = { scatter: null, strange: null };
const alerts: {
  name: string;
  verdict: AccessVerdict | null;
  signs: Signs;
  hasName?: boolean;
  relation: string | undefined;
  confidence: number | undefined;
}[] = [
  { name: 'no verdict', verdict: null, signs: nothing, relation: undefined, confidence: undefined },
  { name: 'the own object', verdict: verdict('own', 1), signs: nothing, relation: undefined, confidence: undefined },
  { name: 'somebody else’s', verdict: verdict('foreign', 0.9), signs: nothing, relation: 'foreign', confidence: 0.9 },
  {
    name: 'a nameless caller at the usual owner’s',
    verdict: verdict('unknown', NAMELESS_CONFIDENCE),
    signs: { ...nothing, scatter: { owners: 2, top: 0.8, isUsual: true } },
    relation: 'unknown',
    confidence: NAMELESS_CONFIDENCE,
  },
  {
    name: 'a nameless caller at another owner’s',
    verdict: verdict('unknown', NAMELESS_CONFIDENCE),
    signs: { ...nothing, scatter: { owners: 2, top: 0.8, isUsual: false } },
    relation: 'foreign',
    confidence: 0.55,
  },
  {
    name: 'a nameless caller all over the place',
    verdict: verdict('unknown', NAMELESS_CONFIDENCE),
    signs: { ...nothing, scatter: { owners: 3, top: 0.4, isUsual: true } },
    relation: 'foreign',
    confidence: 0.6,
  },
  ...(
    [
      ['no more unknown ids than usual', 'unknown', 0, 'unknown', 2, true, 'unknown', 0],
      ['one unknown id more than usual', 'unknown', 0, 'unknown', 3, true, 'enumeration', 0.55],
      ['a few more, of a caller without a name', 'unknown', 0, 'unknown', 5, false, 'unknown', 0],
      ['many more, of a caller without a name', 'unknown', 0, 'unknown', 6, false, 'enumeration', 0.55],
      ['an object of others where some people reach one', 'foreign', 0.4, 'foreign', 3, true, 'foreign', 0.4],
      ['several objects of others there', 'foreign', 0.4, 'foreign', 4, true, 'foreign', 0.55],
      ['where hardly anybody does, one is enough', 'foreign', 0.9, 'foreign', 3, true, 'foreign', 0.9],
      ['one more where many ids are usual', 'unknown', 0, 'unknown', 5, true, 'unknown', 0, 4],
      ['two more there', 'unknown', 0, 'unknown', 6, true, 'enumeration', 0.55, 4],
      ['as many as are counted where one less is usual', 'unknown', 0, 'unknown', 8, true, 'enumeration', 0.55, 7],
    ] as const
  ).map(([name, given, before, sort, named, hasName, relation, confidence, usual = 2]) => ({
    name,
    verdict: verdict(given, before),
    signs: { ...nothing, strange: { sort, named, usual, people: 30 } },
    hasName,
    relation,
    confidence,
  })),
];
for (const { name, verdict: given, signs, hasName, relation, confidence } of alerts) {
  t.test(`alerts: ${name}`, async (t) => {
    const person = people().people.add('k', 1);
    person.owned = 1;
    if (hasName === true) person.flags |= PERSON.identified;
    const found = alertOf(given, { person, signs }, 5_000);
    t.equal(found?.relation, relation);
    t.equal(found?.confidence, confidence);
  });
}

t.test('which alerts make somebody a suspect', async (t) => {
  const scatter = { owners: 5, top: 0.2, isUsual: false };
  for (const [what, form, signs, casts] of [
    ['an object of somebody else', undefined, nothing, true],
    ['the next owner of a caller without a name', undefined, { ...nothing, scatter }, false],
    ['an id in a form that nobody uses, of a caller without a name', 'repeated', { ...nothing, scatter }, true],
  ] as const)
    t.equal(castsSuspicion({ ...verdict('foreign', 0.8), ...(form === undefined ? {} : { form }) }, signs), casts, what);
});

t.test('what a full table would give up first is never a person', async (t) => {
  const { known, people: all } = people();
  known.table.age = 0;
  all.add('k', 1);
  for (let n = 1; n <= 20; n++) known.table.set(known.hash.hi, n, n, 0, WORTH.listed);
  for (let n = 0; n < 20; n++) t.ok(known.table.evict(known.hash.hi, 999_999));
  t.ok(all.find('k'));
  t.equal(new Table().evict(1, 1), false, 'an empty table has nothing to give');
});

t.test('a person saved before there was suspicion has none', async (t) => {
  const { suspicion, suspectedOf, ...older } = JSON.parse(savePerson(newPerson(1, 'p_1', 5)));
  t.same([suspicion, suspectedOf], [0, []]);
  t.match(loadPerson(JSON.stringify(older)), { suspicion: 0, suspectedOf: [], keys: ['p_1'], firstSeenMs: 5 });
});

t.test('an access is called what it is', async (t) => {
  const endpoint = { id: 'e', service: 's', method: 'GET', template: '/x' };
  const seen = { exchange: exchange({ target: '/x' }), endpoint, pathParameters: [], dataHits: [] };
  const plain = { mutates: false, isBelowOwn: false, isGuess: false };
  const inPath = { phase: 'request', in: 'path', path: '1' } as const;
  const inBody = { phase: 'request', in: 'body', path: 'id' } as const;
  const table: readonly [verdict: Partial<AccessVerdict>, facts: Partial<AccessFacts>, kind: string][] = [
    [{ relation: 'foreign' }, {}, 'bola.foreign-object'],
    [{ relation: 'foreign' }, { isBelowOwn: true }, 'bola.nested-mismatch'],
    [{ relation: 'foreign' }, { isBelowOwn: true, mutates: true }, 'bola.foreign-write'],
    [{ relation: 'foreign', location: inBody }, {}, 'bola.swapped-id'],
    [{ relation: 'foreign', location: inBody, form: 'wrapped' }, { mutates: true }, 'bola.polluted-id'],
    [{ relation: 'enumeration' }, { isGuess: true, mutates: true }, 'bola.enumeration'],
    [{ relation: 'enumeration' }, {}, 'bola.unlisted-id'],
    [{ relation: 'unknown' }, {}, 'bola.unlisted-id'],
    [{ relation: 'unknown' }, { mutates: true }, 'bola.foreign-write'],
  ];
  for (const [verdict, facts, kind] of table) {
    const whole = {
      relation: 'foreign',
      confidence: 0.8,
      enforceable: false,
      location: inPath,
      resource: 'note',
      explanation: 'x',
      ...verdict,
    };
    t.equal(accessFinding(seen, whole as AccessVerdict, { ...plain, ...facts }).kind, kind, JSON.stringify({ ...verdict, ...facts }));
  }
});

t.test('what is told of an access has the numbers', async (t) => {
  const model = new OwnershipModel({ secret: 'alerts', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const notes = (user: number, note: number): ReturnType<OwnershipModel['judge']> =>
    open(`/users/${id(user)}/notes/${note}`, user, note % 40);
  const id = (user: number): string => `usr-${1000 + user}`;
  const open = (target: string, user: number, owner: number, status = 200): ReturnType<OwnershipModel['judge']> => {
    const [, , first, , second] = target.split('/');
    const template = target === '/me' ? '/me' : '/users/{userId}/notes/{id}';
    const answer = target === '/me' ? { id: id(user), email: `${user}@x.test` } : { id: Number(second), userId: id(owner), text: 'x' };
    return model.judge({
      exchange: exchange({ target, status, headers: bearer(`person-${user}`), answer: status === 200 ? answer : { error: 'no' } }),
      endpoint: { id: template, service: 'shop', method: 'GET', template },
      pathParameters: target === '/me' ? [] : [first, second],
      dataHits: [],
    });
  };
  for (let user = 0; user < 40; user++) open('/me', user, user);
  for (let round = 1; round < 9; round++) for (let user = 0; user < 40; user++) notes(user, round * 40 + user);
  t.match(notes(3, 5 * 40 + 9).finding, {
    kind: 'bola.nested-mismatch',
    explanation:
      /^This note belongs to somebody else; of \d+ accesses by \d+ callers on this endpoint, hardly any open what somebody else owns$/,
  });
  t.match(open(`/users/${id(9)}/notes/${6 * 40 + 9}`, 4, 9).finding, { kind: 'bola.foreign-object' });
  const guesses = Array.from({ length: 6 }, (_, n) => open(`/users/${id(5)}/notes/${900_000 + n * 77}`, 5, 5, 404).finding);
  t.match(guesses[5], {
    kind: 'bola.enumeration',
    explanation: /^This caller just tried about [3-6] ids that do not exist or were never handed to anybody, this note among them$/,
  });
});

/** Forty people with notes of their own, asked for as one after the other. */
function notebook() {
  const model = new OwnershipModel({ secret: 'alerts', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const ask = (user: number, target: string, template: string, answer: object): ReturnType<OwnershipModel['judge']> =>
    model.judge({
      exchange: exchange({ target, headers: bearer(`person-${user}`), answer }),
      endpoint: { id: template, service: 'shop', method: 'GET', template },
      pathParameters: [],
      dataHits: [],
    });
  const people = Array.from({ length: 40 }, (_, user) => user);
  const note = (user: number, id: string, isTold: boolean) =>
    ask(user, `/notes/${id}`, '/notes/{id}', isTold ? { id, userId: `usr-${user}` } : { id, text: 'x' });
  return { ask, note, people };
}

t.test('ids that nobody was handed are told of, and not those that a list had shown to the caller', async (t) => {
  const { ask, note, people } = notebook();
  for (const user of people) ask(user, '/me', '/me', { id: `usr-${user}`, email: `${user}@x.test` });
  for (let round = 0; round < 6; round++) for (const user of people) note(user, `n-${user}-${round}`, true);
  const some = Array.from({ length: 12 }, (_, n) => `n-x-${n}`);
  const others = Array.from({ length: 12 }, (_, n) => `n-y-${n}`);
  ask(3, '/notes', '/notes', { notes: some.map((id) => ({ id })) });
  t.same(
    some.map((id) => note(3, id, false).finding),
    some.map(() => null),
  );
  t.match(others.map((id) => note(4, id, false).finding).at(-1), {
    explanation: /named \d+ note ids here that were never handed to anybody/,
  });
});

t.test('staff whom lists show the same again, once it is known that many own it, are not told of', async (t) => {
  const { ask, note, people } = notebook();
  const staff = 90;
  const list = () => {
    for (const page of [0, 1])
      ask(staff, `/notes?page=${page}`, '/notes', {
        notes: people.slice(10 * page, 10 * page + 10).map((user) => ({ id: `n-${user}-0` })),
      });
  };
  for (const user of [...people, staff]) ask(user, '/me', '/me', { id: `usr-${user}`, email: `${user}@x.test` });
  list();
  for (let round = 0; round < 6; round++) for (const user of people) note(user, `n-${user}-${round}`, true);
  list();
  t.same(
    people
      .slice(20, 30)
      .map((user) => ask(staff, `/notes/n-${user}-1`, '/notes/{id}', { id: `n-${user}-1`, userId: `usr-${user}` }).finding),
    people.slice(20, 30).map(() => null),
  );
});
