/**
 * Test support: replays labelled exchanges through model and view as gateway and engine would see them, and scores what was blocked and alerted.
 */
import type { AccessVerdict, Exchange, Observation } from '../../../exchange/index.js';
import { splitOperation } from '../../operations.js';
import { OwnershipModel, OwnershipView } from '../index.js';

/** One exchange with its label. `template` is what an inventory would say at that time. */
export interface Labelled {
  readonly exchange: Exchange;
  readonly template: string;
  readonly parameters: readonly string[];
  /** Null: benign. */
  readonly attack: { readonly kind: string; readonly campaign: string; readonly scored: boolean } | null;
  /** Benign class; `attacker-own` is not counted. */
  readonly cls: string;
}

export interface Score {
  readonly macro: number;
  readonly k10: number;
  readonly fpr: number;
  readonly tpr: number;
  readonly kinds: Record<string, [caught: number, of: number]>;
  readonly classes: Record<string, [flagged: number, of: number]>;
  readonly campaigns: Record<string, number>;
}

export interface ReplayResult {
  readonly request: Score;
  readonly enforce: Score;
  readonly alert: Score;
  readonly model: OwnershipModel;
  /** The engine's verdict for each exchange. */
  readonly verdicts: readonly (AccessVerdict | null)[];
  readonly flagged: {
    readonly entry: Labelled;
    readonly blocked: 'request' | 'response' | null;
    readonly alerted: boolean;
    readonly explanation: string;
  }[];
}

/** `lag`: exchanges between what the engine knows and what the gateway has. Figures count from the first exchange `from`. */
export function replay(
  entries: readonly Labelled[],
  options: { readonly from: number; readonly lag?: number; readonly secret?: string } = { from: 0 },
): ReplayResult {
  const secret = options.secret ?? 'worlds';
  const model = new OwnershipModel({ secret, seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  const flagged: ReplayResult['flagged'] = [];
  const byRequest = new Set<number>();
  const enforced = new Set<number>();
  const alerted = new Set<number>();
  const verdicts: (AccessVerdict | null)[] = [];
  const lag = options.lag ?? 8;
  entries.forEach((entry, index) => {
    const { exchange } = entry;
    const { request, response } = exchange;
    const seen = {
      service: exchange.service,
      method: request.method,
      // Gateways match the path alone.
      template: splitOperation(entry.template)[0],
      path: request.target.split('?', 1)[0],
      target: request.target,
      headers: request.headers,
      parameters: entry.parameters,
      body: request.body,
      principalKey: exchange.principal?.key ?? null,
      carrier: exchange.principal?.carrier ?? '',
    };
    const before = view.judgeRequest(seen);
    let blocked: 'request' | 'response' | null = before?.enforceable === true ? 'request' : null;
    let explanation = before?.explanation ?? '';
    if (blocked === null && response !== null && (request.method === 'GET' || request.method === 'POST' || request.method === 'HEAD')) {
      const after = view.judgeResponse(seen, response);
      if (after?.enforceable === true) {
        blocked = 'response';
        explanation = after.explanation;
      }
    }
    if (blocked === null) view.ended(seen, response?.status ?? 0, entry.exchange.startedAtMs);
    const outcome = { ...exchange.outcome, action: blocked === null ? ('passed' as const) : ('blocked' as const), phase: blocked };
    const observation: Observation = {
      exchange: { ...exchange, outcome },
      endpoint: { id: entry.template, service: exchange.service, method: request.method, template: entry.template },
      pathParameters: entry.parameters,
      dataHits: [],
    };
    const { finding, verdict } = model.judge(observation);
    verdicts.push(verdict);
    if (blocked === 'request') byRequest.add(index);
    if (blocked !== null) enforced.add(index);
    if (finding !== null || blocked !== null) alerted.add(index);
    if (finding !== null || blocked !== null)
      flagged.push({ entry, blocked, alerted: finding !== null, explanation: finding?.explanation ?? explanation });
    if (index % lag === lag - 1) {
      const delta = model.deltas();
      if (delta !== null) view.apply(delta);
    }
  });
  return {
    request: score(entries, byRequest, options.from),
    enforce: score(entries, enforced, options.from),
    alert: score(entries, alerted, options.from),
    model,
    verdicts,
    flagged,
  };
}

/** Macro: the mean over attack kinds of the share of their requests that were caught; k10: campaigns caught within their first ten requests. */
export function score(entries: readonly Labelled[], positive: ReadonlySet<number>, from: number): Score {
  const kinds: Record<string, [number, number]> = {};
  const classes: Record<string, [number, number]> = {};
  const campaigns = new Map<string, { n: number; first: number }>();
  let falsePositives = 0;
  let benign = 0;
  let caught = 0;
  let attacks = 0;
  entries.forEach((entry, index) => {
    const hit = positive.has(index);
    if (entry.attack !== null) {
      if (!entry.attack.scored) return;
      kinds[entry.attack.kind] ??= [0, 0];
      const kind = kinds[entry.attack.kind];
      kind[1]++;
      attacks++;
      if (hit) {
        kind[0]++;
        caught++;
      }
      let campaign = campaigns.get(entry.attack.campaign);
      if (campaign === undefined) {
        campaign = { n: 0, first: 0 };
        campaigns.set(entry.attack.campaign, campaign);
      }
      campaign.n++;
      if (hit && campaign.first === 0) campaign.first = campaign.n;
    } else {
      if (index < from) return;
      classes[entry.cls] ??= [0, 0];
      const cls = classes[entry.cls];
      cls[1]++;
      if (hit) cls[0]++;
      if (entry.cls === 'attacker-own') return;
      benign++;
      if (hit) falsePositives++;
    }
  });
  const list = [...campaigns.values()];
  const shares = Object.values(kinds).map(([hit, of]) => hit / of);
  return {
    macro: shares.length === 0 ? 0 : shares.reduce((a, b) => a + b, 0) / shares.length,
    k10: list.length === 0 ? 0 : list.filter((one) => one.first > 0 && one.first <= 10).length / list.length,
    fpr: benign === 0 ? 0 : falsePositives / benign,
    tpr: attacks === 0 ? 0 : caught / attacks,
    kinds,
    classes,
    campaigns: Object.fromEntries([...campaigns].map(([name, one]) => [name, one.first])),
  };
}
