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
/** Calls after which an endpoint is well known. */
const KNOWN = 24;

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
  let nowMs = 1.7e12;
  const tick = (): number => {
    nowMs += 0.1;
    return nowMs;
  };
  const rounds = Math.ceil(KNOWN * Math.min(1, endpoints / STEP));
  const made = (from: number): { exchange: Exchange; bodies: ExchangeBodies }[] =>
    exchanges(endpoints, principals, STEP, from).map((one) => {
      const exchange = { ...one, startedAtMs: tick() };
      const bodies = bodiesOf(exchange);
      bodies.response();
      return { exchange, bodies };
    });
  // Every endpoint is well known before the clock runs: it learns all of its first twenty answers.
  for (let done = 0; done < endpoints; done += STEP) {
    for (const { exchange, bodies } of made(done))
      for (let again = 0; again < rounds; again++) inventory.observe({ ...exchange, startedAtMs: tick() }, [], bodies);
    while (inventory.drain().endpoints.length > 0);
    inventory.checkpoint();
  }
  for (let done = 0; done < total; done += STEP) {
    const portion = made(endpoints + done);
    let seen: Observation[] = [];
    clock('inventory', () => {
      seen = portion.map(({ exchange, bodies }) => inventory.observe(exchange, [], bodies));
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
  const each = (part: keyof typeof spent): number => Number((spent[part] / total).toFixed(1));
  const line = {
    endpoints,
    principals,
    exchanges: total,
    inventoryUs: each('inventory'),
    detectorsUs: each('detectors'),
    actorsUs: each('actors'),
    commitUs: each('commit'),
    allUs: Number((Object.values(spent).reduce((sum, one) => sum + one, 0) / total).toFixed(1)),
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
