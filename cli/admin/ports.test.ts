import t from 'tap';
import { newCounters } from '../../sensor/index.js';
import { createSharedState, memoryPublisher } from '../../traffic/index.js';
import { loadConfig } from '../config.js';
import { openSharedMaps, type ProcessStatus, type SharedMaps } from '../shared-maps.js';
import { teeCounters } from '../wiring/tee-counters.js';
import { importPort } from './import-port.js';
import { sourcesPort } from './sources-port.js';
import { templatesPort } from './templates-port.js';

t.test('a pin is taken back for its method only; a split and a merge leave other pins alone', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  const port = templatesPort(maps);
  const now = () => maps.pins.get('shop')?.pins.map((pin) => `${pin.method} ${pin.template}`);
  await port.pin('shop', 'GET', '/a/{id}', 'ann');
  await port.pin('shop', 'PUT', '/a/{id}', 'ann');
  await port.pin('shop', 'PUT', '/a/{id}', 'bob');
  t.same(now(), ['GET /a/{id}', 'PUT /a/{id}'], 'once a method');
  await port.split('shop', 'GET', '/a/{id}', 0, 'me', 'ann');
  await port.split('shop', 'PUT', '/a/{id}', 0, 'me', 'ann');
  await port.unsplit('shop', 'GET', '/a/{id}', 0, 'me', 'ann');
  t.same(now(), ['GET /a/{id}', 'PUT /a/{id}', 'PUT /a/me']);
  await port.unpin('shop', 'PUT', '/a/{id}', 'ann');
  t.same(now(), ['GET /a/{id}', 'PUT /a/me']);
});

t.test('an import reads all; cancelled, it stops soon, keeps what it read and says so', async (t) => {
  const row = { method: 'GET', host: 'shop.test', path: '/a', status: 200 };
  const rows = Buffer.from(Array.from({ length: 5_000 }, () => JSON.stringify(row)).join('\n'));
  const publisher = {
    publish: () => true,
    stats: () => ({ published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 }),
    close: async () => undefined,
  };
  const read = importPort(loadConfig({}, {}, '/nowhere'), 'secret', publisher);
  const whole = await read('shop', 'application/x-ndjson', rows, new AbortController().signal);
  t.same(whole, { exchanges: 5_000, refused: 0, problems: [] });
  const leaving = new AbortController();
  setImmediate(() => leaving.abort());
  const part = await read('shop', 'application/x-ndjson', rows, leaving.signal);
  t.ok(part.exchanges < whole.exchanges, `${part.exchanges} exchanges`);
  t.same(part.problems, [`cancelled after ${part.exchanges} exchanges`]);
});

t.test('an import goes on behind an exchange that the stream can never take, and says which one', async (t) => {
  const publisher = memoryPublisher(null, { limitBytes: 4_000_000 });
  const row = (target: string, size: number) =>
    JSON.stringify({ method: 'POST', host: 'shop.test', path: target, status: 200, requestBody: 'x'.repeat(size) });
  const rows = Buffer.from([row('/small', 10), row('/large', 1_200_000), row('/next', 10)].join('\n'));
  const read = importPort(loadConfig({}, {}, '/nowhere'), 'secret', publisher);
  const done = await read('shop', 'application/x-ndjson', rows, AbortSignal.timeout(5_000));
  t.same([done.exchanges, done.refused], [2, 1]);
  t.match(done.problems, [/^POST \/large: its bodies are larger than what the stream takes/]);
  t.match(publisher.stats(), { published: 2, dropped: 1, droppedBy: { 'too-large': 1 } }, 'tried once');
});

const sourcesOf = (maps: SharedMaps, now: () => number) =>
  sourcesPort(
    maps,
    async () => {
      throw new Error('not asked for');
    },
    { startSelfTest: async () => ({ id: '', startedAtMs: 0, state: 'passed' as const, steps: [] }), selfTest: () => null },
    now,
  );

t.test('all that a sensor counts is there for Prometheus, of each place that it listens to too', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  const counters = { ...newCounters(), captured: 7, gapBytes: 3, encryptedShare: 0.25 };
  const place = {
    kind: 'live',
    name: 'eth"0',
    state: 'running',
    problem: null,
    packetsPerSecond: 1,
    counters: { packets: 7, droppedByKernel: 2 },
  };
  await maps.status.set('s', { role: 'sensor', version: '1', startedAtMs: 0, atMs: 1, addresses: [], counters, sources: [place] });
  const lines = (sourcesOf(maps, () => 1).metrics?.() ?? []).join('\n').split('\n');
  for (const name of Object.keys(newCounters()))
    t.ok(
      lines.some((line) => line.startsWith(`weir_sensor_total{sensor="s",counter="${name}"} `)),
      name,
    );
  for (const line of [
    'weir_sensor_total{sensor="s",counter="gapBytes"} 3',
    'weir_sensor_now{sensor="s",name="encryptedShare"} 0.25',
    'weir_capture_total{sensor="s",capture="live eth\\"0",counter="droppedByKernel"} 2',
  ])
    t.ok(lines.includes(line), line);
});

t.test('metrics of every process: what only goes up, and what goes up and down', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  const report = (id: string, role: 'engine' | 'gateway', counters: Record<string, number>) =>
    maps.status.set(id, { role, version: '1', startedAtMs: 0, atMs: 1, addresses: [], counters });
  await report('e', 'engine', {
    assessmentsSkipped: 4,
    onlyCounted: 9,
    'stream.lagMs': 12,
    'ownership.people': 3,
    'ownership.forgottenEntries': 2,
  });
  await report('g', 'gateway', { verdictsHeldBack: 5, 'teeDropped.full': 6, streamBacklog: 1 });
  const lines = (sourcesOf(maps, () => 1).metrics?.() ?? []).join('\n').split('\n');
  for (const line of [
    'weir_engine_total{engine="e",counter="assessmentsSkipped"} 4',
    'weir_engine_total{engine="e",counter="onlyCounted"} 9',
    'weir_engine_total{engine="e",counter="ownership.forgottenEntries"} 2',
    'weir_engine_now{engine="e",name="stream.lagMs"} 12',
    'weir_engine_now{engine="e",name="ownership.people"} 3',
    'weir_gateway_total{gateway="g",counter="verdictsHeldBack"} 5',
    'weir_gateway_total{gateway="g",counter="teeDropped.full"} 6',
    'weir_gateway_now{gateway="g",name="streamBacklog"} 1',
  ])
    t.ok(lines.includes(line), line);
});

t.test('a process that lost exchanges is degraded for five minutes; the number stays', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  let nowMs = 1_000_000;
  const port = sourcesOf(maps, () => nowMs);
  const seen = (afterS: number, teeDropped: number) => {
    nowMs += afterS * 1000;
    void maps.status.set('g', {
      role: 'gateway',
      version: '1',
      startedAtMs: 0,
      atMs: nowMs,
      addresses: [],
      counters: { teePublished: nowMs / 100, teeDropped },
    });
    const [one] = port.list();
    return `${one?.state} ${one?.dropped}`;
  };
  for (const [afterS, dropped, expected] of [
    [0, 0, 'ok 0'],
    [10, 4, 'degraded 4'],
    [200, 4, 'degraded 4'],
    [110, 4, 'ok 4'],
    [10, 5, 'degraded 5'],
    [310, 0, 'ok 0'],
    [10, 1, 'degraded 1'],
  ] as const)
    t.equal(seen(afterS, dropped), expected, `${afterS} s later, ${dropped} dropped`);
  t.equal(port.list()[0]?.requestsPerSecond, 10);
});

t.test('what a sensor lost is shown by the name of its counter, wherever it was lost', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  const stream = {
    published: 9,
    dropped: 5,
    droppedBy: { common: 4, full: 1 },
    consumed: 9,
    redelivered: 0,
    backlog: 0,
    lagMs: 0,
    filled: 1,
  };
  const lost = { overloaded: 3, droppedByKernel: 2, flowsEvicted: 6, evictedBytes: 70 };
  const counters = { ...newCounters(), ...lost, ...teeCounters(stream) };
  await maps.status.set('s', { role: 'sensor', version: '1', startedAtMs: 0, atMs: 1, addresses: [], counters });
  t.match(sourcesOf(maps, () => 1).list(), [
    { dropped: 10, droppedBy: { ...lost, teeDropped: 5, 'teeDropped.common': 4, 'teeDropped.full': 1 } },
  ]);
});

t.test('all that is wrong with a process is said: a configuration that is not in force, and broken policies', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  const status = { role: 'gateway', version: '1', startedAtMs: 0, atMs: 1, addresses: [], counters: {} } as const;
  const tell = (more: Partial<ProcessStatus>) => {
    void maps.status.set('g', { ...status, ...more });
    return sourcesOf(maps, () => 1).list()[0];
  };
  t.match(tell({ configProblem: null }), { state: 'ok', problem: null });
  const stale = [{ file: 'p.yaml', line: 3, column: 4, message: 'no' }];
  t.match(tell({ configProblem: 'weir.yaml:1:1 a\nweir.yaml:2:1 b', policies: { version: '1', stale, rules: [] } }), {
    state: 'degraded',
    problem:
      'The configuration as it was read last is not in force, the last good one is:\nweir.yaml:1:1 a\nweir.yaml:2:1 b\np.yaml:3:4 no',
  });
});
