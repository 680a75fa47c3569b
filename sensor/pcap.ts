import { statSync } from 'node:fs';
import { type Exchange, type Observer, WeirError } from '../exchange/index.js';
import type { OnSeenPair } from './connections.js';
import type { Counters } from './counters.js';
import { LINK_TYPES } from './decode/link.js';
import { sensorError } from './errors.js';
import { type ExchangePorts, exchangeOf, owned } from './exchange-of.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { Shards } from './shards.js';
import { type CaptureBytes, fileBytes } from './sources/capture-bytes.js';
import { PcapSource } from './sources/pcap-file.js';

export interface ReadPcapOptions extends PipelineOptions, Partial<ExchangePorts> {
  /** For messages: the file's name; default `stdin`. */
  readonly name?: string;
  readonly observer?: Observer;
  /** Bytes of bodies are valid only during the call that hands an exchange over. Cheaper, for callers that encode or count at once; else each has bytes of its own. */
  readonly borrowed?: boolean;
  readonly onProgress?: (readBytes: number, packets: number) => void;
  readonly signal?: AbortSignal;
  /** Threads, this one included; up to 1 (the default) all is done on this thread. With more, exchanges of different connections come in another order. */
  readonly workers?: number;
}

/** What reading a capture came to. */
export interface PcapSummary {
  readonly packets: number;
  readonly exchanges: number;
  readonly counters: Counters;
  /** Why reading stopped before the end, with the byte; null when the whole capture was read. */
  readonly problem: WeirError | null;
}

/**
 * Reads a capture (pcap or pcapng, plain or gzip) and gives its exchanges in the order in which they became complete. Packet time is the clock.
 *
 * What stands before damage is read, and the damage is reported in the summary.
 * @throws WeirError SENSOR_NOT_A_CAPTURE or SENSOR_FILE_UNREADABLE when nothing could be read at all
 */
export async function readPcap(
  input: CaptureBytes,
  onExchange: (exchange: Exchange) => void,
  options: ReadPcapOptions = {},
): Promise<PcapSummary> {
  const observer: Observer = options.observer ?? { kind: 'import', id: options.name ?? 'stdin' };
  const ports: ExchangePorts = { serviceOf: options.serviceOf ?? ((host) => host), principals: options.principals ?? null };
  let exchanges = 0;
  const give = (exchange: Exchange): void => {
    exchanges++;
    onExchange(options.borrowed === true ? exchange : owned(exchange));
  };
  const onPair: OnSeenPair = (pair, seen) => {
    const exchange = exchangeOf(pair, seen, observer, ports);
    if (exchange !== null) give(exchange);
  };
  const threads = options.workers ?? 1;
  const into =
    threads > 1
      ? new Shards(threads, options, onPair, { observer, ports, records: null, emit: give, emitted: () => {} })
      : new Pipeline(options, onPair);
  const result = await readInto(into, input, options);
  return { ...result, exchanges, counters: { ...result.counters, exchanges } };
}

/** As `readPcap`, with pairs as they stood on the wire: unpaired answers too, targets unchanged. On this thread. */
export function readPairs(input: CaptureBytes, onPair: OnSeenPair, options: ReadPcapOptions): Promise<Omit<PcapSummary, 'exchanges'>> {
  return readInto(new Pipeline(options, onPair), input, options);
}

async function readInto(into: Pipeline | Shards, input: CaptureBytes, options: ReadPcapOptions): Promise<Omit<PcapSummary, 'exchanges'>> {
  const source = new PcapSource(
    options.name ?? 'stdin',
    () => input,
    (readBytes, packets) => {
      options.onProgress?.(readBytes, packets);
      return into instanceof Shards ? into.ready() : undefined;
    },
  );
  let problem: WeirError | null = null;
  let unknownLink = -1;
  try {
    await source.run((packet) => {
      if (unknownLink < 0 && LINK_TYPES[packet.linkType] === undefined) unknownLink = packet.linkType;
      into.packet(packet);
    }, options.signal ?? new AbortController().signal);
  } catch (error) {
    const isPartial = error instanceof WeirError && error.code !== 'SENSOR_NOT_A_CAPTURE' && error.code !== 'SENSOR_FILE_UNREADABLE';
    if (!isPartial) {
      await into.end();
      throw error;
    }
    problem = error;
  }
  await into.end();
  const { counters } = into;
  if (problem === null && counters.unknownLink > 0) {
    problem = sensorError(
      'SENSOR_LINK_TYPE',
      `${source.name}: ${counters.unknownLink} of ${counters.captured} packets have link type ${unknownLink}, which weir cannot read`,
    );
  }
  return { packets: counters.captured, counters, problem };
}

/** Opens a file for `readPcap`; `-` is stdin. @throws WeirError SENSOR_FILE_UNREADABLE */
export function openCapture(path: string): CaptureBytes {
  if (path === '-') return process.stdin;
  try {
    if (statSync(path).isDirectory()) throw sensorError('SENSOR_FILE_UNREADABLE', `cannot read ${path}: it is a directory`);
  } catch (error) {
    if (error instanceof WeirError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw sensorError('SENSOR_FILE_UNREADABLE', `cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`, error);
  }
  return fileBytes(path);
}
