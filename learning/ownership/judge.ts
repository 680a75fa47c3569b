import type { AccessVerdict, Location } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import { type Knowledge, PERSON, type Relation, type Resource, roleOf } from './knowledge.js';
import { isAbout } from './reading.js';
import type { Reference, RouteReading } from './references.js';
import { canonicalId, lenientId, stemOf } from './shape.js';
import type { AccessClass, KnownRule, RouteRule, SlotRule, Stance } from './sheet.js';

/** Who asks. `person` 0: nobody known. */
export interface Caller {
  readonly person: number;
  readonly flags: number;
}

/** The answer as judged: null while there is none yet. */
export interface JudgedAnswer {
  readonly status: number;
  readonly objects: readonly AnswerObject[];
}

export interface JudgeSettings {
  /** Confidence from which a proven denial may block. */
  readonly blockConfidence: number;
  /** The same, proven or not, for a caller who was just alerted of with several objects. */
  readonly suspectConfidence: number;
}
export const JUDGE: JudgeSettings = { blockConfidence: 0.7, suspectConfidence: 0.5 };

/** Of an access to somebody's object by a caller of whom nothing says who it is, at a private place. */
export const NAMELESS_CONFIDENCE = 0.3;

/** Share up to which hardly anybody writes requests to a place that way. */
const RARE = 0.02;
/** People of whom one learns what is usual at a place. */
const FEW = 4;
/** From so many people on, what none of them ever did is not begun by an honest caller. */
const UNHEARD_OF = 20;

const OPEN: Stance = { is: 'open', confidence: 0, proven: false };
const UNSURE: Stance = { is: 'grey', confidence: 0.4, proven: false };

/** A judged reference: the inside of a verdict, also what detectors look at. */
export interface Judged {
  readonly reference: Reference | null;
  readonly rule: SlotRule | null;
  readonly relation: Relation;
}

/**
 * Judges one request, before it is forwarded (`answer` null) or once its answer is there. Pure: reads table and sheet, learns nothing.
 *
 * Returns the worst finding over all references; null when the path is unknown or names no object.
 */
export function judge(
  known: Knowledge,
  service: string,
  reading: RouteReading,
  caller: Caller,
  answer: JudgedAnswer | null,
  settings: JudgeSettings,
): AccessVerdict | null {
  const route = known.sheet.route(service, reading.route);
  // An operation that nobody else ever named must be no way around what is known of the path, nor the path one around the operation: the worse of both counts.
  const ofPath = reading.pathRoute === reading.route ? undefined : known.sheet.route(service, reading.pathRoute);
  const { fieldRoute } = reading;
  const ofFields = fieldRoute === reading.route || fieldRoute === reading.pathRoute ? undefined : known.sheet.route(service, fieldRoute);
  const isNew = route === undefined && ofPath === undefined && ofFields === undefined;
  if (isNew && known.sheet.otherMethods(service, reading).length === 0) return null;
  if ((caller.flags & PERSON.privileged) !== 0)
    return verdict('privileged', 0, false, null, '', 'this principal sees all objects as its job');
  let worst: AccessVerdict | null = null;
  const keep = (candidate: AccessVerdict | null): void => {
    if (candidate === null) return;
    if (worst === null || score(candidate) > score(worst)) worst = candidate;
  };
  const weigh = ({ slots }: RouteRule): void => {
    for (const reference of reading.references) {
      const ruled = slots[reference.slot];
      if (isUnusual(ruled)) keep(ofExtra(known, service, reading, slots, reference, caller));
      if (ruled === undefined) continue;
      const resource = known.resource(service, ruled.resource);
      const rule = ruleFor(known, ruled, resource, caller);
      const relation = standing(known, relationAt(known, caller.person, reference, resource, reading, answer, rule.above), ruled, caller);
      if (relation === 'foreign' && leadsToGift(known, service, reading, reference, caller.person)) continue;
      if (relation === 'unknown' && (caller.flags & PERSON.guessing) !== 0) {
        known.referenceKey(resource, reference, reading.references, rule.above);
        if (known.wasShown(caller.person, known.hash.hi, known.hash.lo)) continue;
      }
      keep(ofRelation(relation, rule, reference, caller, settings));
      keep(ofForm(relation, rule, reference, caller));
    }
    if (reading.isCut) keep(ofLength(slots, caller));
    const list = slots[reading.answerSlot];
    if (answer !== null && list !== undefined && answer.status < 300)
      keep(ofAnswer(known, service, reading, list, caller, answer, settings));
  };
  for (const reference of reading.references)
    if (reference.place === 'path' && isUnusual(route?.slots[reference.slot]))
      keep(ofOtherMethods(known, service, reading, reference, caller, settings));
  if (route !== undefined) weigh(route);
  if (ofPath !== undefined) weigh(ofPath);
  if (ofFields !== undefined) weigh(ofFields);
  return worst;
}

/**
 * Does this lead to something that was given to the caller? Whoever may open one result of a patient names the patient, too; and whoever may open
 * `/repos/{owner}/{name}`, where both are the id of one object, names its owner, whatever stands below it.
 */
export function leadsToGift(known: Knowledge, service: string, reading: RouteReading, reference: Reference, person: number): boolean {
  if (reference.place !== 'path') return false;
  const inPath = reading.references.filter((one) => one.place === 'path');
  const from = inPath.findIndex((one) => one.slot === reference.slot);
  for (let at = inPath.length - 1; at > from && from >= 0; at--) {
    const inner = inPath[at];
    const rule = known.sheet.slot(service, reading, inner.slot);
    if (rule === undefined) continue;
    const isPartOfId = (rule.above ?? 0) >= at - from;
    if (at < inPath.length - 1 && !isPartOfId) continue;
    const relation = relationAt(known, person, inner, known.resource(service, rule.resource), reading, null, rule.above);
    if (relation === 'granted' || (relation === 'listed' && !reading.mutates) || (relation === 'own' && isPartOfId)) return true;
  }
  return false;
}

/** Do some reach the objects of others here as what they are here for: guests, or those of a role? */
export const isForOthers = (rule: SlotRule | null): boolean => rule !== null && (rule.hasGuests === true || (rule.roles?.length ?? 0) > 0);

/** Only where some do are people looked after; and who has such needs no group to be a stranger to the rest. */
function standing(known: Knowledge, told: Relation, rule: SlotRule, { person }: Caller): Exclude<Relation, 'entrusted'> {
  if (told === 'entrusted') return isForOthers(rule) ? 'listed' : 'unidentified';
  return told === 'ungrouped' && isForOthers(rule) && known.looksAfter(person) ? 'foreign' : told;
}

/** Worth an alert where others are refused, and no more. */
const reported = ({ is }: Stance): Stance => (is === 'deny' ? { is: 'grey', confidence: 0.55, proven: false } : UNSURE);

/** What is known of a place says nothing of those who are guests there, nor of those whose role reaches the objects of others there. */
function ruleFor(known: Knowledge, rule: SlotRule, resource: Resource, { person, flags }: Caller): SlotRule {
  if ((flags & PERSON.manages) !== 0)
    return { ...rule, stances: { ...rule.stances, group: OPEN, foreign: reported(rule.stances.foreign) } };
  const isGuest = rule.hasGuests === true && !known.isAtHome(person, resource);
  if (!isGuest && rule.roles?.includes(roleOf(flags)) !== true) return rule;
  // Of those whom lists tell whom they look after, the rest is no business of theirs.
  if (known.looksAfter(person)) return rule;
  const { stances } = rule;
  return { ...rule, stances: { ...stances, group: UNSURE, foreign: UNSURE } };
}

/** Relation of the caller to the object of one reference, from the table and, where there is one, from the answer. */
export function relationAt(
  known: Knowledge,
  person: number,
  reference: Reference,
  resource: Resource,
  reading: RouteReading,
  answer: JudgedAnswer | null,
  above = 0,
): Relation {
  const { rule } = resource;
  known.referenceKey(resource, reference, reading.references, above);
  const { hi, lo } = known.hash;
  const relation = known.relation(person, hi, lo, known.selfValue(rule, reference.value), rule);
  const held = relation === 'unknown' && above === 0 ? byIdItself(known, person, reference, resource) : relation;
  if (answer === null || rule === undefined || held === 'own' || held === 'granted' || held === 'listed') return held;
  const handsOver = reading.mutates;
  for (const object of answer.objects) {
    const about =
      object.id === reference.value || ((object.id === null || reference.place !== 'query') && isAbout(object, reference, reading));
    if (!about) continue;
    const told = known.relationOfAnswer(person, object, rule);
    // A write that names the new owner itself is a transfer, not a trespass, unless it was known before whose the object was.
    if ((told === 'foreign' || told === 'ungrouped') && handsOver && namesOwner(object, rule, reading)) return held;
    if ((told === 'foreign' || told === 'ungrouped' || told === 'group') && known.mayBeAwaited(person, hi, lo)) return 'unidentified';
    if (told !== null) return told;
  }
  return held;
}

/** What nothing is known of may say itself that it is not the caller's, or be another spelling of somebody's object. Leaves the object's own key in the hash. */
function byIdItself(known: Knowledge, person: number, { value }: Reference, resource: Resource): Relation {
  const { hi, lo } = known.hash;
  const told = known.wasShown(person, hi, lo) ? 'unknown' : known.byStem(person, resource, stemHash(known, value, resource));
  known.objectKey(resource, value);
  const other = told === 'unknown' ? lenientId(value) : null;
  if (other === null) return told;
  known.objectKey(resource, other);
  const relation = known.relation(person, known.hash.hi, known.hash.lo, 0, resource.rule);
  known.objectKey(resource, value);
  return relation === 'foreign' || relation === 'ungrouped' || relation === 'unidentified' ? relation : 'unknown';
}

/** The hash of what an id begins with, where that says whose it is; else 0. */
export function stemHash(known: Knowledge, id: string, { rule }: Resource): number {
  const stem = rule?.stems === true ? stemOf(id) : null;
  return stem === null ? 0 : known.valueHash(stem) || 1;
}

function namesOwner(object: AnswerObject, rule: KnownRule, reading: RouteReading): boolean {
  const { paths, values } = object.all;
  for (let i = object.from; i < object.to; i++) {
    const names = rule.owners.some((field) => field.number === paths[i]) || rule.groups.some((field) => field.number === paths[i]);
    if (names && reading.references.some((one) => one.place === 'body' && one.value === canonicalId(values[i]))) return true;
  }
  return false;
}

function ofRelation(
  relation: Exclude<Relation, 'entrusted'>,
  rule: SlotRule,
  reference: Reference,
  caller: Caller,
  settings: JudgeSettings,
): AccessVerdict | null {
  switch (relation) {
    case 'own':
      return verdict('own', 1, false, locationOf(reference), rule.resource, `the caller owns this ${rule.resource}`);
    case 'unknown':
      if ((caller.flags & PERSON.guessing) !== 0 && rule.stances.foreign.is !== 'allow')
        return verdict(
          'enumeration',
          0.8,
          rule.stances.foreign.is === 'deny',
          locationOf(reference),
          rule.resource,
          `the caller just tried several ${rule.resource} ids that do not exist or were never handed to anybody`,
        );
      return verdict(
        'unknown',
        0,
        false,
        locationOf(reference),
        rule.resource,
        `nothing is known about the owner of this ${rule.resource}`,
      );
    case 'unidentified': {
      const stance = rule.stances.foreign;
      return verdict(
        'unknown',
        stance.is === 'deny' ? NAMELESS_CONFIDENCE : 0,
        false,
        locationOf(reference),
        rule.resource,
        `this ${rule.resource} has an owner, and nothing says who the caller is`,
      );
    }
    case 'ungrouped':
      return rule.stances.group.is === 'deny'
        ? ofClass('foreign', rule, locationOf(reference), caller, settings)
        : verdict(
            'unknown',
            0.3,
            false,
            locationOf(reference),
            rule.resource,
            `this ${rule.resource} has another owner, who may be of the caller's group`,
          );
    case 'privileged':
      return null;
    default:
      return ofClass(relation, rule, locationOf(reference), caller, settings);
  }
}

function ofClass(relation: AccessClass, rule: SlotRule, location: Location, caller: Caller, settings: JudgeSettings): AccessVerdict {
  const stance = rule.stances[relation];
  const told = relation === 'public' && stance.is === 'deny' ? 'foreign' : relation;
  if (stance.is === 'allow')
    return verdict(
      relation === 'foreign' ? 'public' : told,
      0,
      false,
      location,
      rule.resource,
      `objects of others are commonly reached here`,
    );
  const known = caller.flags & PERSON.established;
  const isSure = stance.proven && stance.confidence >= settings.blockConfidence;
  // Of one's own group more than suspicion is needed: the doctors of a clinic look suspicious where its patients are the rule.
  const isSuspect = relation !== 'group' && (caller.flags & PERSON.suspect) !== 0 && stance.confidence >= settings.suspectConfidence;
  // What a list showed to the caller may be theirs to change.
  const enforceable = stance.is === 'deny' && (isSure || isSuspect) && known !== 0 && relation !== 'listed';
  return verdict(told, stance.is === 'open' ? 0 : stance.confidence, enforceable, location, rule.resource, sentence(relation, rule));
}

/** Why an access of a class counts, and what of its kind hardly anybody does. */
const SENTENCES: Readonly<Record<AccessClass, readonly [is: string, such: string]>> = {
  granted: ['belongs to somebody else who shared it with the caller', 'open what was only shared'],
  listed: ['belongs to somebody else and was only listed for the caller', 'open what was only listed'],
  group: ["belongs to another member of the caller's group", 'open what another member owns'],
  public: ['belongs to somebody else and is open to be read only', 'change what others may read'],
  foreign: ['belongs to somebody else', 'open what somebody else owns'],
};

function sentence(relation: AccessClass, rule: SlotRule): string {
  const [is, such] = SENTENCES[relation];
  return `this ${rule.resource} ${is}; of ${rule.accesses} accesses by ${Math.round(rule.principals)} callers on this endpoint, hardly any ${such}`;
}

/** Repeated or wrapped ids at a place where they never are, with an object that is not clearly the caller's. */
function ofForm(relation: Relation, rule: SlotRule, reference: Reference, caller: Caller): AccessVerdict | null {
  if (relation === 'own' || relation === 'granted' || relation === 'listed' || rule.accesses < 12 || rule.principals < FEW) return null;
  const wrapped = reference.wrapping !== '' && !rule.wrappings.includes(reference.wrapping);
  const repeated = reference.repeated && rule.repeats <= RARE;
  if (!wrapped && !repeated) return null;
  const how = wrapped ? 'wrapped in another structure' : 'given twice with different values';
  const found = verdict(
    'foreign',
    0.8,
    (caller.flags & (PERSON.established | PERSON.suspect)) !== 0,
    locationOf(reference),
    rule.resource,
    `the ${rule.resource} id is ${how}, which none of ${rule.accesses} earlier requests did, and it is not known to be the caller's`,
  );
  return { ...found, form: wrapped ? 'wrapped' : 'repeated' };
}

/** What hardly anybody ever did with such an object, by a path that is proven private for what people do: who may not read it may not delete it either. */
function ofOtherMethods(
  known: Knowledge,
  service: string,
  reading: RouteReading,
  reference: Reference,
  caller: Caller,
  settings: JudgeSettings,
): AccessVerdict | null {
  for (const { slots } of known.sheet.otherMethods(service, reading)) {
    const rule = slots[reference.slot];
    if (rule === undefined || rule.stances.foreign.is !== 'deny' || !rule.stances.foreign.proven) continue;
    const resource = known.resource(service, rule.resource);
    const relation = standing(known, relationAt(known, caller.person, reference, resource, reading, null, rule.above), rule, caller);
    if (relation !== 'foreign' || leadsToGift(known, service, reading, reference, caller.person)) return null;
    return ofRelation(relation, ruleFor(known, rule, resource, caller), reference, caller, settings);
  }
  return null;
}

/** Nobody, or hardly anybody, names anything there. */
const isUnusual = (rule: SlotRule | undefined): boolean =>
  rule === undefined || (rule.principals < FEW && rule.stances.foreign.is === 'open');

/**
 * Somebody else's object, named beside the one that the path names, where nobody ever named a second one: a server that merges parameters takes the one that
 * was not checked.
 */
function ofExtra(
  known: Knowledge,
  service: string,
  reading: RouteReading,
  slots: RouteRule['slots'],
  reference: Reference,
  caller: Caller,
): AccessVerdict | null {
  if (reference.place === 'path') return null;
  const beside = reading.references.find((one) => one.place === 'path' && slots[one.slot]?.resource === reference.hint);
  const rule = beside === undefined ? undefined : slots[beside.slot];
  if (rule === undefined || beside?.value === reference.value || rule.stances.foreign.is !== 'deny') return null;
  if (rule.accesses < 12 || rule.principals < FEW) return null;
  const relation = relationAt(known, caller.person, reference, known.resource(service, rule.resource), reading, null);
  if (relation !== 'foreign') return null;
  const found = verdict(
    'foreign',
    0.8,
    rule.stances.foreign.proven && (caller.flags & (PERSON.established | PERSON.suspect)) !== 0,
    locationOf(reference),
    rule.resource,
    `a second ${rule.resource} id is given where hardly any of ${rule.accesses} requests gave one, and it is somebody else's`,
  );
  return { ...found, form: 'repeated' };
}

/** A body that is too long to be read whole, where bodies name objects of which people only reach their own and hardly anybody sends such ones. */
function ofLength(slots: RouteRule['slots'], caller: Caller): AccessVerdict | null {
  for (const slot in slots) {
    const rule = slots[slot];
    if (!slot.startsWith('body:') || rule.stances.foreign.is !== 'deny' || !rule.stances.foreign.proven) continue;
    if ((rule.longBodies ?? 1) > RARE || rule.accesses < 12) continue;
    const isUnheardOf = rule.longBodies === 0 && rule.principals >= UNHEARD_OF && (caller.flags & PERSON.established) !== 0;
    const found = verdict(
      'foreign',
      0.6,
      isUnheardOf || (caller.flags & PERSON.suspect) !== 0,
      { phase: 'request', in: 'body', path: slot.slice('body:'.length) },
      rule.resource,
      `the body is longer than what is read of it, so that nobody knows which ${rule.resource} it names; hardly any of ${rule.accesses} requests by ${Math.round(rule.principals)} callers here is`,
    );
    return { ...found, form: 'long' };
  }
  return null;
}

/** Objects of others in the answer of a route on which people only get their own. */
function ofAnswer(
  known: Knowledge,
  service: string,
  reading: RouteReading,
  rule: SlotRule,
  caller: Caller,
  answer: JudgedAnswer,
  settings: JudgeSettings,
): AccessVerdict | null {
  const resource = known.resource(service, rule.resource);
  const fields = resource.rule;
  // What the server lists for whoever asks, nobody has reached for.
  if (fields === undefined || reading.references.every(({ place }) => place === 'cookie')) return null;
  let foreign = 0;
  let total = 0;
  for (const object of answer.objects) {
    if (object.resource !== rule.resource || object.id === null || reading.references.some((one) => one.value === object.id)) continue;
    const said = known.relationOfAnswer(caller.person, object, fields);
    if (said === null) continue;
    total++;
    const told = standing(known, said, rule, caller);
    if (told !== 'foreign' && !(told === 'ungrouped' && rule.stances.group.is === 'deny')) continue;
    object.key(known, resource);
    const held = standing(
      known,
      known.relation(caller.person, object.hi, object.lo, known.selfValue(fields, object.id), fields),
      rule,
      caller,
    );
    if (held === 'foreign' || held === 'ungrouped') foreign++;
  }
  if (foreign === 0 || foreign < total * 0.5) return null;
  return ofClass('foreign', ruleFor(known, rule, resource, caller), { phase: 'response', in: 'body', path: '' }, caller, settings);
}

function locationOf(reference: Reference): Location {
  return { phase: 'request', in: reference.place, path: reference.name };
}

function verdict(
  relation: AccessVerdict['relation'],
  confidence: number,
  enforceable: boolean,
  location: Location | null,
  resource: string,
  explanation: string,
): AccessVerdict {
  return {
    relation,
    confidence,
    enforceable,
    location: location ?? { phase: 'request', in: 'connection', path: '' },
    resource,
    explanation,
  };
}

/** How bad it is. That one object of a request is the caller's own says nothing in favour of the others. */
export function score(one: AccessVerdict): number {
  return one.relation === 'own' ? 0.02 : one.confidence + (one.enforceable ? 2 : 0) + 0.01;
}
