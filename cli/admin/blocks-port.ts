import type { BlockExport, BlocksPort, BlockView, FeedView } from '../../admin/index.js';
import {
  type AllowEntry,
  type Block,
  type BlockHits,
  type Blocklist,
  type BlockTable,
  blockKey,
  type ExportFormat,
  exportBlocks,
  type Feed,
  type FeedBook,
  normalScope,
} from '../../attackers/index.js';
import type { SharedMap } from '../../traffic/index.js';

const DEFAULT_BLOCK_MS = 4 * 3_600_000;
const MEDIA: Readonly<Record<BlockExport, { readonly format: ExportFormat | null; readonly mediaType: string }>> = {
  plain: { format: 'list', mediaType: 'text/plain; charset=utf-8' },
  nftables: { format: 'nftables', mediaType: 'text/plain; charset=utf-8' },
  nginx: { format: 'nginx', mediaType: 'text/plain; charset=utf-8' },
  haproxy: { format: 'haproxy', mediaType: 'text/plain; charset=utf-8' },
  'aws-waf': { format: 'aws-waf', mediaType: 'application/json' },
  json: { format: null, mediaType: 'application/json' },
};

export interface BlocksParts {
  readonly blocklist: Blocklist;
  /** A table with feeds, for explanations. */
  readonly table: BlockTable;
  readonly feeds: FeedBook;
  readonly hits: SharedMap<BlockHits>;
}

/** The blocklist as the admin API asks for it. */
export function blocksPort({ blocklist, table, feeds, hits }: BlocksParts): BlocksPort {
  const view = (block: Block): BlockView => {
    const seen = hits.get(block.id);
    return { ...block, action: 'block', hits: seen?.hits ?? 0, lastHitMs: seen?.lastMs ?? null };
  };
  const allowView = (entry: AllowEntry) => ({ ...entry, id: allowId(entry) });
  const feedView = (feed: Feed): FeedView => ({
    id: feed.name,
    name: feed.name,
    url: feed.url,
    format: feed.format ?? 'auto',
    everyMs: feed.everyMs ?? 3_600_000,
    enabled: true,
    entries: feed.entries,
    refused: feed.garbage,
    overridden: blocklist.listAllowed().filter((entry) => entry.feed === feed.name).length,
    hits: hits.get(`feed:${feed.name}`)?.hits ?? 0,
    loadedAtMs: feed.fetchedAtMs,
    error: feed.lastError,
    errors: feed.problems.map((problem) => ({ line: problem.line, text: problem.text })),
  });
  return {
    list: () => blocklist.list().map(view),
    get(id) {
      const block = blocklist.get(id);
      return block === null ? null : view(block);
    },
    async add(input, by) {
      const expiry =
        input.expiresAtMs !== undefined
          ? { expiresAtMs: input.expiresAtMs }
          : input.forMs === null
            ? { expiresAtMs: null }
            : { durationMs: input.forMs ?? DEFAULT_BLOCK_MS };
      const block = await blocklist.add({
        value: input.value,
        kind: input.kind,
        service: input.service ?? null,
        reason: input.reason,
        origin: 'person',
        createdBy: by.name,
        requestedFrom: isLoopback(by.callerAddress) ? undefined : by.callerAddress,
        unauthenticatedOnly: input.unauthenticatedOnly,
        force: input.force,
        ...expiry,
      });
      return view(block);
    },
    async remove(id) {
      const block = blocklist.get(id);
      if (block === null) return false;
      await blocklist.remove(id);
      return true;
    },
    allowlist: () => blocklist.listAllowed().map(allowView),
    allow: async (entry, by) => allowView(await blocklist.allow({ ...entry, createdBy: by.name })),
    async disallow(id) {
      const entry = blocklist.listAllowed().find((one) => allowId(one) === id);
      if (entry === undefined) return false;
      await blocklist.disallow(entry.scope.value, entry.scope.kind, entry.feed);
      return true;
    },
    explain(subject) {
      const byId = blocklist.get(subject);
      const scope = byId?.scope ?? scopeOf(subject);
      const isAddress = scope.kind === 'address' || scope.kind === 'cidr';
      const explained = blocklist.explain(
        isAddress ? scope.value.split('/')[0] : '0.0.0.0',
        isAddress ? null : scope.value,
        byId?.service ?? '',
        table,
      );
      const blocks = [...(explained.block === null ? [] : [explained.block]), ...explained.others];
      const allows = blocklist.listAllowed().filter((entry) => entry.scope.value === explained.allowedBy?.value);
      return {
        subject,
        verdict: explained.allowedBy !== null ? 'allowed' : explained.blocked ? 'blocked' : 'not-blocked',
        text: explained.text,
        blocks: blocks.map(view),
        allows: allows.map(allowView),
        incident: null,
      };
    },
    export(format) {
      const nowMs = Date.now();
      const chosen = MEDIA[format];
      const text =
        chosen.format === null
          ? `${JSON.stringify(blocklist.list().map(view), null, 2)}\n`
          : exportBlocks(chosen.format, blocklist.list(), blocklist.listAllowed(), nowMs).body;
      return { text, mediaType: chosen.mediaType };
    },
    feeds: () => feeds.list().map(feedView),
    addFeed: async (feed) =>
      feedView(
        await feeds.put({
          name: feed.name,
          url: feed.url,
          everyMs: feed.everyMs,
          ...(feed.format === 'auto' ? {} : { format: feed.format }),
        }),
      ),
    async removeFeed(id) {
      if (!feeds.list().some((feed) => feed.name === id)) return false;
      await feeds.remove(id);
      return true;
    },
    refreshFeed: async (id) => feedView(await feeds.refresh(id)),
  };
}

const allowId = (entry: AllowEntry): string => blockKey(entry.scope, entry.feed);

/** The admin on the same machine is seen as loopback, which says nothing about where attackers come from. */
const isLoopback = (ip: string): boolean => ip.startsWith('127.') || ip === '::1';

function scopeOf(subject: string): { kind: string; value: string } {
  try {
    return normalScope(subject);
  } catch {
    return { kind: 'principal', value: subject };
  }
}
