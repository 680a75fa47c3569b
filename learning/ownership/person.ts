import { FewMap, FewSet } from '../../exchange/index.js';
import { GRANT } from './knowledge.js';
import type { Reference } from './references.js';
import { isGloballyUnique, shapeOf } from './shape.js';
import type { KnownRule } from './sheet.js';

/** Kinds of names that are told apart by what they look like, and of what people are called. Those of single sources lie between. */
const KIND = {
  email: 1,
  integer: 2,
  uuid: 3,
  other: 4,
  called: 250,
  phone: 251,
  longInteger: 252,
  hex: 253,
  prefixed: 254,
  token: 255,
} as const;
/** How many kinds sources and fields may have of their own, after the fixed ones. */
export const FIRST_OWN_KIND = KIND.other + 1;
export const OWN_KINDS = KIND.called - FIRST_OWN_KIND;
/** Values that are no mere numbers: a quantity may equal somebody's number, hardly somebody's e-mail. */
export const TELLING_KINDS: readonly number[] = [
  KIND.email,
  KIND.uuid,
  KIND.other,
  KIND.called,
  KIND.longInteger,
  KIND.hex,
  KIND.prefixed,
  KIND.token,
];
export const NAMED_KINDS: readonly number[] = [...TELLING_KINDS, KIND.integer, KIND.phone];

const IS_CALLED = /(?:handle|user_?name|login|nick(?:name)?|screen_?name|display_?name|alias)$/i;
const IS_PHONE = /(?:phone|mobile|msisdn)(?:_?(?:no|nr|number))?$/i;
/** From so many digits on an integer is no running number: a telephone number, the id of a distributed generator. */
const LONG_INTEGER = 10;
/** Letters and digits of no order, longer than what somebody would call themselves. */
const LONG_TOKEN = 16;

/**
 * The kind of an identity value that is unique by shape or stood under a name for identities. Having one's e-mail says nothing about one's number, nor what one is called
 * (`anna.berg`) about one's id (`67af…`): whoever has a name of another kind only may be anybody among those of this one. `name`: of the field that it stood in.
 * Values without a name for identities are told apart by where they stood ({@link People.kindOf}).
 */
export function namedKind(value: string, name = ''): number {
  if (value.includes('@')) return KIND.email;
  if (IS_PHONE.test(name)) return KIND.phone;
  const shape = shapeOf(value);
  if (shape === 'i') return value.length < LONG_INTEGER ? KIND.integer : KIND.longInteger;
  if (shape === 'u') return KIND.uuid;
  if (shape === 'h') return KIND.hex;
  if (IS_CALLED.test(name)) return KIND.called;
  if (/^[a-z]{1,8}[_:][\da-z-]{5,}$/i.test(value)) return KIND.prefixed;
  return value.length >= LONG_TOKEN && /^[\da-z]+$/i.test(value) ? KIND.token : KIND.other;
}

/** Is it the kind of ids that a machine made, all unlike each other? */
export const isMadeUp = (kind: number): boolean => kind >= KIND.longInteger;

/** The kinds under which somebody may have a name of which only the value is known. */
export function kindsByShape(value: string): readonly number[] {
  const kind = namedKind(value);
  if (kind === KIND.integer || kind === KIND.longInteger) return [kind, KIND.phone];
  return kind === KIND.email || kind === KIND.uuid || kind === KIND.hex ? [kind] : [kind, KIND.called];
}

/**
 * The kinds under which somebody may hold the value that a write names beside an object: its own, and, where it surely names a person, those of the
 * object's owners. People of whom nothing but their objects is known hold the names that these have.
 */
export function kindsBeside({ value, name }: Reference, rule: KnownRule | undefined): readonly number[] {
  const own = kindsByShape(value);
  if (rule === undefined || (!isGloballyUnique(value) && !NAMES_PERSON.test(name))) return own;
  return [...new Set([...own, ...rule.owners.map(({ kind }) => kind)])];
}

/** Names of fields that surely name a person. */
export const NAMES_PERSON =
  /user|person|people|member|recipient|grantee|assignee|invitee|guest|viewer|watcher|follower|collaborator|participant|contractor|colleague|contact|patient|customer|client|e?mail|handle|login|phone|owner/i;

/** What the model keeps of one principal besides its table entries. */
export interface Person {
  readonly id: number;
  /** Identity value → kind. */
  readonly identities: Map<number, number>;
  /** Group value (24 bits) → kind. */
  readonly groups: Map<number, number>;
  flags: number;
  keys: string[];
  /** Numbers of people that turned out to be this one. */
  readonly aliases: number[];
  /** Recent grants, to carry over when two credentials turn out to be one person. Triples hi, lo, grant. */
  grants: number[];
  /** Distinct owners whose objects were reached, and by handed-out ids; small sets. */
  foreignOwners: Set<number>;
  broadLists: number;
  lastBroad: string;
  privilegedBy: string;
  /** What the token says of roles; empty when it says nothing. */
  role: string;
  /** What their token says was read, from one that the server took. */
  hasClaims: boolean;
  /** How often they reached what is theirs. */
  owned: number;
  /** They reached what was listed for them while nothing said whose it was: theirs, or what staff see. */
  hasPresumed: boolean;
  misses: number;
  /** Different objects that alerts were about, each worth less with every ordinary request since. */
  suspicion: number;
  /** The last of those objects, so that asking for one again and again counts once. */
  suspectedOf: number[];
  /** Owner values of objects reached at private places while nothing said who this is. */
  readonly opened: Votes;
  /** Kind of such values → how often one was seen. */
  readonly opens: Map<number, number>;
  /** The last of those objects, each once. */
  openedObjects: number[];
  /** Owner values that lists of one's own, and creations, named. */
  readonly listed: Votes;
  lists: number;
  /** Identity and group values (pairs with kinds) concluded from `opened` only: given up when a list or another opening says otherwise. */
  guessed: number[];
  /** Counts as established for a guessed name only. */
  isOnTrial: boolean;
  /** Numbers of people who have one of this one's names on trial: what is granted to this one holds for them. */
  followers: number[];
  /** Grants held for a guessed name only: keys hi, lo of the table, given up with it. */
  borrowed: number[];
  firstSeenMs: number;
  lastSeenMs: number;
  requests: number;
}

/** Whose objects a nameless caller reached so far. */
export interface Scatter {
  /** Number of owners, and the share of accesses of the most frequent one. */
  readonly owners: number;
  readonly top: number;
  /** The present object is of that one. */
  readonly isUsual: boolean;
}

/** Value → its kind and the weight of what spoke for it. */
export type Votes = Map<number, [kind: number, weight: number]>;

/** Somebody of whom only one credential is known. */
export function newPerson(id: number, key: string, nowMs: number): Person {
  return {
    id,
    identities: new FewMap(),
    groups: new FewMap(),
    flags: 0,
    keys: [key],
    aliases: [],
    grants: [],
    foreignOwners: new FewSet(),
    broadLists: 0,
    lastBroad: '',
    privilegedBy: '',
    role: '',
    hasClaims: false,
    owned: 0,
    hasPresumed: false,
    misses: 0,
    suspicion: 0,
    suspectedOf: [],
    opened: new FewMap(),
    opens: new FewMap(),
    openedObjects: [],
    listed: new FewMap(),
    lists: 0,
    guessed: [],
    isOnTrial: false,
    followers: [],
    borrowed: [],
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    requests: 0,
  };
}

export function savePerson(person: Person): string {
  return JSON.stringify({
    ...person,
    identities: [...person.identities],
    groups: [...person.groups],
    opened: [...person.opened],
    opens: [...person.opens],
    listed: [...person.listed],
    foreignOwners: [...person.foreignOwners],
    grants: person.grants.slice(-300),
  });
}

/** A person as {@link savePerson} wrote it; what it did not have when it was saved, it has as a new one. */
export function loadPerson(value: string): Person {
  const saved = JSON.parse(value) as Person & {
    identities: [number, number][];
    groups: [number, number][];
    opened: [number, [number, number]][];
    opens: [number, number][];
    listed: [number, [number, number]][];
    foreignOwners: number[];
  };
  return {
    ...newPerson(saved.id, '', saved.firstSeenMs),
    ...saved,
    identities: new FewMap(saved.identities),
    groups: new FewMap(saved.groups),
    opened: new FewMap(saved.opened),
    opens: new FewMap(saved.opens),
    listed: new FewMap(saved.listed),
    foreignOwners: new FewSet(saved.foreignOwners),
  };
}

const BY_RANK: readonly number[] = [
  GRANT.entrusts,
  GRANT.cares,
  GRANT.weak,
  GRANT.below,
  GRANT.listed,
  GRANT.granted,
  GRANT.creator,
  GRANT.party,
];

/** Which of two grants on one object counts: the one with the greater number. */
export function rank(grant: number): number {
  return BY_RANK.indexOf(grant);
}

/** Adds to the weight of a value; beyond forty values new ones are left out. */
export function cast(votes: Votes, value: number, kind: number, weight: number): void {
  const held = votes.get(value);
  if (held !== undefined) held[1] += weight;
  else if (votes.size < 40) votes.set(value, [kind, weight]);
}

/** The one value that at least `needed` and four fifths of the occasions named, and clearly more often than any other. */
export function leader(votes: Votes, occasions: number, needed: number, only?: number): [value: number, kind: number] | null {
  let second = 0;
  let best: [number, number, number] = [0, 0, 0];
  for (const [value, [kind, weight]] of votes) {
    if (only !== undefined && kind !== only) continue;
    if (weight > best[2]) {
      second = best[2];
      best = [value, kind, weight];
    } else second = Math.max(second, weight);
  }
  return occasions >= needed && best[2] >= occasions * 0.8 && second <= best[2] * 0.6 ? [best[0], best[1]] : null;
}

/** Owners whose objects somebody reached that are told apart. */
export const MOST_OWNERS = 32;

/**
 * Does somebody reach the objects of many, and hardly anything of their own? What was listed for staff before anything said whose it is looked like
 * theirs.
 */
export function isMostlyStranger({ owned, foreignOwners }: Person): boolean {
  return owned * 4 <= foreignOwners.size;
}

/** Order of forgetting: what is worth least comes first. */
export function worth(person: Person): number {
  return person.lastSeenMs + (person.owned > 0 ? 30 * 86_400_000 : 0) + (person.identities.size > 0 ? 86_400_000 : 0);
}
