import { RedisLink } from './link.js';

/** Counters that all gateways add to. */
export interface SharedCounters {
  /** Adds to each key and resolves to the new totals, in order. A counter is forgotten `ttlMs` after it was last added to. Rejects while Redis is away. */
  add(entries: readonly { readonly key: string; readonly count: number }[], ttlMs: number): Promise<number[]>;
  close(): Promise<void>;
}

const ADD = `
local totals = {}
for index, key in ipairs(KEYS) do
  totals[index] = redis.call('INCRBY', key, ARGV[index + 1])
  redis.call('PEXPIRE', key, ARGV[1])
end
return totals`;

export function redisCounters(options: { readonly url: string; readonly namespace?: string; readonly timeoutMs?: number }): SharedCounters {
  const link = new RedisLink({ url: options.url, name: 'weir-counters', timeoutMs: options.timeoutMs });
  const prefix = `{${options.namespace ?? 'weir'}}:count:`;
  return {
    async add(entries, ttlMs) {
      if (entries.length === 0) return [];
      const keys = entries.map(({ key }) => prefix + key);
      const counts = entries.map(({ count }) => String(count));
      const reply = await link.command(['EVAL', ADD, String(keys.length), ...keys, String(ttlMs), ...counts]);
      return Array.isArray(reply) ? reply.map(Number) : [];
    },
    close: () => link.close(),
  };
}
