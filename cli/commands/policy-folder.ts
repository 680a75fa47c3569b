import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { WeirError } from '../../exchange/index.js';
import type { FullPolicySet, PolicyProblem, PolicySource } from '../../policies/index.js';

export interface CompiledFolder {
  /** Null where there are problems. */
  readonly set: FullPolicySet | null;
  readonly sources: readonly PolicySource[];
  readonly files: number;
  readonly problems: readonly PolicyProblem[];
}

/**
 * Compiles the policies of a folder, or the built-in ones. Never throws for what stands in the files; throws WeirError for a folder that is none or holds none. Own data types and key sets are known by `weir.yaml`
 * (`config` names another file).
 */
export async function compileFolder(dir: string | undefined, config?: string): Promise<CompiledFolder> {
  if (dir !== undefined) needFolder(dir);
  const { compilePolicies, loadLibrary, PolicyError, readPolicyFolder } = await import('../../policies/index.js');
  const { sources, problems } = dir === undefined ? { sources: loadLibrary(), problems: [] } : await readPolicyFolder(path.resolve(dir));
  if (dir !== undefined && sources.length + problems.length === 0) throw nothingIn(dir, 'policy');
  if (problems.length > 0) return { set: null, sources, files: sources.length, problems };
  try {
    const { loadConfig } = await import('../config.js');
    const { configuredVocabulary } = await import('../wiring/vocabulary.js');
    const vocabulary = configuredVocabulary(loadConfig(config === undefined ? {} : { config }));
    return { set: compilePolicies(sources, vocabulary), sources, files: sources.length, problems: [] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { set: null, sources, files: sources.length, problems: error.problems };
  }
}

/** Throws WeirError FOLDER_MISSING. */
export function needFolder(dir: string): void {
  const isThere = existsSync(dir);
  if (isThere && statSync(dir).isDirectory()) return;
  throw isThere
    ? new WeirError('FOLDER_MISSING', `${dir} is a file.`, { hint: 'Give the folder that holds it.' })
    : new WeirError('FOLDER_MISSING', `There is no folder ${dir}.`);
}

/** A check of nothing finds nothing: the folder is the wrong one. */
export function nothingIn(dir: string, kind: 'policy' | 'test'): WeirError {
  return new WeirError('FOLDER_EMPTY', `There is no ${kind} file (.yaml, .yml) in ${dir}.`);
}

/** As the person would write it: from here, where it lies below. */
export function shownFile(file: string): string {
  const below = path.relative(process.cwd(), file);
  return below === '' || below.startsWith('..') || path.isAbsolute(below) ? file : below;
}

/** `file:line:column what is wrong; expected …; did you mean …?` */
export function problemLine({ file, line, column, message, expected, nearest }: PolicyProblem): string {
  return `${shownFile(file)}:${line}:${column} ${message}${expected === undefined ? '' : `; expected ${expected}`}${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`;
}
