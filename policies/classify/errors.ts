import { WeirError } from '../../exchange/index.js';

/** Stable codes of custom data types. */
export const CUSTOM_TYPE_CODES = {
  CUSTOM_TYPE_ID: 'Ids are lower-case letters, digits, underscores and dashes, and are not taken.',
  CUSTOM_TYPE_PATTERN:
    'Patterns are RE2: no look-around, no back-references, repetition counts up to 1,000. Only a type with field names can do without.',
  CUSTOM_TYPE_VALIDATOR: 'Validators are named; see docs/data-types.md for the list.',
  CUSTOM_TYPE_WORDS: 'Field names and words are compared by their letters from a to z.',
  CUSTOM_TYPE_LIMIT: 'At most 100 custom types, 1,000 characters a pattern, 200 words a type.',
} as const;

/** A custom data type that cannot be used. `typeId` says which, `field` which of its keys. */
export class CustomTypeError extends WeirError {
  override readonly name: string = 'CustomTypeError';
  readonly typeId: string;
  readonly field: string;
  /** What is wrong with that key. */
  readonly reason: string;

  constructor(code: keyof typeof CUSTOM_TYPE_CODES, typeId: string, field: string, message: string, cause?: unknown) {
    super(code, `data type "${typeId}", ${field}: ${message}`, { status: 422, hint: CUSTOM_TYPE_CODES[code], cause });
    this.typeId = typeId;
    this.field = field;
    this.reason = message;
  }
}
