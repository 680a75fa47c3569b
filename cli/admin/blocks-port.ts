import type { BlockEntry, BlockExplanation, BlockExport, BlocksPort, BlockView, FeedView } from '../../admin/index.js';
import {
  type AllowEntry,
  type BlockHits,
  type Blocklist,
  type BlockTable,
  blockId,
  blockKey,
  covers,
  describeBlock,
  type ExportFormat,
  exportBlocks,
  type Feed,
  type FeedBook,
  nameOfBlock,
  normalScope,
  readBlockName,
  type Scope,
  type ScopeKind,
  type Subject,
  scopeText,
} from '../../attackers/index.js';
import type { Mode } from '../../exchange/index.js';
import type { SharedMap } from '../../traffic/index.js';
import type { RepeatSums } from '../wiring/repeat-counts.js';

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
  /** Resolves when `table` holds what the feeds are now. */
  readonly feedsSettled: () => Promise<void>;
  readonly hits: SharedMap<BlockHits>;
  /** Requests that gateways stopped without a record. */
  readonly repeats: RepeatSums;
  /** Services, and what is done with their requests. */
  readonly modes: () => readonly { readonly name: string; readonly mode: Mode }[];
}

/** The blocklist as the admin API asks for it. */
export function blocksPort({ blocklist, table, feeds, feedsSettled, hits, repeats, modes }: BlocksParts): BlocksPort {
  const seenOf = (name: string): Pick<BlockView, 'hits' | 'lastHitMs' | 'tried'> => {
    const seen = hits.get(name);
    const again = repeats.of(name);
    const lastMs = Math.max(seen?.lastMs ?? 0, again?.lastMs ?? 0);
    return { hits: (seen?.hits ?? 0) + (again?.count ?? 0), lastHitMs: lastMs === 0 ? null : lastMs, tried: seen?.endpoints ?? [] };
  };
  const view = (block: BlockEntry): BlockView => ({ action: 'block', ...block, ...seenOf(block.id) });
  const explain = (subject: Subject) => blocklist.explain(subject, table);
  const allowView = (entry: AllowEntry) => ({ expiresAtMs: null, ...entry, id: allowId(entry) });
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
    duplicates: feed.duplicates,
    checkedAtMs: feed.checkedAtMs,
    hits: seenOf(`feed:${feed.name}`).hits,
    loadedAtMs: feed.fetchedAtMs,
    error: feed.lastError,
    errors: feed.problems.map(({ line, text, why }) => ({ line, text, why })),
  });
  return {
    *list() {
      for (const { value } of blocklist.blocks.entries()) yield value;
    },
    view,
    hits: (id) => (hits.get(id)?.hits ?? 0) + (repeats.of(id)?.count ?? 0),
    get(id) {
      const block = blocklist.get(id);
      return block === null ? null : view(block);
    },
    stateOf(actor) {
      const ip = actor.kind === 'address' ? actor.value.split('/')[0] : '';
      if (table.allowedBy(ip, actor.kind === 'principal' ? actor.value : null) !== null) return 'allowed';
      return blocklist.holds(actor) ? 'blocked' : null;
    },
    async add(input, by) {
      const expiry =
        input.expiresAtMs !== undefined
          ? { expiresAtMs: input.expiresAtMs }
          : input.forMs === null
            ? { expiresAtMs: null }
            : { durationMs: input.forMs ?? DEFAULT_BLOCK_MS };
      const notes = [
        ...notesOn(input.value, input.kind, input.service ?? null, blocklist),
        ...modes().flatMap(({ name, mode }) => (input.service != null && input.service !== name ? [] : noteOnMode(name, mode))),
      ];
      const block = await blocklist.add({
        value: input.value,
        kind: input.kind,
        service: input.service ?? null,
        reason: input.reason,
        origin: 'person',
        createdBy: by.name,
        requestedFrom: by.callerAddress,
        action: input.action,
        perMinute: input.perMinute,
        unauthenticatedOnly: input.unauthenticatedOnly,
        force: input.force,
        ...expiry,
      });
      return { ...view(block), ...(notes.length === 0 ? {} : { notes }) };
    },
    async remove(id) {
      const block = blocklist.get(id);
      if (block === null) return false;
      await blocklist.remove(id);
      return true;
    },
    allowlist: () => blocklist.listAllowed().map(allowView),
    allow: async ({ forMs, ...entry }, by) =>
      allowView(await blocklist.allow({ ...entry, createdBy: by.name, ...(forMs === null ? {} : { durationMs: forMs }) })),
    async disallow(id) {
      const entry = blocklist.listAllowed().find((one) => allowId(one) === id);
      if (entry === undefined) return false;
      await blocklist.disallow(entry.scope.value, entry.scope.kind, entry.feed);
      return true;
    },
    explain(text) {
      const byId = blocklist.get(text);
      const scope = byId?.scope ?? scopeOf(text);
      if (scope === null) return unknown(text);
      const explained = explain({ scope, principalKey: null, service: byId?.service ?? null });
      const blocks = [...(explained.block === null ? [] : [explained.block]), ...explained.others];
      const allows = blocklist.listAllowed().filter((entry) => entry.scope.value === explained.allowedBy?.value);
      return {
        subject: text,
        verdict: explained.allowedBy !== null ? 'allowed' : explained.blocked ? 'blocked' : 'not-blocked',
        text: explained.text,
        blocks: blocks.map(view),
        allows: allows.map(allowView),
        incident: null,
      };
    },
    describe(name, { ip, principalKey, service }) {
      const { id, origin, createdBy } = readBlockName(name);
      const listed = origin === 'feed' ? null : blocklist.get(id);
      const found = listed ?? table.check(ip, principalKey, service, Date.now());
      if (found !== null && nameOfBlock(found) === name) return `${ip} was stopped by the blocklist: ${describeBlock(found)}.`;
      const what = origin === 'feed' ? `an entry of feed ${createdBy}` : `entry ${id}`;
      return `${ip} was stopped by the blocklist, by ${what}, which is not on it any more; the audit log says who took it off.`;
    },
    export(format, withFeeds) {
      const nowMs = Date.now();
      const chosen = MEDIA[format];
      const blocks = withFeeds ? [...blocklist.list(), ...feeds.blocks()] : blocklist.list();
      const text =
        chosen.format === null
          ? `${JSON.stringify(blocks.map(view), null, 2)}\n`
          : exportBlocks(chosen.format, blocks, blocklist.listAllowed(), nowMs).body;
      return { text, mediaType: chosen.mediaType };
    },
    feeds: () => feeds.list().map(feedView),
    async addFeed(feed) {
      const added = await feeds.put({
        name: feed.name,
        url: feed.url,
        everyMs: feed.everyMs,
        ...(feed.format === 'auto' ? {} : { format: feed.format }),
      });
      // Who asks next why an address is blocked must be told by the feed.
      await feedsSettled();
      return feedView(added);
    },
    async removeFeed(id) {
      if (!feeds.list().some((feed) => feed.name === id)) return false;
      await feeds.remove(id);
      await feedsSettled();
      return true;
    },
    async refreshFeed(id) {
      const refreshed = await feeds.refresh(id);
      await feedsSettled();
      return feedView(refreshed);
    },
  };
}

const allowId = (entry: AllowEntry): string => blockKey(entry.scope, entry.feed);

/** What somebody who blocks should know: what this entry replaces, what covers it anyway, what lies in it. */
function notesOn(value: string, kind: ScopeKind | undefined, service: string | null, blocklist: Blocklist): string[] {
  const scope = normalScope(value, kind);
  const id = blockId(scope, service);
  const { block, others } = blocklist.explain({ scope, principalKey: null, service });
  const matching = [...(block === null ? [] : [block]), ...others];
  const notes = matching.filter((one) => one.id === id).map((one) => `It replaces ${describeBlock(one)}.`);
  const isNetwork = scope.kind === 'address' || scope.kind === 'cidr';
  if (!isNetwork) return notes;
  const rest = matching.filter((one) => one.id !== id);
  notes.push(...rest.filter((one) => covers(one.scope.value, scope.value)).map((one) => `It lies in ${describeBlock(one)}.`));
  const inside = rest.filter((one) => !covers(one.scope.value, scope.value));
  if (inside.length > 0)
    notes.push(
      `${inside.length === 1 ? '1 entry lies' : `${inside.length} entries lie`} in it: ${inside
        .slice(0, 5)
        .map((one) => scopeText(one.scope))
        .join(', ')}${inside.length > 5 ? ', …' : ''}.`,
    );
  return notes;
}

/** An entry that does nothing must not look as if it did. */
function noteOnMode(name: string, mode: Mode): string[] {
  if (mode === 'enforce') return [];
  return [
    mode === 'mirror'
      ? `${name} is in mirror mode: weir refuses nothing there. Give the list to your firewall or edge (weir block export), or let a webhook tell it.`
      : `${name} is in observe mode: what the entry would stop is recorded, and passes. weir mode enforce --service ${name} makes it act.`,
  ];
}

function scopeOf(subject: string): Scope | null {
  try {
    return normalScope(subject);
  } catch {
    return null;
  }
}

const unknown = (subject: string): BlockExplanation => ({
  subject,
  verdict: 'unknown',
  text: `"${subject}" is no address, network, AS number, country, key of a principal, entry or incident, so nothing by that name is blocked.`,
  blocks: [],
  allows: [],
  incident: null,
});
