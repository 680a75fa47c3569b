/** How commands speak: a table for people, JSON for programs, one line for errors. */
import { SourceError, SourceErrors, systemReason, WeirError } from '../exchange/index.js';

export interface Output {
  write(text: string): void;
  error(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
}

export const processOutput: Output = {
  write: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  isTty: process.stdout.isTTY === true,
  columns: process.stdout.columns ?? 120,
};

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string | number | null;
  readonly right?: boolean;
}

/** Rows under their titles; the last column is cut to the width of the terminal. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], width = 160): string {
  const cells = rows.map((row) => columns.map((column) => String(column.of(row) ?? '')));
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((row) => row[index].length)));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) =>
        index === texts.length - 1 ? text : columns[index].right ? text.padStart(widths[index]) : text.padEnd(widths[index]),
      )
      .join('  ')
      .slice(0, Math.max(60, width))
      .trimEnd();
  return `${[columns.map((column) => column.title), ...cells].map(line).join('\n')}\n`;
}

/** `3 s ago`, `5 min ago`, `2 d ago`. */
export function ago(atMs: number | null | undefined, nowMs: number): string {
  if (atMs === null || atMs === undefined) return '';
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** One line that says what is wrong and what to do; one for each thing that is wrong in a file. Unknown errors keep their stack: they are weir's own. */
export function errorLine(error: unknown): string {
  return (errorText(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)))
    .split('\n')
    .map((line, index) => (index === 0 || error instanceof SourceErrors ? `weir: ${line}\n` : `${line}\n`))
    .join('');
}

/** What a person can act on, as `errorLine` has it, without the name of the program; null for errors that are weir's own. */
export function errorText(error: unknown): string | null {
  if (error instanceof SourceErrors && error.problems.length > 1) return error.toString();
  if (error instanceof SourceError) return hinted(error.toString(), error.hint);
  if (error instanceof WeirError) return hinted(ended(error.message), error.hint);
  if (isRefused(error)) return ended(`${whereRefused(error)}${systemReason(error)}`);
  return null;
}

const hinted = (text: string, hint: string | undefined): string => (hint === undefined ? text : `${ended(text)} ${hint}`);

/** An error of the operating system, not of weir. */
const isRefused = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error && 'code' in error;

function whereRefused(error: NodeJS.ErrnoException): string {
  if (error.path !== undefined) return `${error.path}: `;
  if ('hostname' in error) return `${error.hostname}: `;
  return 'address' in error && 'port' in error ? `${error.address}:${error.port}: ` : '';
}

/** A message with a full stop, so that a hint can follow. */
const ended = (message: string): string => (/[.!?]$/.test(message) ? message : `${message}.`);

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30s`, `10m`, `4h`, `7d` in milliseconds. Throws WeirError DURATION_INVALID. */
export function durationMs(text: string): number {
  const match = DURATION.exec(text.trim());
  if (match === null)
    throw new WeirError('DURATION_INVALID', `"${text}" is not a duration.`, { status: 400, hint: 'Write 30s, 10m, 4h or 7d.' });
  return Number(match[1]) * UNIT_MS[match[2]];
}
