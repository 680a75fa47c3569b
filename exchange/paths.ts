import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | null = null;

/** The folder that holds weir's own package.json: data files (YAML, the built UI) lie below it, whether weir runs from source or from `dist/`. */
export function packageRoot(): string {
  if (found !== null) return found;
  let folder = path.dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = path.join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'weir') {
      found = folder;
      return folder;
    }
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error('weir cannot find its own package.json');
    folder = parent;
  }
}
