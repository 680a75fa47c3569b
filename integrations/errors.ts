import { WeirError } from '../exchange/index.js';

const TABLE = {
  INTEGRATION_KIND_UNKNOWN: { status: 404, hint: 'See the kinds in docs/integrations.md.' },
  INTEGRATION_CONFIG: { status: 422, hint: 'See the settings of the kind in docs/integrations.md.' },
  INTEGRATION_NOTICE: { status: 422, hint: 'The notice was written by another version of weir; it is given up.' },
  INTEGRATION_REFUSED: { status: 502, hint: 'The receiver does not take this message; sending it again would not help.' },
  INTEGRATION_DENIED: { status: 502, hint: 'Check address, credentials and permissions in the settings of the integration.' },
  INTEGRATION_BUSY: { status: 502, hint: 'weir waits as long as the receiver asks and tries again.' },
  INTEGRATION_FAILED: { status: 502, hint: 'weir tries again, ever more slowly, for a day.' },
  INTEGRATION_UNREACHABLE: { status: 502, hint: 'Check host, port, name resolution, firewall and certificate.' },
  INTEGRATION_TIMEOUT: { status: 504, hint: 'weir tries again, ever more slowly, for a day.' },
} as const;

/** Stable codes of this module. */
export type IntegrationErrorCode = keyof typeof TABLE;

const HOPELESS: ReadonlySet<IntegrationErrorCode> = new Set(['INTEGRATION_REFUSED', 'INTEGRATION_NOTICE']);

/** Why a notice did not arrive. Messages name the receiver's host, never its whole address: webhook addresses are secrets. */
export class IntegrationError extends WeirError {
  override readonly name = 'IntegrationError';
  declare readonly code: IntegrationErrorCode;
  /** Wait at least this long before the next try, when the receiver said so. */
  readonly retryAfterMs: number | null;

  constructor(
    code: IntegrationErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {},
  ) {
    super(code, message, { ...TABLE[code], cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? null;
  }

  /** Would the same message be refused again whatever is done? */
  get isFinal(): boolean {
    return HOPELESS.has(this.code);
  }
}
