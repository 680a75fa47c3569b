import { IntegrationError, type IntegrationErrorCode } from './errors.js';
import { type Io, unreachable } from './io.js';
import { cut } from './notice.js';

export interface HttpCall {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless it is text already. */
  readonly body?: unknown;
  /** Answers above this are cut; only their beginning is ever shown or read. */
  readonly maxAnswerBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const EXCERPT_CHARACTERS = 200;

/**
 * One request to a receiver. Redirects are not followed: they would carry the credentials to another host.
 *
 * @throws IntegrationError for everything but a 2xx answer
 */
export async function call(
  io: Io,
  url: string,
  { method = 'POST', headers, body, maxAnswerBytes = 262_144 }: HttpCall,
): Promise<HttpAnswer> {
  const { host } = new URL(url);
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  let response: Response;
  let text: string;
  try {
    response = await io.fetch(url, {
      method,
      redirect: 'manual',
      headers: { 'user-agent': 'weir', ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: payload ?? null,
      signal: AbortSignal.timeout(io.timeoutMs),
    });
    text = await beginning(response, maxAnswerBytes);
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'TimeoutError')
      throw new IntegrationError('INTEGRATION_TIMEOUT', `${host} did not answer within ${io.timeoutMs} ms`, { cause });
    throw unreachable(host, cause);
  }
  if (response.status >= 200 && response.status < 300) return { status: response.status, text };
  const said = text.trim() === '' ? '' : `: ${cut(text.trim(), EXCERPT_CHARACTERS)}`;
  throw new IntegrationError(codeOf(response.status), `${host} answered ${response.status}${said}`, {
    retryAfterMs: retryAfterMs(response.headers.get('retry-after'), io.nowMs()),
  });
}

function codeOf(status: number): IntegrationErrorCode {
  if (status === 429 || status === 503) return 'INTEGRATION_BUSY';
  if (status === 400 || status === 413 || status === 415 || status === 422) return 'INTEGRATION_REFUSED';
  if (status === 408 || status === 425 || status >= 500) return 'INTEGRATION_FAILED';
  return 'INTEGRATION_DENIED';
}

/** RFC 9110 §10.2.3: seconds or a date; null when absent or unreadable. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

async function beginning(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return '';
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    parts.push(part);
    size += part.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(parts).subarray(0, maxBytes).toString('utf8');
}

/** The answer as JSON of an expected shape; a receiver that answers something else has failed. */
export function jsonOf<T>(url: string, answer: HttpAnswer, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(answer.text));
  } catch (cause) {
    throw new IntegrationError('INTEGRATION_FAILED', `${new URL(url).host} answered ${answer.status} with something unexpected`, { cause });
  }
}

export const basicAuth = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
