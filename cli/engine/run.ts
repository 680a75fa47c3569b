/** An engine of this process: reads the stream, learns, keeps, and tells gateways what they must know. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { createSeal } from '../../admin/index.js';
import { ActorBook, type BlockHits, Blocklist, HitBook, openGeo, type Verdict } from '../../attackers/index.js';
import { actorOf, type Exchange, Redactor, tellIpv6ActorsBy } from '../../exchange/index.js';
import { Inventory, OwnershipModel, watchAll } from '../../learning/index.js';
import type { Decision } from '../../policies/index.js';
import { DEFAULT_RETENTION, openStore, type Retention, type Store } from '../../store/index.js';
import type { Batch, FeedWriter, SharedState, TrafficConsumer } from '../../traffic/index.js';
import type { Config } from '../config.js';
import { rulesPublisher, violationsOf } from '../conformance.js';
import { openSharedMaps, type ProcessStatus, type SharedMaps, STATUS_TTL_MS } from '../shared-maps.js';
import { Callers } from '../wiring/callers.js';
import { ConfigState } from '../wiring/config-watch.js';
import { protectedAddresses } from '../wiring/gateway.js';
import { giveWay } from '../wiring/give-way.js';
import { openPolicyBook, type PolicyBook } from '../wiring/policies.js';
import { openVocabulary } from '../wiring/vocabulary.js';
import { Engine } from './engine.js';
import { LearnedIdentities } from './learned-identities.js';
import { OutwardState } from './outward.js';
import { followPins } from './pins.js';
import { RedactionSetting } from './redaction.js';

export interface EngineRun {
  readonly id: string;
  readonly version: string;
  readonly config: Config;
  readonly secret: string;
  readonly shared: SharedState;
  readonly consumer: TrafficConsumer;
  readonly feed: (snapshot: () => Iterable<Uint8Array>) => FeedWriter;
  readonly log: (message: string) => void;
}

const SWEEP_EVERY_MS = 60_000;
const REVIEW_EVERY_MS = 24 * 3_600_000;
const GROUP = 'engine';
const IDLE_MS = 1_000;
const POLICIES_AFTER_MS = 700;

/** Where the store lies: PostgreSQL where one is named, else a SQLite file in the data folder. `more`: see `StoreLocation`. */
export function openConfiguredStore(
  config: Config,
  more: { readonly mappedBytes?: number; readonly betweenStatements?: () => void } = {},
): Promise<Store> {
  const { postgres, sqlite } = config.store;
  return openStore(postgres === undefined ? { sqlite: sqlite ?? path.join(config.data, 'weir.db'), ...more } : { postgres });
}

const autoBlock = ({ actors }: Config) => ({
  autoBlockFrom: actors.autoBlockScore ?? 80,
  isSimulated: actors.autoBlockScore === undefined || actors.autoBlock === 'simulate',
});

/** What the configuration says about how much is kept; the UI may say otherwise. */
export const configuredRetention = ({ store }: Config): Partial<Retention> => ({
  findingDays: store.retentionDays,
  diskCapBytes: store.diskCapMb * 1024 * 1024,
});

export interface RunningEngine {
  /** Takes what can change while it runs: when actors are blocked by their score. */
  reload(config: Config): void;
  /** The configuration was read again and cannot be used: said in its status until the next one that can. */
  refuse(problem: string): void;
  close(): Promise<void>;
}

export async function runEngine(run: EngineRun): Promise<RunningEngine> {
  const { config, secret } = run;
  tellIpv6ActorsBy(config.actors.ipv6Prefix);
  // It writes nearly everything it ever reads: a mapped file would only count as its memory.
  const standAside = giveWay();
  const store = await openConfiguredStore(config, { mappedBytes: 0, betweenStatements: standAside });
  const maps = await openSharedMaps(run.shared);
  const vocabulary = openVocabulary({ dataTypes: config.dataTypes, keySets: config.keySets, maps, log: run.log });
  // Compiling takes most of a second that the gateway needs just now: ready first. What is learned does not need them.
  const opening = new Promise<void>((resolve) => setTimeout(resolve, POLICIES_AFTER_MS)).then(() =>
    openPolicyBook({ config, secret, maps, log: run.log, vocabulary }),
  );
  const policies: { book: PolicyBook | null } = { book: null };
  const geo = config.geo === undefined ? null : await openGeo(config.geo);
  const blocklist = await Blocklist.open(run.shared, { protect: protectedAddresses(config), geo });
  const ownership = new OwnershipModel({ secret, seed: createHash('sha256').update(`ownership\0${secret}`).digest().subarray(0, 8) });
  const actors = new ActorBook({
    ...autoBlock(config),
    isBlocked: (actor) => blocklist.holds(actor),
    isAllowed: (actor) => blocklist.isAllowed(actor),
  });
  const inventory = new Inventory();
  const detectors = watchAll();
  const redaction = await RedactionSetting.follow(store.objects, createSeal(secret));
  const hits = new HitBook();
  const outward = new OutwardState(maps, actors, hits, await run.shared.open<BlockHits>('block-hits'));
  const publishRules = rulesPublisher(inventory, maps.schemas);
  const feed = run.feed(() => ownership.snapshot());
  const callers = new Callers(secret, ownership, maps.sessionCookies);
  const engine = new Engine(
    {
      store,
      inventory,
      ownership,
      detectors,
      actors,
      hits,
      classifier: () => vocabulary.classifier(),
      policies: () => policies.book?.current() ?? null,
      redactor: new Redactor(secret, redaction.isOwnSecret),
      seal: redaction.seal,
      principalOf: ({ observer, principal, request, response, service }) => {
        if (observer.kind !== 'sensor') return principal;
        if (response !== null) callers.noteAnswer(response.headers);
        return callers.read(request.headers, request.target, undefined, service);
      },
      actorScore: (id) => maps.scores.get(id)?.score ?? 0,
      isAllowed: (ref) => blocklist.isAllowed(ref),
      tagsOf: (endpointId) => maps.templates.get(endpointId)?.tags ?? [],
      violations: ({ service, request }, template) => violationsOf(maps.schemas, { service, template, ...request }),
      geo,
      behind: () => run.consumer.stats(),
      giveWay: standAside,
    },
    {
      blockActor: (exchange, order) => {
        if (exchange.outcome.mode !== 'mirror' || !isOnlyObserved(maps, exchange.service))
          void blockActor(blocklist, exchange, order, run.log);
      },
      learned: (delta) => {
        if (delta !== null) feed.append(delta);
        outward.templates(inventory);
        if (outward.areTemplatesTold) publishRules(Date.now());
      },
      judged: (verdict) => void actOn(verdict, blocklist, run.log),
      committed: (result, hitBlocks) => {
        outward.committed(result);
        outward.hit(hitBlocks);
      },
    },
    run.log,
  );
  const identities = config.scans.learnIdentities ? new LearnedIdentities(store.objects, createSeal(secret), run.log) : null;
  await engine.restore();
  outward.templates(inventory);
  const stop = new AbortController();
  const pins = followPins(maps, inventory, () => engine.idle(), run.log);
  const loaded = opening.then(
    (book) => {
      policies.book = book;
      engine.policiesLoaded();
    },
    (error: unknown) => run.log(`engine: policies: ${error instanceof Error ? error.message : String(error)}`),
  );
  const consuming = run.consumer.consume(
    GROUP,
    (batches: readonly Batch[]) => {
      identities?.see(batches, Date.now());
      return engine.process(batches, Date.now());
    },
    stop.signal,
  );
  consuming.catch((error: unknown) => run.log(`engine: ${error instanceof Error ? error.message : String(error)}`));
  const idle = setInterval(() => {
    const nowMs = Date.now();
    const isQuiet = nowMs - engine.busyAtMs >= IDLE_MS;
    if (!isQuiet || engine.busyAtMs === 0) return;
    engine.busyAtMs = 0;
    void engine.idle();
  }, IDLE_MS);
  const startedAtMs = Date.now();
  const state = new ConfigState();
  const status = (): ProcessStatus => ({
    role: 'engine',
    version: run.version,
    startedAtMs,
    atMs: Date.now(),
    addresses: [],
    counters: {
      ...engine.status(),
      seenTwiceLastMinute: engine.twins.recent(Date.now()),
      ...flat('stream', run.consumer.stats()),
      actorsEvicted: actors.evicted,
      ...flat('inventory', inventory.stats()),
      ...flat('ownership', ownership.stats()),
      ...flat('detectors', detectors.stats()),
      ...state.status().counters,
    },
    configProblem: state.status().configProblem,
    ...(policies.book === null ? {} : { policies: policies.book.status() }),
  });
  const publish = () => void maps.status.set(run.id, status(), { expiresAtMs: Date.now() + STATUS_TTL_MS }).catch(() => undefined);
  publish();
  const heartbeat = setInterval(publish, 1000);
  let sweeping = Promise.resolve();
  const sweeper = setInterval(() => {
    sweeping = sweep(store, config, run.log);
  }, SWEEP_EVERY_MS);
  const reviewer = setInterval(() => void engine.review(Date.now()), REVIEW_EVERY_MS);
  return {
    reload(config) {
      actors.configure(autoBlock(config));
      state.inForce();
      publish();
    },
    refuse(problem) {
      state.refuse(problem);
      publish();
    },
    async close() {
      clearInterval(heartbeat);
      clearInterval(sweeper);
      clearInterval(reviewer);
      clearInterval(idle);
      redaction.close();
      pins();
      stop.abort();
      await consuming.catch(() => undefined);
      await loaded;
      engine.stop();
      await engine.idle();
      outward.close();
      await run.consumer.close();
      await feed.close();
      (policies.book ?? vocabulary).close();
      await sweeping;
      await store.close();
    },
  };
}

async function sweep(store: Store, config: Config, log: (message: string) => void): Promise<void> {
  try {
    const kept = await store.objects.get('setting', 'retention');
    const retention = {
      ...DEFAULT_RETENTION,
      ...configuredRetention(config),
      ...((kept?.body as object | undefined) ?? {}),
    };
    await store.sweep(retention, Date.now());
  } catch (error) {
    log(`engine: forgetting old data failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A sensor does not know the mode of what it hears: does a gateway serve it, in observe? */
function isOnlyObserved(maps: SharedMaps, service: string): boolean {
  const set = maps.modes.get(service);
  const served = [...maps.status.entries()].flatMap(({ value }) => value.services ?? []).find(({ name }) => name === service);
  return (set?.request ?? served?.mode.request) === 'observe';
}

/** What a rule of the engine orders: rules that only block the actor, and all rules where a sensor feeds. Observing ones only say so, and a file tells of the past. */
async function blockActor(
  blocklist: Blocklist,
  exchange: Exchange,
  order: NonNullable<Decision['blockActor']>,
  log: (message: string) => void,
): Promise<void> {
  if (!order.acted || exchange.observer.kind === 'import') return;
  const actor = actorOf(exchange.principal, exchange.client.ip);
  try {
    await blocklist.add({
      value: actor.value,
      kind: actor.kind === 'principal' ? 'principal' : undefined,
      reason: order.reason,
      origin: 'policy',
      createdBy: `policy ${order.policy}`,
      durationMs: order.durationMs,
      escalate: order.escalate,
    });
  } catch (error) {
    log(`policy ${order.policy} could not block ${actor.label}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the threshold of the actor score orders; a simulated one is in the actor's timeline only. */
async function actOn({ actor, act, reason }: Verdict, blocklist: Blocklist, log: (message: string) => void): Promise<void> {
  if (act !== 'block') return;
  try {
    await blocklist.add({
      value: actor.value,
      kind: actor.kind === 'principal' ? 'principal' : undefined,
      reason,
      origin: 'detector',
      createdBy: 'actor score',
      durationMs: 4 * 3_600_000,
      escalate: true,
    });
  } catch (error) {
    log(`engine: ${actor.label} was not blocked: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function flat(prefix: string, stats: object): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const [name, value] of Object.entries(stats)) if (typeof value === 'number') counters[`${prefix}.${name}`] = value;
  return counters;
}
