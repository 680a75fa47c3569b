import { createHmac, timingSafeEqual } from 'node:crypto';

/** Header by which a request of a scan shows that it is weir's own. Gateways take it off before the upstream. */
export const SCAN_MARK_HEADER = 'x-weir-scan';

const LIFE_MS = 60_000;
const MARK = /^([\w-]{1,64})\.(\d{13})\.([\w-]{43})$/;

const signature = (key: string, runId: string, expiresAtMs: string, method: string, target: string): string =>
  createHmac('sha256', key).update(`${runId}\n${expiresAtMs}\n${method}\n${target}`).digest('base64url');

/** `RUN.EXPIRY.HMAC`, good for one minute and for this method and target only: whoever receives it cannot send anything else with it. */
export function scanMark(key: string, runId: string, request: { readonly method: string; readonly target: string }, nowMs: number): string {
  const expiresAtMs = String(nowMs + LIFE_MS).padStart(13, '0');
  return `${runId}.${expiresAtMs}.${signature(key, runId, expiresAtMs, request.method, request.target)}`;
}

/** The run that a mark names; null when it is forged, expired, for another request, or when there is no key. */
export function readScanMark(
  key: string | null,
  mark: string,
  request: { readonly method: string; readonly target: string },
  nowMs: number,
): string | null {
  const [, runId, expiresAtMs, given] = MARK.exec(mark) ?? [];
  if (key === null || runId === undefined || expiresAtMs === undefined || given === undefined) return null;
  const expiry = Number(expiresAtMs);
  if (expiry < nowMs || expiry > nowMs + 2 * LIFE_MS) return null;
  const expected = signature(key, runId, expiresAtMs, request.method, request.target);
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected)) ? runId : null;
}
