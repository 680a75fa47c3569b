/**
 * How fast the admin API answers over a full store: 100,000 endpoints, 1,000,000 issues, counters of 10,000,000 exchanges, 120,000 actors, 50,000 kept
 * exchanges, 200,000 scan results, 100,000 blocks, and an audit log.
 *
 *   node --import tsx bench/admin.bench.ts [--endpoints 100000] [--issues 1000000] [--rounds 20] [--postgres URL] [--keep DIR] [--only TEXT]
 *
 * The lists, their sort orders and their filters are read from admin/openapi.json: each list is asked for its first page in each order, and in each
 * order with each filter twice, by a value that many rows have and by one that none has. A filter without values here ends the run. The target is 200 ms
 * at p95. Results go to bench/results/admin-ENGINE.json.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../exchange/index.js';
import { adminOver } from './admin-over.js';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '100000' },
    issues: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '20' },
    postgres: { type: 'string' },
    keep: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const sizes = { endpoints: Number(values.endpoints), issues: Number(values.issues) };
const rounds = Number(values.rounds);
const TARGET_MS = 200;

const folder = values.keep ?? mkdtempSync(path.join(tmpdir(), 'weir-admin-bench-'));
const over = await adminOver(folder, sizes, values.postgres);
const { admin, store, nowMs } = over;
const signedIn = await admin.app.inject({
  method: 'POST',
  url: '/api/v1/session/link',
  payload: { secret: (await admin.signInLink('')).split('#')[1] },
});
const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!;
// The library of tests is compiled when it is first asked for, or a moment after the start.
await admin.app.inject({ method: 'GET', url: '/api/v1/scan-tests', headers: { cookie } });
const ids = (await store.objects.get('bench', 'ids'))!.body as { readonly run: string; readonly issue: string };

const DAY_MS = 86_400_000;
/** Of each filter: values that many rows have and values that none or few have. */
const FILTERS: Readonly<Record<string, readonly (string | number)[]>> = {
  service: ['service-3', 'nowhere'],
  method: ['GET', 'PATCH'],
  search: ['orders 17', 'object', 'attack.sql /v2/files/7/', 'user-4242', 'backup', 'nothing-like-this', 'a'],
  access: ['private', 'partner'],
  tag: ['sensitive', 'shadow', 'zombie'],
  dataType: ['email', 'us-ssn', 'iban'],
  auth: ['jwt', 'mtls'],
  field: ['email', 'rare_field', 'no_field'],
  firstSeenAfterMs: [nowMs - 60 * DAY_MS, nowMs + DAY_MS],
  minRisk: [40, 101],
  endpointId: ['e3', 'e17', 'none'],
  type: ['email', 'iban'],
  phase: ['response', 'request'],
  newSince: ['week', nowMs + DAY_MS],
  actorId: ['principal:user-17', 'principal:nobody'],
  sinceMs: [nowMs - 60 * DAY_MS, nowMs + DAY_MS],
  untilMs: [nowMs, nowMs - 999 * DAY_MS],
  status: ['open,reopened', 'open', 'accepted', 'fixed', 'accepted,fixed'],
  severity: ['critical', 'critical,high', 'info'],
  kind: ['data.exposed', 'bola', 'no.kind', 'principal', 'address', 'cidr'],
  assignee: ['nobody'],
  owasp: ['API1:2023', 'API9:2023'],
  issueId: [ids.issue, 'none'],
  incidentId: ['none'],
  state: ['active', 'blocked', 'watched', 'finished', 'failed', 'waiting', 'given-up'],
  minScore: [50, 101],
  seenAfterMs: [nowMs - DAY_MS, nowMs + DAY_MS],
  origin: ['library', 'ui', 'person', 'feed'],
  mode: ['inherit', 'enforce'],
  category: ['none'],
  enabled: ['true', 'false'],
  intrusive: ['true', 'false'],
  scanId: ['none'],
  verdict: ['vulnerable', 'safe', 'error'],
  testId: ['test-7', 'none'],
  actor: ['user:bob', 'user:nobody'],
  action: ['blocks.add', 'none'],
  target: ['thing-7', 'none'],
  page: ['issues'],
  mine: ['true'],
};
/** Whose list it is, where the path says so. */
const WHOSE: Readonly<Record<string, string>> = {
  endpoints: 'e3',
  issues: ids.issue,
  actors: encodeURIComponent('principal:user-1'),
  'scan-runs': ids.run,
  integrations: 'webhook',
  policies: 'forbidden-data',
};
/** Filters that people put together. */
const TOGETHER: readonly string[] = [
  '/issues?status=open,reopened&severity=critical&service=service-3&sort=-priority',
  '/issues?status=open,reopened&severity=info&sort=-priority',
  '/issues?status=open,reopened&search=object&severity=high&sort=-priority',
  '/issues?service=service-3&severity=info&sort=-occurrences',
  '/issues?service=service-3&search=attack.sql&status=fixed',
  '/endpoints?sparkline=true&sort=-risk',
  '/endpoints?sparkline=true&service=service-3&dataType=us-ssn&sort=-risk',
  '/endpoints?service=service-3&tag=shadow&search=orders&sort=-requests',
  '/findings?service=service-3&severity=critical',
  '/actors?kind=address&state=blocked&search=203.0.1',
  '/exchanges?service=service-3&actorId=principal:user-17',
];
const OTHER: readonly string[] = ['/overview', '/endpoints/e3', '/endpoints/e3/traffic', '/reports/services/service-3'];

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly enum?: readonly string[]; readonly $ref?: string };
}
const document = JSON.parse(readFileSync(path.join(packageRoot(), 'admin', 'openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters?: readonly Parameter[] }>>>>;
};

/** Every list of the API in every sort order, bare and with each filter. */
function* lists(): Generator<string> {
  for (const [template, operations] of Object.entries(document.paths)) {
    const parameters = operations.get?.parameters ?? [];
    if (!parameters.some((one) => one.name === 'format' && one.in === 'query')) continue;
    const list = template.replace(/^\/api\/v1/, '').replace(/\/([\w-]+)\/\{\w+\}/, (_, whose: string) => {
      if (WHOSE[whose] === undefined) throw new Error(`${template}: whose list? Name one in WHOSE`);
      return `/${whose}/${WHOSE[whose]}`;
    });
    const sorts = parameters.find((one) => one.name === 'sort')?.schema.enum ?? [''];
    const filters = parameters.filter(
      (one) => one.in === 'query' && !['limit', 'cursor', 'sort', 'format', 'sparkline'].includes(one.name),
    );
    for (const sort of sorts) {
      const ordered = sort === '' ? list : `${list}?sort=${sort}`;
      yield ordered;
      for (const { name, schema } of filters) {
        if (FILTERS[name] === undefined) throw new Error(`${template}: no values for the filter ${name}; give it some in FILTERS`);
        // The same name is a filter of several lists, each with its own words.
        for (const value of FILTERS[name].filter((one) => schema.enum?.includes(String(one)) ?? true))
          yield `${ordered}${ordered.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
      }
    }
  }
  yield* TOGETHER;
  yield* OTHER;
}

interface Measured {
  readonly url: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly cpuMs: number;
}
const measured: Measured[] = [];
const refused: string[] = [];
for (const url of lists()) {
  if (!url.includes(values.only)) continue;
  const took: number[] = [];
  let cpuUs = 0;
  let isRefused = false;
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    const before = process.cpuUsage();
    const answer = await admin.app.inject({ method: 'GET', url: `/api/v1${url}`, headers: { cookie } });
    took.push(performance.now() - startedAt);
    const spent = process.cpuUsage(before);
    cpuUs += spent.user + spent.system;
    isRefused = answer.statusCode !== 200;
    if (isRefused) {
      refused.push(`${url}: ${answer.body}`);
      break;
    }
  }
  if (isRefused) continue;
  took.sort((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.ceil(share * took.length) - 1]! * 10) / 10;
  measured.push({ url, p50Ms: at(0.5), p95Ms: at(0.95), cpuMs: Math.round(cpuUs / rounds / 100) / 10 });
  if (measured.length % 25 === 0) process.stderr.write(`\r${measured.length} asked   `);
}
/** The parameters of a list that take an enumeration refuse the words of another list: only that may happen. */
const unexpected = refused.filter((line) => !line.includes('"status":400') && !line.includes('"status":501'));
if (unexpected.length > 0) throw new Error(unexpected.join('\n'));

const slow = measured.filter((one) => one.p95Ms > TARGET_MS);
const ofList = (url: string) => url.split('?')[0]!;
const byList = [...new Set(measured.map(({ url }) => ofList(url)))].map((list) => {
  const asked = measured.filter(({ url }) => ofList(url) === list);
  return { list, asked: asked.length, ...asked.reduce((worst, one) => (one.p95Ms > worst.p95Ms ? one : worst)) };
});
for (const { list, asked, url, p50Ms, p95Ms } of byList)
  process.stdout.write(
    `${list.padEnd(40)} ${String(asked).padStart(4)} asked   slowest p50 ${p50Ms.toFixed(1).padStart(7)}  p95 ${p95Ms.toFixed(1).padStart(7)} ms   ${url}\n`,
  );
for (const { url, p50Ms, p95Ms, cpuMs } of slow)
  process.stdout.write(`OVER THE TARGET  p50 ${p50Ms} ms  p95 ${p95Ms} ms  CPU ${cpuMs} ms  ${url}\n`);
process.stdout.write(
  `${measured.length} first pages, ${slow.length} over ${TARGET_MS} ms at p95; ${refused.length} refused as not of their list\n`,
);

if (values.only === '') {
  const file = path.join(folder, 'weir.db');
  const report = {
    what: 'first page of every list of the admin API in every sort order, bare and with every filter, in-process (inject); the slowest question of each list',
    engine: store.engine,
    sizes,
    rounds,
    storeBytes: existsSync(file) ? statSync(file).size : (await store.usage()).bytes,
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      node: process.version,
      load: loadavg().map((one) => Math.round(one * 10) / 10),
    },
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot(), encoding: 'utf8' }).trim(),
    targetMs: TARGET_MS,
    asked: measured.length,
    over: slow,
    slowestOfEachList: byList,
  };
  mkdirSync(path.join(packageRoot(), 'bench', 'results'), { recursive: true });
  writeFileSync(path.join(packageRoot(), 'bench', 'results', `admin-${store.engine}.json`), `${JSON.stringify(report, null, 2)}\n`);
}
await over.close();
if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
