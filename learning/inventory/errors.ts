import { WeirError } from '../../exchange/index.js';

/** Codes of this folder: what a person asked for that cannot be done. */
const CODES = {
  INVENTORY_NO_SERVICE: { status: 404, hint: 'Use the name of a service that has traffic or a document.' },
  INVENTORY_NO_ENDPOINT: { status: 404, hint: 'List the endpoints; it may have been folded into a template.' },
  INVENTORY_NOTHING_TO_UNDO: { status: 409, hint: 'No pin, split or merge is left for this service.' },
  INVENTORY_BAD_TEMPLATE: { status: 422, hint: 'A template begins with / and names each parameter in braces once.' },
  INVENTORY_CANNOT_MERGE: { status: 422, hint: 'Endpoints that are merged have the same number of segments.' },
  INVENTORY_CANNOT_SPLIT: { status: 422, hint: 'Name a value at a segment that is a parameter.' },
  INVENTORY_BAD_CHECKPOINT: { status: 500, hint: 'Delete the learned state to start afresh.' },
} as const;

export type InventoryCode = keyof typeof CODES;

export const inventoryError = (code: InventoryCode, message: string, cause?: unknown): WeirError =>
  new WeirError(code, message, { ...CODES[code], ...(cause === undefined ? {} : { cause }) });
