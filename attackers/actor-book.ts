import { type ActorRef, actorOf, type Finding, type Observation } from '../exchange/index.js';
import { type LearnedEntry, NumberJournal } from '../store/index.js';
import {
  type ActorFinding,
  type ActorRecord,
  type ActorState,
  addFinding,
  addMoment,
  addObservation,
  newActor,
  numbersOf,
  readActor,
  setNumbers,
  shapeOf,
} from './actor.js';
import { ActorShelf } from './actor-shelf.js';
import { type ActorScore, countsAgainstActor, scoreActor, titleOf } from './score.js';

export type { ActorRecord, ActorState, KeptFinding, Moment } from './actor.js';

export interface ActorBookOptions {
  /** Actors kept at most; the ones without findings that were not seen for longest go first. Default 50,000. */
  readonly maxActors?: number;
  /** Score from which an actor is blocked (or would be); null: never. Default null. */
  readonly autoBlockFrom?: number | null;
  /** True: only say what would have been blocked. Default true. */
  readonly isSimulated?: boolean;
  /** Is this actor blocked now? Asked when a view is made. */
  readonly isBlocked?: (actor: ActorRef, nowMs: number) => boolean;
  /** Is this actor on the allowlist? Then no threshold says anything about it. */
  readonly isAllowed?: (actor: ActorRef) => boolean;
}

/** An actor as people see it. */
export interface ActorView extends Readonly<ActorRecord>, ActorScore {
  readonly id: string;
  readonly state: ActorState;
}

/** What the threshold says after a finding. */
export interface Verdict {
  readonly actor: ActorRef;
  readonly score: number;
  readonly act: 'none' | 'would-block' | 'block';
  /** For the block's reason. */
  readonly reason: string;
}

const REPORTS_KEY = 'reports';
/** Of who came once and did nothing only the sums are kept. */
const RECORDED_FROM_REQUESTS = 2;

/**
 * Who was here and what they did: one record a principal, one an address. The engine feeds it; time is that of the exchanges.
 *
 * State is in memory, bounded, and kept over restarts by `dirty` (to the store, with the stream position) and `restore`: the whole record when a finding
 * or companion is new in it or its requests doubled, and its sums (requests, blocked, statuses, records), exactly, each time they changed.
 */
export class ActorBook {
  private readonly shelves: Readonly<Record<ActorRef['kind'], ActorShelf>>;
  private readonly changed = new Set<ActorRecord>();
  /** Forgotten since the last `dirty`, and whether a record of them is kept. */
  private readonly gone = new Map<string, boolean>();
  private readonly sums = new NumberJournal('sums:');
  /** What the record that is kept says: its shape and requests. */
  private readonly kept = new WeakMap<ActorRecord, { readonly shape: number; readonly requests: number }>();
  /** Reported since the last `dirty`, and whether some of them are stored. */
  private reports: ActorFinding[] = [];
  private areReportsKept = false;
  private threshold: number | null;
  private isSimulated: boolean;
  /** Actors that were forgotten because there were too many. */
  evicted = 0;

  constructor(private readonly options: ActorBookOptions = {}) {
    const most = options.maxActors ?? 50_000;
    const shelf = (): ActorShelf => new ActorShelf(most / 2, (record) => this.forget(record));
    this.shelves = { principal: shelf(), address: shelf() };
    this.threshold = options.autoBlockFrom ?? null;
    this.isSimulated = options.isSimulated ?? true;
  }

  /** Changes the automatic block at run time. */
  configure({ autoBlockFrom = null, isSimulated = true }: Pick<ActorBookOptions, 'autoBlockFrom' | 'isSimulated'>): void {
    this.threshold = autoBlockFrom;
    this.isSimulated = isSimulated;
  }

  /** One exchange: counted for its principal, and for its address, each with the other as companion. */
  observe(observation: Observation): void {
    const { principal, client, startedAtMs } = observation.exchange;
    const address = actorOf(null, client.ip);
    const who = principal === null ? null : actorOf(principal, client.ip);
    if (who !== null) addObservation(this.record(who, startedAtMs), observation, address);
    addObservation(this.record(address, startedAtMs), observation, who);
  }

  /** One finding: counted for its actor only, since a principal's deeds must not fall on everybody at the same address. */
  report(finding: Finding): Verdict | null {
    if (finding.actor === null) return null;
    const { id, kind, atMs, severity, confidence, succeeded, title, effect, endpoint, requestIds } = finding;
    this.reports.push({ id, kind, atMs, severity, confidence, succeeded, title, effect, actor: finding.actor, endpoint, requestIds });
    const actor = this.found(finding.actor, finding);
    return countsAgainstActor(finding.kind) ? this.judge(finding.actor, actor, finding.atMs) : null;
  }

  get size(): number {
    return this.shelves.principal.size + this.shelves.address.size;
  }

  view({ kind, value }: Pick<ActorRef, 'kind' | 'value'>, nowMs: number): ActorView | null {
    const record = this.shelves[kind].get(value);
    return record === undefined ? null : this.viewOf(record, nowMs);
  }

  /** Highest score first, then last seen. */
  list(nowMs: number, limit = 100): ActorView[] {
    const { principal, address } = this.shelves;
    return this.best([...principal.all(), ...address.all()], nowMs, limit);
  }

  /** The same, of those who have findings: the others score nothing. */
  listGrave(nowMs: number, limit = 100): ActorView[] {
    const { principal, address } = this.shelves;
    return this.best([...principal.graveOnes(), ...address.graveOnes()], nowMs, limit);
  }

  score({ kind, value }: Pick<ActorRef, 'kind' | 'value'>, nowMs: number): number {
    const record = this.shelves[kind].get(value);
    return record === undefined ? 0 : scoreActor(record.findings, nowMs).score;
  }

  /** What changed since the last call, to be stored; null: forget the key. */
  dirty(): LearnedEntry[] {
    const entries: LearnedEntry[] = [];
    this.reports = [];
    const counted = new Map<string, ActorRecord>();
    for (const record of this.changed) {
      const id = idOf(record);
      counted.set(id, record);
      this.gone.delete(id);
      const kept = this.kept.get(record);
      if (record.requests < RECORDED_FROM_REQUESTS && record.findings.length === 0) continue;
      const shape = shapeOf(record);
      if (kept !== undefined && kept.shape === shape && record.requests < kept.requests * 2) continue;
      entries.push({ key: `actor:${id}`, value: JSON.stringify(record) });
      this.kept.set(record, { shape, requests: record.requests });
    }
    this.changed.clear();
    for (const [id, isRecorded] of this.gone) if (isRecorded) entries.push({ key: `actor:${id}`, value: null });
    const moved = (id: string): ActorRecord | undefined => counted.get(id) ?? this.find(id);
    entries.push(...this.sums.write([...counted.keys()], this.gone.keys(), (id) => numbersOf(moved(id))));
    this.gone.clear();
    return entries;
  }

  /** What was reported since the last `dirty`, to be stored with what that gave. */
  dirtyReports(): LearnedEntry[] {
    if (this.reports.length === 0 && !this.areReportsKept) return [];
    this.areReportsKept = this.reports.length > 0;
    return [{ key: REPORTS_KEY, value: this.areReportsKept ? JSON.stringify(this.reports) : null }];
  }

  /** Takes back what `dirty` and `dirtyReports` gave; keys of others are left alone. */
  restore(entries: Iterable<{ readonly key: string; readonly value: string }>): void {
    const pages: { key: string; value: string }[] = [];
    const records: ActorRecord[] = [];
    const reports: ActorFinding[] = [];
    for (const { key, value } of entries) {
      if (key === REPORTS_KEY) reports.push(...(JSON.parse(value) as ActorFinding[]));
      else if (key.startsWith('actor:')) records.push(readActor(value));
      else if (key.startsWith('sums:')) pages.push({ key, value });
    }
    const sums = this.sums.read(pages.sort((a, b) => (a.key < b.key ? -1 : 1)));
    for (const record of records) {
      const id = idOf(record);
      this.kept.set(record, { shape: shapeOf(record), requests: record.requests });
      setNumbers(record, sums.get(id) ?? []);
      sums.delete(id);
    }
    for (const [id, numbers] of sums) {
      const [kind, value] = partsOf(id);
      const record = newActor({ kind, value, label: value }, numbers[0]);
      setNumbers(record, numbers);
      records.push(record);
    }
    for (const record of records.sort((a, b) => a.lastMs - b.lastMs)) this.shelves[record.kind].put(record);
    for (const one of reports) if (one.actor !== null) this.found(one.actor, one);
    this.areReportsKept = reports.length > 0;
  }

  private found(who: ActorRef, finding: ActorFinding): ActorRecord {
    const actor = this.record(who, finding.atMs);
    addFinding(actor, finding);
    this.shelves[actor.kind].put(actor);
    return actor;
  }

  private record(actor: ActorRef, atMs: number): ActorRecord {
    const shelf = this.shelves[actor.kind];
    let record = shelf.find(actor.value);
    if (record === undefined) {
      record = newActor(actor, atMs);
      shelf.put(record);
    } else if (actor.label !== '') record.label = actor.label;
    this.changed.add(record);
    return record;
  }

  private find(id: string): ActorRecord | undefined {
    const [kind, value] = partsOf(id);
    return this.shelves[kind].get(value);
  }

  private forget(record: ActorRecord): void {
    this.evicted++;
    this.changed.delete(record);
    this.gone.set(idOf(record), this.kept.has(record));
  }

  private best(records: readonly ActorRecord[], nowMs: number, limit: number): ActorView[] {
    return records
      .map((record) => ({ record, score: record.findings.length === 0 ? 0 : scoreActor(record.findings, nowMs).score }))
      .sort((a, b) => b.score - a.score || b.record.lastMs - a.record.lastMs)
      .slice(0, limit)
      .map(({ record }) => this.viewOf(record, nowMs));
  }

  private judge(ref: ActorRef, actor: ActorRecord, nowMs: number): Verdict {
    const { score, reasons } = scoreActor(actor.findings, nowMs);
    const isOver = this.threshold !== null && score >= this.threshold && this.options.isAllowed?.(ref) !== true;
    const isDue = isOver && (this.isSimulated ? !actor.isOver : this.earnsBlock(actor, nowMs));
    actor.isOver = isOver;
    const reason = `score ${score}: ${reasons
      .slice(0, 3)
      .map(({ kind, findings }) => `${findings} × ${titleOf(kind)}`)
      .join(', ')}`;
    if (!isDue) return { actor: ref, score, act: 'none', reason };
    const act = this.isSimulated ? 'would-block' : 'block';
    if (act === 'block') actor.blockedAtMs = nowMs;
    addMoment(actor, {
      atMs: nowMs,
      what: this.isSimulated ? 'would-block' : 'block',
      text: `${this.isSimulated ? 'Would have been blocked' : 'Blocked'}: ${reason}`,
    });
    return { actor: ref, score, act, reason };
  }

  /** What led to the last block is paid for: another one takes as much again, also when a person ended that one. */
  private earnsBlock(actor: ActorRecord, nowMs: number): boolean {
    if (this.options.isBlocked?.(actor, nowMs)) return false;
    const since = actor.findings.filter(({ atMs }) => atMs > actor.blockedAtMs);
    return this.threshold !== null && scoreActor(since, nowMs).score >= this.threshold;
  }

  private viewOf(record: ActorRecord, nowMs: number): ActorView {
    const state = this.options.isBlocked?.(record, nowMs) ? 'blocked' : 'active';
    return { ...record, ...scoreActor(record.findings, nowMs), id: idOf(record), state };
  }
}

function idOf({ kind, value }: Pick<ActorRef, 'kind' | 'value'>): string {
  return `${kind}|${value}`;
}

function partsOf(id: string): [kind: ActorRef['kind'], value: string] {
  const bar = id.indexOf('|');
  return [id.slice(0, bar) as ActorRef['kind'], id.slice(bar + 1)];
}
