import { pause } from '../pause.js';
import { RedisLink, type Reply } from '../redis/link.js';
import { versionMs } from './clock.js';
import { type Delta, TOMBSTONE_MS } from './delta.js';
import type { Replica } from './replica.js';

export interface RedisSyncOptions {
  readonly url: string;
  readonly namespace?: string;
  readonly connectMs?: number;
  readonly timeoutMs?: number;
  readonly now: () => number;
  /** One delta from another process. */
  readonly received: (name: string, delta: Delta) => void;
  /** What Redis holds of a map: at the start, after every reconnection, and when deltas were missed. */
  readonly merged: (replica: Replica<unknown>, deltas: readonly Delta[]) => Promise<void>;
  readonly state: (replica: Replica<unknown>, state: 'live' | 'stale') => void;
}

/** Larger values are not put into the change stream: readers fetch them from the hash. */
const INLINE_BYTES = 16 * 1024;
const BLOCK_MS = 1000;
const PUSH_AT_ONCE = 500;
/** A frozen Redis must not hold up the person who blocks somebody: the block is in force here and on disk. */
const PATIENCE_MS = 500;
/** A map that is opened later still gets the moment that a connection which is just being made needs. */
const LEAST_WAIT_MS = 50;

/**
 * KEYS: hash of the map, change stream, change counter. ARGV: key, version, delta, map, inline ('1' or '0').
 * Keeps the newer of two writes, and announces it with a number from which a reader sees that it missed one.
 */
const WRITE = `
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.sub(held, 1, string.len(ARGV[2])) >= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
local number = redis.call('INCR', KEYS[3])
local payload = ''
if ARGV[5] == '1' then payload = ARGV[3] end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'c', number, 'm', ARGV[4], 'k', ARGV[1], 'p', payload)
return 1`;

/**
 * Keeps the maps of one process and those of Redis the same: a hash a map (full content, tombstones included) and one stream of changes for all.
 *
 * After every connection the two sides are merged entry by entry, newest version first, and what Redis lacks is written there. So an edit made while Redis was away
 * needs no queue of its own, and a Redis that lost its memory gets it back.
 */
export class RedisSync {
  private readonly replicas = new Map<string, Replica<unknown>>();
  private readonly writer: RedisLink;
  private readonly reader: RedisLink;
  private readonly stop = new AbortController();
  private readonly running: Promise<void>;
  private readonly prefix: string;
  private position = '0-0';
  private change = 0;
  /** A push failed while the reader's connection stood: merge again. */
  private isBehind = false;
  private readonly patientUntilMs: number;

  constructor(private readonly options: RedisSyncOptions) {
    this.prefix = `{${options.namespace ?? 'weir'}}`;
    const { url, timeoutMs } = options;
    this.patientUntilMs = performance.now() + (options.connectMs ?? 3000);
    this.writer = new RedisLink({ url, timeoutMs, name: 'weir-shared-write' });
    this.reader = new RedisLink({
      url,
      timeoutMs,
      name: 'weir-shared-read',
      onUp: () => this.start(),
      onDown: () => this.setStates('stale'),
    });
    this.running = this.follow();
  }

  /** Resolves after the first merge. While Redis is away, all maps together wait for it `connectMs` from the start on, not each in turn. */
  async add(name: string, replica: Replica<unknown>): Promise<void> {
    this.replicas.set(name, replica);
    const waitMs = Math.max(LEAST_WAIT_MS, this.patientUntilMs - performance.now());
    const [isRead, isWritten] = await Promise.all([this.reader.whenUp(waitMs), this.writer.whenUp(waitMs)]);
    if (!isRead || !isWritten || replica.state === 'live') return;
    await this.merge(replica, this.writer).catch(() => this.behind());
  }

  /** True when Redis has it; false when it will get it by the next merge. Never rejects. */
  async push(name: string, delta: Delta): Promise<boolean> {
    const written = this.write(name, delta, this.writer).then(
      () => true,
      () => {
        this.behind();
        return false;
      },
    );
    return Promise.race([written, pause(PATIENCE_MS).then(() => false)]);
  }

  async close(): Promise<void> {
    this.stop.abort();
    await Promise.all([this.reader.close(), this.writer.close()]);
    await this.running;
  }

  private behind(): void {
    this.isBehind = true;
  }

  /** The position is read before the contents, so no change falls between the two. */
  private async start(): Promise<void> {
    await this.locate();
    for (const replica of this.replicas.values()) await this.merge(replica, this.reader);
    this.isBehind = false;
  }

  private async locate(): Promise<void> {
    const newest = rows(await this.reader.command(['XREVRANGE', this.key('changes'), '+', '-', 'COUNT', '1']))[0];
    this.position = newest === undefined ? '0-0' : String(rows(newest)[0]);
    this.change = newest === undefined ? 0 : Number(rows(rows(newest)[1])[1]);
  }

  private async follow(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      if (!(await this.reader.whenUp(1000))) continue;
      try {
        if (this.isBehind && (await this.writer.whenUp(1000))) await this.start();
        const args = ['XREAD', 'COUNT', '1000', 'BLOCK', String(BLOCK_MS), 'STREAMS', this.key('changes'), this.position];
        const stream = rows(await this.reader.command(args, { waitMs: BLOCK_MS }))[0];
        for (const entry of rows(rows(stream)[1])) await this.take(entry);
      } catch {
        // The link is replaced, and a new connection starts with a merge; anything else is healed by one.
        this.behind();
        await pause(50, signal);
      }
    }
  }

  private async take(entry: Reply): Promise<void> {
    const [id, fields] = rows(entry);
    const [, number, , name, , key, , payload] = rows(fields).map(String);
    this.position = String(id);
    if (Number(number) !== this.change + 1) this.behind();
    this.change = Number(number);
    if (!this.replicas.has(name)) return;
    let text = payload;
    if (text === '') {
      const held = await this.reader.command(['HGET', this.key(`map:${name}`), key]);
      if (held === null) return;
      text = withoutVersion(String(held));
    }
    this.options.received(name, JSON.parse(text) as Delta);
  }

  /** Takes what is newer there, writes what is newer here. */
  private async merge(replica: Replica<unknown>, link: RedisLink): Promise<void> {
    const held = new Map<string, string>();
    const deltas: Delta[] = [];
    const outdated: string[] = [];
    const key = this.key(`map:${replica.name}`);
    const oldestMs = this.options.now() - TOMBSTONE_MS;
    for (let cursor = '0'; ; ) {
      const [next, fields] = rows(await link.command(['HSCAN', key, cursor, 'COUNT', '2000']));
      const pairs = rows(fields);
      for (let index = 0; index + 1 < pairs.length; index += 2) {
        const delta = JSON.parse(withoutVersion(String(pairs[index + 1]))) as Delta;
        const isGone = delta.d === 1 || (delta.x !== null && delta.x < this.options.now());
        if (isGone && versionMs(delta.n) < oldestMs && (delta.x ?? 0) < oldestMs) outdated.push(delta.k);
        held.set(delta.k, delta.n);
        if (delta.n > replica.versionOf(delta.k)) deltas.push(delta);
      }
      cursor = String(next);
      if (cursor === '0') break;
    }
    await this.options.merged(replica, deltas);
    const missing = [...replica.snapshot()].filter((delta) => delta.n > (held.get(delta.k) ?? ''));
    for (let index = 0; index < missing.length; index += PUSH_AT_ONCE) {
      await Promise.all(missing.slice(index, index + PUSH_AT_ONCE).map((delta) => this.write(replica.name, delta, link)));
    }
    if (outdated.length > 0) await link.command(['HDEL', key, ...outdated]);
    this.options.state(replica, 'live');
  }

  private async write(name: string, delta: Delta, link: RedisLink): Promise<void> {
    const text = JSON.stringify(delta);
    const inline = text.length <= INLINE_BYTES ? '1' : '0';
    const keys = [this.key(`map:${name}`), this.key('changes'), this.key('change-number')];
    await link.command(['EVAL', WRITE, '3', ...keys, delta.k, delta.n, text, name, inline]);
  }

  private setStates(state: 'live' | 'stale'): void {
    for (const replica of this.replicas.values()) this.options.state(replica, state);
  }

  private key(name: string): string {
    return `${this.prefix}:${name}`;
  }
}

function rows(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function withoutVersion(held: string): string {
  return held.slice(held.indexOf(' ') + 1);
}
