import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { type Exchange, splitTarget, TemplateMatcher, WeirError } from '../../exchange/index.js';
import type { Learned } from '../../policies/index.js';
import type { CommandContext } from '../main.js';
import { durationMs, type Output, table } from '../output.js';
import { type AdminFlags, adminOf, positive, withAdminOptions } from './options.js';
import { compileFolder, problemLine } from './policy-folder.js';

interface ReplayHit {
  readonly exchangeId: string;
  readonly atMs: number;
  readonly service: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly rule: string;
  readonly action: string;
  readonly message: string;
}

interface Replayed {
  readonly examined: number;
  readonly wouldAct: number;
  readonly alerts: number;
  readonly complete: boolean;
  readonly rules: readonly { readonly policy: string; readonly rule: string; readonly hits: number }[];
  readonly hits: readonly ReplayHit[];
}

interface TrafficFlags {
  readonly from?: string;
  readonly service?: string;
}

type ReplayFlags = AdminFlags & TrafficFlags & { readonly last?: string; readonly samples: number };
type BenchFlags = TrafficFlags & { readonly last?: string; readonly rounds: number; readonly data: string; readonly json?: boolean };

const HOUR_MS = 3_600_000;
const BENCH_EXCHANGES = 20_000;

/** `weir policies replay` and `weir policies bench`. */
export function registerReplay(policies: Command, context: CommandContext): void {
  const { output } = context;
  withAdminOptions(
    policies
      .command('replay')
      .description('what policies would have done on recorded traffic: those of a folder, or the built-in ones')
      .argument('[dir]', 'folder of policies (default: the built-in ones)'),
  )
    .option('--last <duration>', 'traffic that the running weir kept: 30m, 24h, 7d (default: 24h)')
    .option('--from <file>', 'recorded traffic instead: NDJSON exchanges, HAR, pcap; no running weir is needed')
    .option('--service <name>', 'only this service; with --from: count everything as traffic of it')
    .option('--samples <n>', 'exchanges shown', positive, 20)
    .action(async (dir: string | undefined, flags: ReplayFlags) => {
      if (flags.from !== undefined && flags.last !== undefined) throw oneSource();
      const folder = await compileFolder(dir);
      if (folder.set === null) {
        for (const problem of folder.problems) output.error(`${problemLine(problem)}\n`);
        context.exitCode = 1;
        return;
      }
      const replayed =
        flags.from === undefined
          ? await adminOf(flags).call<Replayed>('POST', '/policy-replay', {
              text: folder.sources.map((source) => source.text).join('\n---\n'),
              hours: durationMs(flags.last ?? '24h') / HOUR_MS,
              maxHits: Math.min(1000, flags.samples),
              ...(flags.service === undefined ? {} : { service: flags.service }),
            })
          : await replayFile(folder.set, flags.from, flags, output);
      if (flags.json) output.write(`${JSON.stringify(replayed)}\n`);
      else print(replayed, output);
    });
  policies
    .command('bench')
    .description('what each rule costs on recorded traffic, in microseconds an evaluation')
    .argument('[dir]', 'folder of policies (default: the built-in ones)')
    .option('--from <file>', 'recorded traffic: NDJSON exchanges, HAR, pcap')
    .option('--last <duration>', 'traffic kept in the data folder (default: 24h)')
    .option('--data <dir>', 'data folder of a weir', process.env.WEIR_DATA ?? './data')
    .option('--service <name>', 'only this service; with --from: count everything as traffic of it')
    .option('--rounds <n>', 'how often the traffic is gone through', positive, 5)
    .option('--json', 'print JSON')
    .action(async (dir: string | undefined, flags: BenchFlags) => {
      if (flags.from !== undefined && flags.last !== undefined) throw oneSource();
      const folder = await compileFolder(dir);
      if (folder.set === null) {
        for (const problem of folder.problems) output.error(`${problemLine(problem)}\n`);
        context.exitCode = 1;
        return;
      }
      const exchanges = flags.from === undefined ? await keptExchanges(flags, Date.now()) : await exchangesOf(flags.from, flags, output);
      if (exchanges.length === 0)
        throw new WeirError('REPLAY_EMPTY', 'There is no traffic to measure on.', { hint: 'Name some with --from.' });
      const { benchRules } = await import('../../policies/index.js');
      const learned = await learnedFrom(exchanges);
      // Once without looking, so that what is measured is compiled and no type is met for the first time.
      benchRules(folder.set, exchanges, 1, learned);
      const fresh = await compileFolder(dir);
      const costs = benchRules(fresh.set ?? folder.set, exchanges, flags.rounds, learned);
      if (flags.json) output.write(`${JSON.stringify({ exchanges: exchanges.length, rounds: flags.rounds, rules: costs })}\n`);
      else
        output.write(
          `${exchanges.length} exchanges, ${flags.rounds} rounds\n${table(costs, [
            { title: 'RULE', of: (row) => `${row.policy}/${row.rule}` },
            { title: 'µS EACH', of: (row) => row.usPerEvaluation.toFixed(1), right: true },
            { title: 'EVALUATED', of: (row) => row.evaluations, right: true },
            { title: 'FIRED', of: (row) => row.hits, right: true },
          ])}Work that rules share (decoding, parsing, classifying) counts for the first that asks for it.\n`,
        );
    });
}

const oneSource = (): WeirError =>
  new WeirError('REPLAY_SOURCE', 'Give --last or --from, not both.', {
    hint: '--last is what the running weir kept, --from a file of yours.',
  });

async function replayFile(
  set: NonNullable<Awaited<ReturnType<typeof compileFolder>>['set']>,
  file: string,
  flags: ReplayFlags,
  output: Output,
): Promise<Replayed> {
  const { replay } = await import('../../policies/index.js');
  const exchanges = await exchangesOf(file, flags, output);
  const report = replay(set, exchanges, { learned: await learnedFrom(exchanges), samples: flags.samples });
  const hits = report.rules.flatMap(({ samples }) =>
    samples.map(({ exchangeId, startedAtMs, service, method, path: target, status, act }) => ({
      exchangeId,
      atMs: startedAtMs,
      service,
      method,
      target,
      status,
      rule: `${act.policy}/${act.rule}`,
      action: act.action,
      message: act.message,
    })),
  );
  return {
    examined: report.exchanges,
    wouldAct: report.exchanges - report.would.pass,
    alerts: report.alerts,
    complete: true,
    rules: report.rules.map(({ policy, rule, hits: count }) => ({ policy, rule, hits: count })),
    hits: hits.slice(0, flags.samples),
  };
}

/** Oldest first. Rows that cannot be read are told and left out. */
async function exchangesOf(file: string, flags: TrafficFlags, output: Output): Promise<Exchange[]> {
  const isThere = existsSync(file);
  if (!isThere || statSync(file).isDirectory())
    throw new WeirError('REPLAY_NO_FILE', isThere ? `${file} is a folder.` : `There is no file ${file}.`, {
      hint: 'NDJSON exchanges, HAR and captures are understood.',
    });
  const { readRecorded, recordedTypeOf } = await import('../recorded.js');
  const exchanges: Exchange[] = [];
  await readRecorded(
    readFileSync(file),
    recordedTypeOf(file),
    { name: file, service: flags.service ?? null, secret: 'replay', nowMs: Date.now(), serviceOf: (host) => host },
    (exchange) => void exchanges.push(exchange),
    (problem) => output.error(`${problem}\n`),
  );
  return exchanges.sort((a, b) => a.startedAtMs - b.startedAtMs);
}

/** What a weir kept in its own database, oldest first: redacted, so data conditions go by what was classified. */
async function keptExchanges(flags: BenchFlags, nowMs: number): Promise<Exchange[]> {
  const file = path.join(path.resolve(flags.data), 'weir.db');
  if (!existsSync(file))
    throw new WeirError('REPLAY_NO_DATA', `There is no weir database ${file}.`, {
      hint: 'Name traffic with --from, or the folder with --data.',
    });
  const { openStore } = await import('../../store/index.js');
  const { decodeExchange } = await import('../../exchange/index.js');
  const store = await openStore({ sqlite: file });
  try {
    const exchanges: Exchange[] = [];
    const filter = { sinceMs: nowMs - durationMs(flags.last ?? '24h'), ...(flags.service === undefined ? {} : { service: flags.service }) };
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof store.samples.read>> = await store.samples.read(filter, { cursor, limit: 500 });
      for (const sample of page.items) exchanges.push(decodeExchange(sample.content));
      cursor = page.nextCursor;
    } while (cursor !== null && exchanges.length < BENCH_EXCHANGES);
    return exchanges.reverse();
  } finally {
    await store.close();
  }
}

/** Templates that the traffic itself teaches, and what was classified before a recording was redacted. */
async function learnedFrom(exchanges: readonly Exchange[]): Promise<Learned> {
  const { Inventory } = await import('../../learning/index.js');
  const { hitsOfTags } = await import('../../exchange/index.js');
  const inventory = new Inventory();
  for (const exchange of exchanges) inventory.observe(exchange);
  inventory.settle();
  const matcher = TemplateMatcher.of(inventory.templates());
  return ({ service, request, tags }) => {
    const found = matcher.match(service, request.method, splitTarget(request.target).path);
    const hits = hitsOfTags(tags);
    return {
      template: found?.endpoint.template ?? null,
      tags: [],
      ...(hits.length === 0 ? {} : { dataHits: (phase) => hits.filter((hit) => hit.location.phase === phase) }),
    };
  };
}

function print({ examined, wouldAct, alerts, complete, rules, hits }: Replayed, output: Output): void {
  const count = (value: number) => value.toLocaleString('en-US');
  output.write(
    `would have acted on ${count(wouldAct)} of ${count(examined)} exchanges, and only told about ${count(alerts)}${complete ? '' : '; more was kept than one replay looks at'}\n`,
  );
  if (rules.length === 0) return;
  output.write(
    `\n${table(rules, [
      { title: 'RULE', of: (row) => `${row.policy}/${row.rule}` },
      { title: 'HITS', of: (row) => row.hits, right: true },
    ])}\n${table(
      hits,
      [
        { title: 'WHEN', of: (row) => new Date(row.atMs).toISOString().slice(0, 19) },
        { title: 'WOULD', of: (row) => row.action },
        { title: 'RULE', of: (row) => row.rule },
        { title: 'REQUEST', of: (row) => `${row.method} ${row.target.slice(0, 60)} ${row.status}` },
        { title: 'WHY', of: (row) => row.message },
      ],
      output.columns,
    )}`,
  );
}
