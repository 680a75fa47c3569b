// TypeScript to dist/, file by file: what is checked is the gate's job (`npm run check`), so that a start takes a second and not half a minute.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { MODULES, root } from './ready.mjs';

const sources = MODULES.flatMap((folder) =>
  readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.(test|contract|d)\.ts$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name)),
);
for (const folder of MODULES) rmSync(path.join(root, 'dist', folder), { recursive: true, force: true });
await build({ entryPoints: sources, outdir: path.join(root, 'dist'), outbase: root, format: 'esm', platform: 'node', target: 'node20.19', sourcemap: true, logLevel: 'warning' });
