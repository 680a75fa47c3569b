import { z } from 'zod';
import { ADMIN_ERRORS } from './errors.js';
import type { Route } from './route.js';
import { ROUTES } from './routes/index.js';
import { problem } from './schema/common.js';

type JsonObject = { [key: string]: unknown };

/** The OpenAPI 3.1 document of the API, made from the routes. `openapi.json` in this folder is its checked-in copy. */
export function openApiDocument(routes: readonly Route[] = ROUTES): JsonObject {
  const components: JsonObject = {};
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => {
    // Inside a wrapper every schema with an id, the top one too, becomes a reference.
    const wrapped = z.toJSONSchema(z.object({ it: schema }), { io, unrepresentable: 'any', target: 'draft-2020-12' });
    const rewritten: { properties: { it: JsonObject }; $defs?: JsonObject } = JSON.parse(
      JSON.stringify(wrapped).replaceAll('"#/$defs/', '"#/components/schemas/'),
    );
    for (const [name, definition] of Object.entries(rewritten.$defs ?? {})) components[name] ??= withoutId(definition as JsonObject);
    return rewritten.properties.it;
  };
  const problemSchema = schemaOf(problem, 'output');
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
    paths[path] = paths[path] ?? {};
    paths[path][route.method.toLowerCase()] = {
      operationId: route.id,
      tags: [route.id.split('.')[0]],
      summary: route.summary,
      'x-role': route.role,
      ...(route.role === 'anyone' ? { security: [] } : {}),
      parameters: [
        ...parameters('path', route.params, schemaOf),
        ...parameters('query', route.query, schemaOf),
        ...(route.reads ? [] : [{ $ref: '#/components/parameters/IdempotencyKey' }, { $ref: '#/components/parameters/IfMatch' }]),
      ],
      ...(route.body === undefined ? {} : { requestBody: { required: true, content: bodyContent(route, schemaOf) } }),
      responses: {
        ...answer(route, schemaOf),
        default: { description: 'Problem', content: { 'application/problem+json': { schema: problemSchema } } },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'weir admin API',
      version: '1',
      description: 'Everything the admin UI and the command line do. Errors are RFC 9457 problems with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(routes.map((route) => route.id.split('.')[0]))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))),
      parameters: {
        IdempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          description: 'Repeating a write with the same key gives the first answer again, for 24 hours',
          schema: { type: 'string', maxLength: 200 },
        },
        IfMatch: {
          name: 'If-Match',
          in: 'header',
          required: false,
          description: 'ETag that was read: the write is refused with 409 when it changed since',
          schema: { type: 'string' },
        },
      },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'weir_session', description: 'Writes also need X-CSRF-Token' },
      },
    },
    'x-error-codes': ADMIN_ERRORS,
  };
}

type SchemaOf = (schema: z.ZodType, io: 'input' | 'output') => JsonObject;

function withoutId(definition: JsonObject): JsonObject {
  const { id: _id, ...rest } = definition;
  return rest;
}

function parameters(place: 'path' | 'query', schema: z.ZodType | undefined, schemaOf: SchemaOf): readonly JsonObject[] {
  if (schema === undefined) return [];
  const object = schemaOf(schema, 'input') as { properties?: Record<string, JsonObject>; required?: readonly string[] };
  return Object.entries(object.properties ?? {}).map(([name, { description, ...value }]) => ({
    name,
    in: place,
    required: place === 'path' || (object.required ?? []).includes(name),
    ...(description === undefined ? {} : { description }),
    schema: value,
  }));
}

function bodyContent(route: Route, schemaOf: SchemaOf): JsonObject {
  if (route.textBody === undefined) return { 'application/json': { schema: schemaOf(route.body!, 'input') } };
  return Object.fromEntries(route.textBody.map((type) => [type, { schema: { type: 'string' } }]));
}

function answer(route: Route, schemaOf: SchemaOf): JsonObject {
  if (route.produces !== undefined) return { 200: { description: 'OK', content: { [route.produces]: { schema: { type: 'string' } } } } };
  if (route.answer === undefined) return { 204: { description: 'Done' } };
  return { 200: { description: 'OK', content: { 'application/json': { schema: schemaOf(route.answer, 'output') } } } };
}
