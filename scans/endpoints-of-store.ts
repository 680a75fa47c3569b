import type { Endpoint, Store } from '../store/index.js';
import type { KnownEndpoint } from './run/endpoints.js';
import { exampleOf } from './run/endpoints.js';

const PAGE = 500;
const MASK = '•';

/** Which endpoints of a service a scan is about; empty: all. */
export interface EndpointChoice {
  readonly ids?: readonly string[] | undefined;
  readonly tag?: string | undefined;
  readonly search?: string | undefined;
  /** Only those first seen since then. */
  readonly sinceMs?: number | undefined;
}

/** What was learned of a service, as something to make requests of. Redacted examples are left out: ids come from live answers. */
export async function endpointsOfStore(
  store: Pick<Store, 'inventory'>,
  service: string,
  choice: EndpointChoice,
): Promise<readonly KnownEndpoint[]> {
  const found: KnownEndpoint[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['inventory']['full']>> = await store.inventory.full(service, { limit: PAGE, cursor });
    found.push(...page.items.filter((endpoint) => isChosen(endpoint, choice)).map(known));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

function isChosen(endpoint: Endpoint, { ids, tag, search, sinceMs }: EndpointChoice): boolean {
  if (ids !== undefined && ids.length > 0 && !ids.includes(endpoint.id)) return false;
  if (tag !== undefined && tag !== '' && !endpoint.tags.includes(tag)) return false;
  if (sinceMs !== undefined && endpoint.firstSeenMs < sinceMs) return false;
  return search === undefined || search === '' || `${endpoint.method} ${endpoint.template}`.toLowerCase().includes(search.toLowerCase());
}

function known({ id, method, template, detail }: Endpoint): KnownEndpoint {
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
    path: {},
    body,
    contentType: detail.request?.contentTypes[0] ?? '',
  };
}
