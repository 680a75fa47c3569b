// Pictures of every page in dark and light, from the demo. Four of them stand in the README.
// `--width 1024 --to FOLDER` takes them for a look at another width; `--all` takes every tab, too.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { root } from './ready.mjs';

const { values: flags } = parseArgs({
  options: { width: { type: 'string', default: '1280' }, to: { type: 'string' }, all: { type: 'boolean', default: false } },
});

const PAGES = [
  ['overview', '/'],
  ['inventory', '/inventory?sort=-risk'],
  ['endpoint', '/inventory?sort=-risk', '.row a'],
  ['issues', '/issues'],
  ['issue', '/issues?search=secret', '.row a'],
  ['actors', '/actors'],
  ['actor', '/actors', '.row a'],
  ['blocklist', '/blocklist'],
  ['policies', '/policies'],
  ['policy', '/policies/new'],
  ['scans', '/scans'],
  ['new-scan', '/scans/new'],
  ['sources', '/sources'],
  ['settings', '/settings?tab=data-types'],
  ['scan-run', '/scans?tab=runs', '.row a'],
  ['report', '/reports'],
];
/** Tabs and pages that look much like one of the others: for a look, not for the folder. */
const MORE = [
  ...['responses', 'data', 'callers', 'traffic', 'examples', 'issues', 'tests', 'history', 'why'].map((tab) => [
    `endpoint-${tab}`,
    '/inventory?sort=-risk&search=orders',
    '.row a',
    `tab=${tab}`,
  ]),
  ...['allow', 'feeds', 'explain'].map((tab) => [`blocklist-${tab}`, `/blocklist?tab=${tab}`]),
  ...['runs', 'tests', 'contexts'].map((tab) => [`scans-${tab}`, `/scans?tab=${tab}`]),
  ...['account', 'users', 'tokens', 'auth-contexts', 'integrations', 'redaction', 'retention', 'audit'].map((tab) => [
    `settings-${tab}`,
    `/settings?tab=${tab}`,
  ]),
  ['exchange', '/issues?search=secret', '.row a', 'exchange'],
  ['no-such-page', '/nowhere'],
];
/** The demo needs this long until its attacker has shown what he does. */
const DEMO_MS = 45_000;

const folder = flags.to ?? path.join(root, 'docs', 'screenshots');
mkdirSync(folder, { recursive: true });
/** A small scan of the demo shop; runs in the page, with its session. */
async function makeScan() {
  const { csrf } = await (await fetch('/api/v1/session')).json();
  const post = async (address, body) =>
    (
      await fetch(`/api/v1${address}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': csrf },
        body: JSON.stringify(body),
      })
    ).json();
  const { items } = await (await fetch('/api/v1/services')).json();
  const { id } = await post('/scans', { name: 'Nightly check of the shop', service: items[0].name, cron: '0 3 * * *', definition: {} });
  await post(`/scans/${id}/runs`, {});
}
/** Long enough for that scan. */
const SCAN_MS = 12_000;

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
  const context = await browser.newContext({ viewport: { width: Number(flags.width), height: 860 } });
  const page = await context.newPage();
  await page.goto(ready.signIn);
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await page.evaluate(makeScan);
  await page.waitForTimeout(SCAN_MS);
  for (const scheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, address, open, then] of flags.all ? [...PAGES, ...MORE] : PAGES) {
      await page.goto(`${ready.admin}${address}`);
      await page
        .getByRole('heading', { level: 1 })
        .or(page.getByRole('heading', { name: 'There is no such page' }))
        .waitFor();
      if (open !== undefined) await page.locator(open).first().click();
      if (then === 'exchange')
        await page
          .getByRole('link', { name: /Open this exchange/ })
          .first()
          .click();
      else if (then !== undefined) {
        await page.waitForURL(/inventory\/./);
        await page.goto(`${page.url()}?${then}`);
      }
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
