/**
 * What people bring along: API descriptions (OpenAPI 3.x, Swagger 2.0, Postman) that pin templates, and recordings (HAR, NDJSON) that are learned from like
 * traffic. Everything fails loudly, with file, line and column.
 */
import type { ApiDocument } from './document.js';
import { importError } from './errors.js';
import { readOpenApi } from './openapi.js';
import { readPostman } from './postman.js';
import { isObject, readSource, type Source } from './source.js';

export { type ApiDocument, bareTemplate, type DocumentedOperation, type DocumentedParameter } from './document.js';
export { type ImportCode, isImportError } from './errors.js';
export { ExchangeRows, type ImportSettings, readHar } from './exchanges.js';
export { readSource, type Source } from './source.js';

export type ImportFormat = 'openapi' | 'postman' | 'har';

/** What a file is, by its first members; throws IMPORT_UNKNOWN_FORMAT. */
export function formatOf(source: Source): ImportFormat {
  const root = isObject(source.value) ? source.value : {};
  if ('openapi' in root || 'swagger' in root) return 'openapi';
  if (isObject(root.info) && 'item' in root) return 'postman';
  if (isObject(root.log) && 'entries' in root.log) return 'har';
  throw importError(
    'IMPORT_UNKNOWN_FORMAT',
    'this is neither an OpenAPI document, a Postman collection nor a HAR file',
    source.placeOf([]),
  );
}

/** Reads a description of an API from JSON or YAML text. */
export async function readApiDocument(text: string, file: string): Promise<ApiDocument> {
  const source = readSource(text, file);
  const format = formatOf(source);
  if (format === 'openapi') return readOpenApi(source);
  if (format === 'postman') return readPostman(source);
  throw importError(
    'IMPORT_UNKNOWN_FORMAT',
    'a HAR file holds recorded exchanges, not a description: import it as exchanges',
    source.placeOf([]),
  );
}
export { type ImportResult, type ImportRun, importExchanges, type PrintedEndpoint, printedEndpoints } from './run.js';
