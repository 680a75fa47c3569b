import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot, SourceError } from '../exchange/index.js';
import { testFiles } from './language/check.js';
import { compileTest } from './language/compile.js';
import type { TestDefinition } from './language/types.js';

/** One test as a person knows it: its text and either the compiled form or what is wrong with it. */
export interface LibraryEntry {
  readonly id: string;
  readonly origin: 'library' | 'folder' | 'ui';
  readonly file: string;
  readonly text: string;
  readonly enabled: boolean;
  readonly definition: TestDefinition | null;
  readonly problem: string | null;
}

export function entryOf(text: string, file: string, origin: LibraryEntry['origin'], enabled = true): LibraryEntry {
  try {
    const definition = compileTest(text, file);
    return { id: definition.id, origin, file, text, enabled: enabled && !definition.inactive, definition, problem: null };
  } catch (cause) {
    if (!(cause instanceof SourceError)) throw cause;
    return { id: file.replace(/\.ya?ml$/, ''), origin, file, text, enabled: false, definition: null, problem: cause.toString() };
  }
}

const readFolder = async (folder: string, origin: LibraryEntry['origin']): Promise<readonly LibraryEntry[]> => {
  const files = await testFiles(folder);
  return Promise.all(files.map(async (file) => entryOf(await readFile(join(folder, file), 'utf8'), file, origin)));
};

/** What comes with weir does not change while it runs: it is compiled once. */
let own: Promise<readonly LibraryEntry[]> | null = null;

/** The tests that come with weir, then those of the given folders; of two with one id the later counts. */
export async function readLibrary(folders: readonly string[] = []): Promise<readonly LibraryEntry[]> {
  own ??= readFolder(join(packageRoot(), 'scans', 'library'), 'library');
  const entries = new Map<string, LibraryEntry>();
  const all = [await own];
  for (const folder of folders) all.push(await readFolder(folder, 'folder'));
  for (const entry of all.flat()) entries.set(entry.id, entry);
  return [...entries.values()];
}
