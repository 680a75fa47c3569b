import type { Context } from './contexts.js';
import { GROUP_BITS, isSpecial } from './knowledge.js';
import { pathName, SELF_FIELD } from './paths.js';
import { mostOf, type People } from './people.js';
import { NAMED_KINDS, TELLING_KINDS } from './person.js';
import type { FieldRule } from './sheet.js';

interface Count {
  readonly people: Map<number, [match: number, total: number, value: number]>;
  readonly kinds: Map<number, number>;
}

const OWNER_NAME =
  /(?:owner|user|author|creator|createdby|customer|client|member|patient|account|holder|buyer|seller|sender|recipient|from|to|assignee|profile|person)(?:\.?(?:id|uuid|uid|ref|email|username|login))?(?:\[\])?$/;
const GROUP_NAME =
  /tenant|org|company|team|workspace|clinic|group|department|practice|household|family|branch|site|project|business|merchant|school|bank/;

const named: { owner: boolean; group: boolean }[] = [];

/** What the name of a field suggests, read once. */
function suggested(field: number): { readonly owner: boolean; readonly group: boolean } {
  named[field] ??= { owner: OWNER_NAME.test(pathName(field)), group: GROUP_NAME.test(pathName(field)) };
  return named[field];
}

/**
 * Finds which fields of a resource's objects say whose they are: a field is an owner if, at some place, most people mostly reach objects in which
 * it holds one of their own identity values, and the values differ between people. Evaluated over the samples of all places of the resource.
 */
export function typeFields(contexts: readonly Context[], people: People): FieldRule[] {
  const owners = new Map<number, number>();
  const groups = new Map<number, number>();
  const others = new Map<number, Named>();
  for (const context of contexts) {
    const counts = countMatches(context, people);
    const found: number[] = [];
    for (const [field, count] of counts) {
      const judged = judge(count);
      const named = suggested(field).owner;
      // While few people are known, a tenant field looks like an owner.
      if (suggested(field).group && (judged.good < 12 || judged.distinct < judged.good * 0.95)) continue;
      if (
        judged.good >= (named ? 2 : 3) &&
        judged.good >= judged.observed * 0.5 &&
        judged.distinct >= judged.good * 0.8 &&
        !isEcho(context, field, people)
      ) {
        owners.set(field, judged.kind);
        found.push(field);
      }
    }
    for (const [field, kind] of parties(context, counts, found, people)) if (!isEcho(context, field, people)) owners.set(field, kind);
    for (const [field, kind] of groupFields(context, people, owners)) groups.set(field, kind);
    countNamed(context, people, others);
  }
  if (owners.size === 0 && groups.size === 0) for (const context of contexts) nameByDominance(context, people);
  const rules: FieldRule[] = [];
  for (const [field, kind] of owners) rules.push({ path: pathName(field), role: 'owner', kind });
  for (const [field, kind] of groups) if (!owners.has(field)) rules.push({ path: pathName(field), role: 'group', kind });
  for (const [field, named] of others) {
    if (owners.has(field) || groups.has(field) || !isParty(named) || contexts.some((one) => isEcho(one, field, people))) continue;
    rules.push({ path: pathName(field), role: 'party', kind: named.kind });
  }
  return rules.sort((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1));
}

/** The request's own value first, then plain fields before arrays and inherited ones: the first one found names the owner. */
function order(rule: FieldRule): number {
  if (rule.path === '@') return 0;
  return (rule.path.startsWith('^') ? 4 : 1) + (rule.path.includes('[]') ? 2 : 0) + rule.path.split('.').length * 0.1;
}

function countMatches(context: Context, people: People): Map<number, Count> {
  const counts = new Map<number, Count>();
  for (const sample of [...context.samples, ...context.denied]) {
    const person = people.get(sample.person);
    if (person === undefined || person.identities.size === 0 || isSpecial(person.flags)) continue;
    const add = (field: number, value: number, kind: number | undefined): void => {
      let count = counts.get(field);
      if (count === undefined) {
        count = { people: new Map(), kinds: new Map() };
        counts.set(field, count);
      }
      let entry = count.people.get(person.id);
      if (entry === undefined) {
        entry = [0, 0, 0];
        count.people.set(person.id, entry);
      }
      if (kind === undefined) return;
      entry[0]++;
      entry[2] = value;
      count.kinds.set(kind, (count.kinds.get(kind) ?? 0) + 1);
    };
    const seen = new Set<number>();
    const bump = (field: number): void => {
      if (seen.has(field)) return;
      seen.add(field);
      const entry = counts.get(field)?.people.get(person.id);
      if (entry !== undefined) entry[1]++;
    };
    if (context.slot.charCodeAt(0) !== 97) {
      add(SELF_FIELD, sample.value, person.identities.get(sample.value));
      bump(SELF_FIELD);
    }
    const fields = sample.fields;
    if (fields === null) continue;
    for (let i = 0; i < fields.length; i += 2) {
      add(fields[i], fields[i + 1], person.identities.get(fields[i + 1]));
      bump(fields[i]);
    }
  }
  return counts;
}

/**
 * Nobody here has a name yet (no claims, no sign-in, no `/me`). If nearly everybody's objects show one value each in the same field, and the values differ
 * between people, then these values are the names. They count as identities from now on; the field is typed by them at the next evaluation.
 */
function nameByDominance(context: Context, people: People): void {
  const perField = new Map<number, Map<number, Map<number, number>>>();
  for (const sample of context.samples) {
    const person = people.get(sample.person);
    if (person === undefined || sample.fields === null || isSpecial(person.flags)) continue;
    for (let i = 0; i < sample.fields.length; i += 2) {
      const perPerson = nested(perField, sample.fields[i], () => new Map<number, Map<number, number>>());
      const values = nested(perPerson, person.id, () => new Map<number, number>());
      values.set(sample.fields[i + 1], (values.get(sample.fields[i + 1]) ?? 0) + 1);
    }
  }
  for (const [field, perPerson] of perField) {
    let judged = 0;
    const steady = new Map<number, number>();
    for (const [id, values] of perPerson) {
      const total = [...values.values()].reduce((a, b) => a + b, 0);
      if (total < 3) continue;
      judged++;
      for (const [value, times] of values) if (times >= total * 0.8) steady.set(id, value);
    }
    const named = suggested(field).owner;
    if (suggested(field).group || judged < (named ? 5 : 8) || steady.size < judged * 0.7) continue;
    if (new Set(steady.values()).size < steady.size * 0.9) continue;
    const kind = people.kindOf(`dominant:${context.service}:${pathName(field)}`);
    for (const [id, value] of steady) {
      const person = people.get(id);
      if (person !== undefined && person.identities.size === 0) people.addIdentity(person, value, kind);
    }
  }
}

/** What a field named after people holds: values by the kind under which somebody has them, and how often that was the caller. */
interface Named {
  readonly values: Set<number>;
  readonly held: Set<number>;
  kind: number;
  ofCaller: number;
  ofOthers: number;
}

/** So many values of a field are looked at in search of one that is somebody's name. */
const TRIED = 8;
/** Counts fields that hold names of people: all whose own name suggests it, others where the values are no mere numbers. */
function countNamed(context: Context, people: People, into: Map<number, Named>): void {
  for (const sample of context.samples) {
    const person = people.get(sample.person);
    if (person === undefined || person.identities.size === 0 || sample.fields === null) continue;
    for (let i = 0; i < sample.fields.length; i += 2) {
      const field = sample.fields[i];
      const hint = suggested(field);
      if (hint.group || pathName(field).startsWith('^')) continue;
      const named = nested(into, field, (): Named => ({ values: new Set(), held: new Set(), kind: 0, ofCaller: 0, ofOthers: 0 }));
      if (named.held.size === 0 && named.values.size >= TRIED && !hint.owner) continue;
      const value = sample.fields[i + 1];
      if (person.identities.has(value)) named.ofCaller++;
      else named.ofOthers++;
      if (named.values.has(value)) continue;
      named.values.add(value);
      const kind = (hint.owner ? NAMED_KINDS : TELLING_KINDS).find((one) => people.holder(value, one) !== undefined);
      if (kind === undefined) continue;
      named.held.add(value);
      named.kind = kind;
    }
  }
}

/** It names people, and not just whoever asks: what echoes the caller would give everybody everything. */
const isParty = ({ values, held, kind, ofCaller, ofOthers }: Named): boolean =>
  kind !== 0 && held.size >= 2 && held.size >= values.size * 0.3 && ofOthers >= 3 && ofOthers >= ofCaller * 0.25;

function judge(count: Count): { good: number; observed: number; distinct: number; kind: number } {
  let good = 0;
  const values = new Set<number>();
  for (const [match, total, value] of count.people.values()) {
    if (match < total * 0.6 || match === 0) continue;
    good++;
    values.add(value);
  }
  let kind = 4;
  let most = 0;
  for (const [candidate, times] of count.kinds) if (times > most) [kind, most] = [candidate, times];
  return { good, observed: count.people.size, distinct: values.size, kind };
}

/** A value that follows the caller instead of the object (`viewer: me`) proves nothing: the same object shows it to different people differently. */
function isEcho(context: Context, field: number, people: People): boolean {
  if (field === SELF_FIELD) return false;
  const first = new Map<number, number>();
  let echoed = 0;
  let shared = 0;
  for (const sample of [...context.samples, ...context.denied]) {
    if (sample.fields === null) continue;
    const person = people.get(sample.person);
    for (let i = 0; i < sample.fields.length; i += 2) {
      if (sample.fields[i] !== field) continue;
      const object = (sample.hi >>> 11) * 4294967296 + (sample.lo >>> 0);
      const before = first.get(object);
      if (before === undefined) first.set(object, sample.fields[i + 1]);
      else {
        shared++;
        if (before !== sample.fields[i + 1] && person?.identities.has(sample.fields[i + 1]) === true) echoed++;
      }
      break;
    }
  }
  return echoed >= 3 && echoed >= shared * 0.3;
}

/** Fields that explain what the owner does not: buyer and seller, sender and recipients. */
function parties(context: Context, counts: Map<number, Count>, owners: readonly number[], people: People): [number, number][] {
  let rest = 0;
  let total = 0;
  const hits = new Map<number, Set<number>>();
  const times = new Map<number, number>();
  for (const sample of [...context.samples, ...context.denied]) {
    const person = people.get(sample.person);
    if (person === undefined || person.identities.size === 0 || sample.fields === null || isSpecial(person.flags)) continue;
    total++;
    const matched = new Set<number>();
    for (let i = 0; i < sample.fields.length; i += 2) if (person.identities.has(sample.fields[i + 1])) matched.add(sample.fields[i]);
    if (owners.some((field) => matched.has(field))) continue;
    rest++;
    for (const field of matched) {
      let who = hits.get(field);
      if (who === undefined) {
        who = new Set();
        hits.set(field, who);
      }
      who.add(person.id);
      times.set(field, (times.get(field) ?? 0) + 1);
    }
  }
  if (rest < 4) return [];
  const found: [number, number][] = [];
  let explained = 0;
  for (const [field, who] of hits) {
    const share = (times.get(field) ?? 0) / rest;
    const count = counts.get(field);
    if (who.size < 3 || share < 0.25 || count === undefined) continue;
    found.push([field, judge(count).kind]);
    explained += times.get(field) ?? 0;
  }
  // Without any clear owner, the parties must explain most of what happens here; else they are chance.
  return owners.length === 0 && explained < total * 0.7 ? [] : found;
}

/** Fields that hold a group of the caller, or that are steady over each owner's objects and shared between owners; these then name groups. */
function groupFields(context: Context, people: People, owners: ReadonlyMap<number, number>): Map<number, number> {
  const match = new Map<number, Map<number, [number, number]>>();
  const own = new Map<number, Map<number, Map<number, number>>>();
  const values = new Map<number, Set<number>>();
  const kinds = new Map<number, (number | undefined)[]>();
  for (const sample of [...context.samples, ...context.denied]) {
    const person = people.get(sample.person);
    if (person === undefined || sample.fields === null || isSpecial(person.flags)) continue;
    let isOwn = false;
    for (let i = 0; i < sample.fields.length; i += 2)
      if (owners.has(sample.fields[i]) && person.identities.has(sample.fields[i + 1])) isOwn = true;
    for (let i = 0; i < sample.fields.length; i += 2) {
      const field = sample.fields[i];
      if (owners.has(field)) continue;
      const short = sample.fields[i + 1] & GROUP_BITS;
      if (person.groups.size > 0) {
        const entry = nested(match, field, () => new Map<number, [number, number]>());
        const count = nested(entry, person.id, (): [number, number] => [0, 0]);
        count[1]++;
        if (person.groups.has(short)) {
          count[0]++;
          nested(values, field, () => new Set<number>()).add(short);
          nested(kinds, field, () => []).push(person.groups.get(short));
        }
      }
      if (isOwn) {
        const perPerson = nested(own, field, () => new Map<number, Map<number, number>>());
        const seen = nested(perPerson, person.id, () => new Map<number, number>());
        seen.set(sample.fields[i + 1], (seen.get(sample.fields[i + 1]) ?? 0) + 1);
      }
    }
  }
  const found = new Map<number, number>();
  for (const [field, entry] of match) {
    let good = 0;
    for (const [matched, total] of entry.values()) if (matched >= total * 0.6) good++;
    if (good >= 3 && good >= entry.size * 0.6 && (values.get(field)?.size ?? 0) >= 2) found.set(field, mostOf(kinds.get(field) ?? []) ?? 0);
  }
  for (const [field, perPerson] of own) {
    const named = suggested(field).group;
    const steady = new Map<number, number>();
    let judged = 0;
    // One object alone is as steady as can be: of a shop's orders that says nothing.
    let several = 0;
    let steadySeveral = 0;
    for (const [id, seen] of perPerson) {
      const total = [...seen.values()].reduce((a, b) => a + b, 0);
      if (total < (named ? 1 : 3)) continue;
      judged++;
      if (total > 1) several++;
      for (const [value, times] of seen) {
        if (times < total * 0.85) continue;
        steady.set(id, value);
        if (total > 1) steadySeveral++;
      }
    }
    const distinct = new Set(steady.values()).size;
    if (!named && pathName(field).startsWith('^')) continue;
    if (
      judged < (named ? 4 : 6) ||
      steady.size < judged * (named ? 0.8 : 0.95) ||
      steadySeveral < several * 0.8 ||
      distinct < (named ? 2 : 4) ||
      distinct > steady.size * 0.8
    )
      continue;
    const held = [...steady].map(([id, value]) => people.get(id)?.groups.get(value & GROUP_BITS));
    const kind = found.get(field) ?? mostOf(held) ?? people.kindOf(`group:${context.service}:${pathName(field)}`);
    for (const [id, value] of steady) {
      const person = people.get(id);
      if (person !== undefined) people.addGroup(person, value, kind);
    }
    found.set(field, kind);
  }
  return found;
}

function nested<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
