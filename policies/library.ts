import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../exchange/index.js';
import type { PolicySource } from './language/source.js';

/** Sources of the built-in policies, `policies/library/*.yaml`, in the order of their names. */
export function loadLibrary(): PolicySource[] {
  const folder = path.join(packageRoot(), 'policies', 'library');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => ({ file: `library/${name}`, text: readFileSync(path.join(folder, name), 'utf8'), origin: 'library' as const }));
}
