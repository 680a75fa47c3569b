import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../exchange/index.js';

/** Version of this weir, as its package.json says. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}
