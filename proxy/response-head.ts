import type { HeaderList } from '../exchange/index.js';
import type { Mutation } from '../policies/index.js';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'proxy-authenticate',
  'http2-settings',
]);
const LENGTHS = [...HOP_BY_HOP, 'content-length', 'content-type', 'trailer'].reduce((mask, name) => mask | (1 << name.length), 0);
/** Fields that describe the bytes of a body; they go when the body is replaced. */
const OF_THE_BYTES = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'etag',
  'accept-ranges',
]);

/** The head of an upstream's answer, and what happened to it since. */
export class AnswerHead {
  readonly status: number;
  /** As the upstream sent them, without hop-by-hop fields: for rules and for the record. */
  readonly headers: HeaderList;
  /** -1: not told. */
  readonly contentLength: number;
  readonly hasBody: boolean;
  /** Server-sent events, gRPC: a body that comes piece by piece and may never end. */
  readonly streams: boolean;
  readonly eventStream: boolean;
  /** It announces trailer fields. */
  readonly announces: boolean;
  /** Body that goes out instead of the upstream's, identity coding. */
  replacement: Buffer | null = null;
  private mutation: Mutation | null = null;

  constructor(
    status: number,
    headers: HeaderList,
    contentLength: number,
    hasBody: boolean,
    streams = false,
    eventStream = false,
    announces = false,
  ) {
    this.status = status;
    this.headers = headers;
    this.contentLength = contentLength;
    this.hasBody = hasBody;
    this.streams = streams;
    this.eventStream = eventStream;
    this.announces = announces;
  }

  mutate(mutation: Mutation): void {
    this.mutation = mutation;
    if (mutation.body !== undefined && mutation.body !== null) this.replacement = Buffer.from(mutation.body);
  }

  /** Headers for the client. `contentLength` -1: of unknown length. `announced`: trailer fields may be told of. */
  onward(contentLength: number, announced: boolean): string[] {
    let list = this.headers as string[];
    if (this.announces && !announced) list = without(list, TRAILER);
    if (this.replacement !== null) list = without(list, OF_THE_BYTES);
    if (this.mutation !== null) list = withMutation(list, this.mutation);
    if (this.replacement !== null || contentLength !== this.contentLength) {
      list = without(list, CONTENT_LENGTH);
      if (contentLength >= 0) list.push('content-length', String(contentLength));
      return list;
    }
    return list === this.headers ? list.slice() : list;
  }
}

const CONTENT_LENGTH = new Set(['content-length']);
const TRAILER = new Set(['trailer']);

function without(list: readonly string[], gone: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    if (!gone.has(list[index].toLowerCase())) out.push(list[index], list[index + 1]);
  }
  return out;
}

/** Fields of an answer that are no list. */
const SINGLE = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'age',
  'content-location',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'x-content-type-options',
]);

/** Each field that is no list once, as rules read it: the first of its name counts. */
export function firstOfEach(list: readonly string[]): string[] {
  const seen = new Set<string>();
  const out: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    const lower = list[index].toLowerCase();
    if (seen.has(lower) && SINGLE.has(lower)) continue;
    seen.add(lower);
    out.push(list[index], list[index + 1]);
  }
  return out;
}

/** A header list with a policy's changes made. */
export function withMutation(list: readonly string[], mutation: Mutation): string[] {
  const set = mutation.setHeaders ?? [];
  const gone = new Set([...(mutation.removeHeaders ?? []), ...set.map(([name]) => name)].map((name) => name.toLowerCase()));
  if (mutation.body !== undefined && mutation.body !== null) for (const name of OF_THE_BYTES) gone.add(name);
  const out = without(list, gone);
  for (const [name, value] of set) out.push(name, value);
  return out;
}

/** Reads undici's raw headers. `upgrade`: keep Connection and Upgrade, which belong to a 101. */
export function readHeaders(status: number, raw: readonly (Buffer | string)[], method: string, upgrade = false): AnswerHead {
  const headers: string[] = [];
  let contentLength = -1;
  let streams = false;
  let eventStream = false;
  let announces = false;
  let named = '';
  for (let index = 0; index < raw.length; index += 2) {
    const name = text(raw[index]);
    const value = text(raw[index + 1]);
    const length = name.length;
    if (length < 32 && ((LENGTHS >>> length) & 1) !== 0) {
      const lower = name.toLowerCase();
      if (lower === 'content-length') {
        // HTTP/2 clients take the stream for broken that tells a length and has no body (RFC 9110 §8.6).
        if (status === 204) continue;
        contentLength = Number(value);
      } else if (lower === 'content-type') {
        eventStream = value.startsWith('text/event-stream');
        streams = eventStream || value.startsWith('application/grpc');
      } else if (lower === 'trailer') {
        announces = true;
      } else if (HOP_BY_HOP.has(lower) && !upgrade) {
        if (lower === 'connection') named = value.toLowerCase();
        continue;
      }
    }
    headers.push(name, value);
  }
  if (named !== '' && named !== 'close' && named !== 'keep-alive') dropNamed(headers, named);
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304 && contentLength !== 0;
  return new AnswerHead(status, headers, contentLength, hasBody, streams, eventStream, announces);
}

function dropNamed(headers: string[], connection: string): void {
  const named = connection.split(',').map((one) => one.trim());
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    const lower = headers[index].toLowerCase();
    if (lower !== 'content-length' && named.includes(lower)) headers.splice(index, 2);
  }
}

/** Node's own fast path, which its types leave out. */
interface FastBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
}

function text(value: Buffer | string): string {
  return typeof value === 'string' ? value : (value as FastBuffer).latin1Slice(0, value.length);
}
