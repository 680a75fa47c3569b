/** The container image is never built here, so what it needs is compared with what the sources read. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';

const root = packageRoot();
// Plain JavaScript without types: it runs before anything is installed.
const { MODULES } = (await import(`${root}/scripts/ready.mjs`)) as { MODULES: readonly string[] };
/** What a source joins to the package root: `path.join(packageRoot(), 'a', 'b')`, `join(packageRoot(), 'a/b')`. */
const READS = /join\(packageRoot\(\), ((?:'[^']+'(?:, )?)+)\)/g;
/** Written by what people run to develop, or made where it is used. */
const NOT_READ = new Set(['admin/openapi.json']);

function read(): string[] {
  const found = new Set<string>();
  for (const folder of MODULES)
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
      const text = readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
      for (const [, parts] of text.matchAll(READS)) found.add([...parts.matchAll(/'([^']+)'/g)].map(([, part]) => part).join('/'));
    }
  return [...found].filter((file) => !NOT_READ.has(file));
}

const copied = [...readFileSync(path.join(root, 'Dockerfile'), 'utf8').matchAll(/^COPY --from=build (.+) \S+$/gm)].flatMap(([, sources]) =>
  sources.split(' ').map((source) => source.replace('/weir/', '')),
);

t.test('the image holds every file that a source reads beside the code', async (t) => {
  const needed = read();
  t.ok(needed.includes('policies/library'), `found ${needed.join(' ')}`);
  for (const file of needed)
    t.ok(
      copied.some((source) => file === source || file.startsWith(`${source}/`)),
      `${file} is copied`,
    );
});
