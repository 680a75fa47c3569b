import { newId, WeirError } from '../exchange/index.js';
import type { SharedMap, SharedState } from '../traffic/index.js';
import type { Block } from './block.js';
import type { BlockTable } from './block-table.js';
import { compileFeeds, type FeedText } from './compiled.js';
import { attackersError } from './errors.js';
import { fetchFeed } from './feed-fetch.js';
import { type FeedFormat, type FeedProblem, parseFeed } from './feed-parse.js';

export interface FeedConfig {
  /** Lower case letters, digits, dashes. */
  readonly name: string;
  readonly url: string;
  readonly format?: FeedFormat;
  /** Null: every service. */
  readonly service?: string | null;
  /** Default 1 h. */
  readonly everyMs?: number;
  /** Default 64 MiB. */
  readonly maxBytes?: number;
}

/** A feed and what is known of it. `entries` and what follows are of the last good content. */
export interface Feed extends FeedConfig {
  readonly checkedAtMs: number | null;
  readonly fetchedAtMs: number | null;
  readonly etag: string | null;
  readonly entries: number;
  readonly garbage: number;
  readonly duplicates: number;
  readonly problems: readonly FeedProblem[];
  /** Why the last attempt failed; the last good content stays in force. */
  readonly lastError: string | null;
  /** Names the content's pieces; changes with the content. */
  readonly content: string | null;
  readonly pieces: number;
}

const PIECE_CHARS = 256 * 1024;
const HOUR_MS = 3_600_000;

/** The feeds of a weir, on the process that polls them (one is enough; more do no harm). Their content travels as shared text, compiled by each gateway. */
export class FeedBook {
  private constructor(
    private readonly feeds: SharedMap<Feed>,
    private readonly content: SharedMap<string>,
    private readonly now: () => number,
  ) {}

  static async open(shared: SharedState, options: { readonly now?: () => number } = {}): Promise<FeedBook> {
    const [feeds, content] = await Promise.all([shared.open<Feed>('feeds'), shared.open<string>('feed-content')]);
    return new FeedBook(feeds, content, options.now ?? Date.now);
  }

  /** Adds or changes a feed and fetches it. A failed fetch is in the result's `lastError`. */
  async put(config: FeedConfig): Promise<Feed> {
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(config.name)) throw attackersError('BLOCK_INVALID', `"${config.name}" is no name for a feed`);
    const known = this.feeds.get(config.name);
    const isSame = known !== undefined && known.url === config.url && known.format === config.format;
    const empty = {
      checkedAtMs: null,
      fetchedAtMs: null,
      etag: null,
      entries: 0,
      garbage: 0,
      duplicates: 0,
      problems: [],
      lastError: null,
      content: null,
      pieces: 0,
    };
    await this.feeds.set(config.name, { ...empty, ...(isSame ? known : {}), ...config });
    if (known !== undefined && !isSame) await this.dropContent(known);
    return this.refresh(config.name);
  }

  async remove(name: string): Promise<void> {
    const feed = this.known(name);
    await this.feeds.delete(name);
    await this.dropContent(feed);
  }

  list(): Feed[] {
    return [...this.feeds.entries()].map(({ value }) => value).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What all feeds list now, as entries of a blocklist; for exports. */
  *blocks(): Generator<Block> {
    for (const { name, service, fetchedAtMs, lines } of readAll(this.feeds, this.content) ?? [])
      for (const line of lines.split('\n')) {
        if (line === '') continue;
        const scope = { kind: line.includes('/') ? 'cidr' : 'address', value: line } as const;
        yield {
          id: '',
          scope,
          service,
          reason: `listed by feed ${name}`,
          origin: 'feed',
          createdBy: name,
          createdAtMs: fetchedAtMs,
          expiresAtMs: null,
        };
      }
  }

  /** Fetches the feeds whose time has come. */
  async refreshDue(): Promise<void> {
    const nowMs = this.now();
    const due = this.list().filter(({ checkedAtMs, everyMs }) => checkedAtMs === null || checkedAtMs + (everyMs ?? HOUR_MS) <= nowMs);
    for (const { name } of due) await this.refresh(name);
  }

  /** Fetches one feed now. Errors of the feed are kept in it, not thrown. */
  async refresh(name: string): Promise<Feed> {
    const feed = this.known(name);
    const checkedAtMs = this.now();
    let next: Feed;
    try {
      const source = { url: feed.url, maxBytes: feed.maxBytes ?? 64 * 1024 * 1024, timeoutMs: 60_000 };
      const { text, etag } = await fetchFeed(source, feed.content === null ? null : feed.etag);
      next = text === null ? { ...feed, checkedAtMs, lastError: null } : await this.take({ ...feed, checkedAtMs, etag }, text);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      next = { ...feed, checkedAtMs, lastError: error.message };
    }
    await this.feeds.set(name, next);
    if (feed.content !== null && next.content !== feed.content) await this.dropContent(feed);
    return next;
  }

  /** The pieces come first, so whoever sees the feed's new `content` finds them, or will soon. */
  private async take(feed: Feed, text: string): Promise<Feed> {
    const { entries, garbage, duplicates, problems } = parseFeed(text, feed.format);
    const content = newId(this.now());
    const pieces = splitLines(entries);
    await Promise.all(pieces.map((piece, index) => this.content.set(pieceKey(feed.name, content, index), piece)));
    const fetchedAtMs = this.now();
    return {
      ...feed,
      fetchedAtMs,
      entries: entries.length,
      garbage,
      duplicates,
      problems,
      lastError: null,
      content,
      pieces: pieces.length,
    };
  }

  private async dropContent(feed: Feed): Promise<void> {
    if (feed.content === null) return;
    for (let index = 0; index < feed.pieces; index++) await this.content.delete(pieceKey(feed.name, feed.content, index));
  }

  private known(name: string): Feed {
    const feed = this.feeds.get(name);
    if (feed === undefined) throw attackersError('BLOCK_UNKNOWN', `There is no feed "${name}"`);
    return feed;
  }
}

/** Who follows the feeds. */
export interface FollowedFeeds {
  /** Resolves when the table holds what this process knows of the feeds now: what was just added is then in force here. */
  settled(): Promise<void>;
  stop(): void;
}

/** Keeps a gateway's table up to date with the feeds: compiled on another thread, swapped in when whole. */
export async function followFeeds(shared: SharedState, table: BlockTable, onError: (error: unknown) => void): Promise<FollowedFeeds> {
  const [feeds, content] = await Promise.all([shared.open<Feed>('feeds'), shared.open<string>('feed-content')]);
  let wanted = false;
  let running: Promise<void> | null = null;
  let loaded = '';
  const load = async (): Promise<void> => {
    wanted = false;
    const texts = readAll(feeds, content);
    const version = JSON.stringify(texts?.map(({ name, service, fetchedAtMs }) => [name, service, fetchedAtMs]) ?? null);
    if (texts === null || version === loaded) return;
    table.loadFeeds(texts.length === 0 ? null : await compileFeeds(texts));
    loaded = version;
  };
  const run = async (): Promise<void> => {
    while (wanted) await load().catch(onError);
    running = null;
  };
  const want = (): void => {
    wanted = true;
    running ??= run();
  };
  const stops = [feeds.subscribe(want), content.subscribe(want)];
  want();
  return {
    async settled() {
      await running;
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** Null while a feed's pieces are still on their way: then the table keeps what it has. */
function readAll(feeds: SharedMap<Feed>, content: SharedMap<string>): FeedText[] | null {
  const texts: FeedText[] = [];
  for (const { value: feed } of feeds.entries()) {
    if (feed.content === null) continue;
    const pieces: string[] = [];
    for (let index = 0; index < feed.pieces; index++) {
      const piece = content.get(pieceKey(feed.name, feed.content, index));
      if (piece === undefined) return null;
      pieces.push(piece);
    }
    texts.push({ name: feed.name, service: feed.service ?? null, fetchedAtMs: feed.fetchedAtMs ?? 0, lines: pieces.join('\n') });
  }
  return texts;
}

function pieceKey(name: string, content: string, index: number): string {
  return `${name}|${content}|${index}`;
}

function splitLines(entries: readonly string[]): string[] {
  const pieces: string[] = [];
  let lines: string[] = [];
  let chars = 0;
  for (const entry of entries) {
    lines.push(entry);
    chars += entry.length + 1;
    if (chars < PIECE_CHARS) continue;
    pieces.push(lines.join('\n'));
    lines = [];
    chars = 0;
  }
  if (lines.length > 0) pieces.push(lines.join('\n'));
  return pieces;
}
