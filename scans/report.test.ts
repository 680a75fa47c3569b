import { XMLParser, XMLValidator } from 'fast-xml-parser';
import t from 'tap';
import { z } from 'zod';
import { compileTest } from './language/compile.js';
import { findingKey, REPORT_FORMATS, writeReport } from './report.js';
import type { TestResult } from './run/runner.js';
import type { ScanOutcome } from './run/scan.js';

/** What a target may put into names, paths and answers to break a report or whoever reads it. */
const HOSTILE = `</script><img src=x onerror=alert(1)>&amp;"'\u0000\u001b[2J]]>\ud800`;
const PASSWORD = 'S3cret-of-alice';

function resultOf(id: string, severity: string, verdict: TestResult['verdict'], template = '/orders/{id}'): TestResult {
  const test = compileTest(
    `id: ${id}\ninfo:\n  name: "Name of ${id}"\n  category: { name: BOLA }\n  severity: ${severity}\n  cwe: [CWE-639]\n  remediation: Check whose it is.\n  references: [https://owasp.org/x]\nexecute: { type: single, requests: [] }\n`,
    `${id}.yaml`,
  );
  const request = {
    method: 'POST',
    url: `http://shop.test/orders/7?api_key=${PASSWORD}&q=1`,
    headers: { authorization: `Bearer ${PASSWORD}`, accept: '*/*' },
    body: `user=alice&password=${PASSWORD}`,
    followRedirects: false,
  };
  const response = {
    status: 200,
    headers: { 'set-cookie': PASSWORD },
    body: `{"password":"${PASSWORD}","note":${JSON.stringify(HOSTILE)}}`,
    durationMs: 3,
  };
  return {
    test,
    sample: {
      request,
      response,
      endpointId: id,
      service: 'shop',
      template,
      identity: 'alice',
      ownValues: [],
      pathValues: [],
      isSecured: null,
      setsLogin: false,
    },
    verdict,
    severity: test.severity,
    explanation: `It says ${HOSTILE}`,
    exchanges: [{ request, response, note: `x1 ${HOSTILE}` }],
  };
}

const OUTCOME: ScanOutcome = {
  results: [
    resultOf('low-one', 'LOW', 'vulnerable', `/a b/${HOSTILE.replace(/[\u0000\u001b\ud800]/g, '')}`),
    resultOf('high-one', 'CRITICAL', 'vulnerable'),
    resultOf('high-one', 'CRITICAL', 'vulnerable', '/carts/{id}'),
    resultOf('safe-one', 'HIGH', 'safe'),
    resultOf('odd-one', 'HIGH', 'skipped'),
    resultOf('bad-one', 'HIGH', 'error'),
  ],
  samples: 3,
  requests: 42,
  problems: [`GET /silent: ${HOSTILE}`],
  complete: false,
};
const NOTHING: ScanOutcome = { results: [resultOf('safe-one', 'HIGH', 'safe')], samples: 1, requests: 2, problems: [], complete: true };
const TARGET = 'http://shop.test/?x="<i>';

t.test('no report holds a secret or a control character', (t) => {
  for (const format of REPORT_FORMATS)
    for (const outcome of [OUTCOME, NOTHING]) {
      const text = writeReport(outcome, format, TARGET);
      t.notOk(text.includes(PASSWORD), format);
      t.notMatch(text, /(?!\n)\p{Cc}/u, format);
      t.ok(text.endsWith('\n'), format);
    }
  t.end();
});

t.test('the list for people names each test, its id second', async (t) => {
  const lines = writeReport(OUTCOME, 'table', TARGET).split('\n');
  for (const start of ['         Name of high-one (high-one): It says', 'error: Name of bad-one (bad-one) on POST '])
    t.ok(
      lines.some((line) => line.startsWith(start)),
      start,
    );
});

/** The structure that SARIF 2.1.0 asks for, of what is written here (sections 3.13 to 3.30), and what GitHub's code scanning wants beside it. */
const text = z.strictObject({ text: z.string().min(1) });
const level = z.enum(['none', 'note', 'warning', 'error']);
const relativeUri = z.string().refine((uri) => uri !== '' && !uri.startsWith('/') && /^([\w\-.~!$&'()*+,;=:@/]|%[0-9A-F]{2})+$/.test(uri));
const sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z
    .array(
      z.strictObject({
        tool: z.strictObject({
          driver: z.strictObject({
            name: z.string().min(1),
            informationUri: z.url(),
            rules: z.array(
              z.strictObject({
                id: z.string().min(1),
                name: z.string(),
                shortDescription: text,
                fullDescription: text,
                help: text,
                helpUri: z.url(),
                defaultConfiguration: z.strictObject({ level }),
                properties: z.strictObject({ tags: z.array(z.string()), 'security-severity': z.string().regex(/^\d+\.\d$/) }),
              }),
            ),
          }),
        }),
        invocations: z.array(z.strictObject({ executionSuccessful: z.boolean() })),
        properties: z.strictObject({ target: z.string() }),
        results: z.array(
          z.strictObject({
            ruleId: z.string(),
            ruleIndex: z.number().int().min(0),
            level,
            message: text,
            locations: z
              .array(
                z.strictObject({
                  physicalLocation: z.strictObject({
                    artifactLocation: z.strictObject({ uri: relativeUri }),
                    region: z.strictObject({ startLine: z.number().int().min(1) }),
                  }),
                  logicalLocations: z.array(z.strictObject({ fullyQualifiedName: z.string().min(1), kind: z.string() })),
                }),
              )
              .length(1),
            partialFingerprints: z.record(z.string(), z.string().min(1)),
          }),
        ),
      }),
    )
    .length(1),
});

t.test('SARIF 2.1.0', (t) => {
  const [run] = sarif.parse(JSON.parse(writeReport(OUTCOME, 'sarif', TARGET))).runs;
  t.strictSame(
    run?.results.map((one) => [one.ruleId, one.level, run.tool.driver.rules[one.ruleIndex]?.id]),
    [
      ['high-one', 'error', 'high-one'],
      ['high-one', 'error', 'high-one'],
      ['low-one', 'note', 'low-one'],
    ],
  );
  t.equal(run?.tool.driver.rules.length, 2, 'a rule stands once');
  t.equal(run?.invocations[0]?.executionSuccessful, false);
  t.equal(new Set(run?.results.map((one) => JSON.stringify(one.partialFingerprints))).size, 3, 'each finding has a fingerprint of its own');
  const [empty] = sarif.parse(JSON.parse(writeReport(NOTHING, 'sarif', TARGET))).runs;
  t.strictSame(empty?.results, [], 'a list also where nothing was found: code scanning closes what is gone');
  t.end();
});

t.test('JUnit', (t) => {
  const xml = writeReport(OUTCOME, 'junit', TARGET);
  t.equal(XMLValidator.validate(xml), true);
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml) as {
    testsuite: { [name: string]: unknown; testcase: { [name: string]: unknown }[] };
  };
  t.match(parsed.testsuite, { '@_tests': '6', '@_failures': '3', '@_errors': '1', '@_skipped': '1' });
  t.strictSame(
    parsed.testsuite.testcase.map((one) => [one['@_name'], ['failure', 'error', 'skipped'].find((kind) => kind in one) ?? 'passed']),
    [
      ['low-one', 'failure'],
      ['high-one', 'failure'],
      ['high-one', 'failure'],
      ['safe-one', 'passed'],
      ['odd-one', 'skipped'],
      ['bad-one', 'error'],
    ],
  );
  t.equal(XMLValidator.validate(writeReport(NOTHING, 'junit', TARGET)), true);
  t.end();
});

t.test('HTML', (t) => {
  for (const outcome of [OUTCOME, NOTHING]) {
    const html = writeReport(outcome, 'html', TARGET);
    // Void elements and the document type apart it is XML: nothing of the target may have opened or closed an element.
    const closed = html
      .replace('<!doctype html>', '')
      .replace(/<meta [^>]*>/g, '')
      .replace(/\n$/, '</html>');
    t.equal(XMLValidator.validate(closed), true);
    t.notMatch(html, /<(script|img|i>|\/script)/, 'no element that the report did not write');
  }
  t.match(
    writeReport(OUTCOME, 'html', TARGET),
    /2 critical, 0 high, 0 medium, 1 low, 0 info; 3 endpoints, 6 tests, 42 requests \(not complete\)/,
  );
  t.end();
});

t.test('JSON and the table', (t) => {
  const report = JSON.parse(writeReport(OUTCOME, 'json', TARGET)) as { [name: string]: unknown; findings: { [name: string]: unknown }[] };
  t.match(report, {
    target: TARGET,
    complete: false,
    requests: 42,
    endpoints: 3,
    tests: { vulnerable: 3, safe: 1, skipped: 1, errors: 1 },
    errors: [{ test: 'bad-one', method: 'POST', path: '/orders/{id}', explanation: /^It says/ }],
  });
  t.strictSame(
    report.findings.map(({ key, severity }) => [key, severity]),
    [
      ['high-one POST /orders/{id}', 'critical'],
      ['high-one POST /carts/{id}', 'critical'],
      [findingKey(OUTCOME.results[0]!), 'low'],
    ],
  );
  t.match(report.findings[0], {
    method: 'POST',
    path: '/orders/{id}',
    cwe: ['CWE-639'],
    owasp: 'API1:2023',
    exchanges: [{ request: { method: 'POST' } }],
  });
  const table = writeReport(OUTCOME, 'table', TARGET).split('\n');
  t.match(table[0], /^CRITICAL API1:2023 {3}POST \/orders\/\{id\}$/);
  t.match(table.at(-3), /^error: Name of bad-one \(bad-one\) on POST \/orders\/\{id\}: It says/);
  t.match(table.at(-2), /^3 endpoints, 6 tests, 42 requests: 3 vulnerable, 1 safe, 1 skipped, 1 errors \(not complete\)$/);
  t.end();
});
