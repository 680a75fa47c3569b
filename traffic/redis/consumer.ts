import { newId } from '../../exchange/index.js';
import { Counters } from '../counters.js';
import { decodeRecords } from '../decode.js';
import { pause } from '../pause.js';
import type { Batch, TakeBatches, TrafficConsumer, TrafficStats } from '../types.js';
import { type Backlog, readBacklog } from './backlog.js';
import { RedisLink, type Reply } from './link.js';
import { trafficKey } from './publisher.js';

export interface RedisConsumerOptions {
  readonly url: string;
  readonly namespace?: string;
  /** Name within the group. One that survives restarts gets its own unfinished batches back at once; the default is a new name each time. */
  readonly consumer?: string;
  /** Default 16. */
  readonly maxBatches?: number;
  /** A batch that a consumer took and did not acknowledge for this long goes to another one. Default 10 s. */
  readonly claimIdleMs?: number;
  /** Longest wait of one blocking read. Default 1 s. */
  readonly blockMs?: number;
  /** First pause after a rejection; doubles up to 5 s. Default 100 ms. */
  readonly retryMs?: number;
  /** A command (a read: beyond its wait) without an answer for this long replaces the connection. Default 5 s. */
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

interface Entry {
  readonly entryId: string;
  /** Null: trimmed from the stream after it was handed out. */
  readonly batch: Batch | null;
}

const BACKLOG_EVERY_MS = 2000;
const FORGET_CONSUMER_MS = 3_600_000;
const REMEMBERED_IDS = 4096;

/** Reads a Redis stream as one member of a consumer group. At least once; a batch whose acknowledgement was lost is acknowledged again, not delivered again. */
export function redisConsumer(options: RedisConsumerOptions): TrafficConsumer {
  return new Consumer(options);
}

class Consumer implements TrafficConsumer {
  private readonly counters = new Counters();
  private readonly key: string;
  private readonly name: string;
  private readonly now: () => number;
  private readonly links = new Set<RedisLink>();
  private readonly finished = new Set<string>();
  /** Entries that were taken and are not safe yet. */
  private readonly pending = new Set<string>();
  /** Acknowledgements have a connection of their own: a blocking read would hold them up, and they go on after the reading has ended. */
  private acks: RedisLink | null = null;
  private backlog: Backlog = { exchanges: 0, oldestAtMs: null, trimmedBatches: 0, perBatch: 1 };

  constructor(private readonly options: RedisConsumerOptions) {
    this.key = trafficKey(options.namespace);
    this.name = options.consumer ?? newId();
    this.now = options.now ?? Date.now;
  }

  async consume(group: string, take: TakeBatches<Batch>, signal: AbortSignal): Promise<void> {
    let resumed = false;
    const link = new RedisLink({
      url: this.options.url,
      name: `weir-${group}`,
      timeoutMs: this.options.timeoutMs,
      onUp: (fresh) => this.createGroup(fresh, group),
      onDown: () => {
        resumed = false;
      },
    });
    this.links.add(link);
    if (this.acks === null) {
      this.acks = new RedisLink({ url: this.options.url, name: `weir-${group}-acks`, timeoutMs: this.options.timeoutMs });
      this.links.add(this.acks);
    }
    const abort = () => void link.close();
    signal.addEventListener('abort', abort);
    let claimedAtMs = 0;
    let countedAtMs = 0;
    const claimEveryMs = (this.options.claimIdleMs ?? 10_000) / 2;
    while (!signal.aborted) {
      if (!(await link.whenUp(1000))) continue;
      try {
        if (!resumed) {
          await this.resume(link, group, take, signal);
          resumed = true;
        }
        if (this.now() - claimedAtMs >= claimEveryMs) {
          await this.claim(link, group, take, signal);
          claimedAtMs = this.now();
        }
        if (this.now() - countedAtMs >= BACKLOG_EVERY_MS) {
          await this.count(link, group);
          countedAtMs = this.now();
        }
        const entries = await this.read(link, group, '>', this.options.blockMs ?? 1000);
        await this.deliver(link, group, entries, take, signal);
      } catch (error) {
        if (isNoGroup(error)) await this.createGroup(link, group).catch(() => undefined);
        else await pause(50, signal);
      }
    }
    signal.removeEventListener('abort', abort);
    await link.close();
    this.links.delete(link);
    await this.endAcks();
  }

  stats(): TrafficStats {
    const { exchanges, oldestAtMs } = this.backlog;
    return this.counters.read(exchanges, oldestAtMs === null ? 0 : this.now() - oldestAtMs);
  }

  async close(): Promise<void> {
    await Promise.all([...this.links].map((link) => link.close()));
  }

  private async createGroup(link: RedisLink, group: string): Promise<void> {
    try {
      await link.command(['XGROUP', 'CREATE', this.key, group, '0', 'MKSTREAM']);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
    }
  }

  /** Batches this consumer's name was given before a crash or a lost connection. */
  private async resume(link: RedisLink, group: string, take: TakeBatches<Batch>, signal: AbortSignal): Promise<void> {
    for (let after = '0'; !signal.aborted; ) {
      const entries = await this.read(link, group, after, 0);
      if (entries.length === 0) return;
      after = entries[entries.length - 1].entryId;
      await this.redeliver(link, group, entries, take, signal);
    }
  }

  private async claim(link: RedisLink, group: string, take: TakeBatches<Batch>, signal: AbortSignal): Promise<void> {
    const idle = String(this.options.claimIdleMs ?? 10_000);
    const count = String(this.options.maxBatches ?? 16);
    for (let cursor = '0-0'; !signal.aborted; ) {
      const reply = await link.command(['XAUTOCLAIM', this.key, group, this.name, idle, cursor, 'COUNT', count], { buffers: true });
      const [next, messages, deleted] = list(reply);
      for (const _gone of list(deleted)) this.counters.drop('trimmed');
      await this.redeliver(
        link,
        group,
        list(messages).map((message) => this.entry(message)),
        take,
        signal,
      );
      cursor = text(next);
      if (cursor === '0-0') break;
    }
    await this.forgetConsumers(link, group);
  }

  /** Consumers that died long ago and hold nothing. */
  private async forgetConsumers(link: RedisLink, group: string): Promise<void> {
    for (const row of list(await link.command(['XINFO', 'CONSUMERS', this.key, group]))) {
      const [, name, , pending, , idleMs] = list(row);
      if (text(name) !== this.name && pending === 0 && Number(idleMs) > FORGET_CONSUMER_MS) {
        await link.command(['XGROUP', 'DELCONSUMER', this.key, group, text(name)]);
      }
    }
  }

  private async count(link: RedisLink, group: string): Promise<void> {
    const before = this.backlog.trimmedBatches;
    this.backlog = await readBacklog(link, this.key, group);
    const { trimmedBatches, perBatch } = this.backlog;
    if (trimmedBatches > before) this.counters.drop('trimmed', (trimmedBatches - before) * perBatch);
  }

  private async read(link: RedisLink, group: string, after: string, blockMs: number): Promise<Entry[]> {
    const wait = blockMs > 0 ? ['BLOCK', String(blockMs)] : [];
    const count = String(this.options.maxBatches ?? 16);
    const args = ['XREADGROUP', 'GROUP', group, this.name, 'COUNT', count, ...wait, 'STREAMS', this.key, after];
    const streams = list(await link.command(args, { buffers: true, waitMs: blockMs }));
    return list(list(streams[0])[1]).map((message) => this.entry(message));
  }

  private async redeliver(
    link: RedisLink,
    group: string,
    entries: readonly Entry[],
    take: TakeBatches<Batch>,
    signal: AbortSignal,
  ): Promise<void> {
    const again = entries.filter(({ entryId }) => !this.finished.has(entryId) && !this.pending.has(entryId));
    this.counters.redelivered += again.length;
    await this.acknowledge(
      link,
      group,
      entries.filter(({ entryId }) => this.finished.has(entryId)),
    );
    await this.deliver(link, group, again, take, signal);
  }

  private async deliver(
    link: RedisLink,
    group: string,
    entries: readonly Entry[],
    take: TakeBatches<Batch>,
    signal: AbortSignal,
  ): Promise<void> {
    const batches = entries.flatMap(({ batch }) => (batch === null ? [] : [batch]));
    for (let delayMs = this.options.retryMs ?? 100; batches.length > 0; delayMs = Math.min(delayMs * 2, 5000)) {
      try {
        const taken = await take(batches);
        if (taken === undefined) break;
        this.acknowledgeWhen(taken.safe, group, entries, signal);
        return;
      } catch {
        if (signal.aborted) return;
        this.counters.redelivered += batches.length;
        await pause(delayMs, signal);
      }
    }
    this.finish(entries);
    await this.acknowledge(link, group, entries);
  }

  /** What never gets safe stays with this consumer's name in Redis and comes again after a restart, or goes to another one. */
  private acknowledgeWhen(safe: Promise<void>, group: string, entries: readonly Entry[], signal: AbortSignal): void {
    for (const { entryId } of entries) this.pending.add(entryId);
    const settled = () => {
      for (const { entryId } of entries) this.pending.delete(entryId);
    };
    safe.then(async () => {
      settled();
      this.finish(entries);
      // Without an answer it is repeated when the entries come again: they are known as finished.
      if (this.acks !== null) await this.acknowledge(this.acks, group, entries).catch(() => undefined);
      if (signal.aborted) await this.endAcks();
    }, settled);
  }

  /** After the last reading has ended and all that was taken is acknowledged. */
  private async endAcks(): Promise<void> {
    const { acks } = this;
    if (acks === null || this.pending.size > 0) return;
    this.acks = null;
    this.links.delete(acks);
    await acks.close();
  }

  private finish(entries: readonly Entry[]): void {
    for (const { batch } of entries) this.counters.consumed += batch?.exchanges.length ?? 0;
    for (const { entryId } of entries) this.finished.add(entryId);
    for (const oldest of this.finished) {
      if (this.finished.size <= REMEMBERED_IDS) break;
      this.finished.delete(oldest);
    }
  }

  private async acknowledge(link: RedisLink, group: string, entries: readonly Entry[]): Promise<void> {
    if (entries.length > 0) await link.command(['XACK', this.key, group, ...entries.map(({ entryId }) => entryId)]);
  }

  private entry(message: Reply): Entry {
    const [entryId, fields] = list(message);
    if (fields === null) {
      this.counters.drop('trimmed');
      return { entryId: text(entryId), batch: null };
    }
    const [, id, , , , payload] = list(fields);
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.alloc(0);
    return { entryId: text(entryId), batch: { id: text(id), exchanges: decodeRecords(bytes, this.counters) } };
  }
}

function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function text(reply: Reply | undefined): string {
  return reply === undefined || reply === null ? '' : reply.toString();
}

function isNoGroup(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOGROUP');
}
