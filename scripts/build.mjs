// TypeScript to dist/, file by file: what is checked is the gate's job (`npm run check`), so that a start takes a second and not half a minute.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { MODULES, root } from './ready.mjs';

const sources = MODULES.flatMap((folder) =>
  readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.(test|contract|d)\.ts$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name)),
);
await build({
  entryPoints: sources,
  outdir: path.join(root, 'dist'),
  outbase: root,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  logLevel: 'warning',
});

// What has no source any more goes; what has is overwritten in place, so that a weir which is just starting finds every file.
const wanted = new Set(sources.map((file) => path.relative(root, file).replace(/\.ts$/, '.js')));
for (const folder of MODULES.filter((name) => existsSync(path.join(root, 'dist', name)))) {
  for (const entry of readdirSync(path.join(root, 'dist', folder), { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const source = path
      .relative(path.join(root, 'dist'), file)
      .replace(/\.map$/, '')
      .replace(/\.d\.ts$/, '.js');
    if (entry.isFile() && !wanted.has(source)) rmSync(file);
  }
}
