import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './api.generated.ts';

export type Schemas = components['schemas'];

/** What the API says when it refuses, or what we say for it when it does not answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly errors: readonly { readonly at: string; readonly message: string }[];

  constructor(problem: {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly hint?: string;
    readonly errors?: readonly { readonly at: string; readonly message: string }[];
  }) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.hint = problem.hint;
    this.errors = problem.errors ?? [];
  }

  /** True when weir could not be reached at all. */
  get isAway(): boolean {
    return this.status === 0;
  }
}

const TIMEOUT_MS = 30_000;

let csrf: string | null = null;
let sessions = 0;
/** The session's value for X-CSRF-Token; every write carries it. */
export function rememberCsrf(value: string | null): void {
  if (value !== csrf) sessions++;
  csrf = value;
}

let onSignedOut: () => void = () => undefined;
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

const writes: Middleware = {
  onRequest({ request }) {
    if (request.method === 'GET') return;
    if (csrf !== null) request.headers.set('x-csrf-token', csrf);
    if (!request.headers.has('idempotency-key'))
      request.headers.set('idempotency-key', crypto.getRandomValues(new Uint32Array(4)).join('-'));
  },
};

/** For what may take long, with its progress on the page and a way to cancel it. */
export const reachWithoutHurry = (request: Request) => reach(request, null);

async function reach(request: Request, timeoutMs: number | null = TIMEOUT_MS): Promise<Response> {
  try {
    const signals = [request.signal, ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)])];
    return await fetch(request, { signal: AbortSignal.any(signals) });
  } catch (error) {
    if (request.signal.aborted) throw error;
    const slow = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError({
      status: 0,
      code: slow ? 'UI_SLOW' : 'UI_AWAY',
      detail: slow ? `weir did not answer within ${TIMEOUT_MS / 1000} seconds.` : 'weir does not answer.',
      hint: slow ? 'It may be busy. Try again.' : 'Is it running, and is the network up? This page tries again by itself.',
    });
  }
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: (request) => reach(request) });
api.use(writes);

/** The data of an answer. @throws ApiError for any other */
export async function answer<T>(call: Promise<{ readonly data?: T; readonly error?: unknown; readonly response: Response }>): Promise<T> {
  const askedIn = sessions;
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  const problem = error !== null && typeof error === 'object' && 'code' in error ? (error as Schemas['Problem']) : null;
  // What was asked before somebody signed in may be refused after it: that says nothing of this session.
  if (response.status === 401 && problem?.code !== 'ADMIN_SIGN_IN_FAILED' && askedIn === sessions) onSignedOut();
  throw new ApiError(
    problem ?? {
      status: response.status,
      code: 'UI_UNEXPECTED',
      detail: `weir answered with status ${response.status}.`,
      hint: 'Try again; its log says more.',
    },
  );
}
