import { setImmediate } from 'node:timers/promises';
import type { CheckedPolicy, PoliciesPort, PolicyView, ReplayResult } from '../../admin/index.js';
import { decodeExchange, hitsOfTags, type Redactor, splitTarget, TemplateMatcher } from '../../exchange/index.js';
import {
  compilePolicies,
  type FullPolicySet,
  type Learned,
  mergeStats,
  PolicyError,
  policyJsonSchema,
  Replay,
  type ReplaySample,
  runCases,
} from '../../policies/index.js';
import type { RuleCounts, SharedMaps } from '../shared-maps.js';
import type { PolicyBook } from '../wiring/policies.js';
import { withMode } from './with-mode.js';

/** Exchanges evaluated before others of this thread get their turn. */
const REPLAY_PAUSE_EVERY = 200;

/** The policy language as the admin API asks for it. */
export function policiesPort(book: PolicyBook, maps: SharedMaps, redactor: Redactor): PoliciesPort {
  const compileOne = (text: string): FullPolicySet => {
    const { keys } = book.current().options;
    return compilePolicies([{ file: 'policy.yaml', text, origin: 'ui' }], { redactor, classifier: book.classifier(), keys });
  };
  const views = (): PolicyView[] => {
    const counts = countsByRule(maps);
    const documents = new Map(book.current().documents.map(({ document }) => [document.policy, document]));
    return book.current().policies.map((policy): PolicyView => {
      const rules = policy.rules.map((rule) => ruleView(rule, counts.get(`${policy.name}\0${rule}`)));
      const sum = (pick: (rule: (typeof rules)[number]) => number) => rules.reduce((total, rule) => total + pick(rule), 0);
      return {
        name: policy.name,
        title: policy.title,
        description: policy.description,
        origin: policy.origin,
        file: policy.origin === 'ui' ? '' : policy.file,
        readOnly: policy.origin !== 'ui',
        mode: policy.mode,
        percentage: maps.policyModes.get(policy.name)?.rollout ?? percentOf(documents.get(policy.name)?.rollout),
        severity: policy.severity,
        rules,
        hits: sum((rule) => rule.hits),
        acted: sum((rule) => rule.acted),
        wouldAct: sum((rule) => rule.wouldAct),
        version: 0,
        changedAtMs: null,
        changedBy: '',
        problem: book.status().stale.find((one) => one.file === policy.file)?.message ?? null,
      };
    });
  };
  return {
    list: views,
    text: (name) => book.current().documents.find((one) => one.document.policy === name)?.source.text ?? null,
    check: (text): CheckedPolicy => check(text, compileOne),
    schema: () => policyJsonSchema(),
    withMode,
    async overrideMode(name, override, by) {
      if (override === null) await maps.policyModes.delete(name);
      else
        await maps.policyModes.set(name, {
          mode: override.mode,
          ...(override.percentage === null ? {} : { rollout: override.percentage }),
          by,
          atMs: Date.now(),
        });
    },
    async publish(texts) {
      const wanted = new Map(texts.map((one) => [`${one.name}.yaml`, one.text]));
      const nowMs = Date.now();
      for (const { key } of [...maps.policies.entries()]) if (!wanted.has(key)) await maps.policies.delete(key);
      for (const [key, text] of wanted)
        if (maps.policies.get(key)?.text !== text) await maps.policies.set(key, { text, by: 'admin', atMs: nowMs });
    },
    settled: () => book.settled(),
    async replay(text, exchanges, { maxHits, signal }) {
      const run = new Replay(compileOne(text), { learned: learnedOf(maps), samples: maxHits });
      // Kept newest first; rates and buckets need them in the order in which they came.
      const kept: Uint8Array[] = [];
      for await (const bytes of exchanges) {
        if (signal.aborted) break;
        kept.push(bytes);
      }
      let untilPause = REPLAY_PAUSE_EVERY;
      for (let bytes = kept.pop(); bytes !== undefined && !signal.aborted; bytes = kept.pop()) {
        run.take(decodeExchange(bytes));
        if (--untilPause > 0) continue;
        untilPause = REPLAY_PAUSE_EVERY;
        await setImmediate();
      }
      const report = run.report();
      const hits = report.rules.flatMap((rule) => rule.samples.map(hitOf)).sort((a, b) => b.atMs - a.atMs);
      return {
        examined: report.exchanges,
        wouldAct: report.exchanges - report.would.pass,
        alerts: report.alerts,
        rules: report.rules.map(({ policy, rule, hits: count }) => ({ policy, rule, hits: count })),
        hits: hits.slice(0, maxHits),
      };
    },
  };
}

/** A roll-out as its policy writes it: a number, or one with what it goes by. */
const percentOf = (rollout: number | { readonly percent: number } | undefined): number | null =>
  typeof rollout === 'object' ? rollout.percent : (rollout ?? null);

function check(text: string, compileOne: (text: string) => FullPolicySet): CheckedPolicy {
  try {
    const set = compileOne(text);
    const cases = runCases(set).map((one) => ({
      name: one.case,
      ok: one.passed,
      expected: '',
      actual: one.failures.join(' '),
      line: one.line,
    }));
    return { ok: cases.every((one) => one.ok), name: set.policies[0]?.name ?? null, problems: [], cases };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const problems = error.problems.map((problem) => ({
      severity: 'error' as const,
      code: problem.code,
      message: problem.message,
      line: problem.line,
      column: problem.column,
      ...(problem.nearest === undefined ? {} : { hint: `Did you mean "${problem.nearest}"?` }),
    }));
    return { ok: false, name: null, problems, cases: [] };
  }
}

function ruleView(rule: string, counts: RuleCounts | undefined): PolicyView['rules'][number] {
  const { evaluations = 0, hits = 0, acted = 0, wouldAct = 0, errors = 0, totalNs = 0 } = counts ?? {};
  return { rule, evaluations, hits, acted, wouldAct, errors, meanNs: evaluations === 0 ? 0 : totalNs / evaluations };
}

/** Counters of one rule over all gateways and engines. */
function countsByRule(maps: SharedMaps): Map<string, RuleCounts> {
  const all = [...maps.status.entries()].map((entry) => entry.value.policies?.rules ?? []);
  return new Map(mergeStats(...all).map((rule) => [`${rule.policy}\0${rule.rule}`, rule]));
}

/** What a recording does not hold itself: the template and tags that were learned, and what was classified before it was redacted. */
function learnedOf(maps: SharedMaps): Learned {
  const entries = [...maps.templates.entries()];
  const matcher = TemplateMatcher.of(entries.map(({ value }) => value));
  const tags = new Map(entries.map(({ key, value }) => [key, value.tags]));
  return (exchange) => {
    const { service, request } = exchange;
    const found = matcher.match(service, request.method, splitTarget(request.target).path);
    const hits = hitsOfTags(exchange.tags);
    return {
      template: found?.endpoint.template ?? null,
      tags: (found === null ? undefined : tags.get(found.endpoint.id)) ?? [],
      dataHits: (phase) => hits.filter((hit) => hit.location.phase === phase),
    };
  };
}

function hitOf({ exchangeId, startedAtMs, service, method, path, status, act }: ReplaySample): ReplayResult['hits'][number] {
  return {
    exchangeId,
    atMs: startedAtMs,
    service,
    method,
    target: path,
    status,
    rule: `${act.policy}/${act.rule}`,
    phase: act.phase,
    action: act.action,
    message: act.message,
  };
}
