/** What tests of the inventory share: exchanges in a few words, and the endpoint of a name. */
import { bodyOf, type DataHit, type Exchange, emptyBody, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import type { EndpointState, Inventory, InventoryDelta } from '../../learning/index.js';
import { exchangeOf } from './exchange.js';

export const START = 1_700_000_000_000;
export const HOUR = 3_600_000;
const reader = new PrincipalReader('test');

export interface Sketch {
  readonly method?: string;
  readonly target: string;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly answer?: unknown;
  readonly answerHeaders?: Record<string, string>;
  readonly ip?: string;
  /** Left out: a millisecond after the one before. */
  readonly atMs?: number;
  readonly service?: string;
  readonly blocked?: boolean;
  readonly kind?: Exchange['kind'];
}

let clock = START;

/** The time of the next exchange that names none. */
export const now = (): number => clock;

export function exchange(sketch: Sketch): Exchange {
  const atMs = sketch.atMs ?? clock++;
  const headers = typed(sketch.headers, sketch.body);
  const id = newId(atMs);
  return exchangeOf({
    id,
    requestId: id,
    kind: sketch.kind ?? 'http',
    service: sketch.service ?? 'shop',
    client: { ip: sketch.ip ?? '192.0.2.7', port: 1 },
    startedAtMs: atMs,
    durationMs: 12,
    request: { method: sketch.method ?? 'GET', target: sketch.target, headers, body: bytesOf(sketch.body) },
    response: { status: sketch.status ?? 200, headers: typed(sketch.answerHeaders, sketch.answer), body: bytesOf(sketch.answer) },
    principal: reader.read(headers, sketch.target),
    outcome: { action: sketch.blocked === true ? 'blocked' : 'passed', mode: 'enforce', phase: null, acts: [] },
  });
}

function typed(headers: Record<string, string> | undefined, body: unknown): string[] {
  const isTyped = body === undefined || headers?.['content-type'] !== undefined;
  return [...headersOf(headers ?? {}), ...(isTyped ? [] : ['Content-Type', 'application/json'])];
}

function bytesOf(body: unknown): Exchange['request']['body'] {
  if (body === undefined) return emptyBody;
  return bodyOf(body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

export const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}-0123456789` });
export const jwt = (claims: object): Record<string, string> => ({
  authorization: `Bearer ${[{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.sig`,
});
export const hit = (type: string, path: string): DataHit => ({
  type,
  confidence: 0.9,
  count: 1,
  location: { phase: 'response', in: 'body', path },
});
export const named = (inventory: Inventory, name: string): EndpointState => {
  const found = inventory.endpoints().find((state) => `${state.ref.method} ${state.ref.template}` === name);
  if (found === undefined)
    throw new Error(
      `no ${name} in ${inventory
        .endpoints()
        .map((state) => `${state.ref.method} ${state.ref.template}`)
        .join(', ')}`,
    );
  return found;
};
export const kindsOf = (delta: InventoryDelta): string[] => delta.findings.map((finding) => finding.kind).sort();
