/** The admin pages in a real browser, over real `weir up` processes: the four journeys, sign-in, and what happens when weir is away. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { eventually, type RunningWeir, startDemoApi, startWeir } from './support/processes.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** All of it takes about a minute; a busy machine may need more. */
t.setTimeout(300_000);
const PATIENCE_MS = 12_000;

let browser: Browser;
t.before(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
});
t.teardown(() => browser.close());

/** A signed-in page. Anything the page throws, and any style or script that its content policy refuses, fails the test. */
async function signedIn(t: Test, weir: RunningWeir): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  t.teardown(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => t.fail(`the page threw: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy'))
      t.fail(`${message.text()} at ${message.location().url}:${message.location().lineNumber}:${message.location().columnNumber}`);
  });
  await page.goto(weir.signIn);
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  return page;
}

async function open(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Waits until nothing on the page loads or moves: a half faded dialog has half its contrast. */
async function settled(page: Page): Promise<void> {
  await eventually('the page to settle', () =>
    page.evaluate(
      () =>
        !document.body.textContent.includes('Loading …') &&
        document.getAnimations().every((one) => one.playState !== 'running' || one.effect?.getComputedTiming().iterations === Infinity),
    ),
  );
}

/** Serious violations of WCAG on the page once it stands still. */
async function violations(page: Page): Promise<readonly string[]> {
  await settled(page);
  return page.evaluate(async (source) => {
    // The policy of the page forbids added script elements; what the debugger evaluates is no such thing.
    const run = new Function(`${source}; return globalThis.axe.run(document, { resultTypes: ['violations'] })`);
    const found = (await run()) as { violations: { id: string; impact: string; nodes: { html: string }[] }[] };
    return found.violations
      .filter((one) => one.impact === 'serious' || one.impact === 'critical')
      .map((one) => `${one.id}: ${one.nodes[0]?.html.slice(0, 160)}`);
  }, AXE);
}

async function login(gateway: string, name: string): Promise<string> {
  const answer = await fetch(`${gateway}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: name, password: `${name}-pw` }),
  });
  return ((await answer.json()) as { token?: string }).token ?? '';
}

t.test('the four journeys', async (t) => {
  t.setTimeout(300_000);
  const upstream = await startDemoApi(t);
  const weir = await startWeir(t, ['--upstream', upstream, '--mode', 'enforce']);
  const page = await signedIn(t, weir);

  await t.test('a new endpoint shows up by itself', async (t) => {
    await open(page, 'Inventory');
    await page.getByText('No endpoint yet').waitFor();
    await fetch(`${weir.gateway}/api/products`);
    await page.getByRole('link', { name: '/api/products' }).waitFor();
    await page.getByRole('link', { name: '/api/products' }).click();
    await page.getByRole('heading', { name: 'GET /api/products', level: 1 }).waitFor();
    await page.getByRole('tab', { name: 'Why this template' }).click();
    await page.getByRole('button', { name: 'Pin this template' }).waitFor();
    t.same(await violations(page), []);
  });

  await t.test('the mode is switched, and what to listen to is said', async (t) => {
    await open(page, 'Sources');
    await page.getByText('mirror', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Switch to mirror' }).click();
    await page.getByText(/is in mirror now/).waitFor();
    await page.getByText('enforce', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Switch to enforce' }).click();
    await page.getByText(/is in enforce now/).waitFor();
    await page.getByRole('button', { name: 'Upload a recording' }).waitFor();
    t.same(await violations(page), []);
  });

  await t.test('a policy with an error says so at its line; mended and saved, it acts on the next response', async (t) => {
    t.equal((await fetch(`${weir.gateway}/api/products`)).status < 500, true);
    await open(page, 'Policies');
    await page.getByRole('button', { name: 'New policy' }).click();
    const editor = page.getByRole('textbox', { name: 'Text of the policy' });
    const write = async (text: string) => {
      await editor.click();
      await page.keyboard.press('Control+A');
      await page.keyboard.press('Delete');
      await page.keyboard.insertText(text);
    };
    const policy = (action: string) =>
      `policy: no-products\nmode: enforce\nmatch: {path: /api/products}\nrules:\n  - rule: closed\n    phase: response\n    action: ${action}\n`;
    await write(policy('blok'));
    await page.getByText(/Line 7/).waitFor();
    await page.locator('.cm-lint-marker-error').first().waitFor();
    t.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
    await write(policy('block'));
    await page.getByText(/^No error/).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/is saved and in force/).waitFor();
    await eventually('the policy to act', async () => (await fetch(`${weir.gateway}/api/products`)).status === 403);
    await open(page, 'Issues');
    await page.locator('.row a').first().click();
    await page.getByRole('heading', { name: 'Evidence' }).waitFor();
    t.same(await violations(page), []);
  });

  await t.test('an actor is blocked and unblocked on their page', async (t) => {
    const token = await login(weir.gateway, 'ada');
    const ask = async () => fetch(`${weir.gateway}/api/orders`, { headers: token === '' ? {} : { authorization: `Bearer ${token}` } });
    await ask();
    await page.goto(`${weir.admin}/actors/${encodeURIComponent('address:127.0.0.1')}`);
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByRole('button', { name: 'Block now' }).click();
    const force = page.getByLabel('Do it all the same');
    const blocked = page.getByText('Blocked from the next request on.');
    await blocked.or(force).first().waitFor();
    if (await force.isVisible()) {
      await force.check();
      await page.getByRole('button', { name: 'Block now' }).click();
      await blocked.waitFor();
    }
    const refused = await eventually('the block', async () => {
      const response = await ask();
      return response.status === 403 ? response : null;
    });
    t.match(await refused.text(), /incident/i);
    t.same(await violations(page), []);
    await page.getByRole('button', { name: 'Unblock' }).click();
    await page.getByText('Unblocked. The next request passes.').waitFor();
    await eventually('the way to be free', async () => (await ask()).status !== 403);
  });

  await t.test('a scan is put on a schedule, with its next five times', async (t) => {
    await open(page, 'Scans');
    await page.getByRole('button', { name: 'New scan' }).click();
    await page.getByLabel('Name').fill('Nightly');
    await page.getByRole('combobox', { name: 'Runs' }).click();
    await page.getByRole('option', { name: 'by a cron expression' }).click();
    await page.getByLabel('Cron expression').fill('61 2 * * *');
    await page.getByText(/schedule cannot be read/).waitFor();
    await page.getByLabel('Cron expression').fill('30 2 * * 1-5');
    await page.getByRole('list', { name: 'Next times' }).waitFor();
    t.equal(await page.getByRole('list', { name: 'Next times' }).getByRole('listitem').count(), 5);
    await page.getByRole('button', { name: 'Save the schedule' }).click();
    await page.getByRole('cell', { name: 'Nightly', exact: true }).waitFor();
    await page.getByText('30 2 * * 1-5').waitFor();
  });

  await t.test('no page has a serious flaw for assistive technology', async (t) => {
    for (const name of ['Overview', 'Inventory', 'Issues', 'Actors', 'Blocklist', 'Policies', 'Scans', 'Settings']) {
      await open(page, name);
      t.same(await violations(page), [], name);
    }
  });

  await t.test('when the API is away, the page says so and recovers', async (t) => {
    await open(page, 'Actors');
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.reload();
    await page.getByRole('alert').filter({ hasText: 'weir is away' }).first().waitFor();
    await page.getByRole('button', { name: 'Try again' }).first().waitFor();
    await page.unroute('**/api/v1/**');
    await page.getByRole('table', { name: 'Actors' }).waitFor();
    await page.route('**/api/v1/issues?*', (route) => route.fulfill({ status: 500, body: 'out of order' }));
    await page.getByRole('navigation').getByRole('link', { name: 'Issues' }).click();
    await page
      .getByText('Could not be refreshed')
      .or(page.getByRole('button', { name: 'Try again' }))
      .first()
      .waitFor();
    await page.unroute('**/api/v1/issues?*');
    await page
      .getByText('Could not be refreshed')
      .or(page.getByRole('button', { name: 'Try again' }))
      .first()
      .click();
    await page.getByRole('table', { name: 'Issues' }).waitFor();
    t.pass('the list is back');
  });
});
