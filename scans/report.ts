import { SEVERITIES, severityRank } from '../exchange/index.js';
import type { TestResult } from './run/runner.js';
import type { ScanOutcome } from './run/scan.js';

export const REPORT_FORMATS = ['table', 'json', 'sarif', 'junit', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

const EXCERPT = 2_000;
const SECRET_HEADERS = /^(authorization|cookie|set-cookie|x-api-key|.*token.*|.*secret.*)$/i;
const SECRET_FIELDS = /("(?:[^"]*(?:password|secret|token|api_?key|ssn|card)[^"]*)"\s*:\s*)("(?:[^"\\]|\\.)*"|[\d.]+)/gi;

/** The same in forms and in addresses. */
const SECRET_PAIRS = /([?&]|^)([^=&?#\s]*(?:password|secret|token|api_?key)[^=&?#\s]*=)[^&#\s]+/gi;

/** The proof of a result as it may be kept and shown: credentials and fields with secrets masked, bodies cut. */
export function proofOf(result: TestResult) {
  const headers = (all: { readonly [name: string]: string }) =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, SECRET_HEADERS.test(name) ? '•••' : value]));
  const body = (text: string) => text.slice(0, EXCERPT).replace(SECRET_FIELDS, '$1"•••"').replace(SECRET_PAIRS, '$1$2•••');
  return {
    explanation: result.explanation,
    exchanges: result.exchanges.map(({ request, response, note }) => ({
      note,
      request: {
        method: request.method,
        url: request.url.replace(SECRET_PAIRS, '$1$2•••'),
        headers: headers(request.headers),
        body: body(request.body),
      },
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
  text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`).replace(/[^\t\n\r\x20-\uFFFD]/g, '\uFFFD');

/** A finished scan in one of the formats. */
export function writeReport(outcome: ScanOutcome, format: ReportFormat, target: string): string {
  const found = sorted(outcome.results);
  switch (format) {
    case 'table':
      return table(outcome, found);
    case 'json':
      return `${JSON.stringify(json(outcome, found, target), null, 2)}\n`;
    case 'sarif':
      return `${JSON.stringify(sarif(outcome, found, target), null, 2)}\n`;
    case 'junit':
      return junit(outcome);
    case 'html':
      return html(outcome, found, target);
  }
}

const countsOf = ({ results }: ScanOutcome) => {
  const count = (word: string) => results.filter((one) => one.verdict === word).length;
  return { vulnerable: count('vulnerable'), safe: count('safe'), skipped: count('skipped'), errors: count('error') };
};

/** Tests that could not be made, for want of an answer or by a fault: they say nothing of their endpoint. */
const failedOf = ({ results }: ScanOutcome) => results.filter((one) => one.verdict === 'error');

const json = (outcome: ScanOutcome, found: readonly TestResult[], target: string) => ({
  target,
  complete: outcome.complete,
  requests: outcome.requests,
  endpoints: outcome.samples,
  tests: countsOf(outcome),
  problems: outcome.problems,
  errors: failedOf(outcome).map((one) => ({
    test: one.test.id,
    method: one.sample.request.method,
    path: one.sample.template,
    explanation: one.explanation,
  })),
  findings: found.map((one) => ({
    key: findingKey(one),
    test: one.test.id,
    name: one.test.name,
    severity: one.severity,
    owasp: one.test.owasp,
    cwe: one.test.cwe,
    method: one.sample.request.method,
    path: one.sample.template,
    remediation: one.test.remediation,
    references: one.test.references,
    ...proofOf(one),
  })),
});

/** The test of a result as people know it, and its id. */
export const nameOf = ({ test }: Pick<TestResult, 'test'>): string => (test.name === '' ? test.id : `${test.name} (${test.id})`);

const errorLine = (one: TestResult) => `error: ${nameOf(one)} on ${placeOf(one)}: ${one.explanation}`;

function table(outcome: ScanOutcome, found: readonly TestResult[]): string {
  const { vulnerable, safe, skipped, errors } = countsOf(outcome);
  const lines = found.map(
    (one) =>
      `${one.severity.toUpperCase().padEnd(9)}${one.test.owasp.padEnd(12)}${placeOf(one)}\n         ${nameOf(one)}: ${one.explanation}`,
  );
  return [
    ...lines,
    ...outcome.problems.map((problem) => `note: ${problem}`),
    ...failedOf(outcome).map(errorLine),
    `${outcome.samples} endpoints, ${outcome.results.length} tests, ${outcome.requests} requests: ${vulnerable} vulnerable, ${safe} safe, ${skipped} skipped, ${errors} errors${outcome.complete ? '' : ' (not complete)'}`,
    '',
  ]
    .join('\n')
    .replace(/(?!\n)\p{Cc}/gu, '');
}

/** What GitHub sorts by: a score as of CVSS. */
const SCORES: { readonly [severity: string]: string } = { critical: '9.5', high: '8.0', medium: '5.5', low: '3.0', info: '0.1' };

/** SARIF 2.1.0. Places are relative, as code scanning wants them: it refuses addresses of another scheme than the repository's. */
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
              helpUri: test.references.find((one) => URL.canParse(one)) ?? 'https://owasp.org/API-Security/editions/2023/en/0x11-t10/',
              defaultConfiguration: { level: level(test.severity) },
              properties: { tags: ['security', test.owasp, ...test.cwe], 'security-severity': SCORES[test.severity] },
            })),
          },
        },
        invocations: [{ executionSuccessful: outcome.complete }],
        properties: { target },
        results: found.map((one) => ({
          ruleId: one.test.id,
          ruleIndex: rules.findIndex(({ id }) => id === one.test.id),
          level: level(one.severity),
          message: { text: one.explanation },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(one.sample.template.replace(/^\/+/, '')) || 'index' },
                region: { startLine: 1 },
              },
              logicalLocations: [{ fullyQualifiedName: placeOf(one), kind: 'resource' }],
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
        ? `<failure type="${one.severity}" message="${text}">${escapeXml(`${one.test.owasp} ${one.test.cwe.join(' ')}\n${one.test.remediation}`)}</failure>`
        : one.verdict === 'error'
          ? `<error message="${text}"/>`
          : `<skipped message="${text}"/>`;
    return `${open}>${inner}</testcase>`;
  });
  const { vulnerable, errors, skipped } = countsOf(outcome);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="weir scan" tests="${cases.length}" failures="${vulnerable}" errors="${errors}" skipped="${skipped}">\n${cases.join('\n')}\n</testsuite>\n`;
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
  const notes = [...outcome.problems, ...failedOf(outcome).map(errorLine)];
  const problems = notes.length === 0 ? '' : `<h2>Notes</h2><ul>${notes.map((one) => `<li>${escapeXml(one)}</li>`).join('')}</ul>`;
  const counts = [...SEVERITIES]
    .reverse()
    .map((severity) => `${found.filter((one) => one.severity === severity).length} ${severity}`)
    .join(', ');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>weir scan of ${escapeXml(target)}</title><style>body{color-scheme:light dark;font:15px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto;background:#8882;padding:1rem}summary{cursor:pointer}</style><h1>Scan of ${escapeXml(target)}</h1><p>${counts}; ${outcome.samples} endpoints, ${outcome.results.length} tests, ${outcome.requests} requests${outcome.complete ? '' : ' (not complete)'}.</p>${found.map(row).join('\n')}${problems}\n`;
}
