import { pause } from '../pause.js';
import { RedisLink, type Reply } from '../redis/link.js';
import type { FeedReader, FeedWriter } from '../types.js';

export interface RedisFeedOptions {
  readonly url: string;
  readonly namespace?: string;
  /** Name of the feed; one writer, any number of readers. */
  readonly name: string;
  /** Most unsent bytes while Redis is away or slow; past it the backlog is dropped and a snapshot follows. Default 32 MiB. */
  readonly limitBytes?: number;
}

const keysOf = (options: RedisFeedOptions) => {
  const base = `{${options.namespace ?? 'weir'}}:feed:${options.name}`;
  return { log: base, head: `${base}:head` };
};

const MIN_COMPACT_BYTES = 8 * 1024 * 1024;

/**
 * The writer's side of a feed over Redis: one stream that begins with a snapshot. After every reconnect, and when the changes since outweigh the
 * snapshot, a new snapshot is written and everything before it is trimmed, so the stream stays bounded and a late reader starts at the snapshot.
 */
export function redisFeedWriter(options: RedisFeedOptions, snapshot: () => Iterable<Uint8Array>): FeedWriter {
  const { log, head } = keysOf(options);
  const limitBytes = options.limitBytes ?? 32 * 1024 * 1024;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let needsSnapshot = true;
  let snapshotBytes = 0;
  let deltaBytes = 0;
  let sending: Promise<void> | null = null;
  const stop = new AbortController();
  const link = new RedisLink({
    url: options.url,
    name: `weir-feed-${options.name}`,
    onUp: () => kick(),
    onDown: () => lost(),
  });

  const lost = (): void => {
    needsSnapshot = true;
  };

  const add = async (bytes: Uint8Array): Promise<string> => String(await link.command(['XADD', log, '*', 'b', Buffer.from(bytes)]));

  const writeSnapshot = async (): Promise<void> => {
    pending = [];
    pendingBytes = 0;
    needsSnapshot = false;
    snapshotBytes = 0;
    deltaBytes = 0;
    let first: string | null = null;
    for (const chunk of snapshot()) {
      const id = await add(chunk);
      first ??= id;
      snapshotBytes += chunk.length;
    }
    if (first === null) return;
    await link.command(['SET', head, first]);
    await link.command(['XTRIM', log, 'MINID', first]);
  };

  const send = async (): Promise<void> => {
    while (link.connected && !stop.signal.aborted && (needsSnapshot || pending.length > 0)) {
      try {
        if (needsSnapshot || deltaBytes > Math.max(MIN_COMPACT_BYTES, 2 * snapshotBytes)) await writeSnapshot();
        for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
          pendingBytes -= next.length;
          deltaBytes += next.length;
          await add(next);
        }
      } catch {
        needsSnapshot = true;
        await pause(200, stop.signal);
      }
    }
  };

  const kick = (): void => {
    if (sending !== null) return;
    sending = Promise.resolve()
      .then(send)
      .finally(() => {
        sending = null;
      });
  };

  const retry = setInterval(() => {
    if (needsSnapshot && link.connected) kick();
  }, 250);
  retry.unref();
  return {
    append(bytes) {
      if (pendingBytes + bytes.length > limitBytes) {
        pending = [];
        pendingBytes = 0;
        needsSnapshot = true;
      }
      if (!needsSnapshot) {
        pending.push(bytes);
        pendingBytes += bytes.length;
      }
      if (link.connected) kick();
    },
    async close() {
      clearInterval(retry);
      stop.abort();
      await sending;
      await link.close();
    },
  };
}

/** The reader's side: everything from the latest snapshot on, and again from a snapshot after the stream was lost or trimmed past what was read. */
export function redisFeedReader(options: RedisFeedOptions, onBytes: (bytes: Uint8Array) => void): FeedReader {
  const { log, head } = keysOf(options);
  const stop = new AbortController();
  const link = new RedisLink({ url: options.url, name: `weir-feed-${options.name}` });
  let after: string | null = null;

  const read = async (): Promise<void> => {
    const first = await link.command(['GET', head]);
    if (first === null) {
      await pause(100, stop.signal);
      return;
    }
    if (after === null || isBefore(after, String(first))) after = justBefore(String(first));
    const reply = await link.command(['XREAD', 'COUNT', '64', 'BLOCK', '1000', 'STREAMS', log, after], { buffers: true, waitMs: 1000 });
    for (const message of parts(parts(parts(reply)[0])[1])) {
      const [id, fields] = parts(message);
      const bytes = parts(fields)[1];
      if (bytes instanceof Buffer) onBytes(bytes);
      after = String(id);
    }
  };

  const running = (async () => {
    while (!stop.signal.aborted) {
      if (!(await link.whenUp(1000))) continue;
      await read().catch(() => pause(100, stop.signal));
    }
  })();
  return {
    get connected() {
      return link.connected;
    },
    async close() {
      stop.abort();
      await link.close();
      await running;
    },
  };
}

const parts = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : []);

const idParts = (id: string): [number, number] => {
  const [ms, sequence] = id.split('-');
  return [Number(ms), Number(sequence ?? 0)];
};

function isBefore(a: string, b: string): boolean {
  const [aMs, aSequence] = idParts(a);
  const [bMs, bSequence] = idParts(b);
  return aMs < bMs || (aMs === bMs && aSequence < bSequence - 1);
}

/** XREAD is exclusive: the id right before another one reads from that one on. */
function justBefore(id: string): string {
  const [ms, sequence] = idParts(id);
  return sequence > 0 ? `${ms}-${sequence - 1}` : `${ms - 1}-18446744073709551615`;
}
