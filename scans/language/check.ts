import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { SourceError } from '../../exchange/index.js';
import { compileTest } from './compile.js';

/** What became of one file. `file` is the path below the folder; line and column count from 1. */
export interface TestCheck {
  readonly file: string;
  readonly ok: boolean;
  readonly error?: string;
  readonly line?: number;
  readonly column?: number;
  /** `line:column what`: a repeated key, a pattern that never matches. */
  readonly warnings?: readonly string[];
}

/** Test files below a folder, sorted; `*.cases.yaml` are not tests. */
export async function testFiles(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !/\.cases\.ya?ml$/.test(entry.name))
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

/** Compiles every test below a folder. */
export async function checkTests(dir: string): Promise<readonly TestCheck[]> {
  const checks: TestCheck[] = [];
  for (const file of await testFiles(dir)) {
    try {
      const { warnings } = compileTest(await readFile(join(dir, file), 'utf8'), file);
      checks.push({ file, ok: true, ...(warnings.length === 0 ? {} : { warnings }) });
    } catch (cause) {
      if (!(cause instanceof SourceError)) throw cause;
      checks.push({ file, ok: false, error: cause.message, line: cause.line, column: cause.column });
    }
  }
  return checks;
}
