import { z } from 'zod';
import { type Context, port } from '../context.js';
import { AdminError, notFound } from '../errors.js';
import type { PolicyView } from '../ports.js';
import { type Call, Reply, type Route, route } from '../route.js';
import { listOf, listQuery, nameParams, numberParam, pageOf, pageQuery } from '../schema/common.js';
import { checkedPolicy, policy, policyMode, policySummary, policyVersion, replayResult } from '../schema/policies.js';
import { pageOfArray, shortList } from './arrays.js';

const KIND = 'policy';
const HOUR_MS = 3_600_000;
const MAX_POLICY_CHARACTERS = 1_000_000;
const text = z.string().max(MAX_POLICY_CHARACTERS).describe('YAML');

/** Everything in force or broken; what the UI wrote with its version and author. */
async function summaries(context: Context): Promise<readonly PolicyView[]> {
  const written = new Map((await context.store.documents.list(KIND)).map((document) => [document.name, document]));
  return port(context, 'policies')
    .list()
    .map((one) => {
      const document = one.origin === 'ui' ? written.get(one.name) : undefined;
      return document ? { ...one, version: document.version, changedAtMs: document.atMs, changedBy: document.author } : one;
    });
}

async function policyByName(context: Context, name: string) {
  const found = (await summaries(context)).find((one) => one.name === name);
  if (found === undefined) throw notFound('policy', name);
  const document = found.origin === 'ui' ? await context.store.documents.get(KIND, name) : null;
  return { ...found, text: document?.text ?? port(context, 'policies').text(name) ?? '' };
}

/** Brings every policy of the UI, as now kept, to the gateways. Also called at the start of the process. */
export async function publishPolicies(context: Context): Promise<void> {
  const documents = await context.store.documents.list(KIND);
  await context.ports.policies?.publish(documents.map(({ name, text }) => ({ name, text })));
}

async function write(context: Context, call: Call, name: string, text: string | null, note: string): Promise<void> {
  if (text !== null) {
    const checked = port(context, 'policies').check(text);
    const errors = checked.problems.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) {
      throw new AdminError('ADMIN_BAD_REQUEST', `the policy has ${errors.length === 1 ? 'an error' : `${errors.length} errors`}`, {
        problems: errors.map((problem) => ({ at: `line ${problem.line}, column ${problem.column}`, message: problem.message })),
      });
    }
    if (checked.name !== null && checked.name !== name) {
      throw new AdminError('ADMIN_BAD_REQUEST', `the text is the policy "${checked.name}", the address says "${name}"`, {
        problems: [{ at: 'body.text', message: `policy: must be ${name}` }],
      });
    }
    const failed = checked.cases.filter((one) => !one.ok);
    if (failed.length > 0) {
      throw new AdminError('ADMIN_BAD_REQUEST', `${failed.length} of the policy's own cases fail`, {
        problems: failed.map((one) => ({
          at: one.line === undefined ? `case ${one.name}` : `line ${one.line}`,
          message: `${one.name}: expected ${one.expected}, got ${one.actual}`,
        })),
      });
    }
  }
  const other = port(context, 'policies')
    .list()
    .find((one) => one.name === name && one.origin !== 'ui');
  if (other !== undefined) throw new AdminError('ADMIN_READ_ONLY', `the policy "${name}" comes from ${other.file}`);
  await context.store.documents.put(KIND, name, text, { author: call.caller.name, atMs: call.nowMs, note }, call.ifMatch);
  await publishPolicies(context);
  await port(context, 'policies').settled();
  context.live.tell('policies', text === null ? 'removed' : 'changed', name);
}

export const policyRoutes: readonly Route[] = [
  route({
    id: 'policies.list',
    method: 'GET',
    path: '/policies',
    summary: 'Policies with mode, hits, would-block and time per rule',
    role: 'viewer',
    query: pageQuery(['name', 'hits', 'changedAt'], {
      origin: policySummary.shape.origin.optional(),
      mode: policyMode.optional(),
      search: z.string().max(200).optional(),
    }),
    answer: pageOf(policySummary),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const word = filter.search?.toLowerCase() ?? '';
      const rows = (await summaries(context))
        .filter((one) => (!filter.origin || one.origin === filter.origin) && (!filter.mode || one.mode === filter.mode))
        .filter((one) => word === '' || `${one.name} ${one.title} ${one.description}`.toLowerCase().includes(word));
      return pageOfArray(
        rows,
        { name: (one) => one.name, hits: (one) => one.hits, changedAt: (one) => one.changedAtMs ?? 0 },
        'name',
        (one) => one.name,
        { limit, cursor, sort },
      );
    },
  }),
  route({
    id: 'policies.schema',
    method: 'GET',
    path: '/policy-schema',
    summary: 'JSON Schema of a policy, the one the server validates with; for completion',
    role: 'viewer',
    answer: z.object({ schema: z.unknown() }),
    handle: async (_input, _call, context) => ({ schema: port(context, 'policies').schema() }),
  }),
  route({
    id: 'policies.check',
    method: 'POST',
    path: '/policy-check',
    summary: 'Validate a text and run its cases; errors with line and column',
    role: 'viewer',
    reads: true,
    body: z.strictObject({ text }),
    answer: checkedPolicy,
    handle: async ({ body }, _call, context) => port(context, 'policies').check(body.text),
  }),
  route({
    id: 'policies.replay',
    method: 'POST',
    path: '/policy-replay',
    summary: 'What a text would have done to the traffic that was kept: "would have blocked 3 of 18,204"',
    role: 'viewer',
    reads: true,
    body: z.strictObject({
      text,
      hours: z
        .number()
        .positive()
        .max(24 * 90)
        .default(24),
      service: z.string().optional(),
      maxHits: z.number().int().min(1).max(1000).default(100),
    }),
    answer: replayResult,
    async handle({ body }, call, context) {
      const fromMs = call.nowMs - body.hours * HOUR_MS;
      const kept = keptExchanges(context, { service: body.service, sinceMs: fromMs });
      const signal = AbortSignal.any([call.signal, AbortSignal.timeout(REPLAY_MS)]);
      const result = await port(context, 'policies').replay(body.text, kept.exchanges, { maxHits: body.maxHits, signal });
      return { ...result, fromMs, toMs: call.nowMs, complete: kept.complete() && !signal.aborted };
    },
  }),
  route({
    id: 'policies.get',
    method: 'GET',
    path: '/policies/:name',
    summary: 'One policy with its text',
    role: 'viewer',
    params: nameParams,
    answer: policy,
    handle: ({ params }, _call, context) => policyByName(context, params.name),
  }),
  route({
    id: 'policies.put',
    method: 'PUT',
    path: '/policies/:name',
    summary: 'Write a policy; it is checked, its cases run, and every gateway has it at once',
    role: 'admin',
    params: nameParams,
    body: z.strictObject({ text, note: z.string().max(500).default('') }),
    answer: policy,
    async handle({ params, body }, call, context) {
      await write(context, call, params.name, body.text, body.note);
      return policyByName(context, params.name);
    },
  }),
  route({
    id: 'policies.remove',
    method: 'DELETE',
    path: '/policies/:name',
    summary: 'Remove a policy; its history stays and it can be reverted',
    role: 'admin',
    params: nameParams,
    async handle({ params }, call, context) {
      if ((await policyByName(context, params.name)).readOnly)
        throw new AdminError('ADMIN_READ_ONLY', `the policy "${params.name}" comes from a file`);
      await write(context, call, params.name, null, 'removed');
      return new Reply(null, { status: 204 });
    },
  }),
  route({
    id: 'policies.setMode',
    method: 'PUT',
    path: '/policies/:name/mode',
    summary:
      'Observe, enforce (for a percentage of exchanges), switch off; inherit takes what file or service says. Works on policies from files too',
    role: 'admin',
    params: nameParams,
    body: z.strictObject({ mode: policyMode, percentage: z.number().min(0).max(100).nullable().default(null) }),
    answer: policy,
    async handle({ params, body }, call, context) {
      const found = await policyByName(context, params.name);
      const policies = port(context, 'policies');
      if (found.origin !== 'ui' && policies.overrideMode !== undefined) {
        await policies.overrideMode(params.name, body.mode === 'inherit' ? null : body, call.caller.name);
        await policies.settled();
        context.live.tell('policies', 'mode', params.name);
        return policyByName(context, params.name);
      }
      const changed = policies.withMode(found.text, body.mode, body.percentage);
      await write(context, call, params.name, changed, `mode ${body.mode}${body.percentage === null ? '' : ` for ${body.percentage} %`}`);
      return policyByName(context, params.name);
    },
  }),
  route({
    id: 'policies.versions',
    method: 'GET',
    path: '/policies/:name/versions',
    summary: 'Every version of a policy of the UI, newest first',
    role: 'viewer',
    params: nameParams,
    query: listQuery(['version', 'author'], {}),
    answer: listOf(policyVersion),
    async handle({ params, query }, _call, context) {
      const versions = (await context.store.documents.history(KIND, params.name)).map(({ kind: _kind, ...version }) => version);
      return shortList(versions, query, (one) => String(one.version));
    },
  }),
  route({
    id: 'policies.revert',
    method: 'POST',
    path: '/policies/:name/revert',
    summary: 'Make an old version the present one',
    role: 'admin',
    params: nameParams,
    body: z.strictObject({ version: numberParam.int().min(1) }),
    answer: policy,
    async handle({ params, body }, call, context) {
      const old = await context.store.documents.get(KIND, params.name, body.version);
      if (old === null) throw notFound('version', `${params.name}@${body.version}`);
      await write(context, call, params.name, old.text, `reverted to version ${body.version}`);
      return policyByName(context, params.name);
    },
  }),
];

const REPLAY_MS = 20_000;
const REPLAY_EXCHANGES = 50_000;

/** Kept exchanges, newest first, read page by page as the replay takes them. */
function keptExchanges(
  context: Context,
  filter: { readonly service?: string; readonly sinceMs: number },
): { readonly exchanges: AsyncIterable<Uint8Array>; complete(): boolean } {
  let complete = false;
  async function* read() {
    let cursor: string | null = null;
    for (let examined = 0; examined < REPLAY_EXCHANGES; ) {
      const page: Awaited<ReturnType<typeof context.store.samples.read>> = await context.store.samples.read(filter, { cursor, limit: 200 });
      for (const sample of page.items) yield sample.content;
      examined += page.items.length;
      cursor = page.nextCursor;
      if (cursor === null) {
        complete = true;
        return;
      }
    }
  }
  return { exchanges: read(), complete: () => complete };
}
