/** Reads the configuration again when its file changes or the process gets SIGHUP. */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.js';

const QUIET_MS = 200;

export interface ConfigWatch {
  /** Null: there is no file, only SIGHUP. */
  readonly file: string | null;
  /** Throws what is wrong with it. */
  readonly load: () => Config;
  /** Throws, and changes nothing, when it cannot be used. */
  readonly apply: (config: Config) => void;
  readonly log: (message: string) => void;
}

/** What is wrong is logged, and the last good configuration stays in force. Call the result to stop. */
export function watchConfig({ file, load, apply, log }: ConfigWatch): () => void {
  const reload = () => {
    try {
      apply(load());
      log('the configuration was read again: services, limits, trusted proxies and automatic blocks are in force');
    } catch (error) {
      log(`the configuration cannot be used, the last good one stays in force: ${error instanceof Error ? error.message : String(error)}`);
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
