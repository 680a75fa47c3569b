import { parse } from 'yaml';
import { shortHash } from '../../exchange/index.js';
import { ScanError } from '../errors.js';
import type { Carriage } from './carriage.js';
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
  /** Headers that the endpoint asks for, without credentials. */
  readonly headers?: readonly { readonly name: string; readonly example: string }[];
  /** Parameters (of query and body) whose recorded value named an object in some answer. */
  readonly references?: readonly string[];
  /** The document says that credentials are needed; undefined: it says nothing. */
  readonly isSecured?: boolean;
  /** How the document says, or the recording shows, that tokens go with requests. */
  readonly carriage?: Carriage;
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
  readonly minLength?: number;
  readonly maxLength?: number;
  /** The server sets it: it has no place in a request. */
  readonly readOnly?: boolean;
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

/** Headers of an application's own that say what is meant, not who asks. */
export const isOwnHeader = (name: string): boolean =>
  /^x-/i.test(name) && !/token|key|auth|forwarded|requested-with|secret|csrf|xsrf|real-ip|request-id|trace|b3|weir/i.test(name);

const DEPTH_LIMIT = 8;
/** What stands for a text of which nothing is known. */
export const PLAIN_TEXT = 'weir';

/** A value that fits a JSON Schema for a request: its example, default or first choice, else what its format or `name` asks for, else the plainest value of its type. */
export function exampleOf(schema: unknown, resolve: (ref: string) => unknown = () => null, depth = 0, name = ''): Json {
  if (schema === null || typeof schema !== 'object' || depth > DEPTH_LIMIT) return null;
  const one = schema as Schema;
  if (one.$ref !== undefined) return exampleOf(resolve(one.$ref), resolve, depth + 1, name);
  const given = one.example ?? (Array.isArray(one.examples) ? one.examples[0] : undefined) ?? one.default ?? one.enum?.[0];
  if (given !== undefined) return given;
  if (one.allOf !== undefined) return Object.assign({}, ...one.allOf.map((part) => exampleOf(part, resolve, depth + 1, name))) as Json;
  const choice = one.oneOf?.[0] ?? one.anyOf?.[0];
  if (choice !== undefined) return exampleOf(choice, resolve, depth + 1, name);
  const type = Array.isArray(one.type) ? (one.type as readonly string[]).find((name) => name !== 'null') : one.type;
  if (type === 'object' || one.properties !== undefined)
    return Object.fromEntries(
      Object.entries(one.properties ?? {})
        .filter(([, part]) => part.readOnly !== true)
        .map(([member, part]) => [member, exampleOf(part, resolve, depth + 1, member)]),
    );
  if (type === 'array') return one.items === undefined ? [] : [exampleOf(one.items, resolve, depth + 1, name)];
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
  const text = byFormat[one.format ?? ''] ?? BY_NAME.find(([names]) => names.test(name))?.[1] ?? PLAIN_TEXT;
  return text
    .padEnd(one.minLength ?? 0, text === PLAIN_TEXT ? PLAIN_TEXT : ' ')
    .slice(0, one.maxLength ?? text.length + (one.minLength ?? 0));
}

/** What servers accept in a text whose name says what it is, where the document says no more. */
const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/e?mail$/i, 'weir@example.com'],
  [/(phone|mobile|telephone|phone_?number)$/i, '+14155550123'],
  [/(^|[-_])(ur[li]|link|website|webhook|callback|homepage|avatar|image)$|[a-z](Ur[li]|URL|Link)$/i, 'https://example.com/'],
  [/(^|[-_])(date|dob|birth_?day|birth_?date|day|due|from_date|to_date)$|[a-z]Date$/, '2026-01-01'],
  [/(^|[-_])(at|time|timestamp)$|[a-z](At|Time)$/, '2026-01-01T00:00:00Z'],
  [/(uuid|guid)$/i, '00000000-0000-4000-8000-000000000000'],
  [/password|passwd|^pwd$/i, 'Weir-Pass-9731!'],
  [/zip|postal|post_?code/i, '12345'],
  [/^country(_?code)?$/i, 'US'],
  [/currency/i, 'USD'],
  [/(card_?number|^pan)$/i, '4111111111111111'],
  [/^(cvv|cvc)$/i, '123'],
  [/iban/i, 'DE02120300000000202051'],
];

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;
type OpenApiMethod = (typeof METHODS)[number];

interface Parameter extends Schema {
  readonly $ref?: string;
  readonly in: string;
  readonly name: string;
  readonly schema?: Schema;
  readonly example?: Json;
}
interface Media {
  readonly schema?: Schema;
  readonly example?: Json;
  readonly examples?: unknown;
}
interface RequestBody {
  readonly $ref?: string;
  readonly content?: { readonly [type: string]: Media };
}
interface SecuritySchemes {
  readonly [name: string]: { readonly type?: string; readonly in?: string; readonly name?: string };
}
type Security = readonly { readonly [scheme: string]: unknown }[];
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: RequestBody;
  readonly security?: Security;
}

/** The parts of an OpenAPI 2 or 3 document that requests are made of. */
interface OpenApiDocument {
  readonly components?: { readonly securitySchemes?: SecuritySchemes };
  readonly securityDefinitions?: SecuritySchemes;
  readonly paths?: {
    readonly [path: string]: { readonly parameters?: readonly Parameter[] } & { readonly [method in OpenApiMethod]?: Operation };
  };
  readonly basePath?: string;
  readonly servers?: readonly { readonly url?: string; readonly variables?: { readonly [name: string]: { readonly default?: string } } }[];
  readonly security?: Security;
}

/** Endpoints of an OpenAPI 2 or 3 document, JSON or YAML. @throws ScanError SCAN_OPTIONS */
export function endpointsOfOpenApi(text: string, service: string): readonly KnownEndpoint[] {
  const document = readDocument(text) as OpenApiDocument | null;
  if (typeof document?.paths !== 'object' || document.paths === null)
    throw new ScanError('SCAN_OPTIONS', 'the document has no "paths": it is no OpenAPI document');
  const resolve = (ref: string): unknown =>
    ref
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>(
        (at, part) => (at as { [key: string]: unknown } | null)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')] ?? null,
        document,
      );
  const saysSecurity = Object.values(document.paths).some((item) => METHODS.some((method) => item[method]?.security !== undefined));
  const carriage = keyOf(document.components?.securitySchemes ?? document.securityDefinitions ?? {});
  const [first] = document.servers ?? [];
  const server = (first?.url ?? '').replace(/\{([^}]+)\}/g, (_, name: string) => first?.variables?.[name]?.default ?? '');
  const base = (document.basePath ?? (URL.canParse(server) ? new URL(server).pathname : server)).replace(/\/$/, '');
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): KnownEndpoint[] => {
      const operation = item[method];
      if (operation === undefined) return [];
      const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) =>
        one.$ref === undefined ? one : (resolve(one.$ref) as Parameter),
      );
      const example = (one: Parameter) =>
        String(one.example ?? firstOf(one.examples) ?? exampleOf(one.schema ?? one, resolve, 0, one.name) ?? '1');
      const given =
        operation.requestBody?.$ref === undefined ? operation.requestBody : (resolve(operation.requestBody.$ref) as RequestBody);
      const [contentType = '', media] = mediaOf(given?.content ?? {});
      // OpenAPI 2 writes the body as a parameter, or as several of a form.
      const inBody = all.find((one) => one.in === 'body');
      const inForm = all.filter((one) => one.in === 'formData' && one.type !== 'file');
      const template = `${base}${path}`;
      // Where some operations say that they need credentials, those that say nothing need none.
      const security = operation.security ?? document.security ?? (saysSecurity ? [] : undefined);
      return [
        {
          id: shortHash(service, method.toUpperCase(), template),
          method: method.toUpperCase(),
          template,
          query: all.filter((one) => one.in === 'query').map((one) => ({ name: one.name, example: example(one) })),
          path: Object.fromEntries(all.filter((one) => one.in === 'path' && hasExample(one)).map((one) => [one.name, example(one)])),
          body:
            media !== undefined
              ? (media.example ?? firstOf(media.examples) ?? exampleOf(media.schema, resolve))
              : inBody !== undefined
                ? exampleOf(inBody.schema, resolve)
                : inForm.length > 0
                  ? Object.fromEntries(inForm.map((one) => [one.name, example(one)]))
                  : null,
          contentType: media !== undefined ? contentType : inForm.length > 0 ? 'application/x-www-form-urlencoded' : '',
          headers: all
            .filter((one) => one.in === 'header' && !/^(authorization|cookie|accept|content-type)$/i.test(one.name))
            .map((one) => ({ name: one.name.toLowerCase(), example: example(one) })),
          ...(carriage === null ? {} : { carriage }),
          ...(security === undefined ? {} : { isSecured: security.length > 0 && security.every((one) => Object.keys(one).length > 0) }),
        },
      ];
    }),
  );
}

/** The first key of a header or cookie that the document names. */
function keyOf(schemes: SecuritySchemes): Carriage | null {
  for (const { type, in: place, name = '' } of Object.values(schemes))
    if (type === 'apiKey' && place === 'cookie') return { header: 'cookie', prefix: `${name}=` };
    else if (type === 'apiKey' && place === 'header' && !/^authorization$/i.test(name)) return { header: name.toLowerCase(), prefix: '' };
  return null;
}

/** Does the document itself say which value there is? */
const hasExample = ({ example, examples, schema }: Parameter): boolean =>
  (example ?? firstOf(examples) ?? schema?.example ?? schema?.examples?.[0] ?? schema?.default ?? schema?.enum?.[0]) !== undefined;

const mediaOf = (content: { readonly [type: string]: Media }): readonly [string?, Media?] =>
  Object.entries(content).find(([type]) => type.includes('json')) ?? Object.entries(content)[0] ?? [];

const firstOf = (examples: unknown): Json | undefined => {
  if (examples === null || typeof examples !== 'object' || Array.isArray(examples)) return undefined;
  return (Object.values(examples)[0] as { readonly value?: Json } | undefined)?.value;
};

/** JSON or YAML. @throws ScanError SCAN_OPTIONS */
export function readDocument(text: string): unknown {
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
