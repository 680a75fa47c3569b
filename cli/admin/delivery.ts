/** Tells people: looks for what is new, puts it into the outbox of each integration that wants it, and delivers. One admin process at a time looks; all deliver. */
import { openedConfig, type Seal } from '../../admin/index.js';
import type { Block } from '../../attackers/index.js';
import { newId, type Severity, severityRank } from '../../exchange/index.js';
import {
  Deliverer,
  type DeliveryCounters,
  type Destination,
  IntegrationError,
  type Io,
  integrationNamed,
  isWanted,
  type Notice,
  type NoticeFilter,
  noticeOfIssue,
  readNotice,
  systemIo,
} from '../../integrations/index.js';
import { type Delivery, type IssueSummary, type Store, type StoredObject, StoreError } from '../../store/index.js';
import type { SharedMap } from '../../traffic/index.js';
import type { SharedMaps } from '../shared-maps.js';
import { lookForNews, type Told } from './news.js';

export interface DeliveryOptions {
  readonly store: Pick<Store, 'issues' | 'objects' | 'outbox'>;
  readonly maps: Pick<SharedMaps, 'scores' | 'status'>;
  readonly blocks: SharedMap<Block>;
  readonly seal: Seal;
  readonly actorScore: number;
  readonly publicUrl: string;
  readonly log: (message: string) => void;
  readonly io?: Io;
}

export interface RunningDelivery {
  counters(): DeliveryCounters & { readonly notices: number };
  /** One look and one round of deliveries, to the end. The timer calls it; tests do. */
  round(): Promise<void>;
  close(): Promise<void>;
}

interface KeptIntegration extends NoticeFilter {
  readonly kind: string;
  readonly config: { readonly [key: string]: unknown };
}

/** Who looks, until when, and what was told. */
interface Watch {
  readonly holder: string;
  readonly heldUntilMs: number;
  /** Null until the first look. */
  readonly told: Told | null;
}

const EVERY_MS = 1_000;
const LEASE_MS = 15_000;
const WATCH_KIND = 'delivery';
const WATCH_ID = 'watch';

export function runDelivery(options: DeliveryOptions): RunningDelivery {
  const { store, log } = options;
  const io = options.io ?? systemIo();
  const watcher = new Watcher(options, io);
  const deliverer = new Deliverer({
    outbox: store.outbox,
    io,
    open: (destination) =>
      integrationNamed(destination.kind).open(openedConfig(destination.config as KeptIntegration['config'], options.seal), io),
    noticeOf: (delivery) => noticeOfDelivery(delivery, options, io.nowMs()),
    log,
  });
  const round = async (): Promise<void> => {
    const integrations = await allIntegrations(store);
    await watcher.look(integrations);
    deliverer.start(integrations.filter((object) => bodyOf(object).enabled).map(destinationOf));
  };
  let running: Promise<void> | null = null;
  let problem = '';
  const timer = setInterval(() => {
    running ??= round()
      .then(
        () => {
          problem = '';
        },
        (error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          if (text !== problem) log(`integrations: ${text}`);
          problem = text;
        },
      )
      .finally(() => {
        running = null;
      });
  }, EVERY_MS);
  return {
    counters: () => ({ ...deliverer.counters, notices: watcher.notices }),
    async round() {
      await round();
      await deliverer.idle();
    },
    async close() {
      clearInterval(timer);
      watcher.close();
      await running;
      await deliverer.close();
    },
  };
}

class Watcher {
  notices = 0;
  readonly #id = newId();
  readonly #stop: () => void;
  #newBlocks: Block[] = [];
  #lookedBack = false;

  constructor(
    private readonly options: DeliveryOptions,
    private readonly io: Io,
  ) {
    this.#stop = options.blocks.subscribe((change) => {
      if (change.kind === 'set') this.#newBlocks.push(change.entry.value);
      else if (change.kind === 'snapshot') this.#lookedBack = false;
    });
  }

  /** Finds what is new and files it for everybody who wants it; nothing while another process holds the watch. */
  async look(integrations: readonly StoredObject[]): Promise<void> {
    const { store, blocks } = this.options;
    const nowMs = this.io.nowMs();
    const fresh = this.#newBlocks;
    this.#newBlocks = [];
    const watch = await this.#hold(nowMs);
    if (watch === null) {
      this.#lookedBack = false;
      return;
    }
    const { told } = watch;
    // Blocks made while nobody watched are still in the map.
    const missed = this.#lookedBack
      ? []
      : [...blocks.entries()].map(({ value }) => value).filter((one) => one.createdAtMs > (told?.blocksMs ?? nowMs));
    const newBlocks = [...new Map([...missed, ...fresh].map((block) => [`${block.id}@${block.createdAtMs}`, block])).values()];
    const filters = integrations.map((object) => ({ id: object.id, filter: bodyOf(object) }));
    const wanted = (issue: IssueSummary): boolean => filters.some(({ filter }) => mayWant(filter, issue));
    const news = await lookForNews(told, newBlocks, { ...this.options, ...this.options.maps, isWanted: wanted }, nowMs);
    this.#lookedBack = true;
    const filed = news.notices.flatMap((notice) =>
      filters.filter(({ filter }) => isWanted(filter, notice)).map(({ id }) => ({ integrationId: id, notice })),
    );
    // First the notices, then that they were told: a crash between the two repeats some, and loses none.
    await store.outbox.add(filed, nowMs);
    this.notices += filed.length;
    if (JSON.stringify(told) !== JSON.stringify(news.told)) await this.#keep(news.told, watch.version, nowMs);
  }

  /** Takes or renews the watch. Null while another process has it. */
  async #hold(nowMs: number): Promise<{ readonly told: Told | null; readonly version: number } | null> {
    const kept = await this.options.store.objects.get(WATCH_KIND, WATCH_ID);
    const watch = (kept?.body ?? null) as Watch | null;
    const version = kept?.version ?? 0;
    const told = watch?.told ?? null;
    if (watch?.holder === this.#id && watch.heldUntilMs - nowMs > LEASE_MS / 2) return { told, version };
    if (watch !== null && watch.holder !== this.#id && watch.heldUntilMs > nowMs) return null;
    try {
      return { told, version: await this.#keep(told, version, nowMs) };
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORE_CONFLICT') return null;
      throw error;
    }
  }

  async #keep(told: Told | null, version: number, nowMs: number): Promise<number> {
    const watch: Watch = { holder: this.#id, heldUntilMs: nowMs + LEASE_MS, told };
    return (await this.options.store.objects.put(WATCH_KIND, WATCH_ID, watch, { author: 'weir', atMs: nowMs }, version)).version;
  }

  close(): void {
    this.#stop();
  }
}

const bodyOf = (object: StoredObject): KeptIntegration => object.body as KeptIntegration;

const destinationOf = (object: StoredObject): Destination => ({
  id: object.id,
  kind: bodyOf(object).kind,
  config: bodyOf(object).config,
  version: object.version,
});

const mayWant = (filter: NoticeFilter, about: { readonly severity: Severity; readonly service: string }): boolean =>
  filter.enabled &&
  severityRank(about.severity) >= severityRank(filter.minSeverity) &&
  (filter.services.length === 0 || filter.services.includes(about.service));

async function allIntegrations(store: Pick<Store, 'objects'>): Promise<readonly StoredObject[]> {
  const all: StoredObject[] = [];
  for (let cursor: string | null = null; ; ) {
    const { items, nextCursor } = await store.objects.list('integration', { cursor });
    all.push(...items);
    if (nextCursor === null) return all;
    cursor = nextCursor;
  }
}

/** What people send by hand is kept as a reference and filled in when it goes out, so that it says what is true then. */
async function noticeOfDelivery(delivery: Delivery, options: DeliveryOptions, nowMs: number): Promise<Notice> {
  const raw = delivery.notice as {
    readonly change?: unknown;
    readonly issueId?: unknown;
    readonly id?: unknown;
    readonly by?: unknown;
  } | null;
  if (raw?.change !== 'sent' || typeof raw.issueId !== 'string' || raw.id !== undefined) return readNotice(delivery.notice);
  const issue = await options.store.issues.get(raw.issueId);
  if (issue === null) throw new IntegrationError('INTEGRATION_NOTICE', `issue ${raw.issueId} is no longer kept`);
  const by = typeof raw.by === 'string' ? raw.by : '';
  return { ...noticeOfIssue(issue, 'sent', { publicUrl: options.publicUrl, nowMs, by }), id: delivery.id };
}
