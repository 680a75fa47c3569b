import type { Endpoint, Store } from '../store/index.js';
import type { KnownEndpoint } from './run/endpoints.js';
import { exampleOf, isOwnHeader } from './run/endpoints.js';

const PAGE = 500;
const MASK = '•';

/** Which endpoints of a service a scan is about; empty: all. */
export interface EndpointChoice {
  readonly ids?: readonly string[] | undefined;
  readonly tag?: string | undefined;
  readonly search?: string | undefined;
  /** Only those first seen since then, or changed. */
  readonly sinceMs?: number | undefined;
}

/** All endpoints of a service, and which of them are chosen (undefined: all). */
export interface ChosenEndpoints {
  readonly endpoints: readonly KnownEndpoint[];
  readonly chosen: ReadonlySet<string> | undefined;
}

/** What was learned of a service, as something to make requests of, and what of it a scan is about. Redacted examples are left out: ids come from live answers. */
export async function endpointsOfStore(store: Pick<Store, 'inventory'>, service: string, choice: EndpointChoice): Promise<ChosenEndpoints> {
  const found: KnownEndpoint[] = [];
  const chosen = new Set<string>();
  const changed = choice.sinceMs === undefined ? new Set<string>() : await changedSince(store, service, choice.sinceMs);
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['inventory']['full']>> = await store.inventory.full(service, { limit: PAGE, cursor });
    found.push(...page.items.map(endpointOfLearned));
    for (const endpoint of page.items) if (isChosen(endpoint, choice, changed)) chosen.add(endpoint.id);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return { endpoints: found, chosen: chosen.size === found.length ? undefined : chosen };
}

/** Endpoints whose history says that they became another since then: a parameter, a data type, what they ask for. */
async function changedSince(store: Pick<Store, 'inventory'>, service: string, sinceMs: number): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['inventory']['history']>> = await store.inventory.history({ service }, { limit: PAGE, cursor });
    // The newest come first.
    const recent = page.items.filter(({ atMs }) => atMs >= sinceMs);
    for (const { endpointId } of recent) changed.add(endpointId);
    cursor = recent.length < page.items.length ? null : page.nextCursor;
  } while (cursor !== null);
  return changed;
}

function isChosen(endpoint: Endpoint, { ids, tag, search, sinceMs }: EndpointChoice, changed: ReadonlySet<string>): boolean {
  if (ids !== undefined && ids.length > 0 && !ids.includes(endpoint.id)) return false;
  if (tag !== undefined && tag !== '' && !endpoint.tags.includes(tag)) return false;
  if (sinceMs !== undefined && endpoint.firstSeenMs < sinceMs && !changed.has(endpoint.id)) return false;
  return search === undefined || search === '' || `${endpoint.method} ${endpoint.template}`.toLowerCase().includes(search.toLowerCase());
}

/** A learned endpoint as something to make requests of. Redacted examples are left out. */
export function endpointOfLearned({
  id,
  method,
  template,
  detail,
  authRequired,
}: Pick<Endpoint, 'id' | 'method' | 'template' | 'detail' | 'authRequired'>): KnownEndpoint {
  const parameters = detail.parameters ?? [];
  const example = (name: string, place: string) => {
    const one = parameters.find((parameter) => parameter.name === name && parameter.in === place);
    const seen = [...(one?.examples ?? []), ...(one?.values ?? [])].find((value) => !value.includes(MASK));
    if (seen !== undefined) return seen;
    return one?.types.some((type) => /int|num/i.test(type)) ? String(one.min ?? 1) : 'weir';
  };
  const schema = detail.request?.schema ?? null;
  const fields = parameters.filter((parameter) => parameter.in === 'body' && !/[.[]/.test(parameter.name));
  const body =
    schema !== null
      ? exampleOf(schema)
      : fields.length === 0
        ? null
        : Object.fromEntries(
            fields.map(({ name, types }) => {
              const text = example(name, 'body');
              return [name, types.some((type) => /int|num/i.test(type)) ? Number(text) || 1 : text];
            }),
          );
  return {
    id,
    method,
    template,
    query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => ({ name, example: example(name, 'query') })),
    path: Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === 'path' && (parameter.examples ?? []).some((value) => !value.includes(MASK)))
        .map(({ name }) => [name, example(name, 'path')]),
    ),
    body,
    contentType: detail.request?.contentTypes[0] ?? '',
    headers: parameters
      .filter((parameter) => parameter.in === 'header' && isOwnHeader(parameter.name))
      .map(({ name }) => ({ name: name.toLowerCase(), example: example(name, 'header') })),
    references: parameters.filter(({ in: place, isId }) => isId && (place === 'query' || place === 'body')).map(({ name }) => name),
    ...(authRequired === null ? {} : { isSecured: authRequired }),
  };
}
