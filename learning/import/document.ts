import type { Plain } from './source.js';

export interface DocumentedParameter {
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly name: string;
  readonly required: boolean;
  /** JSON Schema, references resolved; `{}` when none was given. */
  readonly schema: Plain;
}

/** One operation as a description has it. */
export interface DocumentedOperation {
  readonly method: string;
  /** With the base path of the server in front. */
  readonly template: string;
  readonly operationId: string | null;
  readonly deprecated: boolean;
  readonly parameters: readonly DocumentedParameter[];
  /** JSON Schema of a JSON body; null when there is none. */
  readonly body: Plain | null;
  readonly bodyRequired: boolean;
  /** Statuses (`200`, `4XX`, `default`) to JSON Schema of a JSON answer, null when it has none. */
  readonly responses: Readonly<Record<string, Plain | null>>;
  /** False when the operation says that it needs no credentials; null when nothing is said. */
  readonly secured: boolean | null;
}

/** A description of an API, whatever format it came in. */
export interface ApiDocument {
  /** `openapi:shop.yaml`, `postman:shop.json`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly operations: readonly DocumentedOperation[];
  /** True where what is not listed does not exist (OpenAPI); false for collections and recordings. */
  readonly complete: boolean;
}

/** Braces to empty ones: documents may name parameters as they like. */
export const bareTemplate = (template: string): string => template.replace(/\{[^{}]*\}/g, '{}');
