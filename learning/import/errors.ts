import { SourceError, WeirError } from '../../exchange/index.js';

/** Codes of this folder. */
export type ImportCode =
  | 'IMPORT_SYNTAX'
  | 'IMPORT_UNKNOWN_FORMAT'
  | 'IMPORT_UNSUPPORTED_VERSION'
  | 'IMPORT_INVALID_DOCUMENT'
  | 'IMPORT_BAD_REFERENCE'
  | 'IMPORT_BAD_TEMPLATE'
  | 'IMPORT_BAD_ROW';

const HINTS: Readonly<Record<ImportCode, string>> = {
  IMPORT_SYNTAX: 'Correct the file at the place named; it must be JSON or YAML.',
  IMPORT_UNKNOWN_FORMAT: 'Give an OpenAPI 3.x or Swagger 2.0 document, a Postman collection v2.1 or a HAR file.',
  IMPORT_UNSUPPORTED_VERSION: 'OpenAPI 3.0 and 3.1, Swagger 2.0, Postman 2.0 and 2.1 and HAR 1.x can be read.',
  IMPORT_INVALID_DOCUMENT: 'Correct the document at the place named; nothing was imported.',
  IMPORT_BAD_REFERENCE: 'Only references inside the document (#/…) are followed; bundle it first.',
  IMPORT_BAD_TEMPLATE: 'Paths begin with / and name parameters in braces.',
  IMPORT_BAD_ROW: 'Each line is one JSON object with method, host and path.',
};

/** An error at a place of an imported file. */
export function importError(
  code: ImportCode,
  message: string,
  place: { readonly file: string; readonly line: number; readonly column: number },
  cause?: unknown,
): SourceError {
  return new SourceError(code, message, place, { hint: HINTS[code], ...(cause === undefined ? {} : { cause }) });
}

export const isImportError = (error: unknown): error is WeirError => error instanceof WeirError && error.code in HINTS;
