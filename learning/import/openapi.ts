import { Validator } from '@seriousme/openapi-schema-validator';
import type { ApiDocument, DocumentedOperation, DocumentedParameter } from './document.js';
import { importError } from './errors.js';
import { isObject, type Plain, type PlainObject, type Source, textOr } from './source.js';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const DEEPEST_SCHEMA = 24;
/** Compiles the schema of each version once, which takes most of a second. */
const validator = new Validator();

/**
 * Reads OpenAPI 3.0, 3.1 or Swagger 2.0. The document is validated against the schema of its version first; the first error is thrown with file, line and
 * column, and nothing is imported.
 */
export async function readOpenApi(source: Source): Promise<ApiDocument> {
  const root = source.value as PlainObject;
  const version = textOr(root.openapi ?? root.swagger, String(root.openapi ?? root.swagger ?? ''));
  if (!/^(?:2\.0|3\.[01](?:\.\d+)?)$/.test(version))
    throw importError(
      'IMPORT_UNSUPPORTED_VERSION',
      `version "${version}" of OpenAPI is not supported`,
      source.placeOf(['openapi' in root ? 'openapi' : 'swagger']),
    );
  const paths = isObject(root.paths) ? root.paths : {};
  const base = basePath(root);
  const operations: DocumentedOperation[] = [];
  for (const [path, given] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue;
    checkTemplate(source, path);
    const item = follow(source, given, ['paths', path]);
    if (!isObject(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (isObject(operation)) operations.push(readOperation(source, root, base + path, method, item, operation, ['paths', path, method]));
    }
  }
  // References and templates are read first: what the schema says of them has no place.
  await validate(source, root);
  const info = isObject(root.info) ? root.info : {};
  return {
    name: `openapi:${source.file.split('/').pop() ?? source.file}`,
    title: textOr(info.title, ''),
    version: textOr(info.version, ''),
    operations,
    complete: true,
  };
}

async function validate(source: Source, root: PlainObject): Promise<void> {
  const result = await validator.validate(structuredClone(root));
  if (result.valid) return;
  if (typeof result.errors === 'string' || result.errors === undefined)
    throw importError('IMPORT_INVALID_DOCUMENT', String(result.errors ?? 'the document is not valid'), source.placeOf([]));
  // The deepest place says best what is wrong: the others are the alternatives that contain it.
  const [error] = [...result.errors].sort((a, b) => b.instancePath.length - a.instancePath.length);
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const named = 'additionalProperty' in error.params ? [String(error.params.additionalProperty)] : [];
  const extra = 'additionalProperty' in error.params ? ` "${String(error.params.additionalProperty)}"` : '';
  throw importError(
    'IMPORT_INVALID_DOCUMENT',
    `${path.length === 0 ? 'document' : path.join('.')}: ${error.message ?? 'is not valid'}${extra}`,
    source.placeOf([...path, ...named]),
  );
}

function checkTemplate(source: Source, path: string): void {
  const balanced = path.split('{').length === path.split('}').length && !/\{[^}]*[{/]/.test(path) && !path.includes('{}');
  if (!path.startsWith('/') || !balanced)
    throw importError('IMPORT_BAD_TEMPLATE', `"${path}" is not a path template`, source.placeOf(['paths', path]));
}

function basePath(root: PlainObject): string {
  let base = textOr(root.basePath, '');
  if (Array.isArray(root.servers) && isObject(root.servers[0])) {
    const server = root.servers[0];
    let url = textOr(server.url, '');
    const variables = isObject(server.variables) ? server.variables : {};
    url = url.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
      const variable = variables[name];
      return isObject(variable) ? textOr(variable.default, whole) : whole;
    });
    base = url.replace(/^[a-z]+:\/\/[^/]*/i, '');
  }
  base = base.replace(/\/+$/, '');
  return base === '' || base.startsWith('/') ? base : `/${base}`;
}

function readOperation(
  source: Source,
  root: PlainObject,
  template: string,
  method: string,
  item: PlainObject,
  operation: PlainObject,
  at: readonly (string | number)[],
): DocumentedOperation {
  const parameters = new Map<string, DocumentedParameter>();
  let body: Plain | null = null;
  let bodyRequired = false;
  const lists: [Plain, readonly (string | number)[]][] = [
    [item.parameters ?? [], at.slice(0, -1)],
    [operation.parameters ?? [], at],
  ];
  for (const [list, place] of lists) {
    if (!Array.isArray(list)) continue;
    list.forEach((given, index) => {
      const parameter = follow(source, given, [...place, 'parameters', index]);
      if (!isObject(parameter)) return;
      const where = textOr(parameter.in, '');
      if (where === 'body') {
        body = expand(source, parameter.schema ?? {}, [...place, 'parameters', index, 'schema'], 0);
        bodyRequired = parameter.required === true;
      } else if (where === 'path' || where === 'query' || where === 'header' || where === 'cookie') {
        const name = textOr(parameter.name, '');
        const schema = isObject(parameter.schema)
          ? expand(source, parameter.schema, [...place, 'parameters', index, 'schema'], 0)
          : swaggerSchema(parameter);
        parameters.set(`${where}:${name}`, { in: where, name, required: where === 'path' || parameter.required === true, schema });
      }
    });
  }
  const requestBody = follow(source, operation.requestBody ?? null, [...at, 'requestBody']);
  if (isObject(requestBody)) {
    body = jsonContent(source, requestBody, [...at, 'requestBody']);
    bodyRequired = requestBody.required === true;
  }
  const responses: Record<string, Plain | null> = {};
  for (const [status, given] of Object.entries(isObject(operation.responses) ? operation.responses : {})) {
    const response = follow(source, given, [...at, 'responses', status]);
    if (!isObject(response)) continue;
    responses[status.toUpperCase()] =
      response.schema === undefined
        ? jsonContent(source, response, [...at, 'responses', status])
        : expand(source, response.schema, [...at, 'responses', status, 'schema'], 0);
  }
  const security = operation.security ?? root.security;
  const secured = Array.isArray(security)
    ? security.length > 0 && !security.some((one) => isObject(one) && Object.keys(one).length === 0)
    : null;
  return {
    method: method.toUpperCase(),
    template,
    operationId: typeof operation.operationId === 'string' ? operation.operationId : null,
    deprecated: operation.deprecated === true,
    parameters: [...parameters.values()],
    body,
    bodyRequired,
    responses,
    secured,
  };
}

/** Swagger 2.0 writes the schema of a parameter beside its name. */
function swaggerSchema(parameter: PlainObject): Plain {
  const schema: PlainObject = {};
  for (const key of ['type', 'format', 'enum', 'minimum', 'maximum', 'pattern', 'items', 'minLength', 'maxLength'])
    if (parameter[key] !== undefined) schema[key] = parameter[key];
  return schema;
}

function jsonContent(source: Source, holder: PlainObject, at: readonly (string | number)[]): Plain | null {
  if (!isObject(holder.content)) return null;
  for (const [type, media] of Object.entries(holder.content)) {
    if (/json/i.test(type) && isObject(media)) return expand(source, media.schema ?? {}, [...at, 'content', type, 'schema'], 0);
  }
  return null;
}

/** The target of a `$ref`, or the value itself. */
function follow(source: Source, value: Plain, at: readonly (string | number)[], hops = 0): Plain {
  if (!isObject(value) || typeof value.$ref !== 'string') return value;
  const { $ref } = value;
  const fail = (why: string): never => {
    throw importError('IMPORT_BAD_REFERENCE', `reference "${$ref}" ${why}`, source.placeOf([...at, '$ref']));
  };
  if (!$ref.startsWith('#')) return fail('points outside the document');
  if (hops > 32) return fail('goes round in circles');
  let target: Plain | undefined = source.value;
  for (const part of $ref.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    target = isObject(target) ? target[key] : Array.isArray(target) ? target[Number(key)] : undefined;
  }
  if (target === undefined) return fail('leads nowhere');
  return follow(source, target, at, hops + 1);
}

/** A schema with its references written out; below 24 levels (recursive types) anything goes. */
function expand(source: Source, schema: Plain, at: readonly (string | number)[], depth: number): Plain {
  if (depth > DEEPEST_SCHEMA) return {};
  const value = follow(source, schema, at);
  if (Array.isArray(value)) return value.map((one, index) => expand(source, one, [...at, index], depth + 1));
  if (!isObject(value)) return value;
  const result: PlainObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'example' || key === 'examples' || key === 'description' || key.startsWith('x-')) continue;
    const schemaLike = ['properties', 'items', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', 'not'].includes(key);
    if (key === 'properties' && isObject(inner)) {
      result.properties = Object.fromEntries(
        Object.entries(inner).map(([name, one]) => [name, expand(source, one, [...at, key, name], depth + 1)]),
      );
    } else result[key] = schemaLike ? expand(source, inner, [...at, key], depth + 1) : inner;
  }
  return result;
}
