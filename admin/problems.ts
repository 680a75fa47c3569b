import { problemSentence, SourceError, WeirError } from '../exchange/index.js';
import { AdminError, type FieldProblem } from './errors.js';
import { BadInput } from './route.js';

/** RFC 9457 problem with weir's members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint?: string;
  readonly instance: string;
  readonly errors?: readonly FieldProblem[];
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Cannot be processed',
  428: 'Precondition required',
  429: 'Too many requests',
  501: 'Not available here',
  503: 'Not available now',
};

/** What the client is told about an error. Errors that weir did not make itself say nothing of their inside; the log has them under the request id. */
export function problemOf(error: unknown, requestId: string): Problem {
  const known = knownError(error);
  const errors =
    known instanceof AdminError && known.problems.length > 0 ? known.problems : known instanceof SourceError ? placeOf(known) : undefined;
  return {
    type: `urn:weir:error:${known.code}`,
    title: TITLES[known.status] ?? 'Error',
    status: known.status,
    code: known.code,
    detail: known.message,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
    instance: `urn:weir:request:${requestId}`,
    ...(errors === undefined ? {} : { errors }),
  };
}

function knownError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  if (error instanceof BadInput) {
    const problems = error.problems.map(({ place, missing, ...said }) => ({
      at: [error.part, ...place, ...(missing === undefined ? [] : [missing])].join('.'),
      message: problemSentence({ ...said, path: '' }),
    }));
    return new AdminError('ADMIN_BAD_REQUEST', problems.map((problem) => `${problem.at}: ${problem.message}`).join('; '), { problems });
  }
  // What Fastify itself refuses: broken JSON, a body that is too large, an unknown content type.
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  const message = error instanceof Error ? error.message : 'refused';
  if (status === 413) return new AdminError('ADMIN_TOO_LARGE', message);
  if (status === 415) return new AdminError('ADMIN_UNSUPPORTED', message);
  if (status === 429) return new AdminError('ADMIN_RATE_LIMITED', message);
  if (typeof status === 'number' && status >= 400 && status < 500) return new AdminError('ADMIN_BAD_REQUEST', message);
  return new AdminError('ADMIN_INTERNAL', 'something went wrong inside weir', { cause: error });
}

const placeOf = (error: SourceError): readonly FieldProblem[] => [
  { at: `${error.file}:${error.line}:${error.column}`, message: error.message },
];
