import type { Context } from './contexts.js';
import { isSpecial, type Relation } from './knowledge.js';
import { pathName } from './paths.js';
import type { People } from './people.js';
import type { FieldRule, Opening } from './sheet.js';

/** A field that tells for whom an object is has few values. */
const MAX_VALUES = 6;
/** Of one person so many accesses count, so that several must agree. */
const OF_ONE = 3;
/** Objects of the other values, and people who have such, that must be known: else nothing says that they are closed. */
const FEW_OTHERS = 3;
/** Names that say what such fields are for. With others only those count who came by themselves: a courier is shown what is on its way, and nobody else may see that. */
const TELLING = /private|public|visib|scope|audience|shar|access|publish|draft|hidden|listed|unlisted|privacy|secret|internal/;

/** What is said in so many words needs no evidence, where not all objects say the same. */
const IN_WORDS: readonly [path: RegExp, values: readonly string[], to: Opening['to']][] = [
  [/^(?:is)?public$/, ['true'], 'everybody'],
  [/^(?:is)?private$/, ['false'], 'everybody'],
  [/^(?:visibility|privacy|audience|access|sharing)$/, ['public', 'everyone', 'everybody', 'anyone', 'world'], 'everybody'],
  [
    /^(?:visibility|privacy|audience|access|sharing)$/,
    ['team', 'group', 'organization', 'organisation', 'company', 'tenant', 'workspace'],
    'group',
  ],
];

/**
 * People who must have reached objects of others with that value, their share of all who come, how unlikely chance must be, and up to what share of
 * what chance would give may be of other values: some attack while this is learned.
 */
const WITH_TELLING_NAME = { people: 4, share: 0.03, chance: 0.003, others: 0.7 };
const WITH_ANY_NAME = { people: 8, share: 0.2, chance: 0.0001, others: 0.35 };
/** An opening that was found stays until so many of those who were not refused reached objects of other values. */
const STAYS_UNTIL = 0.8;

/** How often objects with one value were reached: by whom they belong to, by members of their group, by others. */
interface Reached {
  own: number;
  readonly owners: Set<number>;
  group: number;
  readonly members: Set<number>;
  foreign: number;
  /** Of these, not refused. */
  passed: number;
  readonly strangers: Set<number>;
}

type Side = 'own' | 'group' | 'foreign';
const SIDES: Partial<Record<Relation, Side>> = { own: 'own', group: 'group', foreign: 'foreign', ungrouped: 'foreign', public: 'foreign' };

/**
 * Finds fields that say for whom an object is (`private: false`, `visibility: "team"`): one of whose few values nearly all objects have that others reach, though many
 * objects have another. Evaluated over the reading places of a resource; `relate` must not heed what was shared, listed or found
 * here before; `wasHanded`: the server had shown the object to whoever reached it, in a list of few, or it was shared with them.
 */
export function openingsOf(
  contexts: readonly Context[],
  people: People,
  fields: readonly FieldRule[],
  before: readonly Opening[],
  hashOf: (value: string) => number,
  relate: (context: Context, sample: Context['samples'][number], person: number) => Relation,
  wasHanded: (context: Context, sample: Context['samples'][number], person: number) => boolean,
): Opening[] {
  const taken = new Set(fields.map((field) => field.path));
  const byPath = new Map<number, Map<number, Reached> | null>();
  const everybody = new Set<number>();
  for (const context of contexts) if (!context.mutates) count(context, people, relate, wasHanded, byPath, everybody);
  const openings: Opening[] = [];
  for (const [number, values] of byPath) {
    if (values === null || values.size < 2) continue;
    const path = pathName(number);
    if (taken.has(path)) continue;
    const said = IN_WORDS.filter(([name]) => name.test(path)).flatMap(([, words, to]) =>
      words.map((word) => ({ value: hashOf(word), to })),
    );
    for (const [value, reached] of values) {
      const rest = [...values].filter(([other]) => other !== value).map(([, one]) => one);
      const held = before.find((one) => one.path === path && one.value === value);
      const inWords = said.find((one) => one.value === value);
      if (inWords !== undefined) openings.push({ path, ...inWords });
      else if (isOpen(reached, rest, 'foreign', path, everybody.size, held?.to === 'everybody'))
        openings.push({ path, value, to: 'everybody' });
      else if (isOpen(reached, rest, 'group', path, everybody.size, held !== undefined)) openings.push({ path, value, to: 'group' });
    }
  }
  return openings.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.value - b.value));
}

function count(
  context: Context,
  people: People,
  relate: (context: Context, sample: Context['samples'][number], person: number) => Relation,
  wasHanded: (context: Context, sample: Context['samples'][number], person: number) => boolean,
  byPath: Map<number, Map<number, Reached> | null>,
  everybody: Set<number>,
): void {
  const counted = new Map<number, Record<Side, number>>();
  for (const sample of [...context.samples, ...context.denied]) {
    const person = people.get(sample.person);
    if (person === undefined || sample.fields === null || isSpecial(person.flags)) continue;
    if (person.owned === 0 && !person.hasPresumed) continue;
    everybody.add(person.id);
    const side = SIDES[relate(context, sample, person.id)];
    if (side === undefined) continue;
    const times = counted.get(person.id) ?? { own: 0, group: 0, foreign: 0 };
    counted.set(person.id, times);
    if (++times[side] > OF_ONE) continue;
    const { fields } = sample;
    const isHanded = side !== 'own' && wasHanded(context, sample, person.id);
    for (let i = 0; i < fields.length; i += 2) {
      const values = byPath.get(fields[i]);
      if (values === null) continue;
      const name = pathName(fields[i]);
      if (!TELLING.test(name) && (isHanded || name.startsWith('^'))) continue;
      const known = values ?? new Map<number, Reached>();
      if (values === undefined) byPath.set(fields[i], known);
      let reached = known.get(fields[i + 1]);
      if (reached === undefined) {
        if (known.size >= MAX_VALUES) {
          byPath.set(fields[i], null);
          continue;
        }
        reached = { own: 0, owners: new Set(), group: 0, members: new Set(), foreign: 0, passed: 0, strangers: new Set() };
        known.set(fields[i + 1], reached);
      }
      reached[side]++;
      if (side !== 'own' && !sample.denied) reached.passed++;
      reached[side === 'own' ? 'owners' : side === 'group' ? 'members' : 'strangers'].add(person.id);
    }
  }
}

function isOpen(
  reached: Reached,
  rest: readonly Reached[],
  side: 'group' | 'foreign',
  path: string,
  people: number,
  isHeld: boolean,
): boolean {
  const sum = (of: (one: Reached) => number): number => rest.reduce((total, one) => total + of(one), 0);
  const others = sum((one) => one.own);
  const with_ = reached[side];
  const without = sum((one) => one[side]);
  const expected = others === 0 ? 0 : ((with_ + without) * others) / (others + reached.own);
  if (isHeld) return sum((one) => one.passed) <= Math.max(FEW_OTHERS, STAYS_UNTIL * expected);
  if (others < FEW_OTHERS || rest.every((one) => one.owners.size < 2)) return false;
  const needed = TELLING.test(path) ? WITH_TELLING_NAME : WITH_ANY_NAME;
  const who = side === 'group' ? reached.members : reached.strangers;
  if (who.size < Math.max(needed.people, needed.share * people) || without > needed.others * expected) return false;
  return atMostByChance(without, with_ + without, others / (others + reached.own)) <= needed.chance;
}

/** That at most so many of `all` would be of a sort which has that share: the lower tail of the binomial distribution. */
function atMostByChance(many: number, all: number, share: number): number {
  let term = (1 - share) ** all;
  let sum = term;
  for (let k = 1; k <= many; k++) {
    term *= ((all - k + 1) / k) * (share / (1 - share));
    sum += term;
  }
  return sum;
}
