import path from 'node:path';
import type { Command } from 'commander';
import { WeirError } from '../../exchange/index.js';
import type { endpointOfLearned, ScanCommandOptions } from '../../scans/index.js';
import type { CommandContext } from '../main.js';
import { scanMarker } from '../scan-keys.js';
import { type AdminFlags, adminOf, positive, withAdminOptions } from './options.js';

type LearnedEndpoint = Parameters<typeof endpointOfLearned>[0];

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `weir scan`: one scan, for CI. Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong use, 3 not finished. */
export function registerScan(program: Command, context: CommandContext): void {
  const { output } = context;
  withAdminOptions(program.command('scan').description('scan a target; exit code 0: clean, 1: findings, 2: wrong use, 3: not finished'))
    .requiredOption('--target <url>', 'where the requests go')
    .option('--openapi <file>', 'endpoints from an API description')
    .option('--har <file>', 'endpoints from a recording')
    .option('--service <name>', 'endpoints that the running weir has learned of this service')
    .option('--categories <list>', 'only these, comma separated: BOLA,SSRF or API1:2023')
    .option('--tests <dir>', 'a folder of tests besides the built-in ones (again for more)', collect)
    .option('--auth-token <token>', 'token of a user (again for a second user, which BOLA tests need)', collect)
    .option('--auth <file>', 'JSON file with auth contexts')
    .option('--fail-on <severity>', 'exit with 1 from this severity on', 'high')
    .option('--format <format>', 'table, json, sarif, junit or html')
    .option('--output <file>', 'write the report to a file')
    .option('--baseline <file>', 'JSON report of an earlier scan: only what is new counts')
    .option('--intrusive', 'also tests that change or delete')
    .option('--allow-hosts <list>', 'further hosts that may be called, comma separated', (text) => text.split(','))
    .option('--requests-per-second <n>', 'rate limit', positive)
    .option('--concurrency <n>', 'requests at once', positive)
    .option('--max-minutes <n>', 'time budget', positive)
    .option('--max-requests <n>', 'request budget', positive)
    .option('--callback-host <host>', 'name under which the target reaches this machine')
    .option(
      '--callback-zone <zone>',
      'DNS zone delegated to this machine (--callback-host is then its IPv4 address): lookups count as well',
    )
    .option('--callback-dns-port <n>', 'UDP port of its name server; default 53', positive)
    .action(async (flags: ScanCommandOptions & AdminFlags) => {
      const { runScanCommand } = await import('../../scans/index.js');
      const mark = scanMarker(path.resolve(flags.data));
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      const endpoints = flags.service === undefined ? [] : await learnedEndpoints(flags, flags.service);
      context.exitCode = await runScanCommand(
        { ...flags, ...(flags.json ? { format: 'json' } : {}), endpoints },
        {
          write: (text) => output.write(text),
          note: (text) => output.error(text),
          isTty: output.isTty,
          signal: stop.signal,
          ...(mark === null ? {} : { mark }),
        },
      );
    });
}

async function learnedEndpoints(flags: AdminFlags, service: string): Promise<NonNullable<ScanCommandOptions['endpoints']>> {
  const admin = adminOf(flags);
  const rows = await admin.list<{ id: string }>('/endpoints', { service });
  if (rows.length === 0)
    throw new WeirError('SCAN_NO_ENDPOINTS', `Nothing is learned of a service "${service}".`, { hint: 'weir inventory shows what is.' });
  const { endpointOfLearned: known } = await import('../../scans/index.js');
  const details = await Promise.all(rows.map((row) => admin.get<LearnedEndpoint>(`/endpoints/${row.id}`)));
  return details.map((one) => known({ ...one, authRequired: one.authRequired ?? null }));
}
