import type { SharedMap } from '../../traffic/index.js';

const EVERY_MS = 1_000;

export interface RedisWatch {
  /** What a person who starts weir must know; null: Redis is there. */
  readonly problem: string | null;
  close(): void;
}

/** Says so when Redis goes away and when it is back. `map`: any shared map; all know the same. */
export function watchRedis(url: string, map: Pick<SharedMap<unknown>, 'state'>, log: (message: string) => void): RedisWatch {
  const where = new URL(url).host;
  const problem = () =>
    map.state === 'live'
      ? null
      : `Redis at ${where} is away: traffic and enforcement go on with the last good policies, blocks and templates; what is recorded waits in memory, and is dropped and counted when that is full`;
  let wasAway = false;
  const look = () => {
    const away = problem();
    if ((away !== null) === wasAway) return;
    wasAway = away !== null;
    log(away ?? `Redis at ${where} is back`);
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  return {
    get problem() {
      return problem();
    },
    close: () => clearInterval(timer),
  };
}
