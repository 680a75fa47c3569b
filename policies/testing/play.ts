/** Rules played on messages that a test describes by what it is about; shared by the tests of the engine. */
import { bodyOf, emptyBody, headersOf, type Mode, Redactor } from '../../exchange/index.js';
import { type ContextFacts, contextOf } from '../engine/context.js';
import { type CompileOptions, compilePolicies } from '../engine/set.js';
import type { Decision, RequestView, ResponseView } from '../types.js';

export type Headers = Record<string, string | string[]>;
export interface Sample {
  method?: string;
  target?: string;
  host?: string;
  headers?: Headers;
  body?: string | Uint8Array;
  totalLength?: number;
  /** Absent: the request phase. */
  response?: { status?: number; headers?: Headers; body?: string | Uint8Array; totalLength?: number };
  context?: Partial<Omit<ContextFacts, 'route'>>;
  template?: string | null;
  tags?: string[];
  service?: string;
}

export const json = { 'content-type': 'application/json' };
const bytesOf = (body: string | Uint8Array | undefined) =>
  body === undefined ? null : typeof body === 'string' ? Buffer.from(body) : body;

export function views(sample: Sample): { request: RequestView; response: ResponseView | null } {
  const body = bytesOf(sample.body);
  const request: RequestView = {
    method: sample.method ?? 'GET',
    scheme: 'https',
    host: sample.host ?? 'api.example.com',
    target: sample.target ?? '/users/7',
    headers: headersOf(sample.headers ?? {}),
    body: body === null ? null : bodyOf(body, sample.totalLength),
  };
  const { response } = sample;
  if (response === undefined) return { request, response: null };
  const answer = bytesOf(response.body);
  return {
    request,
    response: {
      status: response.status ?? 200,
      headers: headersOf(response.headers ?? {}),
      body: answer === null ? emptyBody : bodyOf(answer, response.totalLength),
    },
  };
}

/** Compiles once; each call is one message at noon of 1 June 2026. */
export function player(yaml: string, mode: Mode = 'enforce', options: CompileOptions = {}): (sample: Sample) => Decision {
  const set = compilePolicies([{ file: 'p.yaml', text: yaml, origin: 'folder' }], { redactor: new Redactor('k'), ...options });
  return (sample) => {
    const { request, response } = views(sample);
    const context = contextOf(set, {
      nowMs: Date.parse('2026-06-01T12:00:00Z'),
      route: {
        service: sample.service ?? 'shop',
        host: request.host,
        method: request.method,
        template: sample.template === undefined ? '/users/{id}' : sample.template,
        tags: sample.tags ?? [],
      },
      mode,
      client: { ip: '198.51.100.7', port: 1 },
      principal: null,
      exchangeId: 'x1',
      ...sample.context,
    });
    return set.evaluate('all', request, response, context);
  };
}

export const run = (yaml: string, sample: Sample, mode: Mode = 'enforce', options: CompileOptions = {}): Decision =>
  player(yaml, mode, options)(sample);

/** One rule around a condition, as JSON (which is YAML). */
export const rule = (when: object, more: object = {}, phase: 'request' | 'response' = 'request'): string =>
  JSON.stringify({ policy: 'p', rules: [{ rule: 'r', phase, when, action: 'block', ...more }] });

export const fires = (when: object, sample: Sample, options: CompileOptions = {}): boolean =>
  run(rule(when, {}, sample.response === undefined ? 'request' : 'response'), sample, 'enforce', options).action === 'block';

export const JWT = (header: object, claims: object): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
export const bearer = (header: object, claims: object): Sample => ({ headers: { authorization: `Bearer ${JWT(header, claims)}` } });
export const now = Date.parse('2026-06-01T12:00:00Z') / 1000;
export const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
export const multipart =
  '--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--B\r\nContent-Disposition: form-data; name="doc"; filename="a.exe"\r\nContent-Type: application/x-msdownload\r\n\r\nMZ\r\n--B--\r\n';
