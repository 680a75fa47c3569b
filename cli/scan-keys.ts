/** The key by which scans mark their requests, shared by every process of one weir. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Exchange, header, readScanMark, SCAN_MARK_HEADER, scanMark } from '../exchange/index.js';
import type { SharedMaps } from './shared-maps.js';

const NAME = 'key';

type Request = { readonly method: string; readonly target: string };

/** Reads and makes marks with the key that is in force now. */
export interface ScanMarks {
  /** The run that a mark proves, else null. */
  read(mark: string, request: Request): string | null;
  write(runId: string, request: Request): string;
  /** The exchange, tagged as a scan's when its mark proves that. For what a sensor hears: gateways see to it themselves. */
  tagged(exchange: Exchange): Exchange;
}

export function scanMarks({ scanKeys }: Pick<SharedMaps, 'scanKeys'>, nowMs: () => number = Date.now): ScanMarks {
  const key = () => scanKeys.get(NAME)?.secret ?? null;
  const read = (mark: string, request: Request) => readScanMark(key(), mark, request, nowMs());
  return {
    read,
    write: (runId, request) => scanMark(key() ?? '', runId, request, nowMs()),
    tagged(exchange) {
      const mark = header(exchange.request.headers, SCAN_MARK_HEADER);
      if (mark === null || read(mark, exchange.request) === null) return exchange;
      return { ...exchange, tags: [...exchange.tags, 'scan'] };
    },
  };
}

/** Makes the key where there is none yet. Of several admins that start at once the last writer wins, and all read what is there. */
export async function ensureScanKey({ scanKeys }: Pick<SharedMaps, 'scanKeys'>): Promise<void> {
  if (scanKeys.get(NAME) === undefined) await scanKeys.set(NAME, { secret: randomBytes(32).toString('base64url') });
}

const FILE = 'scan-key';

/** Leaves the key in the data folder of a running weir, for `weir scan` on the same machine. Readable for the owner alone. */
export function publishScanKey({ scanKeys }: Pick<SharedMaps, 'scanKeys'>, folder: string): void {
  const secret = scanKeys.get(NAME)?.secret;
  if (secret !== undefined) writeFileSync(path.join(folder, FILE), `${secret}\n`, { mode: 0o600 });
}

/** What marks the requests of a scan from the command line: the key of `WEIR_SCAN_KEY`, else that of the data folder; null where there is none. */
export function scanMarker(
  folder: string,
  nowMs: () => number = Date.now,
): ((runId: string, method: string, target: string) => string) | null {
  const file = path.join(folder, FILE);
  const secret = process.env.WEIR_SCAN_KEY ?? (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  return secret === '' ? null : (runId, method, target) => scanMark(secret, runId, { method, target }, nowMs());
}
