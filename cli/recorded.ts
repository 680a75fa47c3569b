/** Recorded traffic from files: NDJSON rows, HAR, captures. One reader for what is imported and for what policies are replayed on. */
import { Readable } from 'node:stream';
import { type Exchange, PrincipalReader, WeirError } from '../exchange/index.js';
import { ExchangeRows, readHar, readSource } from '../learning/index.js';
import { readPcap } from '../sensor/index.js';

export const RECORDED_TYPES = {
  ndjson: 'application/x-ndjson',
  har: 'application/har+json',
  pcap: 'application/vnd.tcpdump.pcap',
} as const;

const BY_NAME =
  'A file is NDJSON (.ndjson, .jsonl), HAR (.har, .json) or, under every other name, a pcap or pcapng capture, plain or gzip: it is told by its name.';

/** What a file is, by its name. */
export function recordedTypeOf(file: string): string {
  if (/\.(?:nd)?jsonl?(?:\.gz)?$/.test(file) && !/\.json$/.test(file)) return RECORDED_TYPES.ndjson;
  return /\.(?:har|json)$/.test(file) ? RECORDED_TYPES.har : RECORDED_TYPES.pcap;
}

export interface RecordedOptions {
  /** For error messages. */
  readonly name: string;
  /** Counts everything as traffic of this service; null: by host and server. */
  readonly service: string | null;
  readonly secret: string;
  readonly nowMs: number;
  readonly serviceOf: (host: string, vni: number | null, server: Exchange['server']) => string;
}

/** Reads every exchange of a recording, in its order. Rows that cannot be read are told to `refuse` with their line, and left out. */
export async function readRecorded(
  bytes: Uint8Array,
  mediaType: string,
  { name, service, secret, nowMs, serviceOf }: RecordedOptions,
  take: (exchange: Exchange) => Promise<void> | void,
  refuse: (problem: string) => void,
): Promise<void> {
  const named = (exchange: Exchange): Exchange => ({
    ...exchange,
    service: service ?? serviceOf(exchange.request.host, null, exchange.server),
  });
  const settings = { file: name, service, nowMs, secret };
  if (mediaType === RECORDED_TYPES.ndjson) {
    const rows = new ExchangeRows(settings);
    for (const [index, line] of Buffer.from(bytes).toString('utf8').split('\n').entries()) {
      try {
        const exchange = rows.read(line, index + 1);
        if (exchange !== null) await take(named(exchange));
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        refuse(error.toString());
      }
    }
    return;
  }
  if (mediaType === RECORDED_TYPES.har) {
    for (const exchange of readHar(readSource(Buffer.from(bytes).toString('utf8'), name), settings)) await take(named(exchange));
    return;
  }
  const found: Exchange[] = [];
  const principals = new PrincipalReader(secret);
  const reading = readPcap(Readable.from([Buffer.from(bytes)]), (exchange) => found.push(exchange), { name, serviceOf, principals });
  const summary = await reading.catch((error: unknown) => {
    if (!(error instanceof WeirError) || error.code !== 'SENSOR_NOT_A_CAPTURE') throw error;
    throw new WeirError(error.code, `${name}: ${error.message}.`, { status: error.status, hint: BY_NAME });
  });
  for (const exchange of found) await take(service === null ? exchange : { ...exchange, service });
  if (summary.problem !== null) refuse(summary.problem.message);
}
