/** Ids that say whose they are: all of one person's begin alike, and nobody else's do. */
import t from 'tap';
import { stemOf } from './shape.js';
import { buyers, NEVER, shop } from './shop.fixture.js';

const STEMS: readonly (readonly [id: string, stem: string | null])[] = [
  ['acct-0042-1', 'acct-0042'],
  ['1234567-01', '1234567'],
  ['DE/0042/b', 'DE/0042'],
  ['c_77.3', 'c_77'],
  ['acct-0042', null],
  ['ord-12345', null],
  ['ord-7-1', null],
  ['abc-x', null],
  ['1-2', null],
  ['42', null],
  ['', null],
  ['-1', null],
  ['acct-0042-', null],
  ['3f2b8c1e-9a77-4c8e-9d21-0a5b7c9d1e2f', null],
];
for (const [id, stem] of STEMS) t.equal(stemOf(id), stem, id === '' ? 'nothing' : id);

type Ask = ReturnType<typeof shop>;
const openAccount = (ask: Ask, by: number, id: string, owner: number) =>
  ask(by, `/accounts/${id}`, '/accounts/{id}', { id, userId: owner });
type Naming = (user: number, n: number) => string;
const SAID: Naming = (user, n) => `acct-${user}-${n}`;

/** Everybody opens two accounts of their own. */
function everyday(ask: Ask, name: Naming): void {
  for (const n of [1, 2, 1]) for (const user of buyers) openAccount(ask, user, name(user, n), user);
}

const NAMINGS: readonly (readonly [what: string, name: Naming, refused: boolean])[] = [
  ['the first parts are a person’s', SAID, true],
  ['they are another for each account', (user, n) => `acct-${(user * 7919 + n * 104_729) % 1_000_003}-${n}`, false],
  ['they are the same for everybody', (user, n) => `acct-2026-${((user - 1000) * 10 + n).toString(36)}`, false],
  ['there is no last part', (user, n) => `acct${user * 10 + n}`, false],
];
t.test('an account that nobody opened yet, before it is opened', async (t) => {
  for (const [what, name, refused] of NAMINGS)
    await t.test(what, async (t) => {
      const ask = shop();
      everyday(ask, name);
      t.equal(openAccount(ask, buyers[4], name(buyers[5], 3), buyers[5]).request, refused, 'of somebody who has others');
      t.equal(openAccount(ask, buyers[6], name(4242, 1), 4242).request, refused, 'of somebody who never came');
      t.same(openAccount(ask, buyers[7], name(buyers[7], 3), buyers[7]), NEVER, 'one’s own');
    });
});

t.test('where each has one account, nothing says that the next would begin alike', async (t) => {
  const ask = shop();
  for (let round = 0; round < 3; round++) for (const user of buyers) openAccount(ask, user, SAID(user, 1), user);
  t.equal(openAccount(ask, buyers[4], SAID(4242, 1), 4242).request, false);
});

t.test('somebody who has accounts of several beginnings is not told by them', async (t) => {
  const ask = shop();
  everyday(ask, SAID);
  openAccount(ask, buyers[8], SAID(7777, 1), buyers[8]);
  t.same(openAccount(ask, buyers[8], SAID(8888, 1), buyers[8]), NEVER);
  t.equal(openAccount(ask, buyers[9], SAID(8888, 2), 8888).request, true, 'everybody else is');
});

t.test('an engine that starts again still knows it', async (t) => {
  const before = shop();
  everyday(before, SAID);
  const ask = shop(undefined, before.save());
  t.equal(openAccount(ask, buyers[4], SAID(4242, 1), 4242).request, true);
  t.same(openAccount(ask, buyers[5], SAID(buyers[5], 3), buyers[5]), NEVER);
});
