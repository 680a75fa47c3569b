import { WeirError } from '../exchange/index.js';

/** Stable codes of the admin API; other modules' codes pass through it unchanged. */
export const ADMIN_ERRORS = {
  ADMIN_BAD_REQUEST: { status: 400, hint: 'The errors list names each wrong field.' },
  ADMIN_NOT_SIGNED_IN: { status: 401, hint: 'Sign in, or send an API token as "Authorization: Bearer …".' },
  ADMIN_SIGN_IN_FAILED: { status: 401, hint: 'Check name and password; after several failures the account is locked for a while.' },
  ADMIN_LINK_USED: { status: 401, hint: 'Sign-in links open once and for a short time; restart weir or run "weir doctor" for a new one.' },
  ADMIN_LOCKED: { status: 429, hint: 'Too many failed sign-ins; wait, or let another admin unlock the account.' },
  ADMIN_FORBIDDEN: { status: 403, hint: 'Ask an admin for a role or a token scope that allows this.' },
  ADMIN_CSRF: { status: 403, hint: 'Send the csrf value of GET /api/v1/session in the X-CSRF-Token header.' },
  ADMIN_ORIGIN: { status: 403, hint: 'Writes are accepted from the admin UI’s own origin only.' },
  ADMIN_NOT_FOUND: { status: 404, hint: 'It may have been removed, or forgotten by retention.' },
  ADMIN_TOO_LARGE: { status: 413, hint: 'Send less at once.' },
  ADMIN_UNSUPPORTED: { status: 415, hint: 'Send application/json unless the operation says otherwise.' },
  ADMIN_KEY_REUSED: { status: 422, hint: 'An Idempotency-Key belongs to one request; take a new one.' },
  ADMIN_KEY_BUSY: { status: 409, hint: 'The first request with this Idempotency-Key is still being worked on.' },
  ADMIN_RATE_LIMITED: { status: 429, hint: 'Wait as long as Retry-After says.' },
  ADMIN_NOT_AVAILABLE: { status: 501, hint: 'This process runs without that part of weir.' },
  ADMIN_READ_ONLY: { status: 409, hint: 'It comes from a file: change it there, or make a copy under another name.' },
  ADMIN_LAST_ADMIN: { status: 409, hint: 'Give another user the role admin first.' },
  ADMIN_NO_REAL_VALUES: {
    status: 404,
    hint: 'weir keeps real values only of evidence, only where an admin turned that on (Settings, Redaction), and only for some days.',
  },
  ADMIN_INTERNAL: { status: 500, hint: 'The log has the details under the request id.' },
} as const;

export type AdminErrorCode = keyof typeof ADMIN_ERRORS;

/** A field of a request that is wrong. */
export interface FieldProblem {
  /** `query.limit`, `body.name`. */
  readonly at: string;
  readonly message: string;
}

export class AdminError extends WeirError {
  readonly problems: readonly FieldProblem[];

  constructor(
    code: AdminErrorCode,
    message: string,
    options: { readonly problems?: readonly FieldProblem[]; readonly cause?: unknown } = {},
  ) {
    super(code, message, { ...ADMIN_ERRORS[code], cause: options.cause });
    this.problems = options.problems ?? [];
  }
}

export const notFound = (what: string, id: string) => new AdminError('ADMIN_NOT_FOUND', `there is no ${what} "${id}"`);
