import { SourceError, WeirError } from '../exchange/index.js';

/** Codes of the scanner: HTTP status and what to do. */
const CODES = {
  SCAN_TEST_SYNTAX: { status: 422, hint: 'correct the YAML at the named place' },
  SCAN_TEST_INVALID: { status: 422, hint: 'see docs/scans.md for the test language' },
  SCAN_TARGET_REFUSED: {
    status: 422,
    hint: 'add the host to the allowed hosts of the scan (--allow-hosts); addresses of metadata services are never called',
  },
  SCAN_TARGET_DOWN: { status: 502, hint: 'start the target, or correct --target' },
  SCAN_AUTH_FAILED: { status: 422, hint: 'check the credentials of the auth context' },
  SCAN_BUDGET: { status: 422, hint: 'raise the budget of the scan' },
  SCAN_OPTIONS: { status: 422, hint: 'see weir scan --help' },
} as const;

export type ScanErrorCode = keyof typeof CODES;

export class ScanError extends WeirError {
  override readonly name = 'ScanError';
  constructor(code: ScanErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, { ...CODES[code], ...options });
  }
}

/** A test file that cannot be used, at the place of the mistake. Line and column count from 1. */
export class ScanTestError extends SourceError {
  override readonly name = 'ScanTestError';
  constructor(
    code: 'SCAN_TEST_SYNTAX' | 'SCAN_TEST_INVALID',
    message: string,
    place: { readonly file: string; readonly line: number; readonly column: number },
  ) {
    super(code, message, place, CODES[code]);
  }
}
