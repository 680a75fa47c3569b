/** Which values name people and which name groups, where several sources speak of the same ones. */
import t from 'tap';
import { addSamples, newContext } from './contexts.js';
import { typeFields } from './fields.js';
import { KeyedHash } from './hash.js';
import { GROUP_BITS, Knowledge } from './knowledge.js';
import { pathNumber } from './paths.js';
import { mostOf, namesFirst, People } from './people.js';
import { kindsBeside, kindsByShape, namedKind, type Person } from './person.js';
import { readRequest } from './references.js';
import type { KnownRule } from './sheet.js';

function world() {
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const { table } = known;
  const all = new People(
    known,
    (hi, lo, a, b) => table.set(hi, lo, a, b),
    (hi, lo) => table.delete(hi, lo),
    () => undefined,
  );
  /** Somebody with a token of these claims, told in this order. */
  const arrives = (key: string, claims: Record<string, string>): Person => {
    let person = all.add(key, 1);
    for (const [name, value] of namesFirst(Object.entries(claims), ([name]) => name))
      person = all.tell(`claim:s:${name}`, name, person, value, true);
    return person;
  };
  return { known, all, arrives };
}

t.test('members of a group are not joined for having the same one, though the first ten had different ones', async (t) => {
  const { known, all, arrives } = world();
  const practice = (n: number): string => `practice-${n % 12}`;
  const people = Array.from({ length: 36 }, (_, n) => arrives(`k${n}`, { practice: practice(n), sub: `person-${n}` }));
  t.equal(all.joins, 0);
  t.equal(new Set(people).size, 36);
  const kinds = new Set(people.flatMap((person) => [...person.groups.values()]));
  t.equal(kinds.size, 1, 'it is a group in the end, of one kind');
  const [kind] = kinds;
  people.forEach((person, n) => {
    const value = known.valueHash(practice(n));
    t.ok(known.holdsGroup(person.id, value, kind));
    t.notOk(person.identities.has(value), 'and nobody’s name any more');
  });
});

t.test('what is called like a group names nobody, though the first sixteen are of as many', async (t) => {
  const { arrives } = world();
  const people = Array.from({ length: 60 }, (_, n) => {
    const person = arrives(`k${n}`, { organisation: `org-${n % 16}` });
    t.equal(person.identities.size, 0, `after ${n}`);
    return person;
  });
  t.ok(people.every((person) => person.groups.size === 1));
});

t.test('another credential of the same person is joined by their name all the same', async (t) => {
  const { all, arrives } = world();
  const first = arrives('a', { practice: 'p1', sub: 'person-1' });
  t.equal(arrives('b', { practice: 'p1', sub: 'person-1' }), first);
  t.equal(all.joins, 1);
});

t.test('people whose objects named their group before their token was understood hold it as all others do', async (t) => {
  const { known, all, arrives } = world();
  const group = (n: number): string => `g${n % 4}`;
  const early = Array.from({ length: 6 }, (_, n) => {
    const person = all.add(`k${n}`, 1);
    if (n >= 3) all.addGroup(person, known.valueHash(group(n)), 99);
    return person;
  });
  for (const [n, person] of early.entries()) all.tell('claim:s:branch', 'branch', person, group(n), true);
  const late = Array.from({ length: 14 }, (_, n) => arrives(`l${n}`, { branch: group(n) }));
  const kinds = [...early, ...late].map((person, n) => person.groups.get(known.valueHash(group(n < 6 ? n : n - 6)) & GROUP_BITS));
  t.equal(new Set(kinds).size, 1, String(kinds));
  t.ok(
    [...early, ...late].every((person, n) => known.holdsGroup(person.id, known.valueHash(group(n < 6 ? n : n - 6)), kinds[0] as number)),
  );
});

t.test('a claim of few people tells their group once objects agree with it, of two groups', async (t) => {
  const { known, all, arrives } = world();
  const KIND = 77;
  const group = (name: string): number => known.valueHash(name) & GROUP_BITS;
  const claims = (seller: string, level: string) => ({ seller, level });
  const [first, second, third] = [arrives('a', claims('s-1', '1')), arrives('b', claims('s-2', '2')), arrives('c', claims('s-3', '3'))];
  all.reachedGroup(first, group('s-1'), KIND);
  t.notOk(known.hasKind(third.id, KIND), 'one may be chance');
  all.reachedGroup(first, group('s-1'), KIND);
  t.notOk(known.hasKind(third.id, KIND), 'and the same one says it once');
  all.reachedGroup(second, group('s-2'), KIND);
  for (const [person, name] of [
    [first, 's-1'],
    [second, 's-2'],
    [third, 's-3'],
  ] as const) {
    t.ok(known.holdsGroup(person.id, known.valueHash(name), KIND), name);
    t.equal(person.groups.size, 1);
  }
  const late = arrives('d', claims('s-1', '4'));
  t.ok(known.holdsGroup(late.id, known.valueHash('s-1'), KIND), 'who comes later, too');
});

t.test('a field of their own page, which people may write themselves, takes four', async (t) => {
  const { known, all } = world();
  const people = [1, 2, 3, 4].map((n) => all.tell('me:s:GET /me:shop', 'shop', all.add(`k${n}`, 1), `s-${n}`, true));
  for (const [n, person] of people.entries()) {
    t.notOk(known.hasKind(people[0].id, 77), `after ${n}`);
    all.reachedGroup(person, known.valueHash(`s-${n + 1}`) & GROUP_BITS, 77);
  }
  t.ok(known.hasKind(people[0].id, 77));
});

t.test('what people reach disagrees with what a claim says: it tells no groups', async (t) => {
  const { known, all, arrives } = world();
  const people = ['s-1', 's-2', 's-3', 's-4', 's-5'].map((seller) => arrives(seller, { seller }));
  for (const person of people.slice(2)) all.reachedGroup(person, known.valueHash('s-9') & GROUP_BITS, 77);
  for (const [n, person] of people.slice(0, 2).entries()) all.reachedGroup(person, known.valueHash(`s-${n + 1}`) & GROUP_BITS, 77);
  t.notOk(people.some((person) => known.hasKind(person.id, 77)));
});

t.test('the number that occurs most often', async (t) => {
  t.equal(mostOf([]), undefined);
  t.equal(mostOf([undefined, undefined]), undefined);
  t.equal(mostOf([3, undefined, 5, 5]), 5);
  t.equal(mostOf([3, 5]), 3);
});

t.test('under which kinds a person may be known whom a write names beside an object', async (t) => {
  const owners = [{ number: 1, kind: 7 }];
  const rule: KnownRule = {
    fields: [],
    owners,
    groups: [],
    parties: [],
    selfKinds: [],
    groupKind: -1,
    hasOwner: true,
    opens: [],
    hangsOn: null,
  };
  const cases: readonly [body: object, expected: Record<string, number[]>][] = [
    [
      { userId: 'ann@corp.test', file: 'f1' },
      { userid: [1, 7], file: [4, 250] },
    ],
    [{ to: 'ann@corp.test' }, { to: [1, 7] }],
    [{ to: 35 }, { to: [2, 251] }],
    [{ ownerId: 35 }, { ownerid: [2, 251, 7] }],
    [{ quantity: 35 }, { quantity: [2, 251] }],
  ];
  for (const [body, expected] of cases) {
    const headers = ['content-type', 'application/json'];
    const facts = { method: 'POST', template: '/share', target: '/share', headers, bodyText: JSON.stringify(body), isBodyCut: false };
    const { references } = readRequest(facts, '');
    t.strictSame(
      Object.fromEntries(references.map((one) => [one.name.toLowerCase().replaceAll('_', ''), kindsBeside(one, rule)])),
      expected,
      JSON.stringify(body),
    );
    t.ok(references.every((one) => !kindsBeside(one, undefined).includes(7)));
  }
});

t.test('names that look alike have one kind, and what people are called another than their ids', async (t) => {
  const alike: readonly (readonly [value: string, field?: string][])[] = [
    [['ann@corp.test'], ['bob@corp.test', 'login']],
    [['35'], ['1002']],
    [['202354895707381812'], ['3554895707']],
    [['0197e570-87d3-7dfa-876f-9848b5d7bd6e'], ['1f0e9c0a-6a0b-4f4e-9a77-9f2f2a1c0d11', 'handle']],
    [['67bf3016bfaee1b68310274b'], ['000000000000000000abcdef']],
    [['usr_CAR7gLynZbX'], ['usr_abcdefghijk'], ['pt_n4vvs2mhqc']],
    [['2x6WteWPytFWqQZAsxn9A2ZLzko'], ['abcdefghijklmnopqrst']],
    [
      ['anna.berg', 'handle'],
      ['Anna', 'userName'],
      ['anna_berg97', 'login'],
    ],
    [
      ['4915112345678', 'phone'],
      ['30123', 'mobile'],
      ['491511234567', 'contactPhone'],
    ],
    [['anna.berg'], ['A-17']],
  ];
  const kinds = alike.map((values) => {
    const found = values.map(([value, field]) => namedKind(value, field));
    t.equal(new Set(found).size, 1, values.join(' '));
    return found[0];
  });
  t.equal(new Set(kinds).size, alike.length, kinds.join(' '));
  for (const values of alike)
    for (const [value, field] of values) t.ok(kindsByShape(value).includes(namedKind(value, field)), `${value} is found without its field`);
});

t.test('one person alone makes no field the owner', async (t) => {
  const { known, all, arrives } = world();
  const context = newContext('k', 's', 'GET /orders/{}', 'path:0', 'order', false);
  for (const [n, isOwner] of [false, true, true].entries()) {
    const person = arrives(`k${n}`, { sub: `person-${n}` });
    const fields = [pathNumber('userid'), known.valueHash(`person-${n}`)];
    for (let order = 0; order < 3; order++)
      addSamples(context, [{ person: person.id, hi: (n + 1) << 16, lo: order, value: 0, fields, denied: false, was: null }], 1);
    const owners = typeFields([context], all).filter(({ role }) => role === 'owner');
    t.same(
      owners.map(({ path }) => path),
      isOwner ? ['userid'] : [],
      `after ${n + 1}`,
    );
  }
});
