import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { shortHash } from '../exchange/index.js';
import type { Context } from './context.js';
import { AdminError } from './errors.js';
import { guardWrite, identify, NOBODY } from './identify.js';
import { exportList } from './lists.js';
import { problemOf } from './problems.js';
import { mayCall } from './roles.js';
import { type Call, Reply, type Route } from './route.js';
import { ROUTES } from './routes/index.js';
import { serveLive } from './stream.js';

const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_IMPORT_BYTES = 256 * 1024 * 1024;
const SIGN_INS_A_MINUTE = 20;

/** Counters of the API for /metrics. */
export interface ApiCounters {
  record(route: string, status: number, seconds: number): void;
}

/** Registers every route below /api/v1: who calls, may they, is it repeated, do it, note it. */
export function registerApi(
  app: FastifyInstance,
  context: Context,
  localToken: string | null,
  counters: ApiCounters,
  streams: Set<() => void>,
): void {
  for (const route of ROUTES) {
    app.route({
      method: route.method,
      url: `/api/v1${route.path}`,
      bodyLimit: route.textBody === undefined ? MAX_JSON_BYTES : MAX_IMPORT_BYTES,
      config: route.role === 'anyone' && !route.reads ? { rateLimit: { max: SIGN_INS_A_MINUTE, timeWindow: '1 minute' } } : {},
      handler: async (request, reply) => {
        const startedAt = performance.now();
        try {
          return await serve(route, request, reply, context, localToken, streams);
        } catch (error) {
          return refuse(error, request, reply, context);
        } finally {
          counters.record(route.id, reply.statusCode, (performance.now() - startedAt) / 1000);
        }
      },
    });
  }
}

async function serve(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
  localToken: string | null,
  streams: Set<() => void>,
) {
  const known = await identify(request, context, localToken);
  if (known === null && route.role !== 'anyone') throw new AdminError('ADMIN_NOT_SIGNED_IN', 'this needs a session or an API token');
  const caller = known ?? NOBODY;
  const notes = { target: targetOf(request) };
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const call: Call = {
    caller,
    nowMs: context.nowMs(),
    address: request.ip,
    agent: (request.headers['user-agent'] ?? '').slice(0, 300),
    ifMatch: versionOf(request.headers['if-match']),
    contentType: request.headers['content-type'] ?? '',
    signal: gone.signal,
    target: (target) => {
      notes.target = target;
    },
  };
  if (!mayCall(caller, route)) {
    if (!route.reads) await audit(context, route, call, notes.target, 'refused', 'ADMIN_FORBIDDEN');
    throw new AdminError(
      'ADMIN_FORBIDDEN',
      `${route.id} needs the role ${route.role}${caller.scopes.length > 0 ? ' and a scope for it' : ''}; yours is ${caller.role}`,
    );
  }
  if (route.method !== 'GET') guardWrite(request, caller, context);
  if (route.id === 'live.subscribe') {
    serveLive(request, reply, context, async () => (await identify(request, context, localToken)) !== null, streams);
    return reply;
  }
  const raw = { params: request.params, query: request.query, body: request.body };
  const format = route.list !== null ? (request.query as { readonly format?: string }).format : undefined;
  if (format === 'csv' || format === 'ndjson') {
    const rows = await exportList(route, raw, format, call, context);
    return reply
      .header('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
      .header('content-disposition', `attachment; filename="${route.id}.${format}"`)
      .send(rows);
  }
  if (route.reads) return answer(await route.run(raw, call, context), request, reply);
  return write(route, raw, call, notes, request, reply, context);
}

/** A write: answered again without doing it again when its key was seen, noted in the audit log whatever comes of it. */
async function write(
  route: Route,
  raw: { readonly params: unknown; readonly query: unknown; readonly body: unknown },
  call: Call,
  notes: { target: string },
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
) {
  const given = request.headers['idempotency-key'];
  const key =
    typeof given === 'string' && given !== '' && route.role !== 'anyone' ? shortHash(call.caller.name, given.slice(0, 200)) : null;
  if (key !== null) {
    const fingerprint = shortHash(
      route.id,
      JSON.stringify([raw.params, raw.query, raw.body instanceof Uint8Array ? hashOfBytes(raw.body) : raw.body]),
    );
    if (!(await context.store.accounts.reserveAnswer(key, fingerprint, call.nowMs))) {
      const before = await context.store.accounts.answer(key);
      if (before !== null && before.fingerprint !== fingerprint)
        throw new AdminError('ADMIN_KEY_REUSED', 'this Idempotency-Key was used for another request');
      if (before === null || before.status === 0)
        throw new AdminError('ADMIN_KEY_BUSY', 'the request with this Idempotency-Key has not been answered yet');
      reply.header('idempotency-replayed', 'true').code(before.status);
      return before.body === '' ? reply.send() : reply.type('application/json; charset=utf-8').send(before.body);
    }
  }
  try {
    const result = await route.run(raw, call, context);
    await audit(context, route, call, notes.target, 'ok', shown(raw.body));
    if (key !== null && !(result instanceof Reply)) await context.store.accounts.keepAnswer(key, 200, JSON.stringify(result));
    if (key !== null && result instanceof Reply) await context.store.accounts.keepAnswer(key, result.status, '');
    return answer(result, request, reply);
  } catch (error) {
    if (key !== null) await context.store.accounts.dropAnswer(key);
    const problem = problemOf(error, request.id);
    await audit(context, route, call, notes.target, problem.status < 500 ? 'refused' : 'failed', problem.code);
    throw error;
  }
}

/** A recording of a few hundred megabytes is too long for a text. */
const hashOfBytes = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function answer(result: unknown, request: FastifyRequest, reply: FastifyReply) {
  if (result instanceof Reply) {
    for (const [name, value] of Object.entries(result.headers)) reply.header(name, value);
    reply.code(result.status);
    return result.body === null ? reply.send() : tagged(result.body, null, request, reply);
  }
  reply.type('application/json; charset=utf-8');
  return tagged(JSON.stringify(result), versionIn(result), request, reply);
}

/** ETag: the version that If-Match is compared with, and a hash of the bytes for If-None-Match. */
function tagged(body: string | Uint8Array, version: number | null, request: FastifyRequest, reply: FastifyReply) {
  const hash = shortHash(typeof body === 'string' ? body : Buffer.from(body).toString('latin1'));
  const etag = `"${version === null ? '' : `v${version}.`}${hash}"`;
  reply.header('etag', etag);
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private, no-cache');
  if (request.method === 'GET' && request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.send(body);
}

function versionIn(result: unknown): number | null {
  const version = result !== null && typeof result === 'object' && 'version' in result ? result.version : null;
  return typeof version === 'number' ? version : null;
}

/** `*` and a bare number are understood too: people write them by hand. */
function versionOf(header: string | undefined): number | undefined {
  const found = /^(?:W\/)?"?v?(\d+)(?:\.[0-9a-f]+)?"?$/.exec(header?.trim() ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

const targetOf = (request: FastifyRequest) => Object.values((request.params ?? {}) as Record<string, string>).join(' ');

const SECRET = /password|secret|token|cookie|^value$|^text$|config/i;

/** The body for the audit log: what was changed, but no secret and no long text. */
function shown(body: unknown): unknown {
  if (body === null || typeof body !== 'object' || body instanceof Uint8Array || Array.isArray(body)) return null;
  return Object.fromEntries(
    Object.entries(body as Record<string, unknown>).map(([name, value]) => {
      const hidden = SECRET.test(name) && !(name === 'value' && typeof value === 'string' && value.length <= 100);
      if (hidden) return [name, '•••'];
      const text = JSON.stringify(value) ?? '';
      return [name, text.length > 500 ? `${text.slice(0, 500)}…` : value];
    }),
  );
}

async function audit(
  context: Context,
  route: Route,
  call: Call,
  target: string,
  outcome: 'ok' | 'refused' | 'failed',
  about: unknown,
): Promise<void> {
  const detail = about as Parameters<typeof context.store.accounts.record>[0]['detail'];
  await context.store.accounts.record({
    atMs: call.nowMs,
    actor: call.caller.name,
    action: route.id,
    target,
    outcome,
    address: call.address,
    detail,
  });
}

/** Every error leaves as a problem document. */
export function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, context: Context) {
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    context.options.log?.('error', `${request.method} ${request.url.split('?')[0]}: ${stack}`, { requestId: request.id });
  }
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problem));
}
