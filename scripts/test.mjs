// `npm test [-- FILE…]`: installs what the tests need, builds, runs every test file, and ends with one line `N passed, N failed`.
// One line a file; what failed, in full, at the end. All that was said is kept in `.tap/`, a file each.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MODULES, makeReady, root } from './ready.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const TIMEOUT_S = 300;

ensureSystemPackages();
makeReady();
process.chdir(root);
// Only now is it certain that these are installed.
const { Parser } = await import('tap-parser');
const { stringify } = await import('yaml');
const kept = path.join(root, '.tap');
rmSync(kept, { recursive: true, force: true });
mkdirSync(kept, { recursive: true });

/** Those that start whole processes come first: the longest at the end would run alone. */
function everyFile() {
  return ['test', ...MODULES].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
      .map((name) => path.join(folder, name))
      .sort(),
  );
}

// tap's own runner follows what every process loads, for coverage, which costs as much as the tests of most files: it is left out.
const loader = path.join(root, 'scripts', 'typescript.mjs');
const env = { ...process.env, WEIR_SKIP_BUILD: '1', TAP: '1', TAP_BAIL: '0', TAP_TIMEOUT: String(TIMEOUT_S) };
delete env.NODE_OPTIONS;

/** One file's outcome: `{ name, passed, skipped, failures: [text], durationS }`. A file that ends without a plan, or late, has failed. */
function run(name, times) {
  const startedMs = Date.now();
  const done = { name, passed: 0, skipped: [], failures: [], durationS: 0 };
  const said = createWriteStream(path.join(kept, `${name.replaceAll(path.sep, '-')}${times === 1 ? '' : `.${times}`}.tap`));
  // A group of its own, so that what a file that hangs has started ends with it.
  const child = spawn(process.execPath, ['--enable-source-maps', `--import=${loader}`, name], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const parser = new Parser();
  parser.on('pass', () => done.passed++);
  parser.on('skip', (result) => done.skipped.push(`${result.fullname}${result.skip === true ? '' : `: ${result.skip}`}`));
  parser.on('fail', (result) => done.failures.push(`${name} > ${result.fullname}\n${indent(stringify(result.diag ?? {}))}`));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors = (errors + text).slice(-8_000);
    said.write(text);
  });
  child.stdout.on('data', (bytes) => said.write(bytes));
  child.stdout.pipe(parser);
  const parsed = new Promise((resolve) => parser.on('complete', resolve));
  const signal = (which) => {
    try {
      process.kill(-child.pid, which);
    } catch {
      // It has ended by itself.
    }
  };
  // The first lets tap say which test it was in.
  const timers = [setTimeout(signal, TIMEOUT_S * 1000, 'SIGTERM'), setTimeout(signal, (TIMEOUT_S + 10) * 1000, 'SIGKILL')];
  return new Promise((resolve) => {
    child.on('close', async (code, killedBy) => {
      timers.forEach(clearTimeout);
      const results = await parsed;
      said.end();
      done.durationS = (Date.now() - startedMs) / 1000;
      if (done.failures.length === 0 && (code !== 0 || !results.ok || done.passed === 0)) {
        const how = killedBy === null ? `exit ${code}` : killedBy;
        done.failures.push(
          `${name} > ended with ${how} after ${done.passed} assertions\n${indent(errors || '(it said nothing on stderr)')}`,
        );
      }
      resolve(done);
    });
  });
}

const indent = (text) => text.trimEnd().replaceAll(/^/gm, '    ');
const shown = (failures) => failures.map((failure) => `  not ok ${failure}\n`).join('');
const titles = (failures) => shown(failures.map((failure) => failure.slice(0, failure.indexOf('\n'))));

function tell(done) {
  const mark = done.failures.length > 0 ? 'not ok' : 'ok';
  process.stdout.write(
    `${mark.padEnd(6)} ${done.durationS.toFixed(1).padStart(6)} s ${String(done.passed).padStart(5)} passed  ${done.name}\n`,
  );
  for (const skip of done.skipped) process.stdout.write(`  skipped: ${skip}\n`);
  process.stdout.write(titles(done.failures));
}

const startedMs = Date.now();
const chosen = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const waiting = chosen.length > 0 ? chosen : everyFile();
const startsProcesses = (name) => name.startsWith(`test${path.sep}`);
const all = [];
async function lane(accepts) {
  for (;;) {
    const at = waiting.findIndex(accepts);
    if (at < 0) return;
    const [name] = waiting.splice(at, 1);
    const done = await run(name, 1);
    tell(done);
    all.push(done);
  }
}
const any = () => true;
// Who starts processes also waits for them: beside two of those there is time for a file that does not.
const beside = (name) => !startsProcesses(name) && waiting.some(startsProcesses);
await Promise.all([lane(any), lane(any), lane(beside)]);

// What fails beside another file on a full machine and passes alone is told of as just that.
const onlyAlone = [];
for (const [index, first] of all.entries()) {
  if (first.failures.length === 0) continue;
  process.stdout.write(`\nonce more, alone: ${first.name}\n`);
  const second = await run(first.name, 2);
  tell(second);
  if (second.failures.length === 0) onlyAlone.push(first);
  all[index] = second;
}

const passed = all.reduce((sum, done) => sum + done.passed, 0);
const failures = all.flatMap((done) => done.failures);
const skipped = all.flatMap((done) => done.skipped);
process.stdout.write(`\n${all.length} files in ${Math.round((Date.now() - startedMs) / 1000)} s, ${skipped.length} skipped\n`);
for (const first of onlyAlone) process.stdout.write(`\nfailed beside another file, passed alone: ${first.name}\n${shown(first.failures)}`);
if (failures.length > 0) process.stdout.write(`\nfailed twice:\n${shown(failures)}`);
process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
