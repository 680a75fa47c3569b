import { WeirError } from '../../exchange/index.js';

/** Stable codes of the ownership model's errors. */
export const OWNERSHIP_ERRORS = {
  WEIR_OWNERSHIP_CHUNK: {
    status: 500,
    hint: 'Ask the engine for a fresh snapshot; if it happens again, check the transport between engine and gateway.',
  },
  WEIR_OWNERSHIP_VERSION: { status: 500, hint: 'Run gateway and engine of the same weir version.' },
  WEIR_OWNERSHIP_SAVED: { status: 500, hint: 'Delete what was learned (scope "ownership") to start learning ownership afresh.' },
} as const;

export class OwnershipError extends WeirError {
  constructor(code: keyof typeof OWNERSHIP_ERRORS, message: string) {
    super(code, message, OWNERSHIP_ERRORS[code]);
  }
}
