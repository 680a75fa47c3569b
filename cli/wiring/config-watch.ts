/** Reads the configuration again when its file changes or the process gets SIGHUP. */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.js';
import { errorText } from '../output.js';

const QUIET_MS = 200;

export interface ConfigWatch {
  /** Null: there is no file, only SIGHUP. */
  readonly file: string | null;
  /** Throws what is wrong with it. */
  readonly load: () => Config;
  /** Throws, and changes nothing, when it cannot be used. */
  readonly apply: (config: Config) => void;
  /** Takes what is wrong, one line a mistake, when the configuration cannot be used. */
  readonly refuse: (problem: string) => void;
  readonly log: (message: string) => void;
}

/** What became of the configuration since the process began: part of its status. */
export class ConfigState {
  private refused = 0;
  private problem: string | null = null;

  inForce(): void {
    this.problem = null;
  }

  refuse(problem: string): void {
    this.refused++;
    this.problem = problem;
  }

  status(): { readonly configProblem: string | null; readonly counters: { readonly configurationsRefused: number } } {
    return { configProblem: this.problem, counters: { configurationsRefused: this.refused } };
  }
}

/** What is wrong is logged and told, and the last good configuration stays in force. Call the result to stop. */
export function watchConfig({ file, load, apply, refuse, log }: ConfigWatch): () => void {
  const reload = () => {
    try {
      apply(load());
      log('the configuration was read again: services, limits, trusted proxies and automatic blocks are in force');
    } catch (error) {
      const problem = errorText(error) ?? (error instanceof Error ? error.message : String(error));
      refuse(problem);
      const [first, ...others] = problem.split('\n');
      log(`the configuration cannot be used, the last good one stays in force: ${first}`);
      for (const other of others) log(other);
    }
  };
  let timer: NodeJS.Timeout | null = null;
  let watcher: FSWatcher | null = null;
  if (file !== null) {
    const name = path.basename(file);
    // The folder is watched: editors replace files by rename, and a watch on the file would stay with the old one.
    watcher = watch(path.dirname(file), { persistent: false }, (_event, changed) => {
      if (changed !== null && changed !== name) return;
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(reload, QUIET_MS);
    });
  }
  process.on('SIGHUP', reload);
  return () => {
    process.off('SIGHUP', reload);
    if (timer !== null) clearTimeout(timer);
    watcher?.close();
  };
}
