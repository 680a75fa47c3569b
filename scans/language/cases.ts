import { z } from 'zod';
import { readYaml, SEVERITIES } from '../../exchange/index.js';
import { scanTest } from '../run/execute.js';
import type { ProbeResult, Sample, ScanResponse, TestContext } from '../run/types.js';
import type { TestDefinition } from './types.js';

const answer = z.strictObject({
  status: z.number(),
  headers: z.record(z.string(), z.string()).nullable().default({}),
  body: z.string().default(''),
  durationMs: z.number().default(5),
});
const cases = z.array(
  z.strictObject({
    name: z.string(),
    expect: z.enum(['vulnerable', 'safe', 'skipped', 'error']),
    /** Where it is found, the severity that it must have. */
    severity: z.enum(SEVERITIES).optional(),
    sample: z.strictObject({
      method: z.string(),
      url: z.string(),
      /** With parameters in braces; default: the address as it is. */
      template: z.string().optional(),
      identity: z.string().nullable().default(null),
      ownValues: z.array(z.string()).default([]),
      pathValues: z.array(z.strictObject({ name: z.string(), value: z.string() })).default([]),
      isSecured: z.boolean().nullable().default(null),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().default(''),
      response: answer,
    }),
    /** Further endpoints that the scan knows, beside the sample's. */
    others: z.array(z.strictObject({ method: z.string(), url: z.string() })).default([]),
    /** What the other identity would put into parameters, by name. */
    otherValues: z.record(z.string(), z.string()).default({}),
    otherHeaders: z.record(z.string(), z.string()).default({ authorization: 'Bearer d.e.f' }),
    /** In the order of the requests; the last is repeated. */
    answers: z.array(answer).default([]),
    /** Whether the callback listener was called. */
    callback: z.boolean().default(false),
  }),
);

export interface CaseResult {
  readonly name: string;
  readonly expected: string;
  /** The verdict, and the severity where the case speaks of it. */
  readonly got: string;
  readonly explanation: string;
  /** Requests as they were sent: `METHOD url body`. */
  readonly sent: readonly string[];
}

const TARGET = 'http://target.test';
const responseOf = (one: z.output<typeof answer>): ScanResponse => ({ ...one, headers: one.headers ?? {} });

/** Runs the cases of a test (`x.cases.yaml`) with fake answers. No network. @throws SourceError for a case file that cannot be read */
export function runCases(definition: TestDefinition, text: string, file: string): readonly CaseResult[] {
  return readYaml(text, file, cases).map(
    ({ name, expect, severity, sample: given, others, otherValues, otherHeaders, answers, callback }) => {
      const sample: Sample = {
        endpointId: 'e1',
        service: 'shop',
        template: given.template ?? given.url,
        identity: given.identity,
        ownValues: given.ownValues,
        pathValues: given.pathValues,
        isSecured: given.isSecured,
        setsLogin: false,
        request: { method: given.method, url: `${TARGET}${given.url}`, headers: given.headers, body: given.body, followRedirects: false },
        response: responseOf(given.response),
      };
      const context: TestContext = {
        identities: [
          { name: 'alice', role: 'user', headers: { authorization: 'Bearer a.b.c' }, values: {} },
          { name: 'bob', role: 'member', headers: otherHeaders, values: otherValues },
        ],
        samples: [
          sample,
          ...others.map(({ method, url }) => ({
            ...sample,
            endpointId: url,
            template: url,
            request: { ...sample.request, method, url: `${TARGET}${url}` },
          })),
        ],
        callbackUrl: (id) => `http://callback.test/${id}`,
        newId: () => '0123456789abcdef01234567',
        nowMs: () => 1_700_000_000_000,
      };
      const sent: string[] = [];
      const steps = scanTest(definition).run(sample, context);
      let asked = 0;
      let step = steps.next();
      while (!step.done) {
        const probe = step.value;
        let result: ProbeResult;
        if (probe.kind === 'send') {
          sent.push(`${probe.request.method} ${probe.request.url.slice(TARGET.length)} ${probe.request.body}`.trim());
          const next = () => answers[Math.min(asked++, answers.length - 1)];
          const responses = Array.from({ length: probe.times }, next).flatMap((one) => (one === undefined ? [] : [responseOf(one)]));
          result = { kind: 'responses', responses };
        } else result = probe.kind === 'callback' ? { kind: 'callback', hit: callback } : { kind: 'waited' };
        step = steps.next(result);
      }
      const { verdict, explanation } = step.value;
      const told = (word: string, level: string | undefined) => (severity === undefined ? word : `${word} ${level}`);
      return { name, expected: told(expect, severity), got: told(verdict, step.value.severity), explanation, sent };
    },
  );
}
