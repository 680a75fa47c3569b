import { type ActorRef, actorOf, type Finding, type Observation } from '../exchange/index.js';
import { type ActorRecord, type ActorState, addFinding, addMoment, addObservation, newActor } from './actor.js';
import { type ActorScore, countsAgainstActor, scoreActor } from './score.js';

export type { ActorRecord, ActorState, KeptFinding, Moment } from './actor.js';

export interface ActorBookOptions {
  /** Actors kept; of those beyond, the ones without findings that were not seen for longest go first. Default 50,000. */
  readonly maxActors?: number;
  /** Score from which an actor is blocked (or would be); null: never. Default null. */
  readonly autoBlockFrom?: number | null;
  /** True: only say what would have been blocked. Default true. */
  readonly isSimulated?: boolean;
  /** Is this actor blocked now? Asked when a view is made. */
  readonly isBlocked?: (actor: ActorRef, nowMs: number) => boolean;
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

/**
 * Who was here and what they did: one record a principal, one an address. The engine feeds it; time is that of the exchanges.
 *
 * State is in memory, bounded, and kept over restarts by `dirty` (to the store, with the stream position) and `restore`.
 */
export class ActorBook {
  private readonly actors = new Map<string, ActorRecord>();
  private readonly changed = new Set<string>();
  private readonly maxActors: number;
  private threshold: number | null;
  private isSimulated: boolean;
  /** Actors that were forgotten because there were too many. */
  evicted = 0;

  constructor(private readonly options: ActorBookOptions = {}) {
    this.maxActors = options.maxActors ?? 50_000;
    this.threshold = options.autoBlockFrom ?? null;
    this.isSimulated = options.isSimulated ?? true;
  }

  /** Changes the automatic block at run time. */
  configure(autoBlockFrom: number | null, isSimulated: boolean): void {
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
    const actor = this.record(finding.actor, finding.atMs);
    addFinding(actor, finding);
    return countsAgainstActor(finding.kind) ? this.judge(finding.actor, actor, finding.atMs) : null;
  }

  /** A person watches or allows an actor, or undoes it. */
  decide(actor: ActorRef, decision: 'watched' | 'allowed' | null, by: string, nowMs: number): void {
    const record = this.record(actor, nowMs);
    record.decision = decision;
    addMoment(record, { atMs: nowMs, what: 'state', text: `${decision ?? 'active'}, set by ${by}` });
  }

  /** Puts a block or its end into the timeline. */
  note(actor: ActorRef, text: string, nowMs: number): void {
    addMoment(this.record(actor, nowMs), { atMs: nowMs, what: 'block', text });
  }

  get size(): number {
    return this.actors.size;
  }

  view(actor: Pick<ActorRef, 'kind' | 'value'>, nowMs: number): ActorView | null {
    const record = this.actors.get(idOf(actor));
    return record === undefined ? null : this.viewOf(record, nowMs);
  }

  /** Highest score first, then last seen. */
  list(nowMs: number, limit = 100): ActorView[] {
    const views = [...this.actors.values()].map((record) => this.viewOf(record, nowMs));
    return views.sort((a, b) => b.score - a.score || b.lastMs - a.lastMs).slice(0, limit);
  }

  score(actor: Pick<ActorRef, 'kind' | 'value'>, nowMs: number): number {
    const record = this.actors.get(idOf(actor));
    return record === undefined ? 0 : scoreActor(record.findings, nowMs).score;
  }

  /** What changed since the last call, to be stored; null: forget the key. */
  dirty(): { readonly key: string; readonly value: string | null }[] {
    const entries = [...this.changed].map((id) => {
      const record = this.actors.get(id);
      return { key: `actor:${id}`, value: record === undefined ? null : JSON.stringify(record) };
    });
    this.changed.clear();
    return entries;
  }

  /** Takes back what `dirty` gave; keys of others are left alone. */
  restore(entries: Iterable<{ readonly key: string; readonly value: string }>): void {
    for (const { key, value } of entries) {
      if (key.startsWith('actor:')) this.actors.set(key.slice(6), JSON.parse(value) as ActorRecord);
    }
    this.evict();
  }

  private record(actor: ActorRef, atMs: number): ActorRecord {
    const id = idOf(actor);
    let record = this.actors.get(id);
    if (record === undefined) {
      record = newActor(actor, atMs);
    } else {
      // Last seen stands last: eviction takes from the front.
      this.actors.delete(id);
      if (actor.label !== '') record.label = actor.label;
    }
    this.actors.set(id, record);
    this.changed.add(id);
    this.evict();
    return record;
  }

  private evict(): void {
    while (this.actors.size > this.maxActors) {
      let victim: string | undefined;
      let looked = 0;
      for (const [id, { findings, decision }] of this.actors) {
        victim ??= id;
        if (findings.length === 0 && decision === null) {
          victim = id;
          break;
        }
        if (++looked === 64) break;
      }
      if (victim === undefined) return;
      this.actors.delete(victim);
      this.changed.add(victim);
      this.evicted++;
    }
  }

  private judge(ref: ActorRef, actor: ActorRecord, nowMs: number): Verdict {
    const { score, reasons } = scoreActor(actor.findings, nowMs);
    const isOver = this.threshold !== null && score >= this.threshold && actor.decision !== 'allowed';
    const isNew = isOver && !actor.isOver;
    actor.isOver = isOver;
    const reason = `score ${score}: ${reasons
      .slice(0, 3)
      .map(({ kind, findings }) => `${findings} × ${kind}`)
      .join(', ')}`;
    if (!isNew) return { actor: ref, score, act: 'none', reason };
    const act = this.isSimulated ? 'would-block' : 'block';
    addMoment(actor, {
      atMs: nowMs,
      what: this.isSimulated ? 'would-block' : 'block',
      text: `${this.isSimulated ? 'Would have been blocked' : 'Blocked'}: ${reason}`,
    });
    return { actor: ref, score, act, reason };
  }

  private viewOf(record: ActorRecord, nowMs: number): ActorView {
    const state =
      record.decision === 'allowed' ? 'allowed' : this.options.isBlocked?.(record, nowMs) ? 'blocked' : (record.decision ?? 'active');
    return { ...record, ...scoreActor(record.findings, nowMs), id: idOf(record), state };
  }
}

function idOf({ kind, value }: Pick<ActorRef, 'kind' | 'value'>): string {
  return `${kind}|${value}`;
}
