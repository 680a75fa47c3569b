/** The key by which scans mark their requests, shared by every process of one weir. */
import { randomBytes } from 'node:crypto';
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
