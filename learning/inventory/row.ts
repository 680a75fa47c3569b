import { dataTypes as allTypes } from '../../policies/index.js';
import type { EndpointWrite, FactSeen, ParameterFacts } from '../../store/index.js';
import type { EndpointState, Parameter, Sight } from './endpoint.js';
import { announcedRisk } from './risk.js';
import { MAP_KEY, type SchemaNode, toJsonSchema } from './schema.js';
import { countDistinct, quantile } from './sketch.js';
import { dominantFormat, enumOf, looksLikeId } from './values.js';

/** The row of an endpoint as the store keeps it. */
export function endpointWrite(state: EndpointState, why: readonly string[], pinned: boolean): EndpointWrite {
  const { counts } = state;
  const held = [...new Set([...state.data.keys()].map((key) => key.split('|')[3]))].sort();
  const { risk, reasons } = announcedRisk(state);
  const bodyFields = fieldsOf(state.request?.root ?? null, '').concat(
    [...state.responses.values()].flatMap((response) => fieldsOf(response.schema?.root ?? null, '')),
  );
  return {
    ref: state.ref,
    firstSeenMs: state.firstSeenMs,
    lastSeenMs: counts.lastSeenMs,
    access: accessOf(state),
    authRequired: authRequired(state),
    auth: [...new Set([...state.auth.keys()].map((key) => key.split(' ')[0]))].sort(),
    tags: tagsOf(state),
    dataTypes: held,
    fields: [...new Set([...bodyFields, ...[...state.parameters.values()].map((parameter) => parameter.name)])].slice(0, 400),
    risk,
    riskReasons: reasons,
    detail: {
      parameters: [...state.parameters.values()].map((parameter) => parameterFacts(state, parameter)).concat(bodyParameters(state)),
      ...(state.request === null
        ? {}
        : { request: { contentTypes: [...state.requestTypes.keys()], schema: toJsonSchema(state.request.root) } }),
      responses: [...state.responses].map(([status, response]) => ({
        status: String(status),
        count: response.count,
        contentTypes: [...response.types.keys()],
        schema: response.schema === null ? null : toJsonSchema(response.schema.root),
      })),
      latencyMs: quantiles(state.latencyMs),
      requestBytes: quantiles(state.requestBytes),
      responseBytes: quantiles(state.responseBytes),
      principals: countDistinct(state.principals),
      roles: [...state.roles.keys()],
      seen: factsSeen(state),
      why,
      pinned,
      origin: state.origin,
    },
  };
}

/** Since when and until when: what has no record of its own, unlike parameters and data types. */
function factsSeen(state: EndpointState): FactSeen[] {
  const seen = (what: FactSeen['what'], sights: Iterable<readonly [string | number, Sight]>, before = ''): FactSeen[] =>
    [...sights].map(([name, { firstSeenMs, lastSeenMs }]) => ({ what, name: `${before}${name}`, firstSeenMs, lastSeenMs }));
  return [
    ...seen('auth', state.auth),
    ...seen('claim', state.claims),
    ...seen('role', state.roles),
    ...seen('request-type', state.requestTypes),
    ...seen('status', state.responses),
    ...[...state.responses].flatMap(([status, { types }]) => seen('response-type', types, `${status} `)),
  ];
}

const ENOUGH_ANONYMOUS = 5;

/** What hardly anybody minds: the barcode of an article, an address of a network. */
const HARMLESS: ReadonlySet<string> = new Set(allTypes.filter(({ sensitivity }) => sensitivity === 'low').map(({ id }) => id));

/** Did requests or answers hold data that somebody would mind to see elsewhere? Of custom types that is what they are for. */
export const holdsSensitive = ({ data }: EndpointState, where = ''): boolean =>
  [...data.keys()].some((key) => key.startsWith(where) && !HARMLESS.has(key.slice(key.lastIndexOf('|') + 1)));

const quantiles = (of: EndpointState['latencyMs']): { p50: number; p95: number; p99: number } => ({
  p50: quantile(of, 0.5),
  p95: quantile(of, 0.95),
  p99: quantile(of, 0.99),
});

/** False: a request without credentials was answered 2xx. True: one was refused and none answered. Null: nobody tried. */
export function authRequired(state: EndpointState): boolean | null {
  if (state.counts.anonymousOk > 0) return false;
  return state.counts.anonymousRefused > 0 ? true : null;
}

/** Answers so many without credentials, and never refused one, that this is how it is meant. */
function isOpen({ counts }: EndpointState): boolean {
  return counts.anonymousOk >= ENOUGH_ANONYMOUS && counts.anonymousRefused === 0 && counts.anonymousOk * 10 >= counts.authenticatedOk;
}

/** `public`: answers anybody from public addresses without credentials; `partner`: machine credentials; `private`: users. */
export function accessOf(state: EndpointState): EndpointWrite['access'] {
  if (state.counts.anonymousOk > 0) return 'public';
  if (state.auth.size === 0) return 'unknown';
  const kinds = new Set([...state.auth.keys()].map((key) => key.split(' ')[0]));
  const machine = kinds.has('mtls') || kinds.has('hmac') || kinds.has('api-key');
  return machine && !kinds.has('jwt') && !kinds.has('session-cookie') && !kinds.has('bearer') && !kinds.has('oauth2') && !kinds.has('basic')
    ? 'partner'
    : 'private';
}

/** Marks that rules and lists use. */
export function tagsOf(state: EndpointState): string[] {
  const tags: string[] = [];
  if (authRequired(state) === false) tags.push('unauthenticated');
  if (isOpen(state)) tags.push('open');
  if (state.deprecated) tags.push('deprecated');
  if (state.raised.has('shadow')) tags.push('shadow');
  if (state.raised.has('zombie')) tags.push('zombie');
  if (state.documented) tags.push('documented');
  if (holdsSensitive(state)) tags.push('sensitive');
  if (state.ref.template.includes('#')) tags.push('operation');
  if (/(?:^|\/)(?:admin|internal|debug|actuator|management)(?:\/|$)/i.test(state.ref.template)) tags.push('admin');
  if (
    /(?:^|[/_-])(?:login|signin|sign-in|token|oauth|authenticate|session)s?(?:$|[/_-])/i.test(state.ref.template) &&
    state.ref.method === 'POST'
  )
    tags.push('login');
  if (
    /(?:^|[/_-])(?:register|registration|sign-?up|join|enrol|enroll|onboard|activate|verify|confirm|forgot|reset|recover)(?:$|[/_-])/i.test(
      state.ref.template,
    ) &&
    state.ref.method === 'POST'
  )
    tags.push('sign-up');
  return tags;
}

function parameterFacts(state: EndpointState, parameter: Parameter): ParameterFacts {
  const { values } = parameter;
  const format = dominantFormat(values);
  const list = enumOf(values);
  const dataTypes = dataTypesAt(state, parameter.in, parameter.name);
  return {
    in: parameter.in,
    name: parameter.name,
    types: [...values.types.keys()],
    ...(format === null ? {} : { format }),
    required: parameter.in === 'path' || (parameter.count >= state.counts.requests && state.counts.requests >= 10),
    isId: looksLikeId(parameter.name, values),
    ...(dataTypes.length === 0 ? {} : { dataTypes }),
    ...(list === null || dataTypes.length > 0 ? {} : { values: list }),
    ...(values.min === null || values.max === null ? {} : { min: values.min, max: values.max }),
    seen: parameter.count,
    firstSeenMs: parameter.firstSeenMs,
    lastSeenMs: parameter.lastSeenMs,
  };
}

/** Members of request bodies, dotted, arrays as `[*]`. */
function bodyParameters(state: EndpointState): ParameterFacts[] {
  const found: ParameterFacts[] = [];
  const walk = (node: SchemaNode, path: string, parentObjects: number): void => {
    if (found.length >= 200) return;
    if (path !== '' && (node.values !== null || (node.members === null && node.items === null && node.map === null))) {
      const name = path.slice(path.lastIndexOf('.') + 1).replace(/\[\*\]$/, '');
      const list = node.values === null ? null : enumOf(node.values);
      const format = node.values === null ? null : dominantFormat(node.values);
      const dataTypes = dataTypesAt(state, 'body', path);
      found.push({
        in: 'body',
        name: path,
        types: node.values === null ? [node.arrays > 0 ? 'array' : 'object'] : [...node.values.types.keys()],
        ...(format === null ? {} : { format }),
        required: node.seen >= parentObjects,
        isId: looksLikeId(name, node.values),
        ...(dataTypes.length === 0 ? {} : { dataTypes }),
        ...(list === null || dataTypes.length > 0 ? {} : { values: list }),
        ...(node.values === null || node.values.min === null || node.values.max === null
          ? {}
          : { min: node.values.min, max: node.values.max }),
        seen: node.seen,
        firstSeenMs: node.firstSeenMs,
        lastSeenMs: node.lastSeenMs,
      });
    }
    for (const [name, member] of node.members ?? []) walk(member, path === '' ? name : `${path}.${name}`, node.objects);
    if (node.map !== null) walk(node.map, path === '' ? MAP_KEY : `${path}.${MAP_KEY}`, Number.POSITIVE_INFINITY);
    if (node.items !== null) walk(node.items, `${path}[*]`, 0);
  };
  if (state.request !== null) walk(state.request.root, '', 0);
  return found;
}

function dataTypesAt(state: EndpointState, place: string, path: string): string[] {
  const prefix = `request|${place}|${path}|`;
  return [...state.data.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

function fieldsOf(node: SchemaNode | null, path: string): string[] {
  if (node === null) return [];
  const fields: string[] = [];
  for (const [name, member] of node.members ?? []) fields.push(name, ...fieldsOf(member, `${path}.${name}`));
  if (node.map !== null) fields.push(...fieldsOf(node.map, path));
  if (node.items !== null) fields.push(...fieldsOf(node.items, path));
  return fields.slice(0, 400);
}
