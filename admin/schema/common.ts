import { z } from 'zod';
import { MODES, SEVERITIES } from '../../exchange/index.js';
import { markList } from '../route.js';

/** Unix epoch, milliseconds. */
export const ms = z.number().describe('Unix epoch, milliseconds');
export const severity = z.enum(SEVERITIES as readonly ['info', 'low', 'medium', 'high', 'critical']).meta({ id: 'Severity' });
export const mode = z
  .enum(MODES as readonly ['enforce', 'observe', 'mirror'])
  .meta({ id: 'Mode', description: 'enforce: decisions act; observe: they are recorded only; mirror: weir is out of the path' });
export const phase = z.enum(['request', 'response']).meta({ id: 'Phase' });
export const role = z.enum(['viewer', 'analyst', 'admin']).meta({ id: 'Role' });

export const idParams = z.object({ id: z.string().min(1).max(600) });
export const nameParams = z.object({ name: z.string().min(1).max(200) });

/** Query parameters are text; these read numbers, flags and comma-separated lists from it. */
export const numberParam = z.coerce.number();
export const flagParam = z.enum(['true', 'false']).transform((value) => value === 'true');
export function listParam<T extends string>(values: readonly [T, ...T[]]) {
  return z
    .string()
    .transform((text) => text.split(',').filter(Boolean))
    .pipe(z.array(z.enum(values)))
    .describe(`Comma-separated: ${values.join(', ')}`);
}
export const severitiesParam = listParam(['info', 'low', 'medium', 'high', 'critical']);

/** Lists are files too. */
export const formatParam = z.enum(['json', 'csv', 'ndjson']).optional().describe('csv and ndjson give every row (up to 100,000) as a file');

const limitParam = numberParam.int().min(1).max(500).optional();
const pageParams = (sorts: readonly string[]) => ({
  cursor: z.string().max(2000).optional().describe('nextCursor of the page before'),
  sort: z
    .enum(sorts.flatMap((sort) => [sort, `-${sort}`]) as [string, ...string[]])
    .optional()
    .describe('Column; a leading "-" means descending'),
  format: formatParam,
});

/** Pagination of every long list, with the sort orders it has. */
export function pageQuery<S extends z.ZodRawShape>(sorts: readonly string[], filters: S) {
  return z.strictObject({ limit: limitParam.describe('Rows a page; 50 when absent'), ...pageParams(sorts), ...filters });
}

/** Query of a list that is short by its nature; `shortList` of the routes answers it. The sort orders are members of a row, with or without `Ms`. */
export function listQuery<S extends z.ZodRawShape>(sorts: readonly string[], filters: S) {
  return z.strictObject({
    limit: limitParam.describe('Rows a page; when absent, all of them come'),
    ...pageParams(sorts),
    search: z.string().max(200).optional().describe('Words that a row must have'),
    ...filters,
  });
}

/** Answer of every list. */
export function pageOf<T extends z.ZodType>(items: T) {
  return markList(z.object({ items: z.array(items), nextCursor: z.string().nullable().describe('null on the last page') }), 'pages');
}

/** Answer of a list that is short by its nature: it comes whole, unless pages are asked for. */
export function listOf<T extends z.ZodType>(items: T) {
  return markList(
    z.object({ items: z.array(items), nextCursor: z.string().nullable().describe('null on the last page, and when all rows came') }),
    'whole',
  );
}

export const evidence = z
  .object({
    location: z.object({ phase, in: z.string(), path: z.string() }),
    excerpt: z.string().describe('Redacted: shape and length survive, the value does not'),
    type: z.string().optional(),
    valueHash: z.string().optional(),
    count: z.number().optional(),
  })
  .meta({ id: 'Evidence' });

export const actorRef = z.object({ kind: z.enum(['principal', 'address']), value: z.string(), label: z.string() }).meta({ id: 'ActorRef' });
export const endpointRef = z
  .object({ id: z.string(), service: z.string(), method: z.string(), template: z.string() })
  .meta({ id: 'EndpointRef' });

export const trafficCounts = z
  .object({
    requests: z.number(),
    status2xx: z.number(),
    status3xx: z.number(),
    status4xx: z.number(),
    status5xx: z.number(),
    failed: z.number().describe('No answer'),
    blocked: z.number(),
    wouldBlock: z.number().describe('Would have been blocked, had the mode been enforce'),
    unmatched: z.number().describe('Requests that matched no known endpoint'),
    bytesIn: z.number(),
    bytesOut: z.number(),
    latencySumMs: z.number(),
    latencyMaxMs: z.number(),
  })
  .meta({ id: 'TrafficCounts' });

export const trafficPoint = trafficCounts.extend({ bucketMs: ms }).meta({ id: 'TrafficPoint', description: 'Traffic of one time bucket' });
export const sparkPoint = z.object({ bucketMs: ms, requests: z.number() });

/** Start and end of a time span, and the width of its buckets. */
export const spanQuery = z.object({
  fromMs: numberParam.optional().describe('24 hours ago when absent'),
  toMs: numberParam.optional().describe('Now when absent'),
  stepMs: numberParam.min(60_000).optional().describe('Bucket width, a multiple of one minute; about 120 buckets when absent'),
});

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string().describe('Stable error code'),
    detail: z.string(),
    hint: z.string().optional().describe('What to do about it'),
    instance: z.string().describe('Request id'),
    errors: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });
