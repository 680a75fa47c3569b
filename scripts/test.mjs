// `npm test [-- FILE…]`: installs what the tests need, builds, runs tap, and ends with one line `N passed, N failed`.
import { spawn } from 'node:child_process';
import { makeReady, root } from './ready.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

ensureSystemPackages();
makeReady();

const tap = spawn(process.execPath, [`${root}/node_modules/tap/dist/esm/run.mjs`, '--reporter=tap', ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, WEIR_SKIP_BUILD: '1' },
});
let passed = 0;
let failed = 0;
let partial = '';
tap.stdout.setEncoding('utf8');
tap.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  const lines = (partial + chunk).split('\n');
  partial = lines.pop() ?? '';
  for (const line of lines) {
    const total = /^# \{ total: (\d+)/.exec(line);
    if (total === null) continue;
    passed = Number(/pass: (\d+)/.exec(line)?.[1] ?? 0);
    failed = Number(/fail: (\d+)/.exec(line)?.[1] ?? 0);
  }
});
tap.on('close', (code) => {
  const ok = code === 0 && failed === 0 && passed > 0;
  process.stdout.write(`\n${passed} passed, ${ok ? failed : Math.max(1, failed)} failed\n`);
  process.exit(ok ? 0 : 1);
});
