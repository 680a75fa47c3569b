import { WeirError } from '../exchange/index.js';

/** Stable error codes of the store. `status` is what the admin API answers with. */
export const STORE_ERRORS = {
  STORE_NEWER_FORMAT: { status: 500, hint: 'Start the weir version that wrote this database, or restore a backup made by this one.' },
  STORE_LOCKED: { status: 503, hint: 'Another process holds the database; try again.' },
  STORE_UNREACHABLE: { status: 503, hint: 'Check the data directory or the PostgreSQL URL, its user and its network.' },
  STORE_UNWRITABLE: { status: 500, hint: 'Give the user that runs weir write access to the data directory.' },
  STORE_DAMAGED: {
    status: 500,
    hint: 'Put a backup of the file in its place, or move the file away to begin with an empty store; nothing in it was changed.',
  },
  STORE_BAD_CURSOR: { status: 400, hint: 'Start again from the first page; a cursor belongs to one sort order.' },
  STORE_BAD_SORT: { status: 400, hint: 'Sort by one of the listed columns.' },
  STORE_NOT_FOUND: { status: 404, hint: 'Check the id.' },
  STORE_CONFLICT: { status: 409, hint: 'Somebody else changed it meanwhile: read it again, then repeat the change.' },
  STORE_DUPLICATE: { status: 409, hint: 'Choose another name.' },
} as const;

export type StoreErrorCode = keyof typeof STORE_ERRORS;

export class StoreError extends WeirError {
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(code, message, { ...STORE_ERRORS[code], cause });
  }
}
