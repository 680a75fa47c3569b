import { open, readFile, writeFile } from 'node:fs/promises';
import { SEVERITIES, SourceError, severityRank, systemReason, WeirError } from '../exchange/index.js';
import { readAuthContexts } from './auth-file.js';
import { ScanError } from './errors.js';
import type { TestDefinition } from './language/types.js';
import { type LibraryEntry, readLibrary } from './library.js';
import { findingKey, nameOf, placeOf, REPORT_FORMATS, type ReportFormat, writeReport } from './report.js';
import { endpointsOfOpenApi, type KnownEndpoint } from './run/endpoints.js';
import { endpointsOfHar } from './run/har.js';
import type { AuthContext } from './run/identities.js';
import { DEFAULT_LIMITS, performScan } from './run/scan.js';

/** Flags of `weir scan`, as written. */
export interface ScanCommandOptions {
  readonly target: string;
  readonly openapi?: string;
  readonly har?: string;
  /** Endpoints learned of a service; `cli/` brings them. */
  readonly service?: string;
  readonly endpoints?: readonly KnownEndpoint[];
  /** Comma separated: `BOLA,SSRF` or `API1:2023`. */
  readonly categories?: string;
  readonly tests?: readonly string[];
  readonly authToken?: readonly string[];
  /** JSON file: a list of auth contexts. */
  readonly auth?: string;
  readonly failOn?: string;
  readonly format?: string;
  readonly output?: string;
  readonly baseline?: string;
  readonly intrusive?: boolean;
  readonly allowHosts?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly concurrency?: number;
  readonly maxMinutes?: number;
  readonly maxRequests?: number;
  /** Name under which the target reaches this machine; default 127.0.0.1. */
  readonly callbackHost?: string;
  /** A DNS zone delegated to this machine: blind requests show by their lookups. */
  readonly callbackZone?: string;
  readonly callbackDnsPort?: number;
}

export interface CommandOutput {
  write(text: string): void;
  /** Progress and errors. */
  note(text: string): void;
  readonly isTty: boolean;
  readonly signal?: AbortSignal;
  /** Marks requests, so that gateways of this weir know them as a scan's. */
  readonly mark?: (runId: string, method: string, target: string) => string;
}

export const EXIT = { clean: 0, findings: 1, usage: 2, incomplete: 3 } as const;

/**
 * `weir scan`. Exit code 0: nothing at or above `--fail-on`; 1: something; 2: wrong use (flags, files, a host that is not allowed); 3: the scan could not be
 * made or finished (target down, login refused, budget spent, stopped).
 */
export async function runScanCommand(options: ScanCommandOptions, output: CommandOutput): Promise<number> {
  try {
    const settings = await readSettings(options);
    const known = new Set(options.baseline === undefined ? [] : await readBaseline(options.baseline));
    if (options.output !== undefined) await checkOutput(options.output);
    const outcome = await performScan({
      ...settings,
      ...(output.signal === undefined ? {} : { signal: output.signal }),
      ...(output.mark === undefined ? {} : { mark: output.mark }),
      onProgress: ({ done, requests, current }) => {
        if (output.isTty) output.note(`\r\u001b[2K${done} tests, ${requests} requests: ${current.slice(0, 70)}`);
      },
      onResult: (result) => {
        if (!output.isTty && result.verdict === 'vulnerable' && !known.has(findingKey(result)))
          output.note(`${result.severity}: ${nameOf(result)} on ${placeOf(result)}\n`);
      },
    });
    if (output.isTty) output.note('\r\u001b[2K');
    const fresh = { ...outcome, results: outcome.results.filter((one) => one.verdict !== 'vulnerable' || !known.has(findingKey(one))) };
    const report = writeReport(fresh, settings.format, options.target);
    if (options.output === undefined) output.write(report);
    else await writeFile(options.output, report);
    const limit = settings.failOn;
    if (fresh.results.some((one) => one.verdict === 'vulnerable' && severityRank(one.severity) >= limit)) return EXIT.findings;
    return outcome.complete ? EXIT.clean : EXIT.incomplete;
  } catch (cause) {
    if (!(cause instanceof WeirError)) throw cause;
    output.note(
      `weir: ${cause instanceof SourceError ? cause.toString() : cause.message}${cause.hint === undefined ? '' : ` (${cause.hint})`}\n`,
    );
    return cause.code === 'SCAN_TARGET_DOWN' || cause.code === 'SCAN_AUTH_FAILED' || cause.code === 'SCAN_BUDGET'
      ? EXIT.incomplete
      : EXIT.usage;
  }
}

const wrong = (message: string): never => {
  throw new ScanError('SCAN_OPTIONS', message);
};

const fileText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: unknown) => wrong(`${path} cannot be read: ${systemReason(cause)}`));

/** What is wrong with a document is said with the name of its file. */
function inFile<T>(path: string, text: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (cause) {
    if (cause instanceof ScanError && !(cause instanceof SourceError)) wrong(`${path}: ${cause.message}`);
    throw cause;
  }
}

async function readSettings(options: ScanCommandOptions) {
  if (!URL.canParse(options.target) || !/^https?:/.test(options.target))
    wrong(`--target must be an http or https URL, not "${options.target}"`);
  const format =
    REPORT_FORMATS.find((one) => one === (options.format ?? 'table')) ?? wrong(`--format must be one of ${REPORT_FORMATS.join(', ')}`);
  const failOn =
    SEVERITIES.find((one) => one === (options.failOn ?? 'high').toLowerCase()) ??
    wrong(`--fail-on must be one of ${SEVERITIES.join(', ')}`);
  const service = options.service ?? new URL(options.target).host;
  const endpoints = [
    ...(options.endpoints ?? []),
    ...(options.openapi === undefined
      ? []
      : inFile(options.openapi, await fileText(options.openapi), (text) => endpointsOfOpenApi(text, service))),
    ...(options.har === undefined ? [] : inFile(options.har, await fileText(options.har), (text) => endpointsOfHar(text, service))),
  ];
  if (endpoints.length === 0) wrong('no endpoints: give --openapi FILE, --har FILE or --service NAME');
  const authContexts = await readAuth(options);
  const categories = (options.categories ?? '').split(',').filter(Boolean);
  const tests = selectTests(await readLibrary(options.tests ?? []), categories, []);
  if (tests.length === 0) wrong(`no test is of the categories ${categories.join(', ')}`);
  return {
    targetUrl: options.target,
    service,
    allowHosts: options.allowHosts ?? [],
    endpoints,
    authContexts,
    tests,
    intrusive: options.intrusive ?? false,
    limits: {
      ...DEFAULT_LIMITS,
      requestsPerSecond: options.requestsPerSecond ?? DEFAULT_LIMITS.requestsPerSecond,
      concurrency: options.concurrency ?? DEFAULT_LIMITS.concurrency,
      maxMinutes: options.maxMinutes ?? DEFAULT_LIMITS.maxMinutes,
      maxRequests: options.maxRequests ?? DEFAULT_LIMITS.maxRequests,
    },
    callback: {
      host: options.callbackHost === undefined ? '127.0.0.1' : '0.0.0.0',
      port: 0,
      publicHost: options.callbackHost ?? '127.0.0.1',
      ...(options.callbackZone === undefined ? {} : { dns: { zone: options.callbackZone, port: options.callbackDnsPort ?? 53 } }),
    },
    format: format as ReportFormat,
    failOn: severityRank(failOn),
  };
}

/** Enabled tests of the categories (name or OWASP id; none means all), and those named. */
export function selectTests(
  entries: readonly LibraryEntry[],
  categories: readonly string[],
  ids: readonly string[],
): readonly TestDefinition[] {
  const wanted = new Set(categories.map((one) => one.toUpperCase()));
  const fits = (test: TestDefinition) =>
    (wanted.size === 0 && ids.length === 0) ||
    ids.includes(test.id) ||
    wanted.has(test.category.toUpperCase()) ||
    wanted.has(test.owasp.toUpperCase()) ||
    wanted.has(test.owasp.split(':')[0]!.toUpperCase());
  return entries.flatMap(({ enabled, definition }) => (enabled && definition !== null && fits(definition) ? [definition] : []));
}

async function readAuth({ auth, authToken = [] }: ScanCommandOptions): Promise<readonly AuthContext[]> {
  const tokens = authToken.map(
    (token, index): AuthContext => ({
      name: `user ${index + 1}`,
      role: 'user',
      kind: 'header',
      config: { name: 'authorization', value: /\s/.test(token) ? token : `Bearer ${token}` },
    }),
  );
  if (auth === undefined) return tokens;
  return [...readAuthContexts(await fileText(auth), auth), ...tokens];
}

/** Keys of the findings in a report of `--format json`. */
async function readBaseline(path: string): Promise<readonly string[]> {
  const no = (why: string) => wrong(`${path} is no report of --format json: ${why}`);
  const text = await fileText(path);
  let findings: unknown;
  try {
    findings = (JSON.parse(text) as { readonly findings?: unknown } | null)?.findings;
  } catch (cause) {
    return no(cause instanceof Error ? cause.message : String(cause));
  }
  if (!Array.isArray(findings)) return no('it has no "findings"');
  return findings.map((one: { readonly key?: unknown } | null) => (typeof one?.key === 'string' ? one.key : no('a finding has no key')));
}

/** A report that cannot be written must not be found out when the scan is over. */
async function checkOutput(path: string): Promise<void> {
  await (await open(path, 'a').catch((cause: unknown) => wrong(`${path} cannot be written: ${systemReason(cause)}`))).close();
}
