/**
 * The engine: every exchange once through classification, inventory, ownership, detectors, policies that did not run inline, and actor scores; what
 * follows from a batch is committed together with the batch's id, so a crash neither loses nor repeats anything that was acknowledged.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { type ActorBook, type HitBook, readBlockName, type Verdict } from '../../attackers/index.js';
import {
  type ActorRef,
  actorOf,
  type EndpointRef,
  type Exchange,
  type Finding,
  type Observation,
  type Redactor,
} from '../../exchange/index.js';
import { bodiesOf, type DetectorWatch, type Inventory, type OwnershipModel } from '../../learning/index.js';
import {
  type Classifier,
  contextOf,
  type Decision,
  type ExchangeVerdict,
  evaluateExchange,
  exchangeFacts,
  type FullPolicySet,
  LocalRates,
} from '../../policies/index.js';
import type { ActorWrite, Commit, CommitResult, SampleWrite, Store } from '../../store/index.js';
import type { Batch, Taken } from '../../traffic/index.js';
import { findingsOfActs, onePerCause } from './act-findings.js';
import { ActorDeltas } from './actor-deltas.js';
import { ExtraCounts } from './counts.js';
import { dataHitsOf } from './data-hits.js';
import { Sampler } from './samples.js';
import { Twins } from './twins.js';

/** Tags that keep an exchange out of learning: weir's own traffic. */
const OWN_TRAFFIC = new Set(['scan']);
/** Requests of the self-test can be looked up, and teach nothing. */
const SELF_TEST_PATH = '/.weir-self-test/';

/** Exchanges after which gateways hear what was learned, also within a batch: what they block by should not be older than it must. */
const TELL_EVERY = 32;
/** Shortest and longest pause between the ends and beginnings of commits. */
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2_000;
/** Batches that may wait for a commit before no more are taken. */
const MAX_OPEN_BATCHES = 4_000;
const LEFT_OUT_EVERY_MS = 10_000;
/** How often the same weakness of a service's credentials is told. */
const CREDENTIAL_FLAW_EVERY_MS = 3_600_000;

export interface EngineParts {
  readonly store: Store;
  readonly inventory: Inventory;
  readonly ownership: OwnershipModel;
  readonly detectors: DetectorWatch;
  readonly actors: ActorBook;
  readonly hits: HitBook;
  readonly classifier: Classifier;
  readonly policies: () => FullPolicySet;
  readonly redactor: Redactor;
  readonly actorScore: (id: string) => number;
  readonly isAllowed: (ref: ActorRef) => boolean;
  readonly tagsOf: (endpointId: string) => readonly string[];
}

/** What others must hear after a batch: gateways of templates, ownership and scores; people of issues. */
export interface EngineEvents {
  /** A rule that ran here asks to block whoever sent this. */
  blockActor(exchange: Exchange, order: NonNullable<Decision['blockActor']>): void;
  /** Before the commit: a gateway may act on it at once. */
  learned(ownershipDelta: Uint8Array | null): void;
  /** An actor passed the threshold of its score. */
  judged(verdict: Verdict): void;
  committed(result: CommitResult, hitBlocks: ReadonlySet<string>): void;
}

/** What waits for the next commit. */
interface Open {
  readonly batchIds: string[];
  readonly findings: Finding[];
  readonly samples: SampleWrite[];
  readonly safe: { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void };
}

function newOpen(): Open {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Whoever took part hears of it; nobody may have.
  promise.catch(() => undefined);
  return { batchIds: [], findings: [], samples: [], safe: { promise, resolve, reject } };
}

export interface EngineCounters {
  exchanges: number;
  findings: number;
  repeatedBatches: number;
  ownTraffic: number;
  /** Told by a gateway and by a sensor; counted once. */
  seenTwice: number;
  failedExchanges: number;
  commits: number;
  failedCommits: number;
  commitMs: number;
}

export class Engine {
  readonly counters: EngineCounters = {
    exchanges: 0,
    findings: 0,
    repeatedBatches: 0,
    ownTraffic: 0,
    seenTwice: 0,
    failedExchanges: 0,
    commits: 0,
    failedCommits: 0,
    commitMs: 0,
  };
  private readonly extra = new ExtraCounts();
  readonly twins = new Twins();
  private readonly actorDeltas: ActorDeltas;
  private readonly sampler: Sampler;
  private readonly rates = new LocalRates();
  private hitBlocks = new Set<string>();
  /** What was learned since the last commit began. */
  private open = newOpen();
  /** Batches that were taken and are not committed → when they are safe. */
  private readonly underway = new Map<string, Promise<void>>();
  private committing: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private committedAtMs = Number.NEGATIVE_INFINITY;
  private lastCommitMs = 0;
  private saidLeftOutAtMs = Number.NEGATIVE_INFINITY;
  private readonly stopping = new AbortController();
  /** Rule and service → when a weakness of its credentials was last told. */
  private readonly flawsToldAtMs = new Map<string, number>();
  /** When it last had something to do. */
  busyAtMs = 0;

  constructor(
    private readonly parts: EngineParts,
    private readonly events: EngineEvents,
    private readonly log: (message: string) => void,
  ) {
    this.sampler = new Sampler(parts.redactor);
    this.actorDeltas = new ActorDeltas(parts.actors, parts.isAllowed);
  }

  /** Takes back what a former run committed. Call once, before the first batch. */
  async restore(): Promise<void> {
    const { store, inventory, ownership, actors, hits } = this.parts;
    const text = new TextDecoder();
    const texts = async (scope: string): Promise<{ key: string; value: string }[]> => {
      const entries: { key: string; value: string }[] = [];
      for await (const { key, value } of store.learned.scan(scope)) entries.push({ key, value: text.decode(value) });
      return entries;
    };
    inventory.restore(await texts('inventory'));
    ownership.restore(await texts('ownership'));
    actors.restore(await texts('actors'));
    hits.restore(await texts('hits'));
  }

  /**
   * Learns from batches at once; what follows from them is committed a moment later, together with what came meanwhile. Resolves when it may have
   * more, with the promise that they are safe.
   */
  async process(batches: readonly Batch[], nowMs: number): Promise<Taken> {
    const unknown = batches.filter((batch) => !this.underway.has(batch.id));
    const fresh = new Set(await this.parts.store.unprocessed(unknown.map((batch) => batch.id)));
    this.counters.repeatedBatches += batches.length - fresh.size;
    this.busyAtMs = nowMs;
    const earlier = batches.flatMap((batch) => this.underway.get(batch.id) ?? []);
    const { open } = this;
    for (const batch of unknown) {
      if (!fresh.has(batch.id)) continue;
      open.batchIds.push(batch.id);
      this.underway.set(batch.id, open.safe.promise);
      for (const exchange of batch.exchanges) {
        this.take(exchange, open, nowMs);
        if (this.counters.exchanges % TELL_EVERY === 0) this.tellGateways();
      }
    }
    if (fresh.size === 0) return { safe: Promise.all(earlier).then(() => undefined) };
    this.tellGateways();
    this.commitSoon();
    // A store that is slow or away must not let what is not written grow without end.
    if (this.open.batchIds.length >= MAX_OPEN_BATCHES) await this.commit();
    return { safe: Promise.all([open.safe.promise, ...earlier]).then(() => undefined) };
  }

  private tellGateways(): void {
    this.events.learned(this.parts.ownership.deltas());
  }

  /** When nothing arrives: writes what was held back to save writes. Resolves when all is written, or `stop` gave up on it. */
  async idle(): Promise<void> {
    await this.committing;
    await this.commit();
  }

  /** No further attempts for a store that fails; what it did not take stays unacknowledged. */
  stop(): void {
    this.stopping.abort();
    clearTimeout(this.timer ?? undefined);
    this.timer = null;
  }

  /** Commits take at most a fifth of the time, and an idle engine commits at once. */
  private commitSoon(): void {
    if (this.timer !== null || this.committing !== null) return;
    const waitMs = this.committedAtMs + Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, 4 * this.lastCommitMs)) - performance.now();
    this.timer = setTimeout(
      () => {
        this.timer = null;
        void this.commit();
      },
      Math.max(0, waitMs),
    );
  }

  private commit(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.committing ??= this.write().finally(() => {
      this.committing = null;
      if (this.open.batchIds.length > 0 && !this.stopping.signal.aborted) this.commitSoon();
    });
    return this.committing;
  }

  private async write(): Promise<void> {
    const { open } = this;
    this.open = newOpen();
    const startedMs = performance.now();
    const step = this.commitOf(open, Date.now());
    const result = await this.attempt(step);
    this.lastCommitMs = performance.now() - startedMs;
    this.counters.commitMs += this.lastCommitMs;
    this.counters.commits++;
    this.committedAtMs = performance.now();
    for (const id of open.batchIds) this.underway.delete(id);
    if (result === null) return open.safe.reject(new Error('the engine ended before the store took it'));
    this.events.committed(result, this.takeHits());
    open.safe.resolve();
  }

  /** What was learned is in memory already, so the same step is tried until the store takes it; meanwhile learning goes on. */
  private async attempt(step: Commit): Promise<CommitResult | null> {
    for (let pauseMs = 100; ; pauseMs = Math.min(5_000, pauseMs * 2)) {
      try {
        return await this.parts.store.commit(step);
      } catch (error) {
        this.counters.failedCommits++;
        this.log(`engine: the store did not take a step: ${error instanceof Error ? error.message : String(error)}`);
        if (this.stopping.signal.aborted) return null;
        await delay(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }

  private take(exchange: Exchange, { findings, samples }: Open, nowMs: number): void {
    if (this.twins.isSecond(exchange, nowMs)) {
      this.counters.seenTwice++;
      return;
    }
    this.counters.exchanges++;
    const isSelfTest = exchange.request.target.startsWith(SELF_TEST_PATH);
    if (isSelfTest || exchange.tags.some((tag) => OWN_TRAFFIC.has(tag))) {
      this.counters.ownTraffic++;
      if (isSelfTest) this.keep(samples, exchange, null, [], true);
      return;
    }
    try {
      const raised = this.learn(exchange, samples);
      for (const finding of raised) {
        const verdict = this.parts.actors.report(finding);
        if (verdict !== null && verdict.act !== 'none') this.events.judged(verdict);
        this.actorDeltas.reported(finding);
      }
      findings.push(...raised);
      this.counters.findings += raised.length;
    } catch (error) {
      // One exchange that breaks a learner must not stop the stream: it is counted, named, and left out.
      this.counters.failedExchanges++;
      this.leftOut(exchange, error);
    }
  }

  /** A fault that every exchange meets would fill the disk with its lines. */
  private leftOut(exchange: Exchange, error: unknown): void {
    if (exchange.startedAtMs - this.saidLeftOutAtMs < LEFT_OUT_EVERY_MS) return;
    this.saidLeftOutAtMs = exchange.startedAtMs;
    this.log(
      `engine: exchange ${exchange.id} (${exchange.request.method} ${exchange.service}) was left out, the ${this.counters.failedExchanges}th: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }

  private learn(exchange: Exchange, samples: SampleWrite[]): Finding[] {
    const { inventory, ownership, actors, hits, classifier } = this.parts;
    const { blockId } = exchange.outcome;
    if (exchange.outcome.phase === 'connection' && blockId !== undefined) return this.learnBlocked(exchange, blockId, samples);
    const dataHits = dataHitsOf(exchange, classifier);
    const bodies = bodiesOf(exchange);
    const observation = inventory.observe(exchange, dataHits, bodies);
    const { endpoint } = observation;
    const raised: Finding[] = [];
    const judged = ownership.judge(observation, bodies.response);
    if (judged.finding !== null) raised.push(judged.finding);
    raised.push(...this.parts.detectors.observe(observation, judged.verdict));
    const evaluated = this.evaluate(exchange, observation, judged.verdict);
    const { acts } = evaluated;
    if (evaluated.blockActor !== null) this.events.blockActor(exchange, evaluated.blockActor);
    raised.push(...findingsOfActs([...exchange.outcome.acts, ...acts], exchange, endpoint));
    actors.observe(observation);
    this.actorDeltas.observed(observation);
    if (blockId !== undefined) hits.record(readBlockName(blockId), `${endpoint.method} ${endpoint.template}`, exchange.startedAtMs);
    if (acts.some((act) => !act.acted && act.action === 'block')) this.extra.wouldBlock(exchange, endpoint.id);
    this.keep(samples, exchange, endpoint, dataHits, raised.length > 0 || exchange.outcome.incidentId !== undefined);
    return onePerCause(raised).filter((finding) => this.isNews(finding, exchange));
  }

  /** How an issuer makes its tokens (they never expire, say) is true of every request that carries one: it is told once an hour, not each time. */
  private isNews(finding: Finding, { principal, service, startedAtMs }: Exchange): boolean {
    const isOfCredential =
      finding.kind === 'policy.violation' &&
      finding.effect === 'none' &&
      finding.severity === 'low' &&
      finding.evidence.length > 0 &&
      finding.evidence.every(({ location }) => `${location.in}:${location.path}`.toLowerCase() === principal?.carrier);
    if (!isOfCredential) return true;
    const flaw = `${finding.source.id} ${service}`;
    if (startedAtMs - (this.flawsToldAtMs.get(flaw) ?? Number.NEGATIVE_INFINITY) < CREDENTIAL_FLAW_EVERY_MS) return false;
    this.flawsToldAtMs.set(flaw, startedAtMs);
    return true;
  }

  /** What the blocklist stopped is counted and kept for the actor, but teaches nothing about the API. */
  private learnBlocked(exchange: Exchange, blockId: string, samples: SampleWrite[]): Finding[] {
    this.parts.hits.record(
      readBlockName(blockId),
      `${exchange.request.method} ${exchange.request.target.split('?')[0].slice(0, 200)}`,
      exchange.startedAtMs,
    );
    this.extra.stopped(exchange);
    const { id, origin, createdBy } = readBlockName(blockId);
    this.hitBlocks.add(id);
    if (origin === 'feed') this.hitBlocks.add(`feed:${createdBy}`);
    this.actorDeltas.stopped(actorOf(exchange.principal, exchange.client.ip));
    this.keep(samples, exchange, null, [], exchange.outcome.incidentId !== undefined);
    return [];
  }

  private evaluate(exchange: Exchange, observation: Observation, access: ReturnType<OwnershipModel['judge']>['verdict']): ExchangeVerdict {
    const set = this.parts.policies();
    const { endpoint } = observation;
    const actor = actorOf(exchange.principal, exchange.client.ip);
    const context = contextOf(
      set,
      exchangeFacts(exchange, {
        template: endpoint.template,
        tags: this.parts.tagsOf(endpoint.id),
        actorScore: this.parts.actorScore(`${actor.kind}:${actor.value}`),
        access: () => access,
        rate: (key, windowMs) => this.rates.hit(key, windowMs, exchange.startedAtMs),
      }),
    );
    return evaluateExchange(set, exchange, context);
  }

  private keep(
    samples: SampleWrite[],
    exchange: Exchange,
    endpoint: EndpointRef | null,
    hits: Observation['dataHits'],
    isEvidence: boolean,
  ): void {
    const sample = this.sampler.sample(exchange, endpoint, hits, isEvidence);
    if (sample !== null) samples.push(sample);
  }

  private takeHits(): ReadonlySet<string> {
    const taken = this.hitBlocks;
    this.hitBlocks = new Set();
    return taken;
  }

  private commitOf({ batchIds, findings, samples }: Open, nowMs: number): Commit {
    const { inventory, ownership, actors, hits } = this.parts;
    const encoder = new TextEncoder();
    const learnedOf = (scope: string, entries: readonly { readonly key: string; readonly value: string | null }[]) =>
      entries.map(({ key, value }) => ({ scope, key, value: value === null ? null : encoder.encode(value) }));
    const step = inventory.drain();
    for (const { from, to } of step.renamed) ownership.rename(from.service, from.method, from.template, to.template);
    const actorWrites: ActorWrite[] = this.actorDeltas.take(nowMs);
    return {
      batchIds,
      nowMs,
      services: step.services,
      folds: step.folds,
      endpoints: step.endpoints,
      history: step.history,
      counters: [...step.counters, ...this.extra.take()],
      dataSightings: step.dataSightings,
      findings: [...findings, ...step.findings],
      actors: actorWrites,
      samples,
      learned: [
        ...learnedOf('inventory', inventory.checkpoint()),
        ...learnedOf('ownership', ownership.checkpoint()),
        ...learnedOf('actors', actors.dirty()),
        ...learnedOf('hits', hits.dirty()),
      ],
    };
  }
}
