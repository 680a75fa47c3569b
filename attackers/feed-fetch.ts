import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { attackersError } from './errors.js';

export interface FeedSource {
  /** `https://…`, `http://…`, `file:///…`, or a path. */
  readonly url: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Null text: not changed since `etag`. */
export interface Fetched {
  readonly text: string | null;
  readonly etag: string | null;
}

/**
 * Reads a feed, at most `maxBytes` after content decoding; what is larger is refused before it is read where its size is known, else as soon as the
 * limit is passed. Throws WeirError FEED_TOO_BIG or FEED_UNREACHABLE.
 */
export async function fetchFeed(source: FeedSource, etag: string | null): Promise<Fetched> {
  if (/^https?:\/\//.test(source.url)) return fromWeb(source, etag);
  return fromFile(source.url.startsWith('file:') ? fileURLToPath(source.url) : source.url, source.maxBytes, etag);
}

async function fromFile(path: string, maxBytes: number, etag: string | null): Promise<Fetched> {
  try {
    const { size, mtimeMs } = await stat(path);
    if (size > maxBytes) throw tooBig(path, maxBytes, `${size} bytes`);
    const fresh = `"${size}-${mtimeMs}"`;
    return fresh === etag ? { text: null, etag } : { text: await readFile(path, 'utf8'), etag: fresh };
  } catch (error) {
    if (error instanceof Error && 'hint' in error) throw error;
    throw attackersError('FEED_UNREACHABLE', `${path} cannot be read`, error);
  }
}

async function fromWeb({ url, maxBytes, timeoutMs }: FeedSource, etag: string | null): Promise<Fetched> {
  let response: Response;
  try {
    const headers: [string, string][] = etag === null ? [] : [['If-None-Match', etag]];
    response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs), redirect: 'follow' });
  } catch (cause) {
    throw attackersError('FEED_UNREACHABLE', `${url} cannot be reached`, cause);
  }
  if (response.status === 304) return { text: null, etag };
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw attackersError('FEED_UNREACHABLE', `${url} answered ${response.status}`);
  }
  const announced = Number(response.headers.get('content-length') ?? 0);
  if (announced > maxBytes) {
    await response.body.cancel();
    throw tooBig(url, maxBytes, `${announced} bytes`);
  }
  return { text: await readCapped(url, response.body, maxBytes), etag: response.headers.get('etag') };
}

async function readCapped(url: string, body: NonNullable<Response['body']>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let totalBytes = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw attackersError('FEED_UNREACHABLE', `${url} broke off after ${totalBytes} bytes`, cause);
    });
    if (done) return Buffer.concat(chunks).toString('utf8');
    totalBytes += value.length;
    if (totalBytes > maxBytes) {
      await reader.cancel();
      throw tooBig(url, maxBytes, 'more');
    }
    chunks.push(value);
  }
}

function tooBig(what: string, maxBytes: number, size: string): Error {
  return attackersError('FEED_TOO_BIG', `${what} has ${size}; at most ${maxBytes} bytes are taken`);
}
