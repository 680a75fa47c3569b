import type { Endpoint, Json, Store } from '../../store/index.js';

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/** The learned endpoints of a service as an OpenAPI 3.1 document. Operations that HTTP methods cannot express (GraphQL and the like) go to `x-weir-operations`. */
export async function exportOpenApi(store: Store, service: string, nowMs: number): Promise<Json> {
  const paths: Record<string, Record<string, Json>> = {};
  const others: Json[] = [];
  const schemes = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['inventory']['full']>> = await store.inventory.full(service, { cursor, limit: 500 });
    for (const endpoint of page.items) {
      const method = endpoint.method.toLowerCase();
      if (!METHODS.has(method) || endpoint.template.includes('#')) others.push({ method: endpoint.method, template: endpoint.template });
      else {
        paths[endpoint.template] = { ...paths[endpoint.template], [method]: operation(endpoint, schemes) };
      }
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return {
    openapi: '3.1.0',
    info: { title: service, version: new Date(nowMs).toISOString().slice(0, 10), description: `Learned from traffic by weir.` },
    paths,
    components: { securitySchemes: Object.fromEntries([...schemes].map((scheme) => [scheme, SCHEMES[scheme] ?? SCHEMES.other!])) },
    ...(others.length > 0 ? { 'x-weir-operations': others } : {}),
  };
}

const SCHEMES: Record<string, Json> = {
  jwt: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  bearer: { type: 'http', scheme: 'bearer' },
  basic: { type: 'http', scheme: 'basic' },
  'api-key': { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  'session-cookie': { type: 'apiKey', in: 'cookie', name: 'session' },
  mtls: { type: 'mutualTLS' },
  other: { type: 'http', scheme: 'custom' },
};

function operation(endpoint: Endpoint, schemes: Set<string>): Json {
  const { detail } = endpoint;
  const auth = endpoint.auth.filter((kind) => kind !== 'none').map((kind) => (kind in SCHEMES ? kind : 'other'));
  for (const scheme of auth) schemes.add(scheme);
  const known = (detail.parameters ?? []).filter((parameter) => parameter.in !== 'body');
  const names = [...endpoint.template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!);
  // Every place in the template needs a parameter, also where learning has not described it yet.
  const unnamed = names.filter((name) => !known.some((parameter) => parameter.in === 'path' && parameter.name === name));
  const parameters: Json[] = [
    ...known
      .filter((parameter) => parameter.in !== 'path' || names.includes(parameter.name))
      .map((parameter) => ({
        name: parameter.name,
        in: parameter.in,
        ...(parameter.required || parameter.in === 'path' ? { required: true } : {}),
        schema: {
          ...(parameter.types.length > 0 ? { type: parameter.types.length === 1 ? parameter.types[0]! : [...parameter.types] } : {}),
          ...(parameter.format ? { format: parameter.format } : {}),
          ...(parameter.values && parameter.values.length > 0 ? { enum: [...parameter.values] } : {}),
        },
        ...(parameter.examples?.[0] === undefined ? {} : { example: parameter.examples[0] }),
      })),
    ...unnamed.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
  ];
  const content = (types: readonly string[], schema: Json): Json =>
    Object.fromEntries(
      (types.length > 0 ? types : ['application/json']).map((type): [string, Json] => [type, schema === null ? {} : { schema }]),
    );
  const responses = Object.fromEntries(
    (detail.responses ?? []).map((response) => [
      /^[1-5]\d\d$/.test(response.status) ? response.status : 'default',
      {
        description: `Seen ${response.count} times`,
        ...(response.contentTypes.length > 0 ? { content: content(response.contentTypes, response.schema) } : {}),
      },
    ]),
  );
  return {
    operationId: endpoint.id,
    ...(endpoint.tags.includes('deprecated') ? { deprecated: true } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(detail.request ? { requestBody: { content: content(detail.request.contentTypes, detail.request.schema) } } : {}),
    responses: Object.keys(responses).length > 0 ? responses : { default: { description: 'Not seen yet' } },
    ...(auth.length > 0
      ? { security: [...auth.map((scheme) => ({ [scheme]: [] })), ...(endpoint.authRequired === false ? [{}] : [])] }
      : {}),
    'x-weir': { risk: endpoint.risk, tags: [...endpoint.tags], dataTypes: [...endpoint.dataTypes], requests: endpoint.counts.requests },
  };
}
