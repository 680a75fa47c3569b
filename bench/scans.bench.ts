/**
 * How long a scan takes: `node --import tsx bench/scans.bench.ts [--endpoints 1000] [--tests 100]`. About 36 MiB of the heap is live at the end; the rest of
 * the peak is the program, the loader, and garbage that Node lets lie. The target is a process of its own that answers after one millisecond; the scanner
 * has one core. Goal: 1,000 endpoints × 100 tests in 10 minutes, 300 MiB. Writes bench/results/scans.json.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { packageRoot } from '../exchange/index.js';
import { DEFAULT_LIMITS, type KnownEndpoint, performScan, readLibrary } from '../scans/index.js';

const ANSWER_MS = 1;
const OWN_PER_USER = 2;

/** Lists and objects of two users; objects are refused to the other. */
function target(): void {
  const server = createServer((request, response) => {
    const user = /^Bearer (alice|bob)$/.exec(request.headers.authorization ?? '')?.[1];
    const [, collection = '', id] = (request.url ?? '/').split('?')[0]!.split('/');
    const first = user === 'alice' ? 1 : 1 + OWN_PER_USER;
    const object = (one: number) => ({
      id: Number(`${collection.replace(/\D/g, '')}${one}`),
      owner: user,
      total: 12.5,
      address: '1 High Street',
      status: 'open',
    });
    const own = [object(first), object(first + 1)];
    request.resume();
    setTimeout(() => {
      const found = id === undefined ? own : own.find((one) => String(one.id) === id);
      const status = user === undefined ? 401 : found === undefined ? 404 : 200;
      response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
      response.end(JSON.stringify(status === 200 ? found : { error: status === 401 ? 'sign in' : 'not found' }));
    }, ANSWER_MS);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
  process.once('disconnect', () => process.exit(0));
}

const endpointsOf = (count: number): KnownEndpoint[] =>
  Array.from({ length: count }, (_, index) => {
    const collection = `things${Math.floor(index / 2) + 100}`;
    const base = { id: `e${index}`, method: 'GET', path: {}, body: null, contentType: '' };
    return index % 2 === 0
      ? {
          ...base,
          template: `/${collection}`,
          query: [
            { name: 'limit', example: '10' },
            { name: 'q', example: 'a' },
          ],
        }
      : { ...base, template: `/${collection}/{id}`, query: [] };
  });

async function measure(endpoints: number, testCount: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve'], { execArgv: process.execArgv });
  const [port] = (await once(child, 'message')) as [number];
  // Tests that wait on purpose (for callbacks, for slow answers) measure the clock, not the scanner.
  const tests = (await readLibrary())
    .flatMap(({ definition }) => (definition === null || definition.slow || definition.runOnce || definition.intrusive ? [] : [definition]))
    .filter(({ steps, validate }) => !/ssrf_url_hit|response\.stats/.test(JSON.stringify([steps, validate])));
  const chosen = Array.from({ length: testCount }, (_, index) => {
    const test = tests[index % tests.length]!;
    return index < tests.length ? test : { ...test, id: `${test.id}-${Math.floor(index / tests.length)}` };
  });
  let peakBytes = 0;
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }, 100);
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const outcome = await performScan({
    targetUrl: `http://127.0.0.1:${port}`,
    service: 'bench',
    allowHosts: [],
    endpoints: endpointsOf(endpoints),
    authContexts: ['alice', 'bob'].map((name) => ({ name, role: 'user', kind: 'header', config: { value: `Bearer ${name}` } })),
    tests: chosen,
    intrusive: false,
    limits: { ...DEFAULT_LIMITS, requestsPerSecond: 100_000, concurrency: 32, maxRequests: 10_000_000 },
    callback: null,
  });
  const { user, system } = process.cpuUsage(before);
  clearInterval(watch);
  child.disconnect();
  const seconds = (performance.now() - startedMs) / 1000;
  const report = {
    endpoints,
    tests: testCount,
    decided: endpoints * testCount,
    applied: outcome.results.length,
    requests: outcome.requests,
    problems: outcome.problems.length,
    vulnerable: outcome.results.filter(({ verdict }) => verdict === 'vulnerable').length,
    seconds: Number(seconds.toFixed(1)),
    cpuSeconds: Number(((user + system) / 1e6).toFixed(1)),
    requestsPerSecond: Math.round(outcome.requests / seconds),
    peakMiB: Math.round(peakBytes / 2 ** 20),
    heapLimitMiB: Math.round(getHeapStatistics().heap_size_limit / 2 ** 20),
    node: process.version,
    cpu: `${cpus()[0]?.model ?? ''} (${availableParallelism()})`,
    at: new Date().toISOString(),
  };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(packageRoot(), 'bench', 'results', 'scans.json'), `${JSON.stringify(report, null, 2)}\n`);
}

const { values } = parseArgs({
  options: {
    serve: { type: 'boolean', default: false },
    endpoints: { type: 'string', default: '100' },
    tests: { type: 'string', default: '100' },
  },
});
if (values.serve) target();
else await measure(Number(values.endpoints), Number(values.tests));
