import type { ActorBook, BlockHits, HitBook } from '../../attackers/index.js';
import { endpointRef } from '../../exchange/index.js';
import type { Inventory } from '../../learning/index.js';
import type { CommitResult } from '../../store/index.js';
import type { SharedMap } from '../../traffic/index.js';
import type { SharedMaps } from '../shared-maps.js';

/** Only actors from here on are told to gateways: most score nothing. */
const SHARED_SCORE = 10;
const SCORES_EVERY_MS = 500;
/** Going through all templates takes at most a tenth of the time, however many there are and however often one is new. */
const TEMPLATES_PAUSE = 10;
const HITS_TTL_MS = 90 * 24 * 3_600_000;
const SCORE_TTL_MS = 24 * 3_600_000;

/** Brings what the engine learned to the maps that gateways follow. */
export class OutwardState {
  private templateVersion = -1;
  private templatesNotBeforeMs = 0;
  private templatesLater: NodeJS.Timeout | null = null;
  private scoresAtMs = 0;
  /** Scores changed since they were last told. */
  private scoresDue = false;

  constructor(
    private readonly maps: SharedMaps,
    private readonly actors: ActorBook,
    private readonly hits: HitBook,
    private readonly blockHits: SharedMap<BlockHits>,
  ) {}

  /** Adds new and changed templates, removes folded ones: now, or after the pause that is due. Cheap when nothing changed. */
  templates(inventory: Pick<Inventory, 'templatesVersion' | 'templates'>): void {
    if (inventory.templatesVersion === this.templateVersion || this.templatesLater !== null) return;
    const startedMs = performance.now();
    if (startedMs < this.templatesNotBeforeMs) {
      // The last change before a quiet time must not wait for the next exchange.
      this.templatesLater = setTimeout(() => {
        this.templatesLater = null;
        this.templates(inventory);
      }, this.templatesNotBeforeMs - startedMs);
      return;
    }
    this.templateVersion = inventory.templatesVersion;
    const { templates } = this.maps;
    const known = new Set([...templates.entries()].map((entry) => entry.key));
    for (const { service, method, template, tags } of inventory.templates()) {
      const { id } = endpointRef(service, method, template);
      known.delete(id);
      const before = templates.get(id);
      if (before === undefined || before.tags.join() !== tags.join())
        void templates.set(id, { service, method, template, tags }).catch(() => undefined);
    }
    for (const id of known) void templates.delete(id).catch(() => undefined);
    this.templatesNotBeforeMs = performance.now() + TEMPLATES_PAUSE * (performance.now() - startedMs);
  }

  /** No template waits to be told. */
  get areTemplatesTold(): boolean {
    return this.templatesLater === null;
  }

  close(): void {
    if (this.templatesLater !== null) clearTimeout(this.templatesLater);
  }

  /** Blocks that were hit, for the blocklist page; by id. */
  hit(blockIds: Iterable<string>): void {
    for (const id of blockIds) {
      const seen = this.hits.read(id);
      if (seen !== null) void this.blockHits.set(id, seen, { expiresAtMs: seen.lastMs + HITS_TTL_MS }).catch(() => undefined);
    }
  }

  committed(result: CommitResult): void {
    const nowMs = Date.now();
    this.scoresDue ||= result.issues.length > 0;
    if (!this.scoresDue || nowMs - this.scoresAtMs < SCORES_EVERY_MS) return;
    this.scoresDue = false;
    this.scoresAtMs = nowMs;
    const { scores } = this.maps;
    for (const actor of this.actors.listGrave(nowMs, 200)) {
      if (actor.score < SHARED_SCORE) break;
      const id = `${actor.kind}:${actor.value}`;
      if (scores.get(id)?.score !== actor.score)
        void scores.set(id, { score: actor.score }, { expiresAtMs: nowMs + SCORE_TTL_MS }).catch(() => undefined);
    }
  }
}
