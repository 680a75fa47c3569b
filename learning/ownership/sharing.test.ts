/** What people are told of who reaches whose objects at an endpoint. */
import t from 'tap';
import { sharingOf } from './sharing.js';
import type { ResourceRule, SlotRule, Stance } from './sheet.js';
import { sameForAll } from './sheet.js';

const OPEN: Stance = { is: 'open', confidence: 0, proven: false };
const ALLOW: Stance = { is: 'allow', confidence: 0, proven: false };
const GREY: Stance = { is: 'grey', confidence: 0.55, proven: false };
const SHADOW: Stance = { is: 'deny', confidence: 0.8, proven: false };
const PROVEN: Stance = { is: 'deny', confidence: 0.95, proven: true };

const place = (foreign: Stance, more: Partial<SlotRule> = {}, group: Stance = OPEN): SlotRule => ({
  resource: 'order',
  stances: { ...sameForAll(OPEN), foreign, group },
  principals: 29,
  accesses: 54,
  wrappings: [''],
  repeats: 0,
  ...more,
});

const cases: readonly [
  what: string,
  rule: SlotRule,
  resource: ResourceRule | undefined,
  regime: string,
  confidence: number,
  explanation: RegExp,
][] = [
  [
    'proven',
    place(PROVEN),
    undefined,
    'owner-private',
    0.95,
    /^private to their owners: of 54 accesses by 29 callers hardly any reach what somebody else owns; who tries is refused$/,
  ],
  ['in shadow', place(SHADOW), undefined, 'owner-private', 0.8, /; who tries is reported, until it is proven$/],
  ['members of a group', place(PROVEN, {}, ALLOW), undefined, 'tenant-shared', 0.95, /^shared within a group: /],
  ['a role', place(PROVEN, { roles: [7] }), undefined, 'role-visible', 0.95, /open to a role/],
  ['guests', place(PROVEN, { hasGuests: true }), undefined, 'owner-private', 0.95, /; people who have none of their own are guests here$/],
  ['everybody', place(ALLOW), undefined, 'public', 1 - 1 / 31, /^open: of 54 accesses by 29 callers many reach what somebody else owns$/],
  ['some', place(GREY), undefined, 'undecided', 0, /^not decided about: of 54 accesses .* some /],
  [
    'too few',
    place(OPEN, { principals: 1, accesses: 1 }),
    undefined,
    'undecided',
    0,
    /^not decided about: too little was seen, 1 access by 1 caller$/,
  ],
  ['nobody', place(OPEN, { principals: 0, accesses: 0 }), undefined, 'undecided', 0, /nothing says whose they are$/],
  ['staff only', place(SHADOW, { principals: 0, accesses: 0 }), undefined, 'role-visible', 0.8, /^for those who see everything/],
  [
    'public ones among private ones',
    place(PROVEN),
    { fields: [], openings: [{ path: 'visibility', value: 1, to: 'everybody' }] },
    'owner-private',
    0.95,
    /; some are open to everybody, as "visibility" says$/,
  ],
];

for (const [what, rule, resource, regime, confidence, explanation] of cases)
  t.test(what, async (t) => {
    const told = sharingOf({ slots: { 'path:0': rule } }, () => resource);
    t.match(told, { regime, confidence, explanation });
  });

t.test('what an endpoint is about', async (t) => {
  const private_ = place(PROVEN);
  const public_ = place(ALLOW);
  for (const [slots, regime] of [
    [{ 'path:0': public_, 'path:1': private_ }, 'owner-private'],
    [{ 'path:2': private_, 'path:10': public_ }, 'public'],
    [{ 'query:id': private_, answer: public_ }, 'owner-private'],
    [{ answer: private_ }, 'owner-private'],
  ] as const)
    t.equal(sharingOf({ slots }, () => undefined)?.regime, regime, Object.keys(slots).join(' '));
  t.equal(
    sharingOf({ slots: {} }, () => undefined),
    null,
  );
});
