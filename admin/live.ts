import type { Store } from '../store/index.js';

/** What a live view is told: that something changed and what to read again. `seq` rises by one with each. */
export interface LiveNotice {
  readonly seq: number;
  readonly topic: LiveTopic;
  readonly change: string;
  readonly id: string;
  readonly atMs: number;
  readonly about: unknown;
}
export const LIVE_TOPICS = [
  'traffic',
  'endpoints',
  'issues',
  'actors',
  'blocks',
  'policies',
  'services',
  'scans',
  'sources',
  'settings',
] as const;
export type LiveTopic = (typeof LIVE_TOPICS)[number];

/** Notices kept for clients that come back with Last-Event-ID. */
const REMEMBERED = 500;
const LOOK_MS = 500;
const ROWS_A_LOOK = 50;
/** An engine writes what it saw at most so much later. */
const WRITTEN_LATE_MS = 15_000;
/** An engine carries out within moments what a person decided of templates, and the rows say nothing of when: pages are told so long after it to read again. */
const CARRIED_OUT_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
const TEMPLATE_EDITS = new Set(['pin', 'merge', 'split', 'undone', 'imported']);
/** More than all looks of that time find. */
const MAX_TOLD = 4_000;

/** Tells open pages what changed. Writes of this API are told at once; what engines in other processes wrote is found by looking, while somebody listens. */
export class LiveFeed {
  readonly #store: Store;
  readonly #nowMs: () => number;
  readonly #lookMs: number;
  readonly #listeners = new Set<(notice: LiveNotice) => void>();
  readonly #recent: LiveNotice[] = [];
  readonly #told = new Set<string>();
  #seq = 0;
  #timer: NodeJS.Timeout | null = null;
  #edited: { readonly id: string; readonly atMs: number; told: number } | null = null;
  #looked = { issues: 0, endpoints: 0, actors: 0, runs: new Map<string, string>(), minute: '' };

  /** @param lookMs time between two looks at what engines wrote, while somebody listens */
  constructor(store: Store, nowMs: () => number, lookMs = LOOK_MS) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#lookMs = lookMs;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  tell(topic: LiveTopic, change: string, id: string, about: unknown = null): void {
    this.#seq += 1;
    const notice = { seq: this.#seq, topic, change, id, atMs: this.#nowMs(), about };
    this.#recent.push(notice);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    for (const listener of this.#listeners) listener(notice);
    if (topic === 'endpoints' && TEMPLATE_EDITS.has(change)) this.#edited = { id, atMs: notice.atMs, told: 0 };
  }

  /** Gives the notices after `afterSeq` that are still remembered, then all later ones. Returns how to stop. */
  subscribe(listener: (notice: LiveNotice) => void, afterSeq: number | null): () => void {
    if (afterSeq !== null) for (const notice of this.#recent) if (notice.seq > afterSeq) listener(notice);
    this.#listeners.add(listener);
    if (this.#timer === null) {
      const nowMs = this.#nowMs();
      this.#looked = { issues: nowMs, endpoints: nowMs, actors: nowMs, runs: new Map(), minute: '' };
      this.#timer = setInterval(() => void this.look().catch(() => undefined), this.#lookMs);
      this.#timer.unref();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** What was seen at `atMs` is written a while later, and what was seen after it may be written before: so late comers are news, too, once. */
  #isNews(name: string, atMs: number, lookedMs: number): boolean {
    if (atMs <= lookedMs - WRITTEN_LATE_MS || this.#told.has(name)) return false;
    this.#told.add(name);
    if (this.#told.size > MAX_TOLD) this.#told.delete(this.#told.values().next().value as string);
    return true;
  }

  #tellOfEdit(nowMs: number): void {
    if (this.#edited === null) return;
    const { id, atMs, told } = this.#edited;
    const due = CARRIED_OUT_MS.filter((ms) => nowMs - atMs >= ms).length;
    if (due > told) this.tell('endpoints', 'edited', id);
    if (due === CARRIED_OUT_MS.length) this.#edited = null;
    else this.#edited.told = due;
  }

  /** One look at what the engines wrote since the last. A failure is found again at the next look, and by every other read. */
  async look(): Promise<void> {
    const nowMs = this.#nowMs();
    const issues = await this.#store.issues.list({}, { sort: '-lastSeen', limit: ROWS_A_LOOK });
    for (const issue of [...issues.items].reverse()) {
      if (!this.#isNews(`issue ${issue.id} ${issue.lastSeenMs}`, issue.lastSeenMs, this.#looked.issues)) continue;
      const change = issue.firstSeenMs > this.#looked.issues ? 'opened' : issue.status === 'reopened' ? 'reopened' : 'seen';
      this.tell('issues', change, issue.id, { title: issue.title, severity: issue.severity, service: issue.service });
    }
    this.#looked.issues = Math.max(this.#looked.issues, issues.items[0]?.lastSeenMs ?? 0);

    const endpoints = await this.#store.inventory.list({}, { sort: '-firstSeen', limit: ROWS_A_LOOK });
    for (const endpoint of [...endpoints.items].reverse()) {
      if (!this.#isNews(`endpoint ${endpoint.id}`, endpoint.firstSeenMs, this.#looked.endpoints)) continue;
      this.tell('endpoints', 'added', endpoint.id, { service: endpoint.service, method: endpoint.method, template: endpoint.template });
    }
    this.#looked.endpoints = Math.max(this.#looked.endpoints, endpoints.items[0]?.firstSeenMs ?? 0);

    this.#tellOfEdit(nowMs);

    const actors = await this.#store.actors.list({ seenAfterMs: this.#looked.actors }, { sort: '-score', limit: ROWS_A_LOOK });
    for (const actor of actors.items)
      if (actor.findings > 0) this.tell('actors', 'seen', actor.id, { score: actor.score, label: actor.label });
    this.#looked.actors = Math.max(this.#looked.actors, ...actors.items.map((actor) => actor.lastSeenMs));

    const runs = await this.#store.scans.runs({}, { limit: 10 });
    for (const run of runs.items) {
      const now = JSON.stringify([run.state, run.progress]);
      const before = this.#looked.runs.get(run.id);
      if (before !== undefined && before !== now) this.tell('scans', run.state, run.id, run.progress);
      this.#looked.runs.set(run.id, now);
    }

    const [minute] = (await this.#store.inventory.serviceTraffic(null, nowMs - 120_000, nowMs + 60_000, 60_000)).slice(-1);
    const now = JSON.stringify(minute ?? null);
    if (now !== this.#looked.minute) this.tell('traffic', 'counted', '', minute ?? null);
    this.#looked.minute = now;
  }
}
