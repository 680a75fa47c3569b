import { FewMap, FewSet } from '../../exchange/index.js';
import type { Relation } from './knowledge.js';
import { isSpecial } from './knowledge.js';
import type { People } from './people.js';
import { type AccessClass, CLASSES, type SlotRule, type Stance } from './sheet.js';

/** One access that was let through: who, to which object, and what the object's fields were then (pairs of path number and value hash). */
export interface Sample {
  readonly person: number;
  readonly hi: number;
  readonly lo: number;
  readonly value: number;
  /** Hash of what the id begins with, where ids of that sort say whose they are. */
  readonly stem?: number;
  fields: readonly number[] | null;
  /** Was against the regime at that time: shows what fields mean, but not what is normal. */
  readonly denied: boolean;
  /** Not the caller's as far as was known at that time. */
  readonly was: Strange | null;
  /** What the object was to the caller before this write made it theirs as well; undefined for all other accesses. */
  readonly took?: AccessClass;
}

/** Nobody knew whose the object was, or it was somebody else's. */
export type Strange = 'unknown' | 'foreign';

/** A place where objects are reached: a slot of a route, the list that a route answers, or what a route creates. */
export interface Context {
  readonly key: string;
  readonly route: string;
  readonly slot: string;
  readonly service: string;
  resource: string;
  /** {@link SlotRule.above}. */
  above: number;
  readonly mutates: boolean;
  readonly samples: Sample[];
  readonly denied: Sample[];
  uses: number;
  nextCheck: number;
  repeated: number;
  /** Who sent a body to its route that was too long to be read whole. */
  readonly longBy: Set<number>;
  readonly wrappings: Map<string, number>;
  readonly votes: Map<string, number>;
  readonly people: Set<number>;
  /** Accesses by people who see everything. */
  readonly staff: Set<number>;
  staffUses: number;
  /** {@link Tally.usual} when it was last counted. */
  usual: Readonly<Record<Strange, number>>;
  /** A list that shows people what others own. */
  showsOthers: boolean;
  rule: SlotRule | null;
}

const MAX_SAMPLES = 300;
const MAX_DENIED = 100;
const MAX_COUNTED = 5_000;
/** Of all places together: what one may keep becomes less when there are many. */
const ALL_SAMPLES = 600_000;
const ALL_COUNTED = 4_000_000;
/** What is left to each place however many there are. */
const LEAST_SAMPLES = 24;
const LEAST_COUNTED = 100;
const MAX_OF_ONE = 8;

export function newContext(key: string, service: string, route: string, slot: string, resource: string, mutates: boolean): Context {
  return {
    key,
    route,
    slot,
    service,
    resource,
    above: 0,
    mutates,
    samples: [],
    denied: [],
    uses: 0,
    nextCheck: 4,
    repeated: 0,
    longBy: new FewSet(),
    wrappings: new FewMap(),
    votes: new FewMap(),
    people: new FewSet(),
    rule: null,
    staff: new FewSet(),
    staffUses: 0,
    usual: { unknown: 0, foreign: 0 },
    showsOthers: false,
  };
}

/**
 * Keeps the most recent {@link MAX_SAMPLES}, at most {@link MAX_OF_ONE} of one person; what was denied is kept apart, so that an attack displaces nothing.
 * `samples`: of one person, all denied or none. `places`: how many there are; of some 2,000 on each keeps less.
 */
export function addSamples(context: Context, samples: readonly Sample[], places: number): void {
  if (samples.length === 0) return;
  const { person, denied } = samples[0];
  if (context.people.size < share(MAX_COUNTED, ALL_COUNTED, LEAST_COUNTED, places)) context.people.add(person);
  const ring = denied ? context.denied : context.samples;
  const held: number[] = [];
  for (let i = 0; i < ring.length; i++) if (ring[i].person === person) held.push(i);
  const fresh: Sample[] = [];
  for (const sample of samples) {
    const same = held.find((at) => isSameObject(ring[at], sample));
    if (same !== undefined) ring[same] = sample.fields === null ? { ...sample, fields: ring[same].fields } : sample;
    else if (!fresh.some((one) => isSameObject(one, sample))) fresh.push(sample);
  }
  const most = denied ? 3 : MAX_OF_ONE;
  const excess = held.length + fresh.length - most;
  if (excess > 0) drop(ring, held.slice(0, excess));
  for (let i = Math.max(0, excess - held.length); i < fresh.length; i++) ring.push(fresh[i]);
  const over = ring.length - share(denied ? MAX_DENIED : MAX_SAMPLES, ALL_SAMPLES, LEAST_SAMPLES, places);
  if (over > 0) ring.splice(0, over);
}

const share = (most: number, all: number, least: number, places: number): number =>
  Math.max(least, Math.min(most, Math.floor(all / places)));

/** How many objects of that sort somebody named lately. */
export function strangeOf({ samples, denied }: Context, person: number, sort: Strange): number {
  let named = 0;
  for (const ring of [samples, denied]) for (const sample of ring) if (sample.was === sort && sample.person === person) named++;
  return named;
}

function isSameObject(one: Sample, other: Sample): boolean {
  return one.hi === other.hi && one.lo === other.lo;
}

/** Removes the elements at these ascending places. */
function drop(ring: Sample[], places: readonly number[]): void {
  if (places.length === 0) return;
  let to = places[0];
  let next = 0;
  for (let from = to; from < ring.length; from++) {
    if (from === places[next]) next++;
    else ring[to++] = ring[from];
  }
  ring.length = to;
}

/** People at a place who say nothing about how private it is, and why ({@link SlotRule}). */
export interface Others {
  readonly people: ReadonlySet<number>;
  readonly hasGuests: boolean;
  readonly roles: readonly number[];
  /** Lists show these objects to people to whom they do not belong. */
  readonly areShown: boolean;
}

/** Sums over people of the share of their accesses in each class. */
export interface Tally {
  people: number;
  accesses: number;
  own: number;
  share: Record<AccessClass, number>;
  anybody: Record<AccessClass, number>;
  /** People who were denied and still would be. */
  denied: number;
  /** Too few people come here, others of the same resource were counted in. */
  leans: boolean;
  readonly hasGuests: boolean;
  readonly roles: readonly number[];
  readonly areShown: boolean;
  /** So many of these objects nineteen of twenty people named here at most. */
  usual: Record<Strange, number>;
}

const STRANGE = ['unknown', 'foreign'] as const;
const GROUP = CLASSES.indexOf('group');

export function tallyOf(
  context: Context,
  people: People,
  relate: (context: Context, sample: Sample, person: number, withoutGrants?: boolean) => Relation,
  isBelow: (sample: Sample, person: number) => boolean,
  others: Others,
): Tally {
  const perPerson = new Map<number, { total: number; own: number; counts: number[] }>();
  const strange: Record<Strange, Map<number, number>> = { unknown: new Map(), foreign: new Map() };
  const trespassers = new Set<number>();
  const isList = context.slot.startsWith('answer');
  for (const sample of [...context.samples, ...context.denied]) {
    const person = people.get(sample.person);
    // People who own nothing anywhere (staff, batch jobs, fresh accounts) say nothing about how private a place is.
    if (person === undefined || isSpecial(person.flags) || others.people.has(person.id)) continue;
    if (person.owned === 0 && !person.hasPresumed) continue;
    let relation = sample.took ?? relate(context, sample, person.id);
    // Who may see a list below an object may see what it shows; that does not make it theirs, nor a custom of another sort. Nor says what a list shows
    // how private the list is.
    if (relation === 'listed' && (isList || isBelow(sample, person.id))) relation = relate(context, sample, person.id, true);
    for (const sort of STRANGE) strange[sort].set(person.id, (strange[sort].get(person.id) ?? 0) + (sample.was === sort ? 1 : 0));
    if (sample.denied && relation !== 'own' && relation !== 'granted' && relation !== 'listed') trespassers.add(person.id);
    // Whoever's group nobody knows may be of it.
    const index = relation === 'own' ? -1 : relation === 'ungrouped' ? GROUP : CLASSES.indexOf(relation as AccessClass);
    if (relation !== 'own' && (index < 0 || sample.denied)) continue;
    let entry = perPerson.get(person.id);
    if (entry === undefined) {
      entry = { total: 0, own: 0, counts: CLASSES.map(() => 0) };
      perPerson.set(person.id, entry);
    }
    entry.total++;
    if (index < 0) entry.own++;
    else entry.counts[index]++;
    // A member of the group who had listed the object first is a member of the group all the same.
    if (relation === 'listed' && relate(context, sample, person.id, true) === 'group') entry.counts[GROUP]++;
  }
  const tally: Tally = {
    people: 0,
    accesses: 0,
    own: 0,
    share: zero(),
    anybody: zero(),
    denied: trespassers.size,
    leans: false,
    hasGuests: others.hasGuests,
    roles: others.roles,
    areShown: others.areShown,
    usual: { unknown: usual([...strange.unknown.values()]), foreign: usual([...strange.foreign.values()]) },
  };
  for (const entry of perPerson.values()) {
    tally.people++;
    tally.accesses += entry.total;
    tally.own += entry.own / entry.total;
    CLASSES.forEach((name, index) => {
      tally.share[name] += entry.counts[index] / entry.total;
      if (entry.counts[index] > 0) tally.anybody[name]++;
    });
  }
  return tally;
}

function usual(counts: number[]): number {
  counts.sort((a, b) => a - b);
  return counts[Math.floor((counts.length - 1) * 0.95)] ?? 0;
}

export function addTally(into: Tally, from: Tally, weight: number): void {
  into.leans = true;
  into.people += from.people * weight;
  into.accesses += from.accesses * weight;
  into.own += from.own * weight;
  for (const name of CLASSES) {
    into.share[name] += from.share[name] * weight;
    into.anybody[name] += from.anybody[name] * weight;
  }
}

export function zero(): Record<AccessClass, number> {
  return { granted: 0, listed: 0, public: 0, group: 0, foreign: 0 };
}

/** Settings of the regime; defaults were chosen on the worlds in `worlds/`. */
export interface RegimeSettings {
  /** Share of a class, averaged over people, up to which it is denied. */
  readonly denyShare: number;
  /** Share from which it is allowed. */
  readonly allowShare: number;
  /** People needed before anything is said. */
  readonly minPeople: number;
  /** People and accesses needed before a denial may block. */
  readonly provenPeople: number;
  readonly provenAccesses: number;
  /** Share of people who may have been in a denied class while it is still proven. */
  readonly provenDenied: number;
}

export const REGIME: RegimeSettings = {
  denyShare: 0.1,
  allowShare: 0.25,
  minPeople: 3,
  provenPeople: 4,
  provenAccesses: 6,
  provenDenied: 0.04,
};

const FEW = 2;
/**
 * So many times the people before a place counts as closed to members of one's own group, or to anybody where lists show such objects around: most are
 * open to them, and the first visitors say little.
 */
const CAUTION = 3;
/** So many times the people are needed to shake what was proven: else two or three would open a place to all who come after them. */
const STAYING = 2;
/** From so many on. */
const MANY = 30;
/** People who were denied at a place until that rather is a misunderstanding, and their share of all who came. */
const MOST_DENIED = { else: { people: 20, share: 0.5 }, ofShown: { people: 3, share: 0.3 } };
const OPEN: Stance = { is: 'open', confidence: 0, proven: false };
const ALLOW: Stance = { is: 'allow', confidence: 0, proven: false };

/** Turns a tally into stances. A class denies only if every weaker claim's own share is meaningful: people mostly reach what is theirs here. */
export function stancesOf(
  tally: Tally,
  seenPeople: number,
  mutates: boolean,
  settings: RegimeSettings,
  before?: Readonly<Record<AccessClass, Stance>>,
): Record<AccessClass, Stance> {
  const stances = {} as Record<AccessClass, Stance>;
  const most = tally.areShown ? MOST_DENIED.ofShown : MOST_DENIED.else;
  // What one alone does, or two among many, is no custom: unless lists show around what others own, so that more will come.
  const few = tally.areShown ? 0 : Math.min(FEW, Math.floor((tally.people - 1) / settings.provenPeople));
  for (const name of CLASSES) {
    if (tally.people < settings.minPeople || tally.own <= 0) {
      stances[name] = OPEN;
      continue;
    }
    const share = tally.anybody[name] <= few ? 0 : tally.share[name] / tally.people;
    // Claims that a server made itself (it handed the object out, or an owner shared it) need more evidence before they count for nothing. That all may read it is none.
    const needed = name === 'foreign' || name === 'public' ? settings.minPeople : 8;
    if (share >= settings.allowShare && tally.anybody[name] >= 3) stances[name] = ALLOW;
    else if (name === 'granted' || (!mutates && (name === 'listed' || name === 'public'))) stances[name] = OPEN;
    else if (tally.people < needed || tally.own / tally.people < 0.25) stances[name] = OPEN;
    else if (share <= settings.denyShare) {
      const proven =
        tally.people >= settings.provenPeople * (name === 'group' || tally.areShown ? CAUTION : 1) &&
        tally.accesses >= settings.provenAccesses &&
        tally.anybody[name] <=
          (name === 'group'
            ? 1
            : Math.max(1, few, settings.provenDenied * tally.people) *
              (before?.[name].proven === true && !tally.areShown && tally.people >= MANY ? STAYING : 1)) &&
        // So many trespassers are more likely a misunderstanding of ours than an attack.
        tally.denied <= Math.max(most.people, most.share * seenPeople);
      stances[name] = { is: 'deny', confidence: Math.max(0.5, Math.min(0.99, 1 - 3 * share - 1 / (tally.people + 2))), proven };
    }
    // One or two people who do all of it are rather trespassers than a custom.
    else stances[name] = { is: 'grey', confidence: !tally.leans && tally.anybody[name] <= FEW ? 0.55 : 0.4, proven: false };
  }
  return stances;
}

/** A place as JSON; path numbers become names, because they are only good for one process. */
export function saveContext(context: Context, pathOf: (id: number) => string) {
  const names = new Map<number, number>();
  const paths: string[] = [];
  const sample = (one: Sample) => ({
    ...one,
    fields:
      one.fields === null
        ? null
        : [...one.fields].map((value, index) => {
            if (index % 2 === 1) return value;
            let local = names.get(value);
            if (local === undefined) {
              local = paths.push(pathOf(value)) - 1;
              names.set(value, local);
            }
            return local;
          }),
  });
  return {
    ...context,
    rule: null,
    samples: context.samples.slice(-100).map(sample),
    denied: context.denied.slice(-40).map(sample),
    wrappings: [...context.wrappings],
    votes: [...context.votes],
    people: [...context.people].slice(-500),
    staff: [...context.staff],
    longBy: [...context.longBy],
    paths,
  };
}

export function loadContext(saved: ReturnType<typeof saveContext>, pathId: (path: string) => number): Context {
  const ids = saved.paths.map(pathId);
  const sample = (one: (typeof saved.samples)[number]): Sample => ({
    ...one,
    fields: one.fields === null ? null : one.fields.map((value, index) => (index % 2 === 0 ? ids[value] : value)),
  });
  const { paths: _, ...rest } = saved;
  return {
    ...rest,
    above: saved.above ?? 0,
    samples: saved.samples.map(sample),
    denied: saved.denied.map(sample),
    usual: saved.usual ?? { unknown: 0, foreign: 0 },
    showsOthers: saved.showsOthers ?? false,
    wrappings: new FewMap(saved.wrappings),
    votes: new FewMap(saved.votes),
    people: new FewSet(saved.people),
    staff: new FewSet(saved.staff),
    longBy: new FewSet(saved.longBy ?? []),
  };
}
