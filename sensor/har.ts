import type { Writable } from 'node:stream';
import { decodeBody, header, mediaType, queryPairs, splitTarget, textOf } from '../exchange/index.js';
import { hostOf, type Seen } from './exchange-of.js';
import type { Message, Pair } from './http/message.js';
import { DEFAULT_LIMITS } from './types.js';

/** Writes pairs as one HAR 1.2 document (http://www.softwareishard.com/blog/har-12-spec/), entry by entry. Answers without a request have no place in it. */
export class HarWriter {
  readonly #out: Pick<Writable, 'write'>;
  readonly #bodies: boolean;
  count = 0;

  constructor(out: Pick<Writable, 'write'>, bodies: boolean) {
    this.#out = out;
    this.#bodies = bodies;
    this.#out.write('{"log":{"version":"1.2","creator":{"name":"weir","version":"1"},"entries":[');
  }

  pair(pair: Pair, seen: Seen): void {
    const { request, response } = pair;
    if (request === null) return;
    const other = seen.client === 0 ? 1 : 0;
    const waitMs = response === null ? 0 : Math.max(0, response.startedMs - request.endedMs);
    const receiveMs = response === null ? 0 : Math.max(0, response.endedMs - response.startedMs);
    const sendMs = Math.max(0, request.endedMs - request.startedMs);
    const entry = {
      startedDateTime: new Date(request.startedMs).toISOString(),
      time: sendMs + waitMs + receiveMs,
      request: this.#request(request),
      response: this.#response(response),
      cache: {},
      timings: { send: sendMs, wait: waitMs, receive: receiveMs },
      serverIPAddress: seen.ends.ip[other],
      connection: String(seen.ends.port[seen.client]),
      ...(pair.failure === '' ? {} : { comment: pair.failure }),
    };
    this.#out.write(`${this.count++ === 0 ? '' : ','}\n${JSON.stringify(entry)}`);
  }

  end(): void {
    this.#out.write('\n]}}\n');
  }

  #request(request: Message) {
    const { head } = request;
    const host = hostOf(request);
    const url = head.target.startsWith('/') || head.target === '' ? `http://${host}${head.target}` : head.target;
    return {
      method: head.method,
      url,
      httpVersion: `HTTP/${head.version}`,
      cookies: [],
      headers: pairsOf(head.headers),
      queryString: queryPairs(splitTarget(head.target).query).map(([name, value]) => ({ name, value })),
      headersSize: -1,
      bodySize: request.body.totalLength,
      ...(this.#bodies && request.body.totalLength > 0
        ? { postData: { mimeType: mediaType(head.headers), text: textOfBody(request) } }
        : {}),
    };
  }

  #response(response: Message | null) {
    const head = response?.head;
    return {
      status: head?.status ?? 0,
      statusText: '',
      httpVersion: `HTTP/${head?.version ?? '1.1'}`,
      cookies: [],
      headers: pairsOf(head?.headers ?? []),
      redirectURL: head === undefined ? '' : (header(head.headers, 'location') ?? ''),
      headersSize: -1,
      bodySize: response?.body.totalLength ?? -1,
      content: {
        size: response?.body.totalLength ?? 0,
        mimeType: head === undefined ? '' : mediaType(head.headers),
        ...(this.#bodies && response !== null ? { text: textOfBody(response) } : {}),
      },
    };
  }
}

function textOfBody(message: Message): string {
  return textOf(message.head.headers, decodeBody(message.head.headers, message.body, DEFAULT_LIMITS.decompressedBytes).bytes);
}

function pairsOf(headers: readonly string[]): { name: string; value: string }[] {
  const pairs = [];
  for (let index = 0; index < headers.length; index += 2) pairs.push({ name: headers[index], value: headers[index + 1] });
  return pairs;
}
