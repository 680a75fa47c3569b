// `npm test [-- FILE…]`: installs what the tests need, builds, runs every test file with tap, and ends with one line `N passed, N failed`.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { MODULES, makeReady, root } from './ready.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const AT_ONCE = 2;
const TIMEOUT_S = 300;

ensureSystemPackages();
makeReady();
process.env.WEIR_SKIP_BUILD = '1';
// Of each test within a file, too; tap's own default is 30 seconds.
process.env.TAP_TIMEOUT = String(TIMEOUT_S);
process.chdir(root);
// Only now is it certain that tap is installed.
const { t } = await import('tap');

/** Those that start whole processes come first: the longest at the end would run alone. */
function everyFile() {
  return ['test', ...MODULES].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
      .map((name) => path.join(folder, name))
      .sort(),
  );
}

const loader = path.join(root, 'scripts', 'typescript.mjs');
const files = process.argv.slice(2).filter((name) => !name.startsWith('-'));
t.setTimeout(0);
t.jobs = AT_ONCE;
t.pipe(process.stdout);
t.on('complete', ({ ok }) => {
  const { pass, fail } = t.counts;
  const failed = ok && pass > 0 ? fail : Math.max(1, fail);
  process.once('exit', () => process.stdout.write(`\n${pass} passed, ${failed} failed\n`));
  if (failed > 0) process.exitCode = 1;
});
for (const name of files.length > 0 ? files : everyFile()) {
  // tap's loader, which follows what every process loads for coverage, costs as much as the tests of most files: it is left out.
  const command = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', `--import=${loader}`, name];
  t.spawn('env', command, { name, buffered: true, timeout: TIMEOUT_S * 1000 }, name);
}
