/**
 * How the pages feel over a full store, in headless Chromium: the first page after opening, frames while the longest table scrolls, and the time from
 * a key or click to the frame that shows it.
 *
 *   node --import tsx bench/admin.bench.ts --keep DIR            seeds DIR once: 100,000 endpoints, 1,000,000 issues
 *   node --import tsx bench/admin-pages.bench.ts --keep DIR [--rows 100000] [--rounds 5]
 *
 * Scrolling is measured once `--rows` rows of the table are loaded. Wanted: usable within 1.5 s, 60 frames a second, 100 ms. On a machine that does
 * other things the figures are too high: the CPU time of the page stands beside them. Results go to bench/results/admin-pages.json.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright-core';
import { createAdmin } from '../admin/index.js';
import { packageRoot } from '../exchange/index.js';
import { openStore } from '../store/index.js';

const { values } = parseArgs({
  options: { keep: { type: 'string' }, rows: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' } },
});
if (values.keep === undefined) throw new Error('--keep DIR: the folder that bench/admin.bench.ts --keep has seeded');
const rounds = Number(values.rounds);
const FRAME_MS = 1000 / 60;

const store = await openStore({ sqlite: path.join(values.keep, 'weir.db') });
const nowMs = Date.UTC(2026, 10, 20, 12);
const admin = await createAdmin(
  { secret: '0'.repeat(64), host: '127.0.0.1', port: 0, dataDir: values.keep, version: 'bench', nowMs: () => nowMs },
  {
    store,
    services: { list: () => [], mode: () => ({ request: 'observe', response: 'observe' }), setMode: async () => undefined },
  },
);
const address = await admin.listen();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});

const at = (numbers: readonly number[], share: number) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;
};

async function cpuSecondsOf(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const read = async () => (await session.send('Performance.getMetrics')).metrics.find((one) => one.name === 'ProcessTime')?.value ?? 0;
  const before = await read();
  return async () => Math.round((await read()) * 100 - before * 100) / 100;
}

const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const first = await context.newPage();
await first.goto(await admin.signInLink(address));
await first.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
const storageState = await context.storageState();
await context.close();

/** A browser that was never here: nothing is cached. */
const usableMs: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const fresh = await browser.newContext({ viewport: { width: 1280, height: 900 }, storageState });
  const page = await fresh.newPage();
  await page.goto(address, { waitUntil: 'commit' });
  await page.getByRole('heading', { name: 'Requests over time' }).waitFor();
  usableMs.push(await page.evaluate<number>('performance.now()'));
  await fresh.close();
}

const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, storageState })).newPage();
await page.goto(`${address}/inventory?sort=template`);
const scroller = page.locator('.rows-scroll');
await scroller.waitFor();
const wanted = Number(values.rows);
const loaded = () => page.evaluate<number>(`Math.round(document.querySelector('.rows-scroll > div').offsetHeight / 42)`);
for (let rows = 0, before = -1, startedAt = Date.now(); rows < wanted && Date.now() - startedAt < 600_000; ) {
  await page.evaluate(`document.querySelector('.rows-scroll').scrollTop = 1e9`);
  await page.waitForTimeout(20);
  before = rows;
  rows = await loaded();
  if (rows !== before && rows % 5_000 === 0) process.stderr.write(`\r${rows.toLocaleString('en')} rows loaded   `);
}
const rows = await loaded();
await page.evaluate(`document.querySelector('.rows-scroll').scrollTop = 0`);
await page.waitForTimeout(500);

/** Up and down at 4,200 pixels (100 rows) a second, as with a wheel that is spun; the time of each frame. */
const scrolled = await cpuSecondsOf(page);
const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
  const scroller = document.querySelector('.rows-scroll');
  const frames = [];
  const startedAt = performance.now();
  let last = startedAt;
  const next = (now) => {
    frames.push(now - last);
    scroller.scrollTop += (now - startedAt < 5000 ? 1 : -1) * 4.2 * (now - last);
    last = now;
    if (now - startedAt < 10000) requestAnimationFrame(next);
    else resolve(frames.slice(1));
  };
  requestAnimationFrame(next);
})`);
const scrollCpuS = await scrolled();

/** From an event to the next frame, as the browser measures it. */
await page.evaluate(`globalThis.took = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.interactionId > 0) globalThis.took.push(entry.duration);
}).observe({ type: 'event', durationThreshold: 16, buffered: false })`);
for (let round = 0; round < rounds; round += 1) {
  await page.getByRole('button', { name: 'Risk' }).click();
  await page.getByRole('textbox', { name: 'Search method, path or service' }).pressSequentially('orders', { delay: 40 });
  await page.waitForTimeout(800);
  await page.getByRole('combobox', { name: 'Method' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('textbox', { name: 'Search method, path or service' }).fill('');
  await page.waitForTimeout(800);
  await page.getByRole('link', { name: 'Issues', exact: true }).click();
  await page.waitForTimeout(800);
  await page
    .getByRole('checkbox', { name: /^Choose (?!all)/ })
    .first()
    .click();
  await page.getByRole('link', { name: 'Inventory', exact: true }).click();
  await page.waitForTimeout(800);
}
const interactions = await page.evaluate<number[]>('globalThis.took');

const report = {
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg().map((one) => Math.round(one * 10) / 10) },
  usableMs: { p50: at(usableMs, 0.5), worst: at(usableMs, 1), wanted: 1500 },
  scrolling: {
    rows,
    frames: frames.length,
    p50Ms: at(frames, 0.5),
    p95Ms: at(frames, 0.95),
    p99Ms: at(frames, 0.99),
    inTime: Math.round((1000 * frames.filter((ms) => ms <= FRAME_MS * 1.5).length) / frames.length) / 1000,
    cpuSecondsOfTen: scrollCpuS,
    wantedMs: Math.round(FRAME_MS * 10) / 10,
  },
  interactions: { slowerThan16Ms: interactions.length, p50Ms: at(interactions, 0.5), p95Ms: at(interactions, 0.95), wantedMs: 100 },
};
process.stdout.write(`\n${JSON.stringify(report, null, 2)}\n`);
writeFileSync(path.join(packageRoot(), 'bench', 'results', 'admin-pages.json'), `${JSON.stringify(report, null, 2)}\n`);
await browser.close();
await admin.close();
await store.close();
