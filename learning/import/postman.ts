import type { ApiDocument, DocumentedOperation, DocumentedParameter } from './document.js';
import { importError } from './errors.js';
import { isObject, type Plain, type Source, textOr } from './source.js';

/** Reads a Postman collection (2.0 or 2.1): folders are walked, `:id` and `{{id}}` in paths are parameters. What it does not list may still exist. */
export function readPostman(source: Source): ApiDocument {
  const root = isObject(source.value) ? source.value : {};
  const info = isObject(root.info) ? root.info : {};
  const schema = textOr(info.schema, '');
  if (!/v2\.[01]/.test(schema))
    throw importError(
      'IMPORT_UNSUPPORTED_VERSION',
      `Postman collection format "${schema}" is not supported`,
      source.placeOf(['info', 'schema']),
    );
  const operations = new Map<string, DocumentedOperation>();
  const walk = (items: Plain | undefined, at: readonly (string | number)[]): void => {
    if (!Array.isArray(items)) throw importError('IMPORT_INVALID_DOCUMENT', `${at.join('.')} must be a list`, source.placeOf(at));
    items.forEach((item, index) => {
      const here = [...at, index];
      if (!isObject(item)) throw importError('IMPORT_INVALID_DOCUMENT', `${here.join('.')} must be an object`, source.placeOf(here));
      if (item.item !== undefined) walk(item.item, [...here, 'item']);
      else if (item.request !== undefined) {
        const operation = readRequest(source, item.request, [...here, 'request']);
        operations.set(`${operation.method} ${operation.template}`, operation);
      }
    });
  };
  walk(root.item, ['item']);
  return {
    name: `postman:${source.file.split('/').pop() ?? source.file}`,
    title: textOr(info.name, ''),
    version: '',
    operations: [...operations.values()],
    complete: false,
  };
}

function readRequest(source: Source, request: Plain, at: readonly (string | number)[]): DocumentedOperation {
  const method = isObject(request) ? textOr(request.method, 'GET') : 'GET';
  const url = isObject(request) ? request.url : request;
  const raw = typeof url === 'string' ? url : isObject(url) ? textOr(url.raw, '') : '';
  const listed =
    isObject(url) && Array.isArray(url.path) ? url.path.map((part) => (isObject(part) ? textOr(part.value, '') : String(part))) : null;
  const path = listed ?? pathOf(raw);
  if (path === null) throw importError('IMPORT_INVALID_DOCUMENT', `"${raw}" has no path`, source.placeOf([...at, 'url']));
  const segments = path
    .filter((part) => part !== '')
    .map((part) => (/^:[\w-]+$/.test(part) ? `{${part.slice(1)}}` : part.replace(/\{\{([^{}]*)\}\}/g, '{$1}')));
  const parameters: DocumentedParameter[] = [];
  if (isObject(url) && Array.isArray(url.query)) {
    for (const one of url.query)
      if (isObject(one) && typeof one.key === 'string') parameters.push({ in: 'query', name: one.key, required: false, schema: {} });
  }
  return {
    method: method.toUpperCase(),
    template: `/${segments.join('/')}`,
    operationId: null,
    deprecated: false,
    parameters,
    body: null,
    bodyRequired: false,
    responses: {},
    secured: null,
  };
}

function pathOf(raw: string): string[] | null {
  const bare = raw.replace(/^(?:[a-z]+:\/\/[^/]*|\{\{[^{}]*\}\})/i, '').replace(/[?#].*$/, '');
  return raw === '' ? null : bare.split('/');
}
