import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDefinition } from '../language/types.js';
import type { CallbackListener } from './callback.js';
import { scanTest } from './execute.js';
import type { Identity, Probe, ProbeResult, Sample, TestContext, Verdict } from './types.js';
import type { Wire } from './wire.js';

const NAP_MS = 250;

export interface TestResult extends Verdict {
  readonly test: TestDefinition;
  readonly sample: Sample;
}

export interface RunOptions {
  readonly tests: readonly TestDefinition[];
  readonly samples: readonly Sample[];
  readonly identities: readonly Identity[];
  readonly wire: Wire;
  readonly callbacks: CallbackListener | null;
  readonly concurrency: number;
  readonly intrusive: boolean;
  readonly signal: AbortSignal;
  /** Keys of what a run before this one has done already. */
  readonly done: ReadonlySet<string>;
  readonly nowMs: () => number;
  readonly onResult: (result: TestResult, key: string) => Promise<void> | void;
}

/** Names one piece of work: a test on an endpoint, or on the whole origin. */
export const workKey = (test: TestDefinition, sample: Sample): string =>
  test.runOnce ? `${test.id} /` : `${test.id} ${sample.endpointId}`;

/** What may be tried on a DELETE: the object exists once. */
const FOR_DELETES = new Set(['BOLA', 'BFLA', 'NO_AUTH']);

/** Runs every test on every sample that it applies to, a few at a time. Resolves when all is done or the signal says stop. */
export async function runTests(options: RunOptions): Promise<void> {
  const { callbacks, samples, identities, signal } = options;
  let counter = 0;
  const context: TestContext = {
    identities,
    samples,
    callbackUrl: (id) => callbacks?.url(id) ?? null,
    newId: () => callbacks?.newId() ?? (++counter).toString(16).padStart(24, '0'),
    nowMs: options.nowMs,
  };
  const claimed = new Set(options.done);
  const queue = work(options, context, claimed);
  const worker = async () => {
    for (const { test, sample, key } of queue) {
      if (signal.aborted) return;
      const verdict = await drive(test, sample, context, options);
      if (signal.aborted) return;
      await options.onResult({ ...verdict, test, sample }, key);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
}

function* work({ tests, samples, intrusive }: RunOptions, context: TestContext, claimed: Set<string>) {
  for (const sample of samples)
    for (const test of tests) {
      const key = workKey(test, sample);
      if (claimed.has(key) || (test.intrusive && !intrusive)) continue;
      if (sample.request.method === 'DELETE' && !FOR_DELETES.has(test.category)) continue;
      if (!scanTest(test).applies(sample, context)) continue;
      claimed.add(key);
      yield { test, sample, key };
    }
}

async function drive(test: TestDefinition, sample: Sample, context: TestContext, options: RunOptions): Promise<Verdict> {
  const steps = scanTest(test).run(sample, context);
  try {
    let step = steps.next();
    while (!step.done) step = steps.next(await answer(step.value, options));
    return step.value;
  } catch (cause) {
    return {
      verdict: 'error',
      severity: test.severity,
      explanation: cause instanceof Error ? cause.message : String(cause),
      exchanges: [],
    };
  }
}

async function answer(probe: Probe, { wire, callbacks, signal }: RunOptions): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'callback':
      return { kind: 'callback', hit: callbacks?.hit(probe.correlation) ?? false };
    case 'wait':
      for (let left = probe.durationMs; left > 0 && !signal.aborted; left -= NAP_MS) await sleep(Math.min(left, NAP_MS));
      return { kind: 'waited' };
    case 'send':
      try {
        const responses = [];
        for (let time = 0; time < probe.times; time++) responses.push(await wire.send(probe.request));
        return { kind: 'responses', responses };
      } catch (cause) {
        return { kind: 'failed', reason: cause instanceof Error ? cause.message : String(cause) };
      }
  }
}
