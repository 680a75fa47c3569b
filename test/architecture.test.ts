/** The floors: a module imports only from lower floors, never from a sibling, and only through that module's index. No exceptions. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';

const FLOORS: readonly (readonly string[])[] = [
  ['exchange'],
  ['policies', 'traffic', 'store'],
  ['attackers', 'learning', 'scans', 'integrations'],
  ['proxy', 'sensor', 'admin'],
  ['cli'],
];
const floorOf = new Map(FLOORS.flatMap((modules, floor) => modules.map((module) => [module, floor] as const)));
const root = packageRoot();

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/** Relative import specifiers of a file, static, dynamic and re-exports, and `new URL('./x.js', import.meta.url)` for workers. */
function imports(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+|new URL\(\s*)['"](\.[^'"]+)['"]/gm);
  return [...found].map((match) => match[1]);
}

function breach(file: string, specifier: string): string | null {
  const from = file.split(path.sep)[0];
  const target = path.relative(root, path.resolve(root, path.dirname(file), specifier));
  const [to, ...rest] = target.split(path.sep);
  if (to === from || !specifier.endsWith('.js')) return null;
  // Tests, their fixtures and contract suites drive real servers; what starts those is shared. Product code never imports it.
  if (to === 'test' && rest[0] === 'support' && /\.(test|contract|fixture)\.ts$/.test(file)) return null;
  const floor = floorOf.get(from);
  const other = floorOf.get(to);
  if (other === undefined) return `${file} imports ${specifier}, which is in no module of the house`;
  if (floor === undefined) return null;
  if (other >= floor) return `${file} (floor ${floor}) imports ${specifier} (floor ${other}): only lower floors`;
  if (rest.join('/') !== 'index.js') return `${file} imports ${specifier}: only through ${to}/index.js`;
  return null;
}

t.test('every module stands on a floor', async (t) => {
  const folders = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && readdirSync(path.join(root, entry.name)).includes('index.ts'),
  );
  for (const folder of folders) t.ok(floorOf.has(folder.name), folder.name);
  for (const module of floorOf.keys()) t.ok(sources(module).length > 0, `${module} has sources`);
});

t.test('imports go downwards, through the index', async (t) => {
  const breaches = [...floorOf.keys()]
    .flatMap((module) => sources(module).flatMap((file) => imports(file).map((specifier) => breach(file, specifier))))
    .filter((one) => one !== null);
  t.same(breaches, []);
});

t.test('the check sees a breach', async (t) => {
  t.match(breach('exchange/a.ts', '../policies/index.js'), /only lower floors/);
  t.match(breach('traffic/a.ts', '../store/index.js'), /only lower floors/);
  t.match(breach('learning/deep/a.ts', '../../policies/compile.js'), /only through policies/);
  t.match(breach('proxy/a.ts', '../elsewhere/index.js'), /no module/);
  t.match(breach('proxy/a.ts', '../test/support/redis.js'), /no module/);
  t.equal(breach('proxy/a.test.ts', '../test/support/redis.js'), null);
  t.equal(breach('proxy/a.ts', '../policies/index.js'), null);
  t.equal(breach('proxy/a.ts', './b.js'), null);
});
