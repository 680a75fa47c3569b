import { parse } from 'yaml';
import { shortHash, splitTarget } from '../../exchange/index.js';
import { ScanError } from '../errors.js';
import type { Json } from './fields.js';

/** What is known of an endpoint before the scan: enough to make a request of it. */
export interface KnownEndpoint {
  readonly id: string;
  readonly method: string;
  readonly template: string;
  readonly query: readonly { readonly name: string; readonly example: string }[];
  /** Examples of path parameters, by name. */
  readonly path: { readonly [name: string]: string };
  readonly body: Json | null;
  /** Body is sent as this; JSON when empty. */
  readonly contentType: string;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly example?: Json;
  readonly examples?: readonly Json[];
  readonly default?: Json;
  readonly enum?: readonly Json[];
  readonly format?: string;
  readonly minimum?: number;
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

const DEPTH_LIMIT = 8;

/** A value that fits a JSON Schema: its example, default or first choice, else the plainest value of its type. */
export function exampleOf(schema: unknown, resolve: (ref: string) => unknown = () => null, depth = 0): Json {
  if (schema === null || typeof schema !== 'object' || depth > DEPTH_LIMIT) return null;
  const one = schema as Schema;
  if (one.$ref !== undefined) return exampleOf(resolve(one.$ref), resolve, depth + 1);
  const given = one.example ?? one.examples?.[0] ?? one.default ?? one.enum?.[0];
  if (given !== undefined) return given;
  if (one.allOf !== undefined) return Object.assign({}, ...one.allOf.map((part) => exampleOf(part, resolve, depth + 1))) as Json;
  const choice = one.oneOf?.[0] ?? one.anyOf?.[0];
  if (choice !== undefined) return exampleOf(choice, resolve, depth + 1);
  const type = Array.isArray(one.type) ? (one.type as readonly string[]).find((name) => name !== 'null') : one.type;
  if (type === 'object' || one.properties !== undefined)
    return Object.fromEntries(Object.entries(one.properties ?? {}).map(([name, part]) => [name, exampleOf(part, resolve, depth + 1)]));
  if (type === 'array') return one.items === undefined ? [] : [exampleOf(one.items, resolve, depth + 1)];
  if (type === 'integer' || type === 'number') return one.minimum ?? 1;
  if (type === 'boolean') return true;
  const byFormat: { readonly [format: string]: string } = {
    email: 'weir@example.com',
    uri: 'https://example.com/',
    url: 'https://example.com/',
    uuid: '00000000-0000-4000-8000-000000000000',
    date: '2026-01-01',
    'date-time': '2026-01-01T00:00:00Z',
  };
  return byFormat[one.format ?? ''] ?? 'weir';
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

/** Endpoints of an OpenAPI 2 or 3 document, JSON or YAML. @throws ScanError SCAN_OPTIONS */
export function endpointsOfOpenApi(text: string, service: string): readonly KnownEndpoint[] {
  const document = readDocument(text) as {
    paths?: { [path: string]: { [method: string]: unknown } };
    basePath?: string;
    servers?: { url?: string }[];
  };
  if (typeof document?.paths !== 'object') throw new ScanError('SCAN_OPTIONS', 'the document has no "paths": it is no OpenAPI document');
  const resolve = (ref: string): unknown =>
    ref
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>(
        (at, part) => (at as { [key: string]: unknown } | null)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')] ?? null,
        document,
      );
  const server = document.servers?.[0]?.url ?? '';
  const base = (document.basePath ?? (URL.canParse(server) ? new URL(server).pathname : server)).replace(/\/$/, '');
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]): KnownEndpoint => {
        const { parameters = [], requestBody } = operation as { parameters?: unknown[]; requestBody?: unknown };
        const all = [...((item.parameters as unknown as unknown[]) ?? []), ...parameters].map((one) => {
          const ref = (one as { $ref?: string }).$ref;
          return (ref === undefined ? one : resolve(ref)) as { in: string; name: string; schema?: Schema; example?: Json } & Schema;
        });
        const example = (one: (typeof all)[number]) => String(one.example ?? exampleOf(one.schema ?? one, resolve) ?? '1');
        const content = (requestBody as { content?: { [type: string]: { schema?: Schema; example?: Json } } } | undefined)?.content ?? {};
        const [contentType = '', media] =
          Object.entries(content).find(([type]) => type.includes('json')) ?? Object.entries(content)[0] ?? [];
        const template = `${base}${path}`;
        return {
          id: shortHash(service, method.toUpperCase(), template),
          method: method.toUpperCase(),
          template,
          query: all.filter((one) => one.in === 'query').map((one) => ({ name: one.name, example: example(one) })),
          path: Object.fromEntries(
            all
              .filter((one) => one.in === 'path' && (one.example ?? one.schema?.example) !== undefined)
              .map((one) => [one.name, example(one)]),
          ),
          body: media === undefined ? null : (media.example ?? exampleOf(media.schema, resolve)),
          contentType,
        };
      }),
  );
}

const ID_SEGMENT = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26})$/i;

/** Endpoints of a HAR file; ids in paths become parameters. @throws ScanError SCAN_OPTIONS */
export function endpointsOfHar(text: string, service: string): readonly KnownEndpoint[] {
  const entries = (
    readDocument(text) as {
      log?: { entries?: { request: { method: string; url: string; postData?: { text?: string; mimeType?: string } } }[] };
    }
  )?.log?.entries;
  if (!Array.isArray(entries)) throw new ScanError('SCAN_OPTIONS', 'the document has no "log.entries": it is no HAR file');
  const found = new Map<string, KnownEndpoint>();
  for (const { request } of entries) {
    const url = new URL(request.url);
    const path: { [name: string]: string } = {};
    const template = splitTarget(url.pathname)
      .path.split('/')
      .map((segment) => {
        if (!ID_SEGMENT.test(segment)) return segment;
        const name = Object.keys(path).length === 0 ? 'id' : `id${Object.keys(path).length + 1}`;
        path[name] = segment;
        return `{${name}}`;
      })
      .join('/');
    const key = `${request.method} ${template}`;
    if (found.has(key)) continue;
    found.set(key, {
      id: shortHash(service, request.method, template),
      method: request.method,
      template,
      query: [...url.searchParams].map(([name, example]) => ({ name, example })),
      path,
      body: request.postData?.text === undefined ? null : safeJson(request.postData.text),
      contentType: request.postData?.mimeType ?? '',
    });
  }
  return [...found.values()];
}

function safeJson(text: string): Json | null {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return Object.fromEntries(new URLSearchParams(text));
  }
}

function readDocument(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 1000 });
  } catch (cause) {
    throw new ScanError(
      'SCAN_OPTIONS',
      `the document cannot be read: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      { cause },
    );
  }
}
