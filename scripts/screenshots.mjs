// Pictures of every page in dark and light, from the demo. Four of them stand in the README.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { root } from './ready.mjs';

const PAGES = [
  ['overview', '/'],
  ['inventory', '/inventory?sort=-risk'],
  ['endpoint', '/inventory?sort=-risk', '.row a'],
  ['issues', '/issues'],
  ['issue', '/issues', '.row a'],
  ['actors', '/actors'],
  ['actor', '/actors', '.row a'],
  ['blocklist', '/blocklist'],
  ['policies', '/policies'],
  ['policy', '/policies/new'],
  ['scans', '/scans'],
  ['new-scan', '/scans/new'],
  ['sources', '/sources'],
  ['settings', '/settings?tab=data-types'],
];
/** The demo needs this long until its attacker has shown what he does. */
const DEMO_MS = 45_000;

const folder = path.join(root, 'docs', 'screenshots');
mkdirSync(folder, { recursive: true });
const data = mkdtempSync(path.join(tmpdir(), 'weir-screenshots-'));
const weir = spawn(
  process.execPath,
  [path.join(root, 'bin', 'weir'), 'up', '--demo', '--json', '--port', '0', '--admin-port', '0', '--host', '127.0.0.1', '--data', data],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
try {
  const ready = await new Promise((resolve, reject) => {
    let text = '';
    weir.once('exit', (code) => reject(new Error(`weir ended with ${code}`)));
    weir.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
      const line = text.split('\n').find((one) => one.startsWith('{"ready"'));
      if (line !== undefined) resolve(JSON.parse(line));
    });
  });
  await new Promise((resolve) => setTimeout(resolve, DEMO_MS));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(ready.signIn);
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  for (const scheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, address, open] of PAGES) {
      await page.goto(`${ready.admin}${address}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (open !== undefined) await page.locator(open).first().click();
      await page.waitForLoadState('load');
      await page.waitForTimeout(1_500);
      await page.screenshot({ path: path.join(folder, `${name}-${scheme}.png`) });
    }
  }
  await browser.close();
} finally {
  weir.kill('SIGTERM');
  await new Promise((resolve) => (weir.exitCode === null ? weir.once('exit', resolve) : resolve()));
  rmSync(data, { recursive: true, force: true });
}
