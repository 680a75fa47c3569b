/** How private a place is, by who reached what there. */
import t from 'tap';
import { addSamples, newContext, REGIME, stancesOf, type Tally, tallyOf, zero } from './contexts.js';
import { KeyedHash } from './hash.js';
import { Knowledge } from './knowledge.js';
import { People } from './people.js';
import { CLASSES, savedChange } from './sheet.js';
import { arrive, BOTH, buyers, NEVER, shop } from './shop.fixture.js';

/** People who reached only what is theirs, two things each, and people who reached only what others own. */
function tally(own: number, strangers: number, areShown: boolean): Tally {
  return {
    people: own + strangers,
    accesses: 2 * (own + strangers),
    own,
    share: { ...zero(), foreign: strangers },
    anybody: { ...zero(), foreign: strangers },
    denied: 0,
    leans: false,
    hasGuests: false,
    roles: [],
    areShown,
    usual: { unknown: 0, foreign: 0 },
  };
}

const cases: readonly [own: number, strangers: number, areShown: boolean, is: string, proven: boolean][] = [
  [2, 0, false, 'open', false],
  [3, 0, false, 'deny', false],
  [4, 0, false, 'deny', true],
  // One alone, beside four, and two beside seven, are no custom.
  [3, 1, false, 'grey', false],
  [4, 1, false, 'deny', true],
  [6, 2, false, 'grey', false],
  [7, 2, false, 'deny', true],
  // Three are, or may be.
  [7, 3, false, 'allow', false],
  [12, 3, false, 'grey', false],
  [30, 3, false, 'deny', false],
  [60, 3, false, 'deny', false],
  [80, 3, false, 'deny', true],
  // Where lists show around what others own, more will come.
  [5, 1, true, 'grey', false],
  [9, 2, true, 'grey', false],
  [9, 0, true, 'deny', false],
  [17, 1, true, 'deny', true],
];

for (const [own, strangers, areShown, is, proven] of cases)
  t.test(`${own} people reach their own and ${strangers} what others own${areShown ? ', which lists show around' : ''}`, async (t) => {
    const { foreign } = stancesOf(tally(own, strangers, areShown), own + strangers, false, REGIME);
    t.match(foreign, { is, proven });
  });

for (const [ofGroup, proven] of [
  [0, true],
  [1, true],
  [2, false],
  [3, false],
] as const)
  t.test(`of eighty people ${ofGroup} reach what others of their group own`, async (t) => {
    const some = tally(80, 0, false);
    const { group, foreign } = stancesOf(
      { ...some, share: { ...zero(), group: ofGroup }, anybody: { ...zero(), group: ofGroup } },
      80,
      false,
      REGIME,
    );
    t.match(group, { is: 'deny', proven });
    t.match(foreign, { is: 'deny', proven: true });
  });

for (const [people, strangers, areShown, proven] of [
  [60, 3, false, true],
  [60, 5, false, true],
  [60, 6, false, false],
  [20, 3, false, false],
  [60, 3, true, false],
] as const)
  t.test(
    `what was proven of ${people} people is not shaken by few: ${strangers}${areShown ? ', but lists show around' : ''}`,
    async (t) => {
      const before = stancesOf(tally(people, 0, areShown), people, false, REGIME);
      t.ok(before.foreign.proven);
      t.equal(stancesOf(tally(people, strangers, areShown), people + strangers, false, REGIME, before).foreign.proven, proven);
    },
  );

t.test('whoever’s group nobody knows may be of it: what they reach is access within the group', async (t) => {
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const nothing = () => undefined;
  const people = new People(known, nothing, nothing, nothing);
  const context = newContext('key', 'GET /orders/{}', 'path:0', 's', 'order', false);
  for (let n = 1; n <= 10; n++) {
    const person = people.add(`p${n}`, 1);
    person.owned = 1;
    addSamples(context, [{ person: person.id, hi: n, lo: n, value: 0, fields: null, denied: false, was: null }], 1);
  }
  const relate = (_: unknown, { hi }: { hi: number }) => (hi > 6 ? 'ungrouped' : 'own');
  const others = { people: new Set<number>(), hasGuests: false, roles: [], areShown: false };
  const told = tallyOf(context, people, relate, () => false, others);
  t.match(told, { people: 10, own: 6, share: { group: 4, foreign: 0 } });
});

t.test('a place that was saved before there were as many classes of access', async (t) => {
  const stance = { is: 'deny', confidence: 0.9, proven: true };
  const saved = JSON.stringify({
    route: 's\u001fGET /a/{}',
    rule: { slots: { 'path:0': { resource: 'a', stances: { foreign: stance } } } },
  });
  const change = savedChange(saved);
  if (!('route' in change) || change.rule === null) return t.fail('no place');
  const { stances } = change.rule.slots['path:0'];
  t.same(Object.keys(stances).sort(), [...CLASSES].sort());
  t.same(stances.foreign, stance);
  t.equal(stances.public.is, 'open');
});

t.test('a page of people that is for everybody is not proven private by their private pages', async (t) => {
  const ask = shop();
  arrive(ask);
  for (let round = 0; round < 3; round++)
    for (const user of buyers) ask(user, `/users/${user}`, '/users/{id}', { id: user, email: `u${user}@mail.test` });
  t.same(ask(buyers[9], `/users/${buyers[1]}`, '/users/{id}', { id: buyers[1], email: `u${buyers[1]}@mail.test` }), BOTH, 'those are');
  const refused = buyers.map((user, index) => {
    const other = buyers[(index + 7) % buyers.length];
    return ask(user, `/users/${other}/card`, '/users/{id}/card', { id: other, name: 'Somebody' });
  });
  t.ok(refused.every(({ request, response }) => request === NEVER.request && response === NEVER.response));
});
