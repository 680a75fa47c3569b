import type { AccessVerdict, Body, HeaderList } from '../../exchange/index.js';
import { readAnswer } from './answer.js';
import { objectText } from './body-text.js';
import type { Standing } from './credentials.js';
import { Guesses, isMiss } from './guesses.js';
import { KeyedHash } from './hash.js';
import { type Caller, JUDGE, type JudgedAnswer, type JudgeSettings, judge, NAMELESS_CONFIDENCE, score } from './judge.js';
import { Knowledge, PERSON, SPACE } from './knowledge.js';
import { kindsBeside } from './person.js';
import { subjectOf, subjectOutside } from './reading.js';
import { type Reference, type RequestFacts, type RouteReading, readRequest } from './references.js';
import { revocationOf } from './revoking.js';
import { isUnlearned, type Passing, Unlearned } from './unlearned.js';
import { applyDelta } from './wire.js';

/** A request as the gateway sees it. `template` null: the path is not in the inventory (yet). */
export interface AccessRequest {
  readonly service: string;
  readonly method: string;
  readonly template: string | null;
  readonly path: string;
  /** Raw target with query. */
  readonly target: string;
  readonly headers: HeaderList;
  readonly parameters: readonly string[];
  /** Captured body, content coding still applied; null when none was captured. */
  readonly body: Body | null;
  readonly principalKey: string | null;
  /** Other people whom the request says to be: what one of them may not do is not done. */
  readonly besideKeys?: readonly string[];
  /** `Principal.carrier`: where the credential stood, so that it is not taken for an object id. */
  readonly carrier?: string;
  /** Which exchange it is, when the request came, and up to which moment the engine has learned; without them it is taken to be up to date. */
  readonly exchangeId?: string;
  readonly nowMs?: number;
  readonly learnedUpToMs?: number;
  /** What the view has read of it: a request is asked about before and after its answer, and once more when that has ended. Only the view touches it. */
  memo?: AccessMemo;
}

/** What a view remembers of a request between its questions. */
export interface AccessMemo {
  readonly reading: RouteReading;
  passing: Passing | null;
  /** What {@link OwnershipView.isStillLearning} found a moment ago, for the question that follows. */
  verdict?: AccessVerdict | null;
  /** Exchanges that were on their way to the engine when it was asked first. */
  awaited?: readonly Passing[];
}

export interface AccessAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Body | null;
}

/** Objects with recent writes that the gateway remembers until the engine has told it what they meant. */
const MAX_RECENT = 4096;
/** Values of one write that may have been shared, or shared with. */
const MAX_SHARED = 64;
/** From here on the engine counts as behind: a shorter delay hardly ever lies between being handed something and using it. */
const BEHIND_MS = 500;
/** An engine that is further behind does not catch up while a request waits. */
const WORTH_WAITING_MS = 250;
/** From this confidence on an access is more than a curiosity: by somebody unknown to somebody's object at a private place. */
const WORRYING = NAMELESS_CONFIDENCE;
const NOTHING_AWAITED: readonly Passing[] = [];
const NOBODY: readonly string[] = [];

/**
 * What a gateway needs of the learned ownership: a replica of the table and the rules, read-only, synchronous, no I/O.
 *
 * Fed with {@link apply}: first every chunk of the model's snapshot, then its deltas in order. Chunks may be applied again without harm.
 */
export class OwnershipView {
  #known = new Knowledge(new KeyedHash(new Uint8Array(8)));
  readonly #settings: JudgeSettings;
  /** Objects, people and grants held. */
  get entries(): number {
    return this.#known.table.size;
  }

  get bytes(): number {
    return this.#known.table.bytes;
  }

  /** Object → values named beside it lately, as pairs of value hash and kind. */
  readonly #recent = new Map<number, number[]>();
  readonly #unlearned = new Unlearned();
  readonly #guesses = new Guesses();
  /** Verdicts that would have blocked, but rested on knowledge that the engine was about to change. */
  heldBack = 0;
  /** Requests whose body was too long for all that it names to be looked at. */
  bodiesNotJudged = 0;

  constructor(settings: Partial<JudgeSettings> = {}) {
    this.#settings = { ...JUDGE, ...settings };
  }

  /** Applies one snapshot chunk or delta. A chunk that begins a snapshot (it carries the seed) replaces everything. */
  apply(bytes: Uint8Array): void {
    this.#known = applyDelta(this.#known, bytes);
  }

  /** Tells that an exchange has ended and is on its way to the engine. `status` 0: the upstream gave no answer. */
  ended(request: AccessRequest, status: number, nowMs: number): void {
    const { memo, principalKey } = request;
    if (memo === undefined || principalKey === null) return;
    if (memo.passing !== null) memo.passing.endedAtMs ??= nowMs;
    if (!isMiss(status)) this.#guesses.succeeded(principalKey, status);
    else if (this.#namesUnknown(request.service, memo.reading)) this.#guesses.missed(principalKey);
  }

  #namesUnknown(service: string, reading: RouteReading): boolean {
    const known = this.#known;
    return reading.references.some((reference) => {
      const rule = known.sheet.slot(service, reading, reference.slot);
      if (rule === undefined || rule.stances.foreign.is !== 'deny') return false;
      known.referenceKey(known.resource(service, rule.resource), reference, reading.references, rule.above);
      return !known.table.get(known.hash.hi, known.hash.lo);
    });
  }

  /**
   * Whether something that passed before this request, and that the engine learns of in a moment, may change what {@link judgeRequest} says of it, where
   * that matters: it would be blocked, or alert. May be asked again until it is over; costs nothing but the judgement, which is kept.
   */
  isStillLearning(request: AccessRequest, nowMs = Date.now()): boolean {
    const { principalKey, service } = request;
    if (principalKey === null) return false;
    request.memo ??= { reading: this.#read(request), passing: null };
    const { memo } = request;
    if (memo.awaited === undefined) {
      if (memo.reading.references.length === 0 || !this.#known.sheet.knows(service, memo.reading)) return false;
      const caller = this.#callerOf(principalKey);
      memo.verdict = this.#worstFor(request, memo.reading, caller, null);
      if (memo.verdict === null || !isWorrying(memo.verdict)) return false;
      memo.awaited = this.#onTheirWay(request, memo.reading, memo.verdict.enforceable, caller.person === 0);
    }
    const { learnedUpToMs } = request;
    if (learnedUpToMs === undefined || nowMs - learnedUpToMs > WORTH_WAITING_MS) return false;
    if (!memo.awaited.some((one) => isUnlearned(one, nowMs, learnedUpToMs))) return false;
    memo.verdict = undefined;
    return true;
  }

  /** What may say more of the caller: its last exchange. What may even allow what would be blocked: what it was handed, and what happened to the object. */
  #onTheirWay(
    { exchangeId, nowMs, principalKey, service }: AccessRequest,
    reading: RouteReading,
    blocks: boolean,
    isNew: boolean,
  ): readonly Passing[] {
    if (exchangeId === undefined || principalKey === null) return NOTHING_AWAITED;
    const last = this.#unlearned.before(principalKey, exchangeId);
    const awaited = last === null || last.endedAtMs === null ? [] : [last];
    // A credential that nobody knows was perhaps handed out a moment ago, by an answer to somebody else.
    if (isNew && nowMs !== undefined) awaited.push({ exchangeId: '', beganAtMs: nowMs, endedAtMs: nowMs });
    if (!blocks) return awaited;
    for (const key of [principalKey, ...reading.references.map((one) => `${service} ${one.value}`)]) {
      const passing = this.#unlearned.of(key, exchangeId);
      if (passing !== null) awaited.push(passing);
    }
    return awaited;
  }

  #callerOf(principalKey: string): Caller {
    const known = this.#known;
    known.findPerson(principalKey);
    const guessing = this.#guesses.holds(principalKey) ? PERSON.guessing : 0;
    return { person: known.person, flags: known.flags | guessing };
  }

  /** How much is known of whoever has a credential. */
  standingOf(principalKey: string): Standing {
    return this.#known.standingOf(principalKey);
  }

  /** Judges a request before it is forwarded; null when nothing is known about the route or it names no object. */
  judgeRequest(request: AccessRequest): AccessVerdict | null {
    return this.#judge(request, null);
  }

  /** Judges a request by its answer, so that the answer can be withheld. */
  judgeResponse(request: AccessRequest, answer: AccessAnswer): AccessVerdict | null {
    if (answer.status >= 300 || answer.body === null) return this.#judge(request, null);
    const verdict = this.#judge(request, answer);
    // The answer of a write comes too late to prevent anything: it is reported, not withheld.
    const tooLate = /^(?:PUT|PATCH|DELETE)$/.test(request.method) || answer.status === 201;
    return verdict !== null && tooLate && verdict.enforceable ? { ...verdict, enforceable: false } : verdict;
  }

  #judge(request: AccessRequest, answer: AccessAnswer | null): AccessVerdict | null {
    if (request.principalKey === null) return null;
    request.memo ??= { reading: this.#read(request), passing: null };
    const { reading } = request.memo;
    const known = this.#known;
    if (!known.sheet.knows(request.service, reading)) {
      if (answer === null) this.#note(request, reading);
      return null;
    }
    const caller = this.#callerOf(request.principalKey);
    const judged = answer === null || answer.body === null ? null : new LazyAnswer(answer.status, answer.headers, answer.body, reading);
    const kept = answer === null ? request.memo.verdict : undefined;
    request.memo.verdict = undefined;
    const verdict = kept === undefined ? this.#worstFor(request, reading, caller, judged) : kept;
    if (judged?.wasRead === true && !reading.mutates) this.#keepShown(request.service, reading, judged);
    const isStale = verdict?.enforceable === true && this.#isStale(request, reading, verdict.relation === 'enumeration');
    const isHeldBack = isStale || (verdict?.enforceable === true && this.#wasJustNamed(request.service, reading, caller.person));
    // What is refused changes nothing.
    if (answer === null && (verdict?.enforceable !== true || isHeldBack)) {
      this.#note(request, reading);
      if (reading.mutates) this.#remember(request.service, reading, caller.person);
    }
    if (verdict === null || !isHeldBack) return verdict;
    if (isStale) this.heldBack++;
    return { ...verdict, enforceable: false };
  }

  /** The verdict for who is asking, or a worse one for somebody else whom the request says to be. */
  #worstFor(
    { service, besideKeys }: AccessRequest,
    reading: RouteReading,
    caller: Caller,
    answer: JudgedAnswer | null,
  ): AccessVerdict | null {
    let worst = judge(this.#known, service, reading, caller, answer, this.#settings);
    for (const key of besideKeys ?? NOBODY) {
      const other = judge(this.#known, service, reading, this.#callerOf(key), answer, this.#settings);
      if (other !== null && (worst === null || score(other) > score(worst))) worst = other;
    }
    return worst;
  }

  /** The engine will know whose an answer said that its object is; whoever was shown it may act on it before. */
  #keepShown(service: string, reading: RouteReading, answer: JudgedAnswer): void {
    const known = this.#known;
    for (const reference of reading.references) {
      const rule = known.sheet.slot(service, reading, reference.slot);
      if (rule === undefined) continue;
      const resource = known.resource(service, rule.resource);
      known.referenceKey(resource, reference, reading.references, rule.above);
      const { hi, lo } = known.hash;
      if (resource.rule === undefined || known.table.get(hi, lo)) continue;
      const object = subjectOf(answer.objects, reference, reading);
      if (object !== null) known.show(hi, lo, object, resource.rule);
    }
  }

  #read({ method, template, target, headers, body, carrier }: AccessRequest): RouteReading {
    const read = body === null || body.bytes.length === 0 ? null : objectText(headers, body);
    if (read?.isCut === true) this.bodiesNotJudged++;
    const facts: RequestFacts = { method, template, target, headers, bodyText: read?.text ?? null, isBodyCut: read?.isCut === true };
    return readRequest(facts, carrier ?? '');
  }

  /** What may hand objects or a name to the caller (lists, `/me`, sign-ins), and what may hand an object to others (writes). */
  #note(request: AccessRequest, reading: RouteReading): void {
    const { service, exchangeId, nowMs, principalKey, memo } = request;
    if (exchangeId === undefined || nowMs === undefined || principalKey === null) return;
    const keys: string[] = [];
    if (!reading.references.some((one) => one.place === 'path')) keys.push(principalKey);
    if (reading.mutates) for (const one of reading.references) if (one.place === 'path') keys.push(`${service} ${one.value}`);
    const passing = this.#unlearned.began(principalKey, keys, exchangeId, nowMs);
    if (memo !== undefined) memo.passing = passing;
  }

  /**
   * Something about the caller or the object passed that the engine has not learned of: what is known of them may be outdated. A `guess` is an object that nothing is
   * known of, and so may be what the caller was handed a moment ago.
   */
  #isStale(request: AccessRequest, reading: RouteReading, guess: boolean): boolean {
    const { service, exchangeId, nowMs, learnedUpToMs, principalKey } = request;
    if (exchangeId === undefined || nowMs === undefined || learnedUpToMs === undefined || principalKey === null) return false;
    const since = (key: string): boolean => this.#unlearned.holds(key, exchangeId, nowMs, learnedUpToMs);
    const isBehind = guess || nowMs - learnedUpToMs > BEHIND_MS;
    return (isBehind && since(principalKey)) || reading.references.some((one) => since(`${service} ${one.value}`));
  }

  /** Notes which values a write names beside an object: a share or a transfer takes effect here before the engine has learned of it. */
  #remember(service: string, reading: RouteReading, by: number): void {
    const { references } = reading;
    const ruleOf = (slot: string) => this.#known.sheet.slot(service, reading, slot);
    const revoked = revocationOf(reading, ruleOf);
    if (revoked !== null) {
      this.#recent.delete(this.#known.hash.number(SPACE.object, `${service} ${revoked.subject.value}`));
      return;
    }
    const named = references.filter((one) => one.place === 'body').slice(0, MAX_SHARED);
    if (named.length === 0) return;
    const subject = subjectOutside(references, ruleOf);
    // Where all of it stands in the body, the object is one at a private place.
    const subjects = subject === undefined ? named.filter((one) => ruleOf(one.slot)?.stances.foreign.is === 'deny') : [subject];
    for (const one of subjects) this.#rememberBeside(service, one, ruleOf(one.slot)?.resource ?? one.hint, named, by);
  }

  #rememberBeside(service: string, subject: Reference, resource: string, named: readonly Reference[], by: number): void {
    const { rule } = this.#known.resource(service, resource);
    const key = this.#known.hash.number(SPACE.object, `${service} ${subject.value}`);
    const values = this.#recent.get(key) ?? [];
    for (const reference of named) {
      if (reference.value === subject.value) continue;
      const hash = this.#known.valueHash(reference.value);
      const kinds = kindsBeside(reference, rule);
      // Nobody shares with themselves.
      if (!kinds.some((kind) => this.#known.holds(by, hash, kind))) for (const kind of kinds) values.push(hash, kind);
    }
    if (values.length === 0) return;
    this.#recent.delete(key);
    this.#recent.set(key, values.slice(-64));
    if (this.#recent.size > MAX_RECENT) this.#recent.delete(this.#recent.keys().next().value as number);
  }

  #wasJustNamed(service: string, reading: RouteReading, person: number): boolean {
    if (this.#recent.size === 0) return false;
    for (const reference of reading.references) {
      if (this.#known.sheet.slot(service, reading, reference.slot) === undefined) continue;
      const values = this.#recent.get(this.#known.hash.number(SPACE.object, `${service} ${reference.value}`));
      for (let i = 0; values !== undefined && i < values.length; i += 2)
        if (this.#known.holds(person, values[i], values[i + 1])) return true;
    }
    return false;
  }
}

/** Objects that were listed for the caller are no worry: lists hand out ids. */
const isWorrying = ({ confidence, enforceable, relation }: AccessVerdict): boolean =>
  enforceable ||
  (confidence >= WORRYING && (relation === 'foreign' || relation === 'group' || relation === 'unknown' || relation === 'enumeration'));

/** An answer whose body is read only where a rule of its route has a use for it: on the gateway that is most of what judging costs. */
class LazyAnswer implements JudgedAnswer {
  readonly status: number;
  private readonly headers: HeaderList;
  private readonly body: Body;
  private readonly reading: RouteReading;
  private read: JudgedAnswer['objects'] | null = null;

  constructor(status: number, headers: HeaderList, body: Body, reading: RouteReading) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.reading = reading;
  }

  get wasRead(): boolean {
    return this.read !== null;
  }

  get objects(): JudgedAnswer['objects'] {
    this.read ??= answerObjects(objectText(this.headers, this.body).text, this.reading);
    return this.read;
  }
}

/** Objects of a JSON text; none when it is not JSON. */
export function answerObjects(text: string, reading: RouteReading): ReturnType<typeof readAnswer> {
  const first = text.charCodeAt(0);
  if (first !== 0x7b && first !== 0x5b) return [];
  try {
    return readAnswer(JSON.parse(text), reading.collection, reading.container, reading);
  } catch {
    return [];
  }
}
