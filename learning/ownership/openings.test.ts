/** Objects that say themselves for whom they are. */
import t from 'tap';
import { arrive, BOTH, buyers, NEVER, type Refused, shop } from './shop.fixture.js';

type Ask = ReturnType<typeof shop>;

/** Everybody has eight things; even and odd ones say something different of themselves. */
interface Service {
  readonly what: string;
  readonly claims?: (user: number) => object;
  /** What an answer says beside id and owner. */
  readonly says: (thing: number) => object;
  /** In each of six rounds everybody opens one of their own things; then this. */
  readonly also?: (open: (user: number, thing: number) => Refused, user: number, round: number) => void;
  readonly tried: readonly [who: string, caller: number, thing: number, refused: Refused][];
}

/** One of the eight things of a user. */
const thingOf = (user: number, index: number): number => (user - 1000) * 8 + index;
const ownerOf = (thing: number): number => 1000 + Math.floor(thing / 8);
const isEven = (thing: number): boolean => thing % 2 === 0;
/** Somebody else each round. */
const other = (user: number, round: number): number => 1000 + ((user - 1000 + 3 + 5 * round) % buyers.length);
const teamOf = (user: number): string => `team-${user % 2}`;

const services: readonly Service[] = [
  {
    what: 'private in so many words, and nobody has opened anything of others so far',
    says: (thing) => ({ private: !isEven(thing) }),
    tried: [
      ['what is not private', 1005, thingOf(1010, 0), NEVER],
      ['what is private', 1005, thingOf(1010, 1), BOTH],
    ],
  },
  {
    what: 'all say the same: that says nothing',
    says: () => ({ private: false }),
    tried: [['any', 1005, thingOf(1010, 0), BOTH]],
  },
  {
    what: 'a part of it is private or not',
    says: (thing) => ({ note: { text: 'n', private: !isEven(thing) } }),
    tried: [['any', 1005, thingOf(1010, 0), BOTH]],
  },
  {
    what: 'a state of which all others open one only',
    says: (thing) => ({ state: isEven(thing) ? 'released' : 'planned' }),
    also: (open, user, round) => {
      if (user % 3 === 0) open(user, thingOf(other(user, round), 0));
    },
    tried: [
      ['that state', 1005, thingOf(1010, 2), NEVER],
      ['the other one', 1005, thingOf(1010, 1), BOTH],
    ],
  },
  {
    what: 'the same, while an attacker opens whatever there is',
    says: (thing) => ({ state: isEven(thing) ? 'released' : 'planned' }),
    also: (open, user, round) => {
      if (user % 3 === 0) open(user, thingOf(other(user, round), 0));
      if (user === 1001) open(user, thingOf(other(user, round), round));
    },
    tried: [
      ['that state', 1005, thingOf(1010, 2), NEVER],
      ['the other one', 1005, thingOf(1010, 1), BOTH],
    ],
  },
  {
    what: 'a state of which two accounts that belong together open one only',
    says: (thing) => ({ state: isEven(thing) ? 'released' : 'planned' }),
    also: (open, user, round) => {
      if (user === 1001 || user === 1002) open(user, thingOf(other(user, round), 0));
    },
    tried: [
      ['that state', 1005, thingOf(1010, 2), BOTH],
      ['the other one', 1005, thingOf(1010, 1), BOTH],
    ],
  },
  {
    what: 'a field with a value for each thing says nothing',
    says: (thing) => ({ label: `label-${thing}` }),
    tried: [['any', 1005, thingOf(1010, 2), BOTH]],
  },
  {
    what: 'open to the team',
    claims: (user) => ({ team: teamOf(user) }),
    says: (thing) => ({ team: teamOf(ownerOf(thing)), visibility: isEven(thing) ? 'team' : 'private' }),
    also: (open, user, round) => {
      if (user % 3 === 0) open(user, thingOf(1000 + ((user - 1000 + 2 * (round + 1)) % buyers.length), 0));
    },
    tried: [
      ['of the own team', 1005, thingOf(1011, 2), NEVER],
      ['of another team', 1005, thingOf(1010, 2), BOTH],
      ['private, of the own team', 1005, thingOf(1011, 1), BOTH],
    ],
  },
];

for (const { what, claims, says, also, tried } of services)
  t.test(what, async (t) => {
    for (const [who, caller, thing, refused] of tried) {
      const ask: Ask = shop(claims);
      const show = (of: number): object => ({ id: of, userId: ownerOf(of), ...says(of) });
      const open = (user: number, of: number): Refused => ask(user, `/things/${of}`, '/things/{id}', show(of));
      arrive(ask);
      for (let round = 0; round < 6; round++)
        for (const user of buyers) {
          open(user, thingOf(user, round));
          also?.(open, user, round);
        }
      open(ownerOf(thing), thing);
      t.same(open(caller, thing), refused, who);
    }
  });

t.test('what couriers are shown is open to nobody else', async (t) => {
  const ask = shop();
  const show = (of: number): object => ({ id: of, userId: ownerOf(of), state: isEven(of) ? 'on its way' : 'delivered' });
  const open = (user: number, of: number): Refused => ask(user, `/parcels/${of}`, '/parcels/{id}', show(of));
  arrive(ask);
  for (let round = 0; round < 6; round++)
    for (const user of buyers) {
      open(user, thingOf(user, round));
      if (user % 3 !== 0) continue;
      const parcel = thingOf(other(user, round), 0);
      ask(user, '/run', '/run', { parcels: [show(parcel)] });
      t.same(open(user, parcel), NEVER);
    }
  t.same(open(1005, thingOf(1010, 2)), BOTH);
});

for (const [what, renamers] of [
  ['what others may read they may not change', buyers],
  ['so five people tell who changed their own', buyers.slice(0, 5)],
] as const)
  t.test(what, async (t) => {
    const ask = shop();
    const show = (of: number): object => ({ id: of, userId: ownerOf(of), public: isEven(of) });
    const open = (user: number, of: number): Refused => ask(user, `/things/${of}`, '/things/{id}', show(of));
    const rename = (user: number, of: number): Refused => ask(user, `/things/${of}/name`, '/things/{id}/name', show(of), { name: 'n' });
    arrive(ask);
    for (let round = 0; round < 6; round++)
      for (const user of buyers) {
        open(user, thingOf(user, round));
        if (renamers.includes(user)) rename(user, thingOf(user, round));
        if (user % 3 === 0) open(user, thingOf(other(user, round), 0));
      }
    t.same(open(1005, thingOf(1010, 0)), NEVER, 'read');
    t.same(rename(1005, thingOf(1010, 0)), BOTH, 'changed');
  });

t.test('what all may read and answer to they may answer to', async (t) => {
  const ask = shop();
  const show = (of: number): object => ({ id: of, userId: ownerOf(of), public: isEven(of) });
  const open = (user: number, of: number): Refused => ask(user, `/things/${of}`, '/things/{id}', show(of));
  const answer = (user: number, of: number): Refused =>
    ask(user, `/things/${of}/comments`, '/things/{id}/comments', { id: of * 100 + user, text: 'x' }, { text: 'x' });
  arrive(ask);
  const seen: Refused[] = [];
  for (let round = 0; round < 6; round++)
    for (const user of buyers) {
      open(user, thingOf(user, round));
      if (user % 3 === 0) open(user, thingOf(other(user, round), 0));
      if (user % 4 === 0) seen.push(answer(user, thingOf(user, round)));
      if (user % 4 === 1) seen.push(answer(user, thingOf(other(user, round), 0)));
    }
  t.notOk(seen.some(({ request, response }) => request || response));
});

for (const [what, hasFeed, refused] of [
  ['a list shows around what others own: eight people who opened their own only say little', true, NEVER],
  ['nothing does: eight people are enough', false, BOTH],
] as const)
  t.test(what, async (t) => {
    const ask = shop();
    const show = (of: number): object => ({ id: of, userId: ownerOf(of) });
    const open = (user: number, of: number): Refused => ask(user, `/things/${of}`, '/things/{id}', show(of));
    arrive(ask);
    for (let round = 0; round < 3; round++)
      for (const user of buyers.slice(0, 8)) {
        if (hasFeed) ask(user, '/things', '/things', { things: [1, 2, 3, 4, 5].map((next) => show(thingOf(user + 10 + next, round))) });
        open(user, thingOf(user, round));
      }
    open(1020, thingOf(1020, 7));
    t.same(open(1005, thingOf(1020, 7)), refused);
  });
