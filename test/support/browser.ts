/** Chromium over the admin pages: a signed-in page that reports what must never happen, and what tests ask of pages again and again. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { eventually, type RunningWeir } from './processes.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const PATIENCE_MS = 30_000;

/** One browser for a file of tests; it ends with the file. */
export async function startBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      // A process for each page that is opened, and one in reserve, costs more than the page.
      '--renderer-process-limit=2',
      '--disable-features=SpareRendererForSitePerProcess',
    ],
  });
  t.teardown(() => browser.close());
  // What a person would look at first when something was not found.
  t.afterEach(async (done) => {
    if (done.passing()) return;
    for (const page of browser.contexts().flatMap((context) => context.pages()))
      t.fail(
        `the page ${page.url()} shows: ${((await page.locator('body').textContent({ timeout: 5_000 })) ?? '').replaceAll(/\s+/g, ' ').slice(0, 2_000)}`,
      );
  });
  return browser;
}

/** A page with a session of its own. Anything it throws, and any style or script that its content policy refuses, fails the test. */
export async function newPage(t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  t.teardown(() => context.close());
  return watched(t, await context.newPage());
}

/** See `newPage`; for further tabs of a session. */
export function watched(t: Test, page: Page): Page {
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => t.fail(`the page threw: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy'))
      t.fail(`${message.text()} at ${message.location().url}:${message.location().lineNumber}:${message.location().columnNumber}`);
  });
  return page;
}

/** Signed in by the link that weir printed. */
export async function signedIn(
  t: Test,
  browser: Browser,
  weir: Pick<RunningWeir, 'signIn'>,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await newPage(t, browser, options);
  await page.goto(weir.signIn);
  try {
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  } catch (error) {
    throw new Error(`no overview at ${page.url()}: ${await page.locator('body').textContent()}`, { cause: error });
  }
  return page;
}

/** Goes to a page by the navigation, as people do. */
export async function open(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Evaluated in the page. What turns for ever, such as a spinner of a button, is no movement that ends. */
const STILL = `!document.body.textContent.includes('Loading …') &&
  document.getAnimations().every((one) => one.playState !== 'running' || one.effect?.getComputedTiming().iterations === Infinity)`;

/** Waits until nothing on the page loads or moves: a half faded dialog has half its contrast. */
export async function settled(page: Page): Promise<void> {
  await eventually('the page to settle', () => page.evaluate<boolean>(STILL));
}

/** Serious violations of WCAG on the page once it stands still; of one rule where one is named. */
export async function violations(page: Page, rule?: string): Promise<readonly string[]> {
  await settled(page);
  // The policy of the page forbids added script elements; what the debugger evaluates is no such thing.
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(`${AXE}; undefined`);
  const options = { resultTypes: ['violations'], ...(rule === undefined ? {} : { runOnly: { type: 'rule', values: [rule] } }) };
  const found = await page.evaluate<{ id: string; impact: string; nodes: { html: string }[] }[]>(
    `globalThis.axe.run(${JSON.stringify(options)}).then((found) => found.violations)`,
  );
  return found
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .map((one) => `${one.id}: ${one.nodes[0]?.html.slice(0, 160)}`);
}

const SCHEMES = ['light', 'dark'] as const;
const schemeOf = (page: Page) => page.evaluate<string>('document.documentElement.dataset.mantineColorScheme');

/** Serious violations in dark and in light: everything in the scheme that the page has, the colours in the other one, which it has afterwards. */
export async function violationsInBothSchemes(page: Page): Promise<readonly string[]> {
  const before = await schemeOf(page);
  const found = (await violations(page)).map((one) => `${before}: ${one}`);
  const other = SCHEMES.find((one) => one !== before)!;
  await page.emulateMedia({ colorScheme: other });
  await eventually(`the page in ${other}`, async () => (await schemeOf(page)) === other);
  return [...found, ...(await violations(page, 'color-contrast')).map((one) => `${other}: ${one}`)];
}

/** What a person with a narrow window would have to scroll sideways for: the page itself, or a list that is drawn in rows. */
export async function tooWide(page: Page, width: number): Promise<readonly string[]> {
  const { height = 720, width: before = width } = page.viewportSize() ?? {};
  await page.setViewportSize({ width, height });
  // Lists leave columns out once they have been measured.
  await page.evaluate(`(async () => { for (let frame = 0; frame < 4; frame++) await new Promise(requestAnimationFrame); })()`);
  const found = await page.evaluate<string[]>(
    `[document.documentElement, ...document.querySelectorAll('.rows')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => \`\${one.className}: \${one.scrollWidth}\`)`,
  );
  await page.setViewportSize({ width: before, height });
  return found;
}

/** The next request to an address of the API is held back until it is let go or given up. */
export async function hold(page: Page, address: string): Promise<{ readonly letGo: () => Promise<void> }> {
  const pattern = `**/api/v1${address}`;
  await page.route(pattern, () => undefined);
  return { letGo: () => page.unroute(pattern) };
}

/** Chooses an option of a select by its label. */
export async function choose(page: Page, label: string | RegExp, option: string | RegExp): Promise<void> {
  const box = page.getByRole('combobox', { name: label }).first();
  await box.waitFor();
  // Rows of tables have the browser's own.
  if ((await box.locator('option').count()) > 0) {
    await box.selectOption({ label: String(option) });
    return;
  }
  await box.click();
  await page.getByRole('option', { name: option, exact: typeof option === 'string' }).click();
}

/** Puts a text into the editor of policies in the place of what is there. */
export async function writePolicy(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Text of the policy' }).click();
  await page.keyboard.press('Control+A');
  // What is written over a choice takes its style with it, which the policy of the page refuses.
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

/** An API call with the session of the page. */
export async function call<T>(page: Page, method: string, path: string, body?: unknown): Promise<T> {
  return page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = (await (await fetch('/api/v1/session')).json()) as { csrf: string };
      const answer = await fetch(`/api/v1${path}`, {
        method,
        headers: { 'x-csrf-token': csrf, ...(body === null ? {} : { 'content-type': 'application/json' }) },
        body,
      });
      return answer.json();
    },
    [method, path, body === undefined ? null : JSON.stringify(body)] as const,
  ) as Promise<T>;
}

async function login(gateway: string, name: string): Promise<string> {
  const answer = await fetch(`${gateway}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: name, password: `${name}-pw` }),
  });
  return ((await answer.json()) as { token?: string }).token ?? '';
}

/** Headers of a user of the demo shop. */
export const credentials = async (gateway: string, name: string) => ({ authorization: `Bearer ${await login(gateway, name)}` });
