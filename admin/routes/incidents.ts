import { decodeExchange, type Exchange } from '../../exchange/index.js';
import type { Context } from '../context.js';
import { notFound } from '../errors.js';
import { type Route, route } from '../route.js';
import { idParams } from '../schema/common.js';
import { incident } from '../schema/operations.js';

/** A client gets an incident id with one of these; what else acted on the same exchange is not what it asks about. */
const STOPS: ReadonlySet<string> = new Set(['block', 'close', 'throttle', 'tarpit', 'challenge']);

/** What is known about an incident id: the kept exchange, else the findings that carry it; null for anything else. */
export async function findIncident(context: Context, incidentId: string) {
  const [sample, page] = await Promise.all([
    context.store.samples.byIncident(incidentId),
    context.store.issues.findings({ incidentId }, { limit: 50 }),
  ]);
  if (sample === null && page.items.length === 0) return null;
  const exchange = sample === null ? null : decodeExchange(sample.content);
  const acts = (exchange?.outcome.acts ?? []).filter((one) => one.policy !== 'blocklist');
  const act = acts.find((one) => one.acted && STOPS.has(one.action)) ?? acts.find((one) => one.acted) ?? acts[0] ?? null;
  const finding =
    page.items.find(({ source }) => act !== null && source.kind === 'policy' && source.id === `${act.policy}/${act.rule}`) ??
    // A detector that saw the same is told of instead of the policy, as what acted.
    page.items.find(({ effect }) => effect === 'acted') ??
    page.items[0] ??
    null;
  const blockId = exchange?.outcome.blockId ?? null;
  const text =
    act !== null && (act.acted || blockId === null)
      ? `The policy ${act.policy} (rule ${act.rule}) ${act.acted ? 'acted' : 'would have acted'}: ${act.message}`
      : blockId !== null
        ? whoStopped(context, blockId, exchange)
        : (finding?.explanation ?? 'The request was refused before any policy looked at it.');
  return {
    incidentId,
    atMs: exchange?.startedAtMs ?? finding?.atMs ?? null,
    text,
    policy: act?.policy ?? (finding?.source.kind === 'policy' ? finding.source.id.split('/', 1)[0] : null),
    rule: act?.rule ?? null,
    blockId,
    issueId: finding?.issueId ?? null,
    findingIds: page.items.map((one) => one.id),
    exchangeId: sample?.id ?? finding?.exchangeIds.at(-1) ?? null,
    actorId: sample?.actorId ?? (finding?.actor ? `${finding.actor.kind}:${finding.actor.value}` : null),
    mode: exchange?.outcome.mode ?? null,
  };
}

/** The entry of the blocklist itself, not only its id. */
function whoStopped(context: Context, blockId: string, exchange: Exchange | null): string {
  const client = { ip: exchange?.client.ip ?? '', principalKey: exchange?.principal?.key ?? null, service: exchange?.service ?? '' };
  return context.ports.blocks?.describe(blockId, client) ?? `The client is on the blocklist (entry ${blockId}).`;
}

export const incidentRoutes: readonly Route[] = [
  route({
    id: 'incidents.get',
    method: 'GET',
    path: '/incidents/:id',
    summary: 'What a block page meant: the incident id that a client reads out',
    role: 'viewer',
    params: idParams,
    answer: incident,
    async handle({ params }, _call, context) {
      const found = await findIncident(context, params.id.trim().toUpperCase());
      if (found === null) throw notFound('incident', params.id);
      return found;
    },
  }),
];
