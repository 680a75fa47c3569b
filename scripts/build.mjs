// TypeScript and the packages it imports to dist/, a few large files instead of two thousand small ones: loading those is what a start would spend its time on.
// What is checked is the gate's job (`npm run check`). Stack traces name dist/; `node --enable-source-maps bin/weir …` names the sources.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { MODULES, root } from './ready.mjs';

const dist = path.join(root, 'dist');
/** What people and other programs start or import. */
const PROGRAMS = ['cli/main.ts', ...exported(), 'examples/demo-api/main.ts', 'examples/demo-api/play.ts'];
/**
 * Native addons and the validator of API descriptions find their files beside themselves; redis is CommonJS, whose names would be lost where it is imported
 * late.
 */
const UNBUNDLED = ['libsql', '@node-rs/argon2', 'cap', 'pg-native', 'redis', '@seriousme/openapi-schema-validator'];
/** A weir that runs loads some of its files late; those of the build it began with stay this long. */
const KEEP_OLD_MS = 3_600_000;

const sources = MODULES.flatMap((folder) =>
  readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.(test|contract|d)\.ts$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name)),
);

/** Files that a thread or a child process begins with: `thread.ts`, and what a source names beside its own URL. */
const begunWith = sources.flatMap((file) => {
  if (path.basename(file) === 'thread.ts') return [file];
  const text = readFileSync(file, 'utf8');
  if (!text.includes('import.meta.url')) return [];
  return [...text.matchAll(/(?<!from |import\()'(\.\.?\/[^']+)\.js'/g)].map(([, name]) => path.resolve(path.dirname(file), `${name}.ts`));
});

/** Bundled code lies in another file than its source; URLs beside a source stay true. */
const sourceUrls = {
  name: 'source-urls',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      if (file.includes('node_modules')) return undefined;
      const text = readFileSync(file, 'utf8');
      const url = `new URL(${JSON.stringify(path.relative(root, file).replace(/\.ts$/, '.js'))}, weirDist).href`;
      return { contents: text.replaceAll('import.meta.url', url), loader: 'ts' };
    }),
};

/** One program with what it loads late as files of their own. Programs share no files: each holds only what it uses. */
const bundle = async (program) => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [program],
    outdir: dist,
    outbase: root,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    external: UNBUNDLED,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // ES modules where a package has both: what nobody uses of them stays out.
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    banner: {
      js: [
        "import { createRequire as weirRequire } from 'node:module';",
        'const require = weirRequire(import.meta.url);',
        "const weirDist = import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/') + 6);",
      ].join(' '),
    },
    plugins: [sourceUrls],
    logLevel: 'warning',
  });
  for (const [file, { imports }] of Object.entries(metafile.inputs))
    for (const one of imports)
      if (one.kind === 'dynamic-import' && metafile.inputs[one.path]?.format === 'cjs')
        throw new Error(`${file} imports ${one.original ?? one.path} late, a CommonJS package: name it in UNBUNDLED`);
  return Object.keys(metafile.outputs).map((file) => path.join(root, file));
};

const programs = new Set([...PROGRAMS.map((file) => path.join(root, file)), ...begunWith]);
const written = new Set((await Promise.all([...programs].map(bundle))).flat());
const nowMs = Date.now();
for (const entry of existsSync(dist) ? readdirSync(dist, { withFileTypes: true, recursive: true }) : []) {
  const file = path.join(entry.parentPath, entry.name);
  if (entry.isFile() && /\.js(\.map)?$/.test(entry.name) && !written.has(file) && nowMs - statSync(file).mtimeMs > KEEP_OLD_MS)
    rmSync(file);
}
removeEmpty(dist);

/** The sources of what package.json offers to importers. */
function exported() {
  const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return Object.values(exports).flatMap((one) => (typeof one === 'string' ? [] : [one.default.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts')]));
}

function removeEmpty(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(path.join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
