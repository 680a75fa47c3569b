import type { Counters } from '../counters.js';
import type { Seen } from '../exchange-of.js';
import type { Message, Pair } from '../http/message.js';
import { Pipeline, type PipelineOptions } from '../pipeline.js';
import type { Timed } from './packets.js';

export interface Replayed {
  readonly pairs: readonly Pair[];
  readonly seen: readonly Seen[];
  readonly counters: Counters;
}

function kept(message: Message | null): Message | null {
  return message === null ? null : { ...message, body: { ...message.body, bytes: Buffer.from(message.body.bytes) } };
}

/** Runs packets through a pipeline, to the end of the capture. */
export function replay(packets: readonly Timed[], options: PipelineOptions & { readonly linkType?: number } = {}): Replayed {
  const pairs: Pair[] = [];
  const seen: Seen[] = [];
  const pipeline = new Pipeline(options, (pair, where) => {
    pairs.push({ ...pair, request: kept(pair.request), response: kept(pair.response) });
    seen.push(where);
  });
  for (const { tsMs, bytes, cut = 0 } of packets) {
    pipeline.packet({
      bytes,
      start: 0,
      end: bytes.length - cut,
      originalLength: bytes.length,
      tsMs,
      linkType: options.linkType ?? 101,
      vni: -1,
    });
  }
  pipeline.end();
  return { pairs, seen, counters: pipeline.counters };
}

/** One line for a pair: `GET /a 5 -> 200 12` with body lengths, `!` behind a body with holes, the failure at the end. */
export function lineOf(pair: Pair): string {
  const { request, response } = pair;
  const left = request === null ? '-' : `${request.head.method} ${request.head.target}${lengthOf(request)}`;
  const right = response === null ? '-' : `${response.head.status}${lengthOf(response)}`;
  return `${pair.kind === 'websocket' ? 'ws ' : ''}${left} -> ${right}${pair.failure === '' ? '' : ` (${pair.failure})`}`;
}

function lengthOf(message: Message): string {
  if (message.body.totalLength === 0) return '';
  return ` ${message.body.totalLength}${message.body.missing.length > 0 ? '!' : ''}`;
}

export function linesOf(packets: readonly Timed[], options: PipelineOptions & { readonly linkType?: number } = {}): string[] {
  return replay(packets, options).pairs.map(lineOf);
}
