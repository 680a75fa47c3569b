import t from 'tap';
import { createSharedState } from '../../traffic/index.js';
import type { ProcessStatus } from '../shared-maps.js';
import { EngineLag } from './engine-lag.js';
import { watchRedis } from './redis-watch.js';

const status = (role: ProcessStatus['role'], lagMs: number): ProcessStatus => ({
  role,
  version: '0',
  startedAtMs: 0,
  atMs: 0,
  addresses: [],
  counters: { 'stream.lagMs': lagMs },
});

t.test('how far engines are behind, as they tell it', async (t) => {
  const shared = createSharedState({ dir: null });
  t.teardown(() => shared.close());
  const map = await shared.open<ProcessStatus>('status');
  let nowMs = 10_000;
  await map.set('engine-1', status('engine', 40));
  const lag = new EngineLag(map, () => nowMs);
  t.equal(lag.lagMs(nowMs), 40, 'one that was there before');
  await map.set('gateway-1', status('gateway', 9_000));
  await map.set('engine-2', status('engine', 700));
  t.equal(lag.lagMs(nowMs), 700, 'the one furthest behind; others than engines do not count');
  nowMs += 2_000;
  t.equal(lag.lagMs(nowMs), 700, 'heartbeats take a while');
  nowMs += 1_000;
  await map.set('engine-1', status('engine', 5));
  t.equal(lag.lagMs(nowMs), 3_700, 'one that is silent is behind by that long');
  await map.delete('engine-2');
  t.equal(lag.lagMs(nowMs), 5);
  await map.delete('engine-1');
  t.equal(lag.lagMs(nowMs), Number.POSITIVE_INFINITY, 'nobody learns');
  lag.close();
});

t.test('a Redis that is away is said to be, without its password', async (t) => {
  const said: string[] = [];
  const map: { state: 'live' | 'stale' } = { state: 'stale' };
  const watch = watchRedis('redis://weir:secret@redis.example:6379/1', map, (message) => said.push(message));
  t.match(said, [/^Redis at redis\.example:6379 is away: traffic and enforcement go on/]);
  t.notMatch(said.join(), /secret/);
  t.match(watch.problem, /is away/);
  map.state = 'live';
  t.equal(watch.problem, null);
  watch.close();
  const quiet: string[] = [];
  watchRedis('redis://redis.example', map, (message) => quiet.push(message)).close();
  t.same(quiet, [], 'one that is there is no news');
});
