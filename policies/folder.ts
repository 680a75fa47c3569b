import { type FSWatcher, watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type CompileOptions, compileInTurns, type FullPolicySet } from './engine/set.js';
import { PolicyError, type PolicyProblem } from './errors.js';
import { MAX_FILE_BYTES, type PolicySource } from './language/source.js';

export interface PolicyFolderOptions {
  /** Folder with `*.yaml` and `*.yml`, read with its subfolders; null: none. */
  readonly path: string | null;
  /** Sources that are always there: the library. */
  readonly base?: readonly PolicySource[];
  /** Asked at each load, since modes, key sets and data types change while weir runs. */
  compile(): CompileOptions;
  /** Called after each load that gave a new set. */
  onChange?(set: FullPolicySet): void;
  /** Called after each load that did not: the last good set stays. */
  onStale?(problems: readonly PolicyProblem[]): void;
  /** Quiet time after a change before the folder is read again; 100 ms by default. */
  readonly debounceMs?: number;
}

/** What is in force, and what is not because of mistakes. */
export interface FolderState {
  readonly set: FullPolicySet;
  /** Files whose current text is not in force, each with what is wrong. */
  readonly stale: ReadonlyMap<string, readonly PolicyProblem[]>;
  readonly loadedAtMs: number;
}

const MAX_FILES = 5000;
/** A last good text can clash with a newer file; more rounds than this are not worth it. */
const MAX_ATTEMPTS = 4;

/**
 * The policies in force: a folder, the library, and what people wrote in the UI. On a change, what changed is compiled, in turns with the traffic of
 * the thread, and the set is swapped as a whole. A file with a mistake keeps its last good text in force, and is listed as stale. This is the only
 * part of the engine that does I/O.
 */
export class PolicyFolder {
  private current: FolderState;
  private edited: readonly PolicySource[] = [];
  /** Texts of the set in force, by file. */
  private good: ReadonlyMap<string, PolicySource> = new Map();
  /** Last text of every file, in force or not. */
  private readonly sources = new Map<string, PolicySource>();
  private watcher: FSWatcher | null = null;
  private timer: NodeJS.Timeout | null = null;
  private loading: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: PolicyFolderOptions,
    base: FullPolicySet,
  ) {
    this.current = { set: base, stale: new Map(), loadedAtMs: 0 };
  }

  /**
   * Reads the folder once. Does not throw for mistakes in the folder's files: the base is then in force, and `stale` says what is wrong.
   * Throws PolicyError for a mistake in the base.
   */
  static async load(options: PolicyFolderOptions): Promise<PolicyFolder> {
    const folder = new PolicyFolder(options, await compileInTurns(options.base ?? [], options.compile(), null));
    if (options.path !== null) await folder.reload();
    return folder;
  }

  get state(): FolderState {
    return this.current;
  }

  get set(): FullPolicySet {
    return this.current.set;
  }

  /** Replaces the policies written in the UI. Throws PolicyError, and changes nothing, when they do not compile with all others. */
  async edit(sources: readonly PolicySource[]): Promise<void> {
    const before = this.edited;
    const names = new Set(sources.map((source) => source.file));
    this.edited = sources.map((source) => this.known(source));
    const { problems } = await this.compileAll();
    const own = problems.filter((problem) => names.has(problem.file));
    if (own.length === 0) return this.reload();
    this.edited = before;
    throw new PolicyError(own);
  }

  /** Reads everything again; resolves when the new set is in force, or the old one kept. */
  reload(): Promise<void> {
    // One at a time: a load that began before a later change must not win over it.
    const load = this.loading.then(() => this.loadOnce());
    // A load that fails is told to whoever asked for it, and must not keep the next one from running.
    this.loading = load.catch(() => {});
    return load;
  }

  /** Reloads when the folder changes, until `close`. */
  watch(): void {
    if (this.options.path === null || this.watcher !== null) return;
    this.watcher = watch(this.options.path, { recursive: true }, () => this.soon());
    this.watcher.on('error', () => this.soon());
  }

  close(): void {
    this.watcher?.close();
    this.watcher = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private soon(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.reload().catch((error: unknown) => this.options.onStale?.([failureOf(this.options.path ?? '', error)]));
    }, this.options.debounceMs ?? 100);
  }

  private async loadOnce(): Promise<void> {
    const { set, good, problems } = await this.compileAll();
    const stale = new Map<string, PolicyProblem[]>();
    for (const problem of problems) stale.set(problem.file, [...(stale.get(problem.file) ?? []), problem]);
    // The version is of the texts; data types may have changed behind them.
    const { current } = this;
    const changed = set !== null && (set.version !== current.set.version || set.options.classifier !== current.set.options.classifier);
    this.current = { set: changed ? set : current.set, stale, loadedAtMs: Date.now() };
    if (set !== null) this.good = good;
    if (changed) this.options.onChange?.(set);
    if (problems.length > 0) this.options.onStale?.(problems);
  }

  /** Compiles what is there now; a file with a mistake is replaced by its last good text, or left out when it never had one. */
  private async compileAll(): Promise<{
    set: FullPolicySet | null;
    good: ReadonlyMap<string, PolicySource>;
    problems: readonly PolicyProblem[];
  }> {
    const { sources, problems } = await this.read();
    const all: PolicyProblem[] = [...problems];
    if (problems.some((problem) => problem.file === this.options.path)) return { set: null, good: this.good, problems: all };
    const unread = problems.flatMap((problem) => this.good.get(problem.file) ?? []);
    let files = [...(this.options.base ?? []), ...sources, ...unread, ...this.edited];
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        const set = await compileInTurns(files, this.options.compile(), this.current.set);
        return { set, good: new Map(files.map((file) => [file.file, file])), problems: all };
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        all.push(...error.problems);
        const bad = new Set(error.problems.map((problem) => problem.file));
        files = files.flatMap((file) => {
          if (!bad.has(file.file)) return [file];
          const before = this.good.get(file.file);
          return before === undefined || before.text === file.text ? [] : [before];
        });
      }
    }
    return { set: null, good: this.good, problems: all };
  }

  private async read(): Promise<{ sources: PolicySource[]; problems: PolicyProblem[] }> {
    const { path: folder } = this.options;
    if (folder === null) return { sources: [], problems: [] };
    const { sources, problems } = await readPolicyFolder(folder);
    return { sources: sources.map((source) => this.known(source)), problems };
  }

  /** The object that stood for the same text before: what was compiled from it is found by it. */
  private known(source: PolicySource): PolicySource {
    const before = this.sources.get(source.file);
    if (before !== undefined && before.text === source.text && before.origin === source.origin) return before;
    this.sources.set(source.file, source);
    return source;
  }
}

/** What nobody has foreseen, as a problem of the folder: the last good set stays. */
function failureOf(file: string, error: unknown): PolicyProblem {
  return { code: 'POLICY_FILE', file, line: 1, column: 1, path: '', message: error instanceof Error ? error.message : String(error) };
}

/** Reads the policy files of a folder. A file that is too large or unreadable is a problem and not read further. */
export async function readPolicyFolder(folder: string): Promise<{ sources: PolicySource[]; problems: PolicyProblem[] }> {
  const problems: PolicyProblem[] = [];
  const sources: PolicySource[] = [];
  const wrong = (file: string, code: PolicyProblem['code'], message: string, expected?: string): number =>
    problems.push({ code, file, line: 1, column: 1, path: '', message, expected });
  let names: string[] = [];
  try {
    names = (await readdir(folder, { recursive: true })).filter((name) => /\.ya?ml$/.test(name)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = { ENOENT: 'there is no such folder', ENOTDIR: 'this is a file; give the folder that holds it' }[code ?? ''];
    wrong(folder, 'POLICY_FILE', why ?? `the folder cannot be read: ${message}`);
  }
  if (names.length > MAX_FILES) wrong(folder, 'POLICY_LIMIT', `the folder holds ${names.length} policy files`, `at most ${MAX_FILES}`);
  for (const name of names.slice(0, MAX_FILES)) {
    const file = path.join(folder, name);
    try {
      const handle = await open(file, 'r');
      try {
        const { size } = await handle.stat();
        if (size > MAX_FILE_BYTES)
          wrong(file, 'POLICY_FILE_TOO_BIG', `the file has ${(size / 1e6).toFixed(1)} MB`, 'at most 1 MB; split it');
        else sources.push({ file, text: await handle.readFile('utf8'), origin: 'folder' });
      } finally {
        await handle.close();
      }
    } catch (error) {
      wrong(file, 'POLICY_FILE', `the file cannot be read: ${(error as Error).message}`);
    }
  }
  return { sources, problems };
}
