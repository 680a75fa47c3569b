import type { Writable } from 'node:stream';
import { decodeBody, textOf, WeirError } from '../exchange/index.js';
import { hostOf, type Seen } from './exchange-of.js';
import { HarWriter } from './har.js';
import type { Message, Pair } from './http/message.js';
import { openCapture, type ReadPcapOptions, readPairs } from './pcap.js';
import { DEFAULT_LIMITS } from './types.js';

export type PcapFormat = 'table' | 'ndjson' | 'har';
export const PCAP_FORMATS: readonly PcapFormat[] = ['table', 'ndjson', 'har'];

export interface PcapCommandOptions extends Pick<ReadPcapOptions, 'limits' | 'keyByVni' | 'verifyChecksums' | 'onProgress' | 'signal'> {
  readonly format: PcapFormat;
  /** Adds decoded bodies (ndjson, har). */
  readonly bodies?: boolean;
  /** Prints answers without a request too, with `-` for what is unknown (table, ndjson). */
  readonly answersAlone?: boolean;
  /** Prints WebSocket messages too, each as a line of its own. */
  readonly messages?: boolean;
}

export interface PcapCommandOutput {
  readonly stdout: Pick<Writable, 'write'>;
  readonly stderr: Pick<Writable, 'write'>;
}

const MAX_DECODED_BYTES = DEFAULT_LIMITS.decompressedBytes;

/**
 * `weir pcap FILE`: prints what HTTP is in a capture; `-` reads stdin.
 *
 * Exit code: 0, 1 when the capture is damaged (what stands before the damage is printed), 2 when it cannot be read at all.
 */
export async function runPcapCommand(file: string, options: PcapCommandOptions, output: PcapCommandOutput): Promise<number> {
  const format =
    options.format === 'har'
      ? new HarWriter(output.stdout, options.bodies ?? false)
      : options.format === 'table'
        ? new TableWriter(output.stdout)
        : new NdjsonWriter(output.stdout, options.bodies ?? false);
  try {
    const summary = await readPairs(
      openCapture(file),
      (pair, seen) => {
        if (pair.request === null && options.answersAlone !== true) return;
        if (pair.kind === 'websocket' && options.messages !== true) return;
        format.pair(pair, seen);
      },
      {
        ...options,
        name: file === '-' ? 'stdin' : file,
      },
    );
    format.end();
    if (options.format === 'table')
      output.stderr.write(
        `${summary.packets} packets, ${format.count} pairs, ${summary.counters.gapBytes} bytes missing, ${summary.counters.encryptedFlows} encrypted connections\n`,
      );
    if (summary.problem === null) return 0;
    output.stderr.write(inWords(summary.problem));
    return 1;
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    output.stderr.write(inWords(error));
    return 2;
  }
}

function inWords({ message, hint }: WeirError): string {
  return `${`weir pcap: ${message.replace(/\.$/, '')}. ${hint ?? ''}`.trimEnd()}\n`;
}

/** What is printed of a pair: `-` stands for what is unknown. */
export function summaryOf(pair: Pair) {
  const { request, response } = pair;
  return {
    method: request === null ? '-' : request.head.method,
    host: request === null ? '-' : hostOf(request),
    uri: request === null || request.head.target === '' ? '-' : readable(request.head.target),
    status: response === null ? null : response.head.version === '0.9' ? '0' : response.head.status,
  };
}

/** Clients send UTF-8 where RFC 9112 allows none; everything else is shown byte by byte. */
function readable(target: string): string {
  return /[\x80-\xff]/.test(target) ? textOf([], Buffer.from(target, 'latin1')) : target;
}

class NdjsonWriter {
  readonly #out: Pick<Writable, 'write'>;
  readonly #bodies: boolean;
  #lines: string[] = [];
  #size = 0;
  count = 0;

  constructor(out: Pick<Writable, 'write'>, bodies: boolean) {
    this.#out = out;
    this.#bodies = bodies;
  }

  pair(pair: Pair, seen: Seen): void {
    this.count++;
    const { request, response } = pair;
    const other = seen.client === 0 ? 1 : 0;
    const startedMs = request?.startedMs ?? response?.startedMs ?? 0;
    const line = JSON.stringify({
      ...summaryOf(pair),
      kind: pair.kind ?? 'http',
      startedAtMs: startedMs,
      durationMs: Math.max(0, Math.max(request?.endedMs ?? 0, response?.endedMs ?? 0) - startedMs),
      client: `${seen.ends.ip[seen.client]}:${seen.ends.port[seen.client]}`,
      server: `${seen.ends.ip[other]}:${seen.ends.port[other]}`,
      ...(seen.ends.vni < 0 ? {} : { vni: seen.ends.vni }),
      requestBytes: request?.body.totalLength ?? 0,
      responseBytes: response?.body.totalLength ?? 0,
      ...(pair.failure === '' ? {} : { failure: pair.failure }),
      ...(pair.tags === undefined || pair.tags.length === 0 ? {} : { tags: pair.tags }),
      ...(this.#bodies ? { request: wholeOf(request), response: wholeOf(response) } : {}),
    });
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#size > 65_536) this.end();
  }

  end(): void {
    if (this.#lines.length > 0) this.#out.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#size = 0;
  }
}

function wholeOf(message: Message | null) {
  if (message === null) return null;
  const decoded = decodeBody(message.head.headers, message.body, MAX_DECODED_BYTES);
  return {
    headers: message.head.headers,
    body: textOf(message.head.headers, decoded.bytes),
    ...(decoded.problem === null ? {} : { problem: decoded.problem }),
    ...(message.body.missing.length === 0 ? {} : { missing: message.body.missing }),
    ...(message.trailers.length === 0 ? {} : { trailers: message.trailers }),
  };
}

class TableWriter {
  readonly #out: Pick<Writable, 'write'>;
  count = 0;

  constructor(out: Pick<Writable, 'write'>) {
    this.#out = out;
  }

  /** Titles stand above what was found, and above nothing of what is no capture. */
  #begin(): void {
    this.#out.write(`${'TIME'.padEnd(24)} ${'CLIENT'.padEnd(21)} STATUS ${'BYTES'.padStart(9)} ${'MS'.padStart(7)}  REQUEST\n`);
  }

  pair(pair: Pair, seen: Seen): void {
    if (this.count++ === 0) this.#begin();
    const { method, host, uri, status } = summaryOf(pair);
    const { request, response } = pair;
    const startedMs = request?.startedMs ?? response?.startedMs ?? 0;
    const time = new Date(startedMs).toISOString();
    const durationMs = response === null || request === null ? '' : (response.endedMs - request.startedMs).toFixed(0);
    const target = uri.startsWith('/') ? `${host}${uri}` : uri;
    const line = `${time} ${`${seen.ends.ip[seen.client]}:${seen.ends.port[seen.client]}`.padEnd(21)} ${String(status ?? '-').padStart(6)} ${String(response?.body.totalLength ?? '-').padStart(9)} ${durationMs.padStart(7)}  ${method} ${target}${pair.failure === '' ? '' : `  (${pair.failure})`}`;
    this.#out.write(`${printable(line)}\n`);
  }

  end(): void {
    if (this.count === 0) this.#begin();
  }
}

/** Captured text must not steer the terminal it is shown on. */
function printable(line: string): string {
  return line.replace(/[\x00-\x1f\x7f-\x9f]/g, '.');
}
