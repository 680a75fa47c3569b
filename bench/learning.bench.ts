/**
 * What learning costs an exchange, part by part, by CPU time of this process: the inventory, the detectors, the book of actors, and what they hand to a commit.
 * `node --import tsx bench/learning.bench.ts [exchanges] [endpoints] [principals]`; without the last two from 100 to 20,000 endpoints and from 1,000 to 1,000,000 principals.
 * 2 KB JSON answers, every one different. The bodies are parsed outside the clock, since the engine parses them once for everybody. One JSON line a scenario, in µs.
 */
import { ActorBook } from '../attackers/index.js';
import type { Exchange, Observation } from '../exchange/index.js';
import { bodiesOf, type ExchangeBodies, Inventory, watchAll } from '../learning/index.js';
import { exchanges } from './learning-traffic.js';

/** Exchanges between two commits: some 0.3 s of a busy engine. */
const STEP = 2_500;

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

function scenario(total: number, endpoints: number, principals: number): void {
  const inventory = new Inventory();
  const detectors = watchAll();
  const actors = new ActorBook();
  const spent = { inventory: 0, detectors: 0, actors: 0, commit: 0 };
  const clock = (part: keyof typeof spent, work: () => void): void => {
    const before = cpuUs();
    work();
    spent[part] += cpuUs() - before;
  };
  const warm = Math.max(10_000, endpoints * 3);
  let measured = 0;
  for (let done = 0; done < warm + total; done += STEP) {
    const made: { exchange: Exchange; bodies: ExchangeBodies }[] = exchanges(endpoints, principals, STEP, done).map((one, index) => {
      const exchange = { ...one, startedAtMs: 1.7e12 + (done + index) * 10 };
      const bodies = bodiesOf(exchange);
      bodies.response();
      return { exchange, bodies };
    });
    if (done < warm) spent.inventory = spent.detectors = spent.actors = spent.commit = 0;
    else measured += STEP;
    let seen: Observation[] = [];
    clock('inventory', () => {
      seen = made.map(({ exchange, bodies }) => inventory.observe(exchange, [], bodies));
    });
    clock('actors', () => {
      for (const observation of seen) actors.observe(observation);
    });
    clock('detectors', () => {
      for (const observation of seen) detectors.observe(observation, null);
    });
    clock('commit', () => {
      inventory.drain();
      inventory.checkpoint();
      actors.dirty();
    });
  }
  const each = (part: keyof typeof spent): number => Number((spent[part] / measured).toFixed(1));
  const line = {
    endpoints,
    principals,
    measured,
    inventoryUs: each('inventory'),
    detectorsUs: each('detectors'),
    actorsUs: each('actors'),
    commitUs: each('commit'),
    allUs: Number((Object.values(spent).reduce((sum, one) => sum + one, 0) / measured).toFixed(1)),
    known: inventory.stats().endpoints,
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [total, endpoints, principals] = process.argv.slice(2).map(Number);
if (endpoints !== undefined) scenario(total, endpoints, principals ?? 1_000);
else
  for (const [endpoints, principals] of [
    [100, 1_000],
    [100, 1_000_000],
    [20_000, 1_000],
  ])
    scenario(total ?? 50_000, endpoints, principals);
