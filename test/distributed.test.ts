/** One weir out of several processes: two gateways, an engine and an admin over a real Redis, on SQLite and on PostgreSQL, while parts of it are taken away. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Load, type LoadOptions, startLoad } from './support/load.js';
import { startPostgres } from './support/postgres.js';
import { eventually, type Running, startDemoApi, startRole, temporaryFolder, weir } from './support/processes.js';
import { type RedisServer, startRedis } from './support/redis.js';

process.env.WEIR_SECRET = 'the same for all processes';
// Half a minute on an idle machine; a gate that runs beside much else must not fail for it.
t.setTimeout(600_000);

/** Until everything is learned: a moment on an idle machine, most of it for an engine to start. */
const LEARNED_MS = 90_000;
const PATHS = ['/api/products', '/api/products/1', '/api/products/2', '/health'];
/** As much as is recorded of a body at most, so that buffers fill after some hundred requests. */
const BIG: LoadOptions = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ username: 'alice', password: 'alice-pw', note: 'x'.repeat(65_000) }),
};
const ATTACKER = '203.0.113.66';

interface Source {
  readonly id: string;
  readonly kind: string;
  readonly host: string;
  readonly dropped: number;
  readonly droppedBy: Readonly<Record<string, number>>;
  readonly counters: Readonly<Record<string, number>>;
}

interface RunningGateway extends Running {
  readonly url: string;
  readonly data: string;
}

class Weir {
  private constructor(
    private readonly t: Test,
    private readonly shared: readonly string[],
    readonly gateways: RunningGateway[],
    private engine: { readonly running: Running; readonly data: string },
    readonly admin: string,
    readonly token: string,
  ) {}

  /** All four at once, each with a data folder of its own, as on four machines. */
  static async start(t: Test, redis: RedisServer, store: readonly string[] = []): Promise<Weir> {
    const upstream = await startDemoApi(t);
    const shared = ['--redis', redis.url, '--upstream', upstream, '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8', ...store];
    // With SQLite, engine and admin share one file; with PostgreSQL they share nothing.
    const engineData = temporaryFolder(t);
    const adminData = store.length === 0 ? engineData : temporaryFolder(t);
    const [one, two, engine, admin] = await Promise.all([
      startGateway(t, shared),
      startGateway(t, shared),
      startRole(t, 'engine', ['--data', engineData, ...shared]),
      startRole(t, 'admin', ['--data', adminData, '--admin-port', '0', ...shared]),
    ]);
    const token = readFileSync(path.join(adminData, 'admin-token'), 'utf8').trim();
    return new Weir(t, shared, [one, two], { running: engine, data: engineData }, admin.ready.admin, token);
  }

  async api<T>(method: string, where: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.admin}/api/v1${where}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  async block(value: string): Promise<void> {
    await this.api('POST', '/blocks', { value, reason: 'test', forMs: 3_600_000 });
  }

  async status(gateway: RunningGateway, from: string): Promise<number> {
    const answer = await fetch(`${gateway.url}/health`, { headers: { 'x-forwarded-for': from } });
    await answer.arrayBuffer();
    return answer.status;
  }

  /** Stops its process, or lets it go on. */
  freezeEngine(frozen: boolean): void {
    this.engine.running.process.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async killEngine(): Promise<void> {
    await this.engine.running.stop('SIGKILL');
  }

  async startEngine(): Promise<void> {
    this.engine = { ...this.engine, running: await startRole(this.t, 'engine', ['--data', this.engine.data, ...this.shared]) };
  }

  /** Ends a gateway and starts it again with the same data; it listens elsewhere then. */
  async restartGateway(index: number): Promise<void> {
    const { data } = this.gateways[index];
    await this.gateways[index].stop();
    this.gateways[index] = await startGateway(this.t, this.shared, data);
  }

  /** What the store has counted on all endpoints. */
  async learned(): Promise<number> {
    const endpoints = await this.api<{ items: { counts: { requests: number } }[] }>('GET', '/endpoints?limit=500');
    return endpoints.items.reduce((sum, { counts }) => sum + counts.requests, 0);
  }

  async sources(kind: string): Promise<Source[]> {
    return (await this.api<{ items: Source[] }>('GET', '/sources')).items.filter((source) => source.kind === kind);
  }

  /** Waits until everything answered is learned, and a little longer: nothing may come twice. */
  async learnsExactly(t: Test, expected: number): Promise<void> {
    await eventually(`${expected} learned exchanges`, async () => (await this.learned()) >= expected, LEARNED_MS).catch(() => undefined);
    await delay(500);
    t.equal(await this.learned(), expected, `all ${expected} exchanges are learned, none twice`);
  }
}

async function startGateway(t: Test, shared: readonly string[], data: string = temporaryFolder(t)): Promise<RunningGateway> {
  const running = await startRole(t, 'gateway', ['--data', data, '--host', '127.0.0.1', '--port', '0', ...shared]);
  return { ...running, url: running.ready.gateway, data };
}

async function redisFor(t: Test): Promise<RedisServer> {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  return redis;
}

/** At random moments; `WEIR_KILLS=30` for a long look. */
const KILLS = Number(process.env.WEIR_KILLS ?? 4);

const answeredBy = (loads: readonly Load[]): number => loads.reduce((sum, load) => sum + load.answered, 0);

t.test('two gateways, one engine, one admin', async (t) => {
  const redis = await redisFor(t);
  const running = await Weir.start(t, redis);
  let expected = 0;

  await t.test('traffic through both gateways is learned', async (t) => {
    for (const gateway of running.gateways)
      for (const where of PATHS) {
        const answer = await fetch(`${gateway.url}${where}`);
        await answer.arrayBuffer();
        t.equal(answer.status, 200, where);
        expected++;
      }
    await running.learnsExactly(t, expected);
    const listed = await weir(t, ['inventory', '--json', '--admin', running.admin, '--token', running.token]);
    t.equal(listed.code, 0, listed.stderr);
    const templates = (JSON.parse(listed.stdout) as { template: string }[]).map((row) => row.template);
    for (const where of ['/api/products', '/health']) t.ok(templates.includes(where), `${where} is in ${templates.join(' ')}`);
    t.same((await running.sources('gateway')).map((source) => source.host).sort(), running.gateways.map((one) => one.url).sort());
  });

  await t.test('a block made through the admin API holds on both gateways', async (t) => {
    for (const gateway of running.gateways) t.equal(await running.status(gateway, ATTACKER), 200);
    expected += 2;
    const startedMs = performance.now();
    await running.block(ATTACKER);
    await Promise.all(
      running.gateways.map(async (gateway, index) => {
        // Those that still passed are exchanges like any other.
        await eventually(`the block on gateway ${index + 1}`, async () => {
          const status = await running.status(gateway, ATTACKER);
          if (status === 200) expected++;
          return status === 403;
        });
        t.comment(`gateway ${index + 1} answered 403 ${(performance.now() - startedMs).toFixed(1)} ms after the call began`);
      }),
    );
    await running.learnsExactly(t, expected);
  });

  await t.test('kill -9 of the engine under load: nothing is lost, nothing counted twice', async (t) => {
    for (let round = 0; round < KILLS; round++) {
      const beforeKillMs = 150 + Math.random() * 1_000;
      const loads = running.gateways.map((gateway) => startLoad(t, gateway.url, PATHS));
      await delay(beforeKillMs);
      await running.killEngine();
      const [group] = (await redis.run('XINFO', 'GROUPS', '{weir}:traffic')) as unknown[][];
      t.comment(
        `round ${round + 1}: after ${beforeKillMs.toFixed(0)} ms; ${String(group[5])} batches were handed out and not acknowledged when the engine died`,
      );
      const starting = running.startEngine();
      await delay(1200);
      for (const load of loads) await load.stop();
      await starting;
      t.same(
        loads.flatMap((load) => load.failures),
        [],
        'no request failed',
      );
      expected += answeredBy(loads);
      await running.learnsExactly(t, expected);
    }
    for (const { dropped } of await running.sources('gateway')) t.equal(dropped, 0, 'no gateway dropped anything');
  });

  await t.test('an engine that stands still under load: traffic and blocks go on, and it learns all of it afterwards', async (t) => {
    const loads = running.gateways.map((gateway) => startLoad(t, gateway.url, PATHS));
    await delay(200);
    running.freezeEngine(true);
    await delay(800);
    for (const gateway of running.gateways) t.equal(await running.status(gateway, ATTACKER), 403, 'the block holds');
    for (const load of loads) await load.stop();
    running.freezeEngine(false);
    t.same(
      loads.flatMap((load) => load.failures),
      [],
      'no request failed',
    );
    expected += answeredBy(loads);
    await running.learnsExactly(t, expected);
  });

  await t.test('no engine, and a Redis that takes no more: traffic goes on, drops are counted', async (t) => {
    await running.killEngine();
    const used = Number(/used_memory:(\d+)/.exec(String(await redis.run('INFO', 'memory')))?.[1]);
    await redis.run('CONFIG', 'SET', 'maxmemory', String(used + 2 * 1024 * 1024));
    const loads = running.gateways.map((gateway) => startLoad(t, gateway.url, ['/api/login'], BIG));
    await eventually('more than the buffers hold', () => loads.every((load) => load.answered + load.failures.length > 600), 60_000);
    for (const load of loads) await load.stop();
    t.same(
      loads.flatMap((load) => load.failures),
      [],
      'no request failed',
    );
    for (const gateway of running.gateways) t.equal(await running.status(gateway, ATTACKER), 403, 'the block holds');
    await redis.run('CONFIG', 'SET', 'maxmemory', '0');
    await running.startEngine();
    await eventually('the drops of both gateways', async () =>
      (await running.sources('gateway')).every(
        (source) => (source.droppedBy['teeDropped.full'] ?? 0) + (source.droppedBy['teeDropped.common'] ?? 0) > 0,
      ),
    );
    const before = await running.learned();
    await eventually('traffic to be learned again', async () => {
      await running.status(running.gateways[0], '192.0.2.1');
      return (await running.learned()) > before + 3;
    });
  });

  await t.test('Redis away: frozen, killed, back', async (t) => {
    const holds = async (t: Test, when: string) => {
      for (const [index, gateway] of running.gateways.entries())
        t.equal(await running.status(gateway, ATTACKER), 403, `the block holds on gateway ${index + 1}: ${when}`);
    };
    const loads = [startLoad(t, running.gateways[0].url, PATHS), startLoad(t, running.gateways[1].url, PATHS)];
    await delay(300);
    redis.freeze();
    await delay(1000);
    await holds(t, 'Redis is frozen');
    await loads[1].stop();
    const restartedMs = performance.now();
    await running.restartGateway(1);
    t.comment(`a gateway restarted in ${Math.round(performance.now() - restartedMs)} ms while Redis was frozen`);
    await holds(t, 'restarted while Redis is frozen');

    await redis.kill();
    await delay(300);
    await holds(t, 'Redis is gone');
    loads.push(
      startLoad(t, running.gateways[1].url, PATHS),
      ...running.gateways.map((gateway) => startLoad(t, gateway.url, ['/api/login'], BIG)),
    );
    await running.block('203.0.113.77');
    await eventually(
      'more than the buffers hold',
      () => loads.slice(-2).every((load) => load.answered + load.failures.length > 600),
      60_000,
    );

    await redis.start();
    const backMs = performance.now();
    for (const [index, gateway] of running.gateways.entries()) {
      await eventually('the block made meanwhile', async () => (await running.status(gateway, '203.0.113.77')) === 403);
      t.comment(`gateway ${index + 1} had the block made meanwhile ${Math.round(performance.now() - backMs)} ms after Redis was back`);
    }
    await holds(t, 'Redis is back, and empty');
    for (const load of loads) await load.stop();
    t.same(
      loads.flatMap((load) => load.failures),
      [],
      `none of ${answeredBy(loads)} requests failed`,
    );
    await eventually('the drops of both gateways', async () => {
      const sources = await running.sources('gateway');
      return running.gateways.every(({ url }) => sources.some((one) => one.host === url && one.droppedBy['teeDropped.disconnected'] > 0));
    });
    const before = await running.learned();
    await eventually('traffic to be learned again', async () => {
      await running.status(running.gateways[0], '192.0.2.1');
      return (await running.learned()) > before + 3;
    });
  });

  await t.test('a policy and a data type written through the admin API hold on both gateways, and go again', async (t) => {
    const badge = (gateway: RunningGateway): Promise<number> =>
      fetch(`${gateway.url}/health?badge=BDG-00042`).then(async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      });
    const both = async (what: string, wanted: number): Promise<void> => {
      const startedMs = performance.now();
      await Promise.all(
        running.gateways.map(async (gateway, index) => {
          await eventually(`${what} on gateway ${index + 1}`, async () => (await badge(gateway)) === wanted);
          t.comment(`gateway ${index + 1}: ${what} ${(performance.now() - startedMs).toFixed(0)} ms after the admin had answered`);
        }),
      );
    };
    await running.api('PUT', '/data-types/badge', { title: 'Badge', pattern: 'BDG-[0-9]{5}' });
    const rule = '{rule: badge, when: {data: {types: badge, in: query}}, action: {block: {status: 451}}}';
    const text = `policy: no-badges\nmode: enforce\nrules:\n  - ${rule}\n`;
    // A policy may name a type as soon as its process has heard of it.
    await eventually('the policy to be accepted', async () => {
      await running.api('PUT', '/policies/no-badges', { text });
      return true;
    });
    await both('in force', 451);
    await running.api('DELETE', '/policies/no-badges');
    await both('gone', 200);
  });
});

t.test('engine and admin on PostgreSQL', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const running = await Weir.start(t, await redisFor(t), ['--postgres', postgres.database()]);
  const loads = running.gateways.map((gateway) => startLoad(t, gateway.url, PATHS));
  await delay(500);
  await running.killEngine();
  await running.startEngine();
  await delay(300);
  for (const load of loads) await load.stop();
  t.same(
    loads.flatMap((load) => load.failures),
    [],
  );
  await running.learnsExactly(t, answeredBy(loads));
  const listed = await weir(t, ['inventory', '--admin', running.admin, '--token', running.token]);
  t.match(listed.stdout, /GET +\/api\/products\b/);
});
