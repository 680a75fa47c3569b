/**
 * How fast the admin API answers over a full store: 100,000 endpoints, 1,000,000 issues, actors, sightings and a week of counters.
 *
 *   node --import tsx bench/admin.bench.ts [--endpoints 100000] [--issues 1000000] [--rounds 30] [--postgres URL] [--keep DIR]
 *
 * The target is a first page within 200 ms (p95) for every list. Results go to bench/results/admin.json.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createAdmin } from '../admin/index.js';
import { packageRoot } from '../exchange/index.js';
import { openStore, type StoreLocation } from '../store/index.js';
import { seedStore } from './admin-seed.js';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '100000' },
    issues: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '30' },
    postgres: { type: 'string' },
    keep: { type: 'string' },
  },
});
const sizes = { endpoints: Number(values.endpoints), issues: Number(values.issues) };
const rounds = Number(values.rounds);
const TARGET_MS = 200;

const folder = values.keep ?? mkdtempSync(path.join(tmpdir(), 'weir-admin-bench-'));
const file = path.join(folder, 'weir.db');
const location: StoreLocation = values.postgres === undefined ? { sqlite: file } : { postgres: values.postgres };
const store = await openStore(location);
const nowMs = Date.UTC(2026, 10, 20, 12);
const seededFor = (await store.objects.get('bench', 'seed'))?.body;
if (JSON.stringify(seededFor) !== JSON.stringify(sizes)) {
  const startedAt = performance.now();
  await seedStore(store, sizes, nowMs, (text) => process.stderr.write(`\r${text}   `));
  await store.objects.put('bench', 'seed', sizes, { author: 'bench', atMs: nowMs });
  process.stderr.write(`\rseeded in ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
}

const admin = await createAdmin(
  { secret: '0'.repeat(64), host: '127.0.0.1', port: 0, dataDir: folder, version: 'bench', nowMs: () => nowMs },
  {
    store,
    services: {
      list: () => [],
      mode: () => ({ request: 'observe', response: 'observe' }),
      setMode: async () => undefined,
    },
  },
);
const signedIn = await admin.app.inject({
  method: 'POST',
  url: '/api/v1/session/link',
  payload: { secret: (await admin.signInLink('')).split('#')[1] },
});
const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!;

const PAGES: readonly (readonly [string, string])[] = [
  ['overview', '/overview'],
  ['services', '/services'],
  ['endpoints, latest', '/endpoints?sparkline=true'],
  ['endpoints, by risk', '/endpoints?sort=-risk&sparkline=true'],
  ['endpoints of a service', '/endpoints?service=service-3&sort=-requests'],
  ['endpoints with a tag (1 in 50)', '/endpoints?tag=shadow'],
  ['endpoints with a data type', '/endpoints?dataType=us-ssn&sort=-risk'],
  ['endpoints with a rare field', '/endpoints?field=rare_field'],
  ['endpoints, search', '/endpoints?search=orders%2017'],
  ['endpoint', '/endpoints/e17'],
  ['sightings, new this week', '/sightings?newSince=week'],
  ['changes', '/changes'],
  ['issues, open', '/issues?status=open,reopened'],
  ['issues, open by priority', '/issues?status=open,reopened&sort=-priority'],
  ['issues, critical and open', '/issues?status=open,reopened&severity=critical'],
  ['issues, two severities', '/issues?severity=critical,high&sort=-occurrences'],
  ['issues, rare severity by priority', '/issues?status=open,reopened&severity=info&sort=-priority'],
  ['issues, nothing of a category', '/issues?owasp=API9:2023&sort=-priority'],
  ['issues, accepted by priority', '/issues?status=accepted&sort=-priority'],
  ['issues, by severity', '/issues?sort=-severity'],
  ['issues of a service by occurrences', '/issues?service=service-3&severity=info&sort=-occurrences'],
  ['issues of nobody', '/issues?assignee=nobody&sort=-priority'],
  ['endpoints, nothing of an access', '/endpoints?access=partner&sort=-risk'],
  ['endpoints, a common field by risk', '/endpoints?field=email&sort=-risk'],
  ['endpoints, nothing found', '/endpoints?search=nothing-like-this'],
  ['actors, none of a kind', '/actors?kind=address'],
  ['issues of a service', '/issues?service=service-3&status=open,reopened'],
  ['issues of a kind', '/issues?kind=data.exposed'],
  ['issues, accepted', '/issues?status=accepted'],
  ['issues, search (common)', '/issues?search=object'],
  ['issues, search (rare)', '/issues?search=attack.sql%20/v2/files/7/'],
  ['issue counts', '/issue-counts'],
  ['findings', '/findings'],
  ['findings of a service', '/findings?service=service-3'],
  ['actors, by score', '/actors'],
  ['actors, search', '/actors?search=user-4242'],
  ['audit', '/audit'],
  ['exchanges', '/exchanges'],
];

const results = [];
for (const [name, url] of PAGES) {
  const took: number[] = [];
  let cpuUs = 0;
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    const before = process.cpuUsage();
    const answer = await admin.app.inject({ method: 'GET', url: `/api/v1${url}`, headers: { cookie } });
    took.push(performance.now() - startedAt);
    const spent = process.cpuUsage(before);
    cpuUs += spent.user + spent.system;
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.body}`);
  }
  took.sort((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(share * took.length))]! * 10) / 10;
  results.push({ name, url, p50Ms: at(0.5), p95Ms: at(0.95), cpuMs: Math.round(cpuUs / rounds / 100) / 10, ok: at(0.95) <= TARGET_MS });
  process.stdout.write(
    `${name.padEnd(36)} p50 ${at(0.5).toFixed(1).padStart(8)} ms   p95 ${at(0.95).toFixed(1).padStart(8)} ms   CPU ${(cpuUs / rounds / 1000).toFixed(1).padStart(8)} ms   ${at(0.95) <= TARGET_MS ? '' : 'OVER THE TARGET'}\n`,
  );
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot(), encoding: 'utf8' }).trim();
const report = {
  what: 'first page of every list of the admin API, in-process (inject)',
  engine: store.engine,
  sizes,
  rounds,
  storeBytes: existsSync(file) ? statSync(file).size : (await store.usage()).bytes,
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
  commit,
  targetMs: TARGET_MS,
  results,
};
mkdirSync(path.join(packageRoot(), 'bench', 'results'), { recursive: true });
writeFileSync(path.join(packageRoot(), 'bench', 'results', `admin-${store.engine}.json`), `${JSON.stringify(report, null, 2)}\n`);
await admin.close();
await store.close();
if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
