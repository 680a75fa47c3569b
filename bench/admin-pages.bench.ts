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
import { packageRoot } from '../exchange/index.js';
import { adminOver } from './admin-over.js';

const { values } = parseArgs({
  options: {
    keep: { type: 'string' },
    endpoints: { type: 'string', default: '100000' },
    issues: { type: 'string', default: '1000000' },
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
});
if (values.keep === undefined) throw new Error('--keep DIR: the folder that bench/admin.bench.ts --keep has seeded');
const rounds = Number(values.rounds);
const FRAME_MS = 1000 / 60;

const over = await adminOver(values.keep, { endpoints: Number(values.endpoints), issues: Number(values.issues) });
const { admin } = over;
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
const SCROLL = `new Promise((resolve) => {
  const scroller = document.querySelector('.rows-scroll');
  const frames = [];
  const startedAt = performance.now();
  let last = startedAt;
  // Asking the browser where it stands would make it lay out in the middle of a frame.
  let top = 0;
  const next = (now) => {
    frames.push(now - last);
    top = Math.max(0, top + (now - startedAt < 5000 ? 1 : -1) * 4.2 * (now - last));
    scroller.scrollTop = top;
    last = now;
    if (now - startedAt < 10000) requestAnimationFrame(next);
    else resolve(frames.slice(1));
  };
  requestAnimationFrame(next);
})`;
/** What this machine's browser can do at all: 100,000 rows of one text each, drawn by a dozen lines of script. */
const BARE = `<style>.rows-scroll { height: 640px; overflow-y: auto; } .rows-scroll > div { position: relative; height: 4200000px; }
  p { position: absolute; margin: 0; height: 42px; }</style><div class="rows-scroll"><div></div></div><script>
  const scroller = document.querySelector('.rows-scroll');
  const draw = () => {
    const from = Math.floor(scroller.scrollTop / 42);
    scroller.firstChild.innerHTML = Array.from({ length: 18 }, (_, at) => '<p style="top:' + (from + at) * 42 + 'px">row ' + (from + at) + '</p>').join('');
  };
  scroller.addEventListener('scroll', draw);
  draw();
</script>`;
const timed = async (on: Page) => {
  const cpu = await cpuSecondsOf(on);
  const frames = await on.evaluate<number[]>(SCROLL);
  return {
    frames: frames.length,
    p50Ms: at(frames, 0.5),
    p95Ms: at(frames, 0.95),
    p99Ms: at(frames, 0.99),
    inTime: Math.round((1000 * frames.filter((ms) => ms <= FRAME_MS * 1.5).length) / frames.length) / 1000,
    cpuSecondsOfTen: await cpu(),
  };
};
const scrolling = await timed(page);
const bare = await page.context().newPage();
await bare.setContent(BARE);
const barely = await timed(bare);
await bare.close();
await page.bringToFront();

/** From an event to the next frame, as the browser measures it (in steps of 8 ms; what took less than 16 ms is not told), by what was done. */
await page.evaluate(`globalThis.doing = ''; globalThis.took = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.interactionId > 0) globalThis.took.push({ doing: globalThis.doing, ms: entry.duration });
}).observe({ type: 'event', durationThreshold: 16, buffered: false })`);
const search = page.getByRole('textbox', { name: 'Search method, path or service' });
const settled = async () => {
  await page.locator('.rows[aria-busy="false"]').waitFor();
  await page.waitForTimeout(300);
};
const STEPS: readonly (readonly [string, () => Promise<void>])[] = [
  ['sort', () => page.getByRole('button', { name: 'Risk' }).click()],
  ['type a search', () => search.pressSequentially('orders', { delay: 40 })],
  ['open a filter', () => page.getByRole('combobox', { name: 'Method' }).click()],
  ['choose a filter', () => page.getByRole('option', { name: 'GET' }).click()],
  ['open an endpoint', () => page.locator('.row').nth(3).click()],
  ['back to the list', async () => void (await page.goBack())],
  ['empty the search', () => search.fill('')],
  ['go to issues', () => page.getByRole('link', { name: 'Issues', exact: true }).click()],
  [
    'choose a row',
    () =>
      page
        .getByRole('checkbox', { name: /^Choose (?!all)/ })
        .first()
        .click(),
  ],
  ['choose all rows', () => page.getByRole('checkbox', { name: 'Choose all that are loaded' }).click()],
  [
    'move by keys',
    async () => {
      await page.locator('.row').first().focus();
      for (let key = 0; key < 5; key += 1) await page.keyboard.press('ArrowDown');
    },
  ],
  ['go to inventory', () => page.getByRole('link', { name: 'Inventory', exact: true }).click()],
];
let steps = 0;
for (let round = 0; round < rounds; round += 1) {
  for (const [doing, step] of STEPS) {
    await page.evaluate(`globalThis.doing = ${JSON.stringify(doing)}`);
    await step();
    steps += 1;
    if (doing !== 'open an endpoint') await settled();
    else await page.waitForTimeout(800);
  }
}
const interactions = await page.evaluate<{ readonly doing: string; readonly ms: number }[]>('globalThis.took');
const tookMs = interactions.map((one) => one.ms);

const report = {
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg().map((one) => Math.round(one * 10) / 10) },
  usableMs: { p50: at(usableMs, 0.5), worst: at(usableMs, 1), wanted: 1500 },
  scrolling: { rows, ...scrolling, wantedMs: Math.round(FRAME_MS * 10) / 10, bareListOfTheSameBrowser: barely },
  interactions: {
    steps,
    slowerThan16Ms: tookMs.length,
    p50Ms: at(tookMs, 0.5),
    p95Ms: at(tookMs, 0.95),
    worstMs: at(tookMs, 1),
    wantedMs: 100,
    worstMsByStep: Object.fromEntries(
      STEPS.map(([doing]) => [doing, Math.max(0, ...interactions.filter((one) => one.doing === doing).map((one) => one.ms))]),
    ),
  },
};
process.stdout.write(`\n${JSON.stringify(report, null, 2)}\n`);
writeFileSync(path.join(packageRoot(), 'bench', 'results', 'admin-pages.json'), `${JSON.stringify(report, null, 2)}\n`);
await browser.close();
await over.close();
