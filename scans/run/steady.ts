import type { ScanRequest, ScanResponse, Verdict } from './types.js';

const LEAST_PAIRS = 4;
const MOST_PAIRS = 15;
/** Of so many pairs one answer of each kind may be an exception. */
const PAIRS_AN_EXCEPTION = 5;
/** So much longer must the shortest slow answer take than the longest quick one. */
const CLEAR = 2;

/** Pairs of times that were measured in turn: the answer to a control, and the one that shall be slow. */
export interface Times {
  readonly quickMs: readonly number[];
  readonly slowMs: readonly number[];
}

/**
 * Is one of two requests slower by itself, and not by what else the machine does? Load strikes both alike when they are sent in turn, so they must lie apart
 * but for a few exceptions.
 *
 * @returns null: not to be told yet
 */
export function isSlower({ quickMs, slowMs }: Times): boolean | null {
  const pairs = Math.min(quickMs.length, slowMs.length);
  if (pairs < LEAST_PAIRS) return null;
  const quick = [...quickMs].sort((a, b) => a - b);
  const slow = [...slowMs].sort((a, b) => a - b);
  const exceptions = Math.floor(pairs / PAIRS_AN_EXCEPTION);
  if (slow[exceptions]! > CLEAR * quick.at(-1 - exceptions)!) return true;
  const middle = Math.floor(pairs / 2);
  return slow[middle]! <= quick[middle]! || pairs >= MOST_PAIRS ? false : null;
}

/**
 * Measures again what a test found by time: its slowest request and its quickest (the usual one where it sent no other), in turn, as often as it takes.
 *
 * @returns the verdict with the pair measured last, or why the times prove nothing
 */
export async function provenAgain(found: Verdict, send: (request: ScanRequest) => Promise<ScanResponse>): Promise<Verdict> {
  const [usual, ...proof] = found.exchanges;
  const byTime = [...proof].sort((a, b) => a.response.durationMs - b.response.durationMs);
  const slow = byTime.at(-1);
  const quick = byTime.length > 1 ? byTime[0] : usual;
  if (slow === undefined || quick === undefined) return found;
  const quickMs: number[] = [];
  const slowMs: number[] = [];
  for (;;) {
    const control = await send(quick.request);
    const again = await send(slow.request);
    quickMs.push(control.durationMs);
    slowMs.push(again.durationMs);
    const isProven = isSlower({ quickMs, slowMs });
    if (isProven === null) continue;
    const told = `sent ${slowMs.length} times more in turn: ${rangeOf(quickMs)} without it, ${rangeOf(slowMs)} with it`;
    return isProven
      ? {
          ...found,
          explanation: `${found.explanation.replace(/\.$/, '')}; ${told}.`,
          exchanges: [...found.exchanges, { request: slow.request, response: again, note: `${slow.note}, again` }],
        }
      : { ...found, verdict: 'safe', explanation: `slow once, but not by itself: ${told}`, exchanges: [] };
  }
}

const rangeOf = (timesMs: readonly number[]): string => `${Math.round(Math.min(...timesMs))} to ${Math.round(Math.max(...timesMs))} ms`;
