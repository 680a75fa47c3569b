/**
 * An error that a person can act on: a stable code, a sentence, and what to do.
 *
 * Every module keeps a table of its codes in its own `errors.ts` and throws only this class or a subclass.
 */
export class WeirError extends Error {
  override readonly name: string = 'WeirError';
  /** Stable, upper snake case: `CONFIG_UNKNOWN_KEY`. */
  readonly code: string;
  /** HTTP status when the error reaches an API client. */
  readonly status: number;
  /** What to do about it, one sentence. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { readonly status?: number; readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 500;
    this.hint = options.hint;
  }
}

/** What the operating system refuses, in words. */
const REFUSED: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not do that',
  EPERM: 'this user may not do that',
  EISDIR: 'that is a folder, a file is needed',
  ENOTDIR: 'that is a file, a folder is needed',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk cannot be written to',
  EMFILE: 'too many files are open',
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no machine has this name',
  EAI_AGAIN: 'no name server answers',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
};

/** Why the operating system refused something, for a person: in words, or by its code; the message of other errors. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'syscall' in error && 'code' in error ? String(error.code) : null;
  return code === null ? error.message : (REFUSED[code] ?? `the system says ${code}`);
}

/** An error at a place in a file that a person wrote. Line and column count from 1. */
export class SourceError extends WeirError {
  override readonly name: string = 'SourceError';
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(
    code: string,
    message: string,
    place: { readonly file: string; readonly line: number; readonly column: number },
    options: { readonly status?: number; readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(code, message, { status: 422, ...options });
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
  }

  /** `file:line:column message`, the form that editors turn into a link. */
  override toString(): string {
    return `${this.file}:${this.line}:${this.column} ${this.message}`;
  }
}
