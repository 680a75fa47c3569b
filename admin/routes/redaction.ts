import { z } from 'zod';
import { bodyOf, bodyText, type Exchange, emptyBody, Redactor, redactExchange } from '../../exchange/index.js';
import type { Context } from '../context.js';
import { port } from '../context.js';
import { type Route, route } from '../route.js';
import { redaction } from '../schema/operations.js';

const KEY = 'redaction';
const OFF: z.output<typeof redaction> = { keepReal: false, secretNames: [] };

async function redactionOf({ store }: Context): Promise<z.output<typeof redaction>> {
  const object = await store.objects.get('setting', KEY);
  return { ...OFF, ...(object?.body as Partial<z.output<typeof redaction>> | undefined) };
}

/** A message as a person pastes it: header lines, an empty line, the body; or only a body. */
function readMessage(text: string): { readonly headers: readonly string[]; readonly body: string } {
  const [head, ...rest] = text.split(/\r?\n\r?\n/);
  const lines = (head ?? '').split(/\r?\n/).filter((line) => !/^[A-Z]+ \S+( HTTP\/[\d.]+)?$|^HTTP\//.test(line));
  if (!lines.every((line) => /^[\w-]+:/.test(line))) return { headers: [], body: text };
  return {
    headers: lines.flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    body: rest.join('\n\n'),
  };
}

export const redactionRoutes: readonly Route[] = [
  route({
    id: 'redaction.get',
    method: 'GET',
    path: '/settings/redaction',
    summary: 'What is masked beside the well-known secrets, and whether evidence keeps its real values',
    role: 'viewer',
    answer: redaction,
    handle: (_input, _call, context) => redactionOf(context),
  }),
  route({
    id: 'redaction.set',
    method: 'PUT',
    path: '/settings/redaction',
    summary: 'Change it; engines follow within seconds. Turned off, real values that were kept are forgotten at once',
    role: 'admin',
    body: redaction.partial().strict(),
    answer: redaction,
    async handle({ body }, call, context) {
      const next = { ...(await redactionOf(context)), ...body };
      await context.store.objects.put('setting', KEY, next, { author: call.caller.name, atMs: call.nowMs });
      if (!next.keepReal) await context.store.samples.forgetSealed();
      context.live.tell('settings', KEY, KEY);
      return next;
    },
  }),
  route({
    id: 'redaction.preview',
    method: 'POST',
    path: '/settings/redaction/preview',
    summary: 'How weir would keep a message: header lines, an empty line and a body, or only a body',
    role: 'viewer',
    reads: true,
    body: z.strictObject({ text: z.string().max(200_000), secretNames: redaction.shape.secretNames.optional() }),
    answer: z.object({ text: z.string() }),
    async handle({ body }, call, context) {
      const names = new Set((body.secretNames ?? (await redactionOf(context)).secretNames).map((name) => name.toLowerCase()));
      const message = readMessage(body.text);
      const hits = port(context, 'dataTypes')
        .test(message.body, [])
        .map((hit) => ({
          type: hit.type,
          location: { phase: 'request' as const, in: 'body' as const, path: hit.path },
          confidence: 1,
          count: 1,
        }));
      const redactor = new Redactor(context.options.secret, (name) => names.has(name.toLowerCase()));
      const { request } = redactExchange(exchangeOf(message, call.nowMs), hits, redactor);
      const shown = bodyText(request.headers, request.body, 200_000);
      const lines: string[] = [];
      for (let at = 0; at < request.headers.length; at += 2) lines.push(`${request.headers[at]}: ${request.headers[at + 1]}`);
      return { text: [...lines, ...(lines.length > 0 ? [''] : []), pretty(shown)].join('\n') };
    },
  }),
];

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function exchangeOf(message: { readonly headers: readonly string[]; readonly body: string }, nowMs: number): Exchange {
  const hasType = message.headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type');
  const nobody = { ip: '127.0.0.1', port: 0 };
  return {
    id: 'preview',
    requestId: 'preview',
    kind: 'http',
    observer: { kind: 'import', id: 'preview' },
    service: '',
    client: nobody,
    server: nobody,
    startedAtMs: nowMs,
    durationMs: 0,
    upstreamMs: 0,
    request: {
      method: 'POST',
      scheme: 'http',
      host: '',
      target: '/',
      httpVersion: '1.1',
      headers: hasType
        ? message.headers
        : [...message.headers, 'content-type', /^\s*[[{]/.test(message.body) ? 'application/json' : 'text/plain'],
      body: message.body === '' ? emptyBody : bodyOf(Buffer.from(message.body)),
      trailers: [],
    },
    response: null,
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: [],
  };
}
