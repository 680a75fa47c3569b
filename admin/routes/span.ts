import { type CounterPoint, NO_TRAFFIC, TRAFFIC_COUNTS, type TrafficCounts } from '../../store/index.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const BUCKETS = 120;
/** Widths that people read easily. */
const WIDTHS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440].map((minutes) => minutes * MINUTE_MS);

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** The span a query asks for: the last 24 hours when it says nothing, in about 120 buckets. */
export function spanOf(query: { readonly fromMs?: number; readonly toMs?: number; readonly stepMs?: number }, nowMs: number): Span {
  const toMs = query.toMs ?? nowMs;
  const fromMs = Math.min(query.fromMs ?? toMs - DAY_MS, toMs);
  const wanted = (toMs - fromMs) / BUCKETS;
  const stepMs = query.stepMs ?? WIDTHS_MS.find((width) => width >= wanted) ?? WIDTHS_MS.at(-1)!;
  return { fromMs, toMs, stepMs: Math.max(MINUTE_MS, Math.floor(stepMs / MINUTE_MS) * MINUTE_MS) };
}

export function sumOf(points: readonly CounterPoint[]): TrafficCounts {
  const sum = { ...NO_TRAFFIC };
  for (const point of points) {
    for (const name of TRAFFIC_COUNTS) {
      sum[name] = name === 'latencyMaxMs' ? Math.max(sum[name], point[name]) : sum[name] + point[name];
    }
  }
  return sum;
}
