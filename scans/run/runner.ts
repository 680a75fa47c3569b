import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDefinition } from '../language/types.js';
import type { CallbackListener } from './callback.js';
import { isTimed, scanTest } from './execute.js';
import { provenAgain } from './steady.js';
import type { Identity, Probe, ProbeResult, Sample, ScanRequest, ScanResponse, TestContext, Verdict } from './types.js';

const NAP_MS = 250;

export interface TestResult extends Verdict {
  readonly test: TestDefinition;
  readonly sample: Sample;
}

export interface RunOptions {
  readonly tests: readonly TestDefinition[];
  readonly samples: readonly Sample[];
  /** Ids of the endpoints to test; null: all. */
  readonly only: ReadonlySet<string> | null;
  readonly identities: readonly Identity[];
  readonly send: (request: ScanRequest) => Promise<ScanResponse>;
  /** The sample with credentials that are good now. */
  readonly fresh: (sample: Sample) => Promise<Sample>;
  readonly callbacks: CallbackListener | null;
  readonly concurrency: number;
  readonly intrusive: boolean;
  readonly signal: AbortSignal;
  /** Keys of what a run before this one has done already. */
  readonly done: ReadonlySet<string>;
  readonly nowMs: () => number;
  readonly onResult: (result: TestResult, key: string) => Promise<void> | void;
}

/** Endpoints on which a test that runs once is tried until it finds something. */
const ONCE_CANDIDATES = 24;
/** What may be tried on a DELETE (the object exists once) and on a change of the login: tests that send the request as it is, as somebody else. */
const AS_IT_IS = new Set(['BOLA', 'BFLA', 'NO_AUTH']);

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
  const worker = async (queue: Iterable<Work>) => {
    for (const { test, candidates, key } of queue) {
      let last: TestResult | null = null;
      const asked = new Map<string, ScanResponse>();
      for (const sample of candidates) {
        if (signal.aborted) return;
        const send = askingOnce(options.send, asked);
        const fresh = await options.fresh(sample);
        const verdict = await drive(test, fresh, context, { ...options, send });
        const isByTime = verdict.verdict === 'vulnerable' && isTimed(test);
        last = { ...kept(isByTime ? await provenAgain(verdict, options.send).catch(failed(test)) : verdict), test, sample };
        if (last.verdict === 'vulnerable') break;
      }
      if (signal.aborted || last === null) return;
      await options.onResult(last, key);
    }
  };
  const isAlone = ({ tags }: TestDefinition) => tags.includes('alone');
  // What compares the state before and after must not meet others, nor what they left.
  await worker(work({ ...options, tests: options.tests.filter(isAlone) }, context));
  const quick = work({ ...options, tests: options.tests.filter((test) => !test.slow && !isAlone(test)) }, context);
  await Promise.all(Array.from({ length: options.concurrency }, () => worker(quick)));
  // What is decided by time must not wait behind others.
  await worker(work({ ...options, tests: options.tests.filter((test) => test.slow && !isAlone(test)) }, context));
}

/** What a test that runs once read for one sample (`/.env`, say) is not asked for again for the next. `asked` is of the samples before. */
function askingOnce(send: RunOptions['send'], asked: Map<string, ScanResponse>): RunOptions['send'] {
  const before = new Map(asked);
  return async (request) => {
    if (request.method !== 'GET' || request.body !== '') return send(request);
    const key = JSON.stringify(request);
    const known = before.get(key);
    if (known !== undefined) return known;
    const response = await send(request);
    if (response.body.length <= REMEMBERED_CHARACTERS) asked.set(key, response);
    return response;
  };
}

const REMEMBERED_CHARACTERS = 20_000;

/** Results live as long as the scan: of what a proof holds, as much as reports show. */
function kept(verdict: Verdict): Verdict {
  // A plain slice would keep the whole text alive.
  const cut = (text: string) => (text.length <= PROOF_CHARACTERS ? text : Buffer.from(text.slice(0, PROOF_CHARACTERS)).toString());
  const exchanges = verdict.exchanges.map(({ request, response, note }) => ({
    note,
    request: { ...request, body: cut(request.body) },
    response: { ...response, body: cut(response.body) },
  }));
  return { ...verdict, exchanges };
}

const PROOF_CHARACTERS = 8_192;

/** Tests that change objects come after those that compare them; those that change what all rely on (a token, a role) come last. */
const turnOf = (test: TestDefinition): number => (test.tags.includes('last') ? 2 : Number(test.intrusive));

interface Work {
  readonly test: TestDefinition;
  readonly candidates: readonly Sample[];
  readonly key: string;
}

function* work({ tests, samples: all, only, intrusive, done }: RunOptions, context: TestContext): Generator<Work> {
  const samples = all.filter((sample) => !sample.isUnsent && (only === null || only.has(sample.endpointId)));
  const allowed = tests.filter((test) => intrusive || !test.intrusive);
  const fits = (test: TestDefinition, sample: Sample) =>
    ((sample.request.method !== 'DELETE' && !sample.setsLogin) || AS_IT_IS.has(test.category)) && scanTest(test).applies(sample, context);
  // What is proven on a private object is proven best.
  const byPrivacy = [...samples].sort((a, b) => b.ownValues.length - a.ownValues.length);
  for (const turn of [0, 1, 2]) {
    const now = allowed.filter((test) => turnOf(test) === turn);
    for (const test of now.filter((one) => one.runOnce)) {
      const key = `${test.id} /`;
      const candidates = done.has(key) ? [] : byPrivacy.filter((sample) => fits(test, sample)).slice(0, ONCE_CANDIDATES);
      if (candidates.length > 0) yield { test, candidates, key };
    }
    for (const sample of samples)
      for (const test of now) {
        const key = `${test.id} ${sample.endpointId}`;
        if (!test.runOnce && !done.has(key) && fits(test, sample)) yield { test, candidates: [sample], key };
      }
  }
}

async function drive(test: TestDefinition, sample: Sample, context: TestContext, options: RunOptions): Promise<Verdict> {
  const steps = scanTest(test).run(sample, context);
  try {
    let step = steps.next();
    while (!step.done) step = steps.next(await answer(step.value, options));
    return step.value;
  } catch (cause) {
    return failed(test)(cause);
  }
}

const failed =
  ({ severity }: TestDefinition) =>
  (cause: unknown): Verdict => ({
    verdict: 'error',
    severity,
    explanation: cause instanceof Error ? cause.message : String(cause),
    exchanges: [],
  });

async function answer(probe: Probe, { send, callbacks, signal }: RunOptions): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'callback':
      return { kind: 'callback', hit: callbacks?.hit(probe.correlation) ?? false };
    case 'wait':
      for (let left = probe.durationMs; left > 0 && !signal.aborted; left -= NAP_MS) await sleep(Math.min(left, NAP_MS));
      return { kind: 'waited' };
    case 'send':
      try {
        const responses = [];
        for (let time = 0; time < probe.times; time++) responses.push(await send(probe.request));
        return { kind: 'responses', responses };
      } catch (cause) {
        return { kind: 'failed', reason: cause instanceof Error ? cause.message : String(cause) };
      }
  }
}
