import { SEVERITIES, severityRank } from '../exchange/index.js';
import type { TestResult } from './run/runner.js';
import type { ScanOutcome } from './run/scan.js';

export const REPORT_FORMATS = ['table', 'json', 'sarif', 'junit', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

const EXCERPT = 2_000;
const SECRET_HEADERS = /^(authorization|cookie|set-cookie|x-api-key|.*token.*|.*secret.*)$/i;
const SECRET_FIELDS = /("(?:[^"]*(?:password|secret|token|api_?key|ssn|card)[^"]*)"\s*:\s*)("(?:[^"\\]|\\.)*"|[\d.]+)/gi;

/** The proof of a result as it may be kept and shown: credentials and fields with secrets masked, bodies cut. */
export function proofOf(result: TestResult) {
  const headers = (all: { readonly [name: string]: string }) =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, SECRET_HEADERS.test(name) ? '•••' : value]));
  const body = (text: string) => text.slice(0, EXCERPT).replace(SECRET_FIELDS, '$1"•••"');
  return {
    explanation: result.explanation,
    exchanges: result.exchanges.map(({ request, response, note }) => ({
      note,
      request: { method: request.method, url: request.url, headers: headers(request.headers), body: body(request.body) },
      response: {
        status: response.status,
        headers: headers(response.headers),
        body: body(response.body),
        durationMs: Math.round(response.durationMs),
      },
    })),
  };
}

/** What names a finding over runs, for baselines. */
export const findingKey = ({ test, sample }: TestResult): string =>
  `${test.id} ${test.runOnce ? '/' : `${sample.request.method} ${sample.template}`}`;

/** Where it was found: an endpoint, or for tests of the whole target the address that was asked. */
export function placeOf({ test, sample, exchanges }: TestResult): string {
  const last = exchanges.at(-1)?.request;
  if (!test.runOnce || last === undefined) return `${sample.request.method} ${sample.template}`;
  return `${last.method} ${new URL(last.url).pathname}`;
}

const sorted = (results: readonly TestResult[]) =>
  results
    .filter((one) => one.verdict === 'vulnerable')
    .sort((a, b) => severityRank(b.severity) - severityRank(a.severity) || a.test.id.localeCompare(b.test.id));

const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`).replace(/[^\t\n\r\x20-\uFFFD]/g, '');

/** A finished scan in one of the formats. */
export function writeReport(outcome: ScanOutcome, format: ReportFormat, target: string): string {
  const found = sorted(outcome.results);
  switch (format) {
    case 'table':
      return table(outcome, found);
    case 'json':
      return `${JSON.stringify({ target, complete: outcome.complete, requests: outcome.requests, problems: outcome.problems, findings: found.map((one) => ({ key: findingKey(one), test: one.test.id, name: one.test.name, severity: one.severity, owasp: one.test.owasp, cwe: one.test.cwe, method: one.sample.request.method, path: one.sample.template, remediation: one.test.remediation, ...proofOf(one) })) }, null, 2)}\n`;
    case 'sarif':
      return `${JSON.stringify(sarif(outcome, found, target), null, 2)}\n`;
    case 'junit':
      return junit(outcome);
    case 'html':
      return html(outcome, found, target);
  }
}

function table(outcome: ScanOutcome, found: readonly TestResult[]): string {
  const counts = (word: string) => outcome.results.filter((one) => one.verdict === word).length;
  const lines = found.map(
    (one) =>
      `${one.severity.toUpperCase().padEnd(9)}${one.test.owasp.padEnd(12)}${placeOf(one)}\n         ${one.test.id}: ${one.explanation}`,
  );
  return [
    ...lines,
    ...outcome.problems.map((problem) => `note: ${problem}`),
    `${outcome.samples} endpoints, ${outcome.results.length} tests, ${outcome.requests} requests: ${found.length} vulnerable, ${counts('safe')} safe, ${counts('skipped')} skipped, ${counts('error')} errors${outcome.complete ? '' : ' (not complete)'}`,
    '',
  ].join('\n');
}

/** SARIF 2.1.0. */
function sarif(outcome: ScanOutcome, found: readonly TestResult[], target: string) {
  const level = (severity: string) =>
    severity === 'critical' || severity === 'high' ? 'error' : severity === 'medium' ? 'warning' : 'note';
  const rules = [...new Map(found.map(({ test }) => [test.id, test])).values()];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'weir',
            informationUri: 'https://github.com/weir/weir',
            rules: rules.map((test) => ({
              id: test.id,
              name: test.name,
              shortDescription: { text: test.name },
              fullDescription: { text: test.description || test.name },
              help: { text: test.remediation || test.impact || test.name },
              properties: { tags: [test.owasp, ...test.cwe] },
            })),
          },
        },
        invocations: [{ executionSuccessful: outcome.complete }],
        results: found.map((one) => ({
          ruleId: one.test.id,
          level: level(one.severity),
          message: { text: one.explanation },
          locations: [
            {
              physicalLocation: { artifactLocation: { uri: `${target.replace(/\/$/, '')}${one.sample.template}` } },
              logicalLocations: [{ fullyQualifiedName: placeOf(one) }],
            },
          ],
          partialFingerprints: { 'weir/v1': findingKey(one) },
        })),
      },
    ],
  };
}

function junit(outcome: ScanOutcome): string {
  const cases = outcome.results.map((one) => {
    const open = `  <testcase classname="${escapeXml(`${one.sample.request.method} ${one.sample.template}`)}" name="${escapeXml(one.test.id)}"`;
    if (one.verdict === 'safe') return `${open}/>`;
    const text = escapeXml(one.explanation);
    const inner =
      one.verdict === 'vulnerable'
        ? `<failure type="${one.severity}" message="${text}"/>`
        : one.verdict === 'error'
          ? `<error message="${text}"/>`
          : `<skipped message="${text}"/>`;
    return `${open}>${inner}</testcase>`;
  });
  const count = (word: string) => outcome.results.filter((one) => one.verdict === word).length;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="weir scan" tests="${cases.length}" failures="${count('vulnerable')}" errors="${count('error')}" skipped="${count('skipped')}">\n${cases.join('\n')}\n</testsuite>\n`;
}

function html(outcome: ScanOutcome, found: readonly TestResult[], target: string): string {
  const row = (one: TestResult) =>
    `<details><summary><b>${one.severity}</b> ${escapeXml(one.test.name)} — <code>${escapeXml(placeOf(one))}</code> (${escapeXml(one.test.owasp)})</summary><p>${escapeXml(one.explanation)}</p><p>${escapeXml(one.test.remediation)}</p>${proofOf(
      one,
    )
      .exchanges.map(
        (pair) =>
          `<h4>${escapeXml(pair.note)}</h4><pre>${escapeXml(JSON.stringify(pair.request, null, 2))}\n\n${escapeXml(JSON.stringify(pair.response, null, 2))}</pre>`,
      )
      .join('')}</details>`;
  const counts = [...SEVERITIES]
    .reverse()
    .map((severity) => `${found.filter((one) => one.severity === severity).length} ${severity}`)
    .join(', ');
  return `<!doctype html><meta charset="utf-8"><title>weir scan of ${escapeXml(target)}</title><style>body{font:15px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto;background:#f4f4f4;padding:1rem}summary{cursor:pointer}</style><h1>Scan of ${escapeXml(target)}</h1><p>${counts}; ${outcome.requests} requests.</p>${found.map(row).join('\n')}\n`;
}
