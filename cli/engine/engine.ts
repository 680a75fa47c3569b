/**
 * The engine: every exchange once through classification, inventory, ownership, detectors, policies that did not run inline, and actor scores; what
 * follows from a batch is committed together with the batch's id, so a crash neither loses nor repeats anything that was acknowledged.
 */
import { type ActorBook, type GeoReader, type HitBook, readBlockName, type Verdict } from '../../attackers/index.js';
import {
  type AccessVerdict,
  type ActorRef,
  actorOf,
  decodeExchange,
  type EndpointRef,
  type Exchange,
  type Finding,
  type Observation,
  type Redactor,
} from '../../exchange/index.js';
import { bodiesOf, type DetectorWatch, type Inventory, type OwnershipModel } from '../../learning/index.js';
import { type Classifier, type Decision, type ExchangeReading, type FullPolicySet, readExchange } from '../../policies/index.js';
import type { Commit, CommitResult, EndpointWrite, SampleWrite, Sharing, Store } from '../../store/index.js';
import type { Batch, Taken } from '../../traffic/index.js';
import { ActorDeltas } from './actor-deltas.js';
import { Assessor } from './assessor.js';
import { ExtraCounts } from './counts.js';
import { dataHitsOf } from './data-hits.js';
import { Sampler } from './samples.js';
import { latenessMs, Selection } from './selection.js';
import { type Step, Trail } from './trail.js';
import { Twins } from './twins.js';
import { Waiting, type Waits } from './waiting.js';
import { Writer } from './writer.js';

/** Tags that keep an exchange out of learning: weir's own traffic. */
const OWN_TRAFFIC = new Set(['scan']);
/** Requests of the self-test can be looked up, and teach nothing. */
const SELF_TEST_PATH = '/.weir-self-test/';

/** Exchanges after which gateways hear what was learned, also within a batch: what they block by should not be older than it must. */
const TELL_EVERY = 8;
/** Time that second looks take at a stretch: at least so much, and this share of what learning took before. */
const ASSESS_SLICE_MS = 1;
const ASSESS_SHARE = 0.25;
/** Where more wait than this, they take a larger share: what waits for long outlives collections of the young generation, which costs as much as the look. */
const MANY_WAIT = 200;
const ASSESS_SHARE_OF_MANY = 0.5;
const LEFT_OUT_EVERY_MS = 10_000;
/** Requests of blocked clients kept as samples. */
const BLOCKED_KEPT_PER_SECOND = 20;
/** Of each of so many clients the first one is kept all the same: its incident is what all others of that second name. */
const BLOCKED_CLIENTS_PER_SECOND = 200;

export interface EngineParts {
  readonly store: Store;
  readonly inventory: Inventory;
  readonly ownership: OwnershipModel;
  readonly detectors: DetectorWatch;
  readonly actors: ActorBook;
  readonly hits: HitBook;
  readonly classifier: () => Classifier;
  /** Null until they are loaded: second looks wait for them. */
  readonly policies: () => FullPolicySet | null;
  readonly redactor: Redactor;
  /** Whose an exchange is: a gateway has said it with what it knows, a sensor by the request alone. */
  readonly principalOf: (exchange: Exchange) => Exchange['principal'];
  /** Seals the real values of evidence; null where they are not kept. */
  readonly seal: (bytes: Uint8Array) => Uint8Array | null;
  readonly actorScore: (id: string) => number;
  readonly isAllowed: (ref: ActorRef) => boolean;
  readonly tagsOf: (endpointId: string) => readonly string[];
  readonly violations: (exchange: Exchange, template: string | null) => readonly string[];
  readonly geo: GeoReader | null;
  /** How far behind the engine is: age of the oldest exchange that waits to be taken, ms, and share of the room for what waits that is in use. */
  readonly behind: () => { readonly lagMs: number; readonly filled: number };
  /** Called between two exchanges: others may have the core for a moment. */
  readonly giveWay: () => void;
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

/** Parsed bodies wait with their exchange; of larger ones they would take too much room, and are parsed again if a rule asks. */
const MOST_PARSED_BYTES = 16_384;
const isSmall = ({ request, response }: Exchange): boolean =>
  request.body.bytes.length + (response?.body.bytes.length ?? 0) <= MOST_PARSED_BYTES;

/** An exchange that was learned and waits for its second look. */
interface Learned extends Waits {
  readonly observation: Observation;
  readonly access: AccessVerdict | null;
  /** What the actor had sent before. */
  readonly before: readonly Step[];
  /** What ownership and detectors said. */
  readonly raised: readonly Finding[];
  readonly reading: ExchangeReading;
}

export interface EngineCounters {
  exchanges: number;
  findings: number;
  repeatedBatches: number;
  ownTraffic: number;
  /** Told by a gateway and by a sensor; counted once. */
  seenTwice: number;
  failedExchanges: number;
}

export class Engine {
  readonly counters: EngineCounters = {
    exchanges: 0,
    findings: 0,
    repeatedBatches: 0,
    ownTraffic: 0,
    seenTwice: 0,
    failedExchanges: 0,
  };
  private blockedSecond = 0;
  private blockedInSecond = 0;
  private readonly blockedClients = new Set<string>();
  private readonly extra = new ExtraCounts();
  readonly twins = new Twins();
  private readonly trail = new Trail();
  private readonly actorDeltas: ActorDeltas;
  private readonly sampler: Sampler;
  private hitBlocks = new Set<string>();
  private readonly selection = new Selection();
  private readonly waiting = new Waiting<Learned>();
  private readonly assessor: Assessor;
  private readonly writer: Writer;
  /** What second looks came to since the last step. */
  private readonly judged = new ExtraCounts();
  private findings: Finding[] = [];
  /** By exchange: one may be what a finding is about and what came before another. */
  private evidence = new Map<string, SampleWrite>();
  /** Samples of what has no second look. */
  private samples: SampleWrite[] = [];
  /** The step that waits for its second looks: how many are left. */
  private assessing: { left: number; readonly done: () => void } | null = null;
  private learnedForMs = 0;
  private isSliceDue = false;
  private saidLeftOutAtMs = Number.NEGATIVE_INFINITY;
  /** When it last had something to do. */
  busyAtMs = 0;

  constructor(
    private readonly parts: EngineParts,
    private readonly events: EngineEvents,
    private readonly log: (message: string) => void,
  ) {
    this.sampler = new Sampler(parts.redactor, parts.seal);
    this.actorDeltas = new ActorDeltas(parts.actors, parts.isAllowed);
    this.assessor = new Assessor(parts);
    this.writer = new Writer(
      parts.store,
      (batchIds) => this.step(batchIds),
      (result) => this.events.committed(result, this.takeHits()),
      log,
    );
  }

  /** Counters and gauges. */
  status(): Record<string, number> {
    return {
      ...this.counters,
      ...this.writer.counters,
      waitingForAssessment: this.waiting.size,
      assessmentsSkipped: this.waiting.leftOut,
      onlyCounted: this.selection.passedOver,
      trailBytes: this.trail.bytes,
      uncommittedMs: this.writer.uncommittedMs(Date.now()),
    };
  }

  /** Takes back what a former run committed. Call once, before the first batch. */
  async restore(): Promise<void> {
    const { store, inventory, ownership, detectors, actors, hits } = this.parts;
    const text = new TextDecoder();
    const texts = async (scope: string): Promise<{ key: string; value: string }[]> => {
      const entries: { key: string; value: string }[] = [];
      for await (const { key, value } of store.learned.scan(scope)) entries.push({ key, value: text.decode(value) });
      return entries;
    };
    inventory.restore(await texts('inventory'));
    ownership.restore(await texts('ownership'));
    detectors.restore(await texts('detectors'));
    actors.restore(await texts('actors'));
    hits.restore(await texts('hits'));
  }

  /**
   * Learns from batches at once; the second look follows when nothing new waits, and what came of both is committed a moment later. Resolves when it may
   * have more, with the promise that all of it is safe.
   */
  async process(batches: readonly Batch[], nowMs: number): Promise<Taken> {
    await this.writer.room();
    const unknown = batches.filter((batch) => this.writer.safeAt(batch.id) === null);
    const fresh = new Set(await this.parts.store.unprocessed(unknown.map((batch) => batch.id)));
    this.counters.repeatedBatches += batches.length - fresh.size;
    this.busyAtMs = nowMs;
    const startedMs = performance.now();
    for (const batch of unknown) {
      if (!fresh.has(batch.id)) continue;
      const behind = this.parts.behind();
      void this.writer.add(batch.id, nowMs - behind.lagMs);
      const lagMs = latenessMs(behind);
      for (const exchange of batch.exchanges) {
        this.take(exchange, lagMs, nowMs);
        if (this.counters.exchanges % TELL_EVERY === 0) this.tellGateways();
      }
    }
    this.tellGateways();
    this.learnedForMs += performance.now() - startedMs;
    this.assessSoon();
    return { safe: Promise.all(batches.map((batch) => this.writer.safeAt(batch.id))).then(() => undefined) };
  }

  private tellGateways(): void {
    this.events.learned(this.parts.ownership.deltas());
  }

  /** When nothing arrives: decides what was left open and writes what was held back. Resolves when all is written, or `stop` gave up on it. */
  async idle(): Promise<void> {
    const { inventory } = this.parts;
    const seen = this.counters.exchanges;
    do {
      inventory.settle();
      this.tellGateways();
      await this.writer.flush();
    } while (inventory.rowsWaiting > 0 && this.counters.exchanges === seen);
  }

  /** Once in a while: what fell silent, and what is documented and never called. */
  review(nowMs: number): Promise<void> {
    this.parts.inventory.review(nowMs);
    return this.writer.flush();
  }

  /** To be called when policies are there. */
  policiesLoaded(): void {
    this.assessSoon();
  }

  /** No further attempts for a store that fails; what it did not take stays unacknowledged. */
  stop(): void {
    this.writer.stop();
  }

  private take(exchange: Exchange, lagMs: number, nowMs: number): void {
    if (this.twins.isSecond(exchange, nowMs)) {
      this.counters.seenTwice++;
      return;
    }
    this.counters.exchanges++;
    const isSelfTest = exchange.request.target.startsWith(SELF_TEST_PATH);
    if (isSelfTest || exchange.tags.some((tag) => OWN_TRAFFIC.has(tag))) {
      this.counters.ownTraffic++;
      if (isSelfTest) this.keep(this.samples, exchange, null, [], true);
      return;
    }
    this.attempt(exchange, () => {
      const principal = this.parts.principalOf(exchange);
      this.learn(principal === exchange.principal ? exchange : { ...exchange, principal }, lagMs, nowMs);
    });
  }

  /** One exchange that breaks a learner must not stop the stream: it is counted, named, and left out. */
  private attempt(exchange: Exchange, work: () => void): void {
    this.parts.giveWay();
    try {
      work();
    } catch (error) {
      this.counters.failedExchanges++;
      this.leftOut(exchange, error);
    }
  }

  /** A slice at a time, so that batches which arrive meanwhile are learned first. */
  private assessSoon(): void {
    if (this.isSliceDue || this.waiting.size === 0 || this.parts.policies() === null) return;
    this.isSliceDue = true;
    setImmediate(() => {
      this.isSliceDue = false;
      const share = this.waiting.size > MANY_WAIT ? ASSESS_SHARE_OF_MANY : ASSESS_SHARE;
      const untilMs = performance.now() + Math.max(ASSESS_SLICE_MS, this.learnedForMs * share);
      this.learnedForMs = 0;
      do this.assessNext();
      while (this.waiting.size > 0 && performance.now() < untilMs);
      this.assessSoon();
    });
  }

  private assessNext(): void {
    const learned = this.waiting.take();
    if (learned !== null) this.attempt(learned.observation.exchange, () => this.assess(learned));
    if (this.assessing !== null && --this.assessing.left <= 0) this.assessing.done();
  }

  private assess({ observation, access, before, raised, reading }: Learned): void {
    const { exchange, endpoint, dataHits } = observation;
    const { findings: found, blockActor, wouldBlock } = this.assessor.assess(observation, access, raised, reading);
    const findings = found.map((finding) => this.withBefore(finding, before));
    if (blockActor !== null) this.events.blockActor(exchange, blockActor);
    if (wouldBlock) this.judged.wouldBlock(exchange, endpoint.id);
    for (const one of findings) {
      const verdict = this.parts.actors.report(one);
      if (verdict !== null && verdict.act !== 'none') this.events.judged(verdict);
      this.actorDeltas.reported(one);
    }
    this.findings.push(...findings);
    this.counters.findings += findings.length;
    const isEvidence = findings.length > 0 || exchange.outcome.incidentId !== undefined;
    const sample = this.sampler.sample(exchange, endpoint, dataHits, isEvidence);
    if (sample !== null) this.evidence.set(exchange.id, sample);
  }

  /** A finding with what its actor had sent before, which is kept as evidence, too. */
  private withBefore(finding: Finding, before: readonly Step[]): Finding {
    if (before.length === 0 || !this.trail.isWanted(finding)) return finding;
    const beforeIds: string[] = [];
    for (const { endpoint, record } of before) {
      const exchange = decodeExchange(record);
      beforeIds.push(exchange.id);
      if (this.evidence.get(exchange.id)?.evidence === true) continue;
      const reading = readExchange(exchange, this.parts.classifier(), null);
      this.evidence.set(exchange.id, this.sampler.before(exchange, endpoint, dataHitsOf(reading)));
    }
    return { ...finding, beforeIds };
  }

  /** A fault that every exchange meets would fill the disk with its lines. */
  private leftOut(exchange: Exchange, error: unknown): void {
    if (exchange.startedAtMs - this.saidLeftOutAtMs < LEFT_OUT_EVERY_MS) return;
    this.saidLeftOutAtMs = exchange.startedAtMs;
    this.log(
      `engine: exchange ${exchange.id} (${exchange.request.method} ${exchange.service}) was left out, the ${this.counters.failedExchanges}th: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }

  private learn(exchange: Exchange, lagMs: number, nowMs: number): void {
    const { inventory, ownership, detectors, actors, hits, classifier } = this.parts;
    const { blockId, acts, incidentId } = exchange.outcome;
    if (exchange.outcome.phase === 'connection' && blockId !== undefined) {
      this.learnBlocked(exchange, blockId);
      return;
    }
    const actor = actorOf(exchange.principal, exchange.client.ip);
    const actorName = `${actor.kind} ${actor.value}`;
    if (!this.selection.isClose(exchange, actorName, lagMs, nowMs)) {
      this.count(exchange);
      return;
    }
    const bodies = bodiesOf(exchange);
    const reading = readExchange(exchange, classifier(), isSmall(exchange) ? bodies : null);
    const observation = inventory.observe(exchange, dataHitsOf(reading), bodies);
    const { endpoint } = observation;
    const { verdict, finding } = ownership.judge(observation, bodies.response);
    const before = this.trail.follow(actorName, observation);
    actors.observe(observation);
    this.actorDeltas.observed(observation);
    if (blockId !== undefined) hits.record(readBlockName(blockId), `${endpoint.method} ${endpoint.template}`, exchange.startedAtMs);
    // What somebody does over time is only seen by who sees all of it: detectors do not wait for the second look, which may be left out.
    const raised = [...(finding === null ? [] : [finding]), ...detectors.observe(observation, verdict)];
    this.waiting.add({
      observation,
      access: verdict,
      before,
      raised,
      reading,
      subjects: [`endpoint ${endpoint.id} ${exchange.response?.status ?? 0}`, actorName],
      mustRun: raised.length > 0 || acts.length > 0 || incidentId !== undefined,
    });
  }

  /** What is passed over while too much arrives: endpoint, actor and baselines are right, nothing is read of the answer. */
  private count(exchange: Exchange): void {
    const { inventory, detectors, actors, classifier } = this.parts;
    const observation = inventory.observe(exchange, [], { ...bodiesOf(exchange), response: () => undefined });
    actors.observe(observation);
    this.actorDeltas.observed(observation);
    const raised = detectors.observe(observation, null);
    if (raised.length > 0)
      this.waiting.add({
        observation,
        access: null,
        before: [],
        raised,
        reading: readExchange(exchange, classifier(), null),
        subjects: [],
        mustRun: true,
      });
  }

  /** What the blocklist stopped is counted and kept for the actor, but teaches nothing about the API. */
  private learnBlocked(exchange: Exchange, blockId: string): void {
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
    // A blocked client may well send thousands a second: some of them are enough to show what it tried.
    const second = Math.floor(exchange.startedAtMs / 1000);
    if (second !== this.blockedSecond) {
      this.blockedSecond = second;
      this.blockedInSecond = 0;
      this.blockedClients.clear();
    }
    const { ip } = exchange.client;
    const isFirst = this.blockedClients.size < BLOCKED_CLIENTS_PER_SECOND && !this.blockedClients.has(ip);
    if (isFirst) this.blockedClients.add(ip);
    if (this.blockedInSecond++ < BLOCKED_KEPT_PER_SECOND || isFirst)
      this.keep(this.samples, exchange, null, [], exchange.outcome.incidentId !== undefined);
  }

  private keep(
    kept: SampleWrite[],
    exchange: Exchange,
    endpoint: EndpointRef | null,
    hits: Observation['dataHits'],
    isEvidence: boolean,
  ): void {
    const sample = this.sampler.sample(exchange, endpoint, hits, isEvidence);
    if (sample !== null) kept.push(sample);
  }

  private takeHits(): ReadonlySet<string> {
    const taken = this.hitBlocks;
    this.hitBlocks = new Set();
    return taken;
  }

  /**
   * Everything since the last step: what was learned until now, and, since a crash would lose it, what the second looks at that come to. They come one
   * after the other, so those at what arrives meanwhile belong to the next step.
   */
  private async step(batchIds: readonly string[]): Promise<Commit> {
    const nowMs = Date.now();
    const learned = this.takeLearned(nowMs);
    const found = await new Promise<Found>((resolve) => {
      const done = (): void => {
        this.assessing = null;
        resolve(this.takeFound(nowMs));
      };
      if (this.waiting.size === 0) return done();
      this.assessing = { left: this.waiting.size, done };
      this.assessSoon();
    });
    return {
      batchIds,
      nowMs,
      ...learned,
      findings: [...found.findings, ...learned.findings],
      samples: [...found.samples, ...learned.samples],
      counters: [...learned.counters, ...found.counters],
      actors: [...learned.actors, ...found.actors],
      learned: [...learned.learned, ...found.learned],
    };
  }

  private takeLearned(nowMs: number): Taught {
    const { inventory, ownership, detectors, actors, hits } = this.parts;
    const { samples } = this;
    this.samples = [];
    const step = inventory.drain();
    for (const { from, to } of step.renamed) {
      ownership.rename(from.service, from.method, from.template, to.template);
      detectors.rename(from, to);
    }
    return {
      services: step.services,
      folds: step.folds,
      endpoints: step.endpoints.map((endpoint) => withSharing(endpoint, ownership.sharing(endpoint.ref))),
      history: step.history,
      counters: [...step.counters, ...this.extra.take()],
      dataSightings: step.dataSightings,
      findings: step.findings,
      actors: this.actorDeltas.takeLearned(nowMs),
      samples,
      learned: [
        ...entriesOf('inventory', inventory.checkpoint()),
        ...entriesOf('ownership', ownership.checkpoint()),
        ...entriesOf('detectors', detectors.checkpoint()),
        ...entriesOf('actors', actors.dirty()),
        ...entriesOf('hits', hits.dirty()),
      ],
    };
  }

  private takeFound(nowMs: number): Found {
    const { findings, evidence } = this;
    this.findings = [];
    this.evidence = new Map();
    return {
      findings,
      samples: [...evidence.values()],
      counters: this.judged.take(),
      actors: this.actorDeltas.takeFound(nowMs),
      learned: entriesOf('actors', this.parts.actors.dirtyReports()),
    };
  }
}

/** What second looks came to, as part of a step. */
type Found = Required<Pick<Commit, 'findings' | 'samples' | 'counters' | 'actors' | 'learned'>>;
/** What was learned, as part of a step. */
type Taught = Found & Omit<Commit, keyof Found | 'batchIds' | 'nowMs'>;

const encoder = new TextEncoder();
const entriesOf = (
  scope: string,
  entries: readonly { readonly key: string; readonly value: string | null }[],
): Required<Commit>['learned'] => entries.map(({ key, value }) => ({ scope, key, value: value === null ? null : encoder.encode(value) }));

const withSharing = (endpoint: EndpointWrite, sharing: Sharing | null): EndpointWrite =>
  sharing === null ? endpoint : { ...endpoint, detail: { ...endpoint.detail, sharing } };
