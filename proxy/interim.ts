import type { ServerResponse } from 'node:http';

/** Interim answers of an upstream: 102 and 103 go on (RFC 9110 §15.2, RFC 8297); 100 was given by this gateway. `raw` is flat. */
export function passInterim(res: ServerResponse, status: number, raw: readonly (Buffer | string)[]): void {
  // HTTP/1.0 knows none (RFC 9110 §15.2).
  if (res.req.httpVersion === '1.0') return;
  if (status === 102) res.writeProcessing();
  if (status !== 103) return;
  const link: string[] = [];
  for (let index = 0; index < raw.length; index += 2) if (String(raw[index]).toLowerCase() === 'link') link.push(String(raw[index + 1]));
  if (link.length === 0) return;
  try {
    res.writeEarlyHints({ link });
  } catch {
    // Node refuses link values it cannot parse; a hint that does not arrive costs nothing.
  }
}
