/**
 * A day's work on the admin pages, in a real browser over one `weir up`: templates, issues, policies, scans, recordings, redaction. One room: each case goes on
 * with what the ones before it left, and a browser and a weir of its own would cost each more than it takes.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import { call, choose, credentials, hold, open, settled, signedIn, startBrowser, violations, writePolicy } from './support/browser.js';
import { pcapOf } from './support/pcap.js';
import { eventually, type RunningWeir, startDemoApi, startWeir, temporaryFolder } from './support/processes.js';

t.setTimeout(400_000);

let browser: Browser;
let weir: RunningWeir;
let page: Page;
let upstream: string;
/** A folder of policy files. */
let policies: string;
t.before(async () => {
  browser = await startBrowser(t);
  upstream = await startDemoApi(t);
  policies = temporaryFolder(t);
  const rule = '  - {rule: teapot, when: {path: /teapot}, action: alert}';
  writeFileSync(path.join(policies, 'ours.yaml'), `policy: ours\ntitle: From our folder\nseverity: low\nrules:\n${rule}\n`);
  weir = await startWeir(t, ['--upstream', upstream, '--mode', 'enforce', '--policies', policies]);
  page = await signedIn(t, browser, weir, { timezoneId: 'Asia/Tokyo' });
  const headers = await credentials(weir.gateway, 'alice');
  const attacks = ['/api/products/search?q=%27%20OR%201=1--', '/api/invoices?file=../../../../etc/passwd', '/api/profile', '/debug/config'];
  const products = Array.from({ length: 8 }, (_, at) => `/api/products/${at + 1}`);
  for (const target of ['/api/products', '/api/products/search?q=a', ...products, '/api/orders', ...attacks])
    await fetch(`${weir.gateway}${target}`, { headers }).then((answer) => answer.text());
});

/** Waits for the row of an endpoint and opens it. */
async function openEndpoint(template: string): Promise<void> {
  await open(page, 'Inventory');
  await page.getByRole('textbox', { name: 'Search method, path or service' }).fill(template.replace(/\{.*/, ''));
  await page.getByRole('link', { name: `GET ${template}`, exact: true }).click();
  await page.getByRole('heading', { name: `GET ${template}`, level: 1 }).waitFor();
}

t.test('the overview: each number leads to its list, and a service is switched there', async (t) => {
  const main = page.locator('main');
  const link = (name: RegExp) => main.getByRole('link', { name }).first();
  await link(/^critical [1-9]/).waitFor();
  await link(/^101 /).waitFor();
  const outside = `[...document.querySelectorAll('main b, main .num')].filter((one) => !one.closest('a')).map((one) => one.textContent)`;
  t.same(await page.evaluate(outside), [], 'numbers that lead nowhere');
  for (const [name, address] of [
    [/^\d+ requests$/, '/inventory?sort=-requests'],
    [/^\d+ blocked$/, '/policies?sort=-hits'],
    [/^\d+ would have been blocked$/, '/policies?sort=-hits'],
    [/^\d+ endpoints?, \d+ new/, '/inventory?sort=-firstSeen'],
    [/^\d+ open issues?, \d+ critical/, '/issues?status=open%2Creopened'],
    [/^\d+ % of traffic matched/, '/inventory?sort=-requests'],
    [/^critical \d/, '/issues?severity=critical&status=open%2Creopened'],
    [/^email in responses/, '/inventory?dataType=email'],
    [/^101 /, /^\/actors\/principal/],
    [/ work: .*dropped, stream lag/, '/sources'],
  ] as const)
    t.match(await link(name).getAttribute('href'), address, String(name));
  const switches = main.getByRole('radiogroup', { name: 'Mode of api' });
  await switches.getByText('observe', { exact: true }).click();
  await page.getByRole('button', { name: 'Switch to observe' }).click();
  await page.getByText('api is in observe now').waitFor();
  await call(page, 'PUT', '/services/api/mode', { mode: 'enforce' });
  const issues = link(/^\d+ open issues?, \d+ critical/);
  const told = Number(/\d+/.exec((await issues.textContent()) ?? '')?.[0]);
  await issues.click();
  await main.getByText(new RegExp(`^${told} rows?`)).waitFor();
});

t.test('the inventory shows what it knows of an endpoint, finds it by a field, and exports a description', async (t) => {
  // Narrower windows leave the sparkline to the path.
  await page.setViewportSize({ width: 1440, height: 900 });
  await open(page, 'Inventory');
  const row = page.getByRole('row').filter({ hasText: '/api/profile' });
  await row.getByText('+4').waitFor();
  t.same(await page.getByRole('columnheader').allTextContents(), [
    'Endpoint',
    'Risk',
    'Access',
    'Auth',
    'Data types',
    'Tags',
    'Requests',
    'Last day',
    'Last seen',
  ]);
  t.match(await row.getByRole('cell').allTextContents(), [
    'GET /api/profile',
    /^\d+$/,
    'private',
    'jwt',
    'api_key+4',
    'sensitive',
    '1',
    '',
    /now|ago/,
  ]);
  t.equal(await row.locator('[title*="answers hold"]').count(), 1, 'why it has this risk');
  t.ok((await row.locator('svg').count()) > 0, 'a sparkline');
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByRole('textbox', { name: 'Field name' }).fill('apiKey');
  await page.getByText(/^1 row/).waitFor();
  t.match(page.url(), /field=apiKey/);
  await page.getByRole('button', { name: 'OpenAPI' }).click();
  const href = await page.getByRole('menuitem', { name: 'api', exact: true }).getAttribute('href');
  t.match(await page.evaluate(`fetch('${href}').then((answer) => answer.json())`), { openapi: /^3\./, paths: { '/api/profile': {} } });
  await page.keyboard.press('Escape');
  await row.getByRole('link').click();
  const panel = page.getByRole('tabpanel');
  for (const [tab, texts] of [
    ['Parameters', ['No parameter seen yet']],
    ['Schemas', ['Status 200', 'seen 1 time application/json', '"format": "email"']],
    ['Sensitive data', ['us_ssn', 'body ssn', 'First seen']],
    ['Callers', ['101', 'email × 1']],
    ['Traffic', ['requests']],
    ['Examples', ['GET /api/profile', 'evidence']],
    ['Issues', ['Sensitive data in a response']],
    ['Tests', ['Not tested yet']],
    ['History', ['answers hold us_ssn at ssn', 'GET /api/profile was first seen']],
    ['Why this template', ['probability of being a value']],
  ] as const) {
    await page.getByRole('tab', { name: tab, exact: true }).click();
    for (const text of texts) await panel.getByText(text).first().waitFor();
  }
  const facts = page.locator('main .facts');
  t.match(await facts.textContent(), /Latency p50 \/ p95\d.*Principals1First seen.*Last seen/);
  await page.goto(`${weir.admin}/inventory`);
  await page.getByRole('link', { name: 'GET /api/products/search', exact: true }).click();
  const parameter = panel.getByRole('row').filter({ hasText: 'query' });
  await parameter.waitFor();
  t.match(await parameter.getByRole('cell').allTextContents(), ['query', /^q/, /^string/]);
});

t.test('by keyboard: to a page, to its search, from row to row, and into one; dark and light', async (t) => {
  await open(page, 'Overview');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Search on this page').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.type('gp');
  await page.getByRole('heading', { name: 'Policies', level: 1 }).waitFor();
  await page.getByText(/^\d+ rows/).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('s');
  await page.waitForURL(/search=s/);
  const focused = (selector: string) =>
    eventually(`the focus on ${selector}`, () => page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`));
  await page.locator('.row').first().focus();
  for (const [key, row] of [
    ['ArrowDown', 1],
    ['Home', 0],
  ] as const) {
    await page.keyboard.press(key);
    await focused(`.row[data-index="${row}"]`);
  }
  const name = (await page.locator('.row').first().getByRole('link').textContent()) ?? '';
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  const scheme = () => page.evaluate<string>('document.documentElement.dataset.mantineColorScheme');
  const before = await scheme();
  await page.keyboard.press('Control+j');
  await eventually('the other colours', async () => (await scheme()) !== before);
  await page.keyboard.press('Control+j');
  await eventually('the colours of before', async () => (await scheme()) === before);
  t.pass('without a mouse');
});

t.test('an endpoint says who reaches whose objects there', async (t) => {
  const { items } = await call<{ items: { id: string; template: string }[] }>(page, 'GET', '/endpoints?limit=100');
  const ids = items.filter(({ template }) => /^\/api\/products\/\{/.test(template));
  t.equal(ids.length, 1);
  const sentence = page.getByText(/^Its objects are (?:not decided about|open|private)/);
  await eventually('what was learned of it', async () => {
    await page.goto(`${weir.admin}/inventory/${ids[0].id}`);
    return await sentence.waitFor({ timeout: 3_000 }).then(
      () => true,
      () => false,
    );
  });
});

t.test('a template is pinned, and the pin taken back', async (t) => {
  await openEndpoint('/api/orders');
  await page.getByRole('tab', { name: 'Why this template' }).click();
  await page.getByRole('button', { name: 'Pin this template' }).click();
  const edit = page.getByRole('listitem').filter({ hasText: 'GET /api/orders pinned' });
  await edit.getByRole('button', { name: 'Undo' }).click();
  await edit.getByText('undone').waitFor();
  t.same(await violations(page), []);
});

t.test(
  'endpoints are merged: they are one from then on, also while nothing is asked; a value is split off; both are taken back',
  async (t) => {
    const headers = await credentials(weir.gateway, 'alice');
    const ask = (target: string) => fetch(`${weir.gateway}${target}`, { headers }).then((answer) => answer.text());
    const templates = async () =>
      (await call<{ items: { method: string; template: string }[] }>(page, 'GET', '/endpoints?limit=200')).items
        .map((one) => `${one.method} ${one.template}`)
        .filter((name) => /^GET \/api\/[^/]+$/.test(name))
        .sort();
    const become = (what: string, expected: readonly string[]) =>
      eventually(`${what}: ${expected.join(', ')}`, async () => {
        const now = await templates();
        return expected.every((name) => now.includes(name)) && now.length === expected.length
          ? true
          : Promise.reject(new Error(now.join(', ')));
      });
    const before = ['GET /api/orders', 'GET /api/products', 'GET /api/profile'];
    await become('three endpoints', before);
    await openEndpoint('/api/orders');
    await page.getByRole('tab', { name: 'Why this template' }).click();
    await page.getByRole('button', { name: 'Merge with others' }).click();
    const form = page.getByRole('dialog');
    await form.getByRole('button', { name: 'orders' }).click();
    await form.getByText('3 of the endpoints so far fit it').waitFor();
    t.same(await violations(page), []);
    await form.getByRole('button', { name: 'Merge', exact: true }).click();
    await form.waitFor({ state: 'detached' });
    await become('merged', ['GET /api/{apiId}']);
    await page.getByRole('link', { name: 'GET /api/{apiId}', exact: true }).click();
    await page.getByRole('heading', { name: 'GET /api/{apiId}', level: 1 }).waitFor();
    await page.getByRole('tab', { name: 'Why this template' }).click();
    await page.getByRole('button', { name: 'Pinned' }).waitFor();
    await page.getByRole('button', { name: 'Split a value off' }).click();
    await form.getByLabel('Value').fill('orders');
    await form.getByRole('button', { name: 'Split' }).click();
    await form.waitFor({ state: 'detached' });
    await ask('/api/orders');
    await ask('/api/profile');
    await become('split', ['GET /api/orders', 'GET /api/{apiId}']);
    for (const text of ['"orders" split from GET /api/{apiId}', 'merged into GET /api/{apiId}']) {
      const edit = page.getByRole('listitem').filter({ hasText: text });
      await edit.getByRole('button', { name: 'Undo' }).click();
      await edit.getByText('undone').waitFor();
    }
    for (const name of before) await ask(name.replace('GET ', ''));
    await become('taken back', before);
  },
);

t.test('issues: chosen, given to somebody and accepted together; the filters kept as a view', async (t) => {
  await open(page, 'Issues');
  await eventually('issues', async () => (await page.getByRole('row').count()) > 3);
  await page.getByRole('checkbox', { name: 'Choose all that are loaded' }).check();
  const chosen = page.getByRole('toolbar', { name: 'Chosen issues' });
  const many = Number(/\d+/.exec((await chosen.textContent()) ?? '')?.[0]);
  t.ok(many >= 3, `${many} issues`);
  await choose(page, 'Assign the chosen issues', 'admin');
  await page.getByText(`${many} issues assigned.`).waitFor();
  const table = page.getByRole('table', { name: 'Issues' });
  await table.getByRole('cell', { name: 'admin', exact: true }).first().waitFor();
  for (const row of [0, 1])
    await table
      .getByRole('checkbox', { name: /^Choose (?!all)/ })
      .nth(row)
      .check();
  await chosen.getByText('2 issues chosen').waitFor();
  await chosen.getByRole('button', { name: 'Accept' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel('Reason').fill('a known demo');
  await form.getByRole('button', { name: 'Accept the risk' }).click();
  await page.getByText('2 issues changed.').waitFor();
  await choose(page, 'Status', 'accepted');
  await page.keyboard.press('Escape');
  await page.getByText(/^2 rows/).waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('textbox', { name: 'Name for the present filters' }).fill('Accepted');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('View “Accepted” is saved.').waitFor();
  await page.keyboard.press('Escape');
  await page.goto(`${weir.admin}/issues`);
  await eventually('the unfiltered list', async () => (await page.getByRole('row').count()) > 3);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Accepted' }).click();
  await page.getByText(/^2 rows/).waitFor();
  t.match(page.url(), /status=accepted/);
  await settled(page);
  t.same(await violations(page), []);
});

t.test('an issue is sent to an integration, and shows what led to it', async () => {
  await page.goto(`${weir.admin}/settings?tab=integrations`);
  await page.getByRole('button', { name: 'Add Webhook' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('textbox', { name: 'Name' }).fill('Our hook');
  await form.getByRole('textbox', { name: /url/i }).fill('http://127.0.0.1:9/');
  await choose(page, 'From which severity on', 'critical');
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Our hook is saved.').waitFor();
  await page.goto(`${weir.admin}/issues`);
  await page.getByRole('textbox', { name: 'Search issues' }).fill('secret');
  await page.getByRole('table', { name: 'Issues' }).getByRole('link').first().click();
  await page.getByRole('heading', { name: 'What led to it' }).waitFor();
  const before = page.locator('section').filter({ has: page.getByRole('heading', { name: 'What led to it' }) });
  await before.getByRole('link').first().waitFor();
  await choose(page, 'Send to an integration', 'Our hook');
  await page.getByText('On its way.').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'sent to' }).waitFor();
  await page.getByRole('textbox', { name: 'Comment' }).fill('seen, on it');
  await page.getByRole('button', { name: 'Comment' }).click();
  await page.getByRole('listitem').filter({ hasText: 'seen, on it' }).waitFor();
});

t.test(
  'of an issue comes a policy that was replayed, an exception, and a block; its actor is throttled and allowed for a time',
  async (t) => {
    const issue = page.url();
    const editor = page.getByRole('textbox', { name: 'Text of the policy' });
    await page.getByRole('button', { name: 'Make a policy' }).click();
    await editor.getByText('connection_string').waitFor();
    await page
      .getByRole('status')
      .filter({ hasText: /^Would have acted on 1 of \d+ exchanges/ })
      .waitFor();
    await page.getByRole('link', { name: 'GET /debug/config' }).waitFor();
    await page.goto(issue);
    await page.getByRole('button', { name: 'Make an exception' }).click();
    await editor.getByText('secrets-out').waitFor();
    await page.goto(issue);
    const form = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Block the actor' }).click();
    await choose(page, 'For how long', '15 minutes');
    await form.getByRole('button', { name: 'Block now' }).click();
    await page.getByText('Blocked from the next request on.').waitFor();
    const actor = page.locator('.facts').getByRole('link', { name: '101' });
    await actor.click();
    await page
      .getByRole('alert')
      .filter({ hasText: /ends in 1\d min/ })
      .waitFor();
    await page.getByRole('button', { name: 'Unblock' }).click();
    await page.getByRole('button', { name: 'Throttle' }).click();
    await choose(page, 'For how long', '1 hour');
    await form.getByRole('button', { name: 'Throttle now' }).click();
    await page
      .getByRole('alert')
      .filter({ hasText: /Throttled.*ends in/ })
      .waitFor();
    await page.getByRole('button', { name: 'Unblock' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await choose(page, 'For how long', '1 hour');
    await form.getByLabel('Reason').fill('our tester');
    await form.getByRole('button', { name: 'Put on the allowlist' }).click();
    await page
      .getByRole('alert')
      .filter({ hasText: /our tester.*ends in/ })
      .waitFor();
    const card = (name: string) => page.locator('section').filter({ has: page.getByRole('heading', { name, exact: true }) });
    for (const [name, text] of [
      ['Why this score', /SQL injection attempt.*points/],
      ['Endpoints touched', 'GET /debug/config'],
      ['Timeline', /^Throttled by/],
      ['Records obtained', 'us_ssn'],
      ['Addresses it came from', '127.0.0.1'],
    ] as const)
      await card(name).getByText(text).first().waitFor();
    t.same(await violations(page), []);
    await page.goto(`${weir.admin}/blocklist?tab=allow`);
    await page.getByRole('row').filter({ hasText: 'our tester' }).getByRole('button', { name: 'Remove' }).click();
    await page.getByText('Taken off the allowlist.').waitFor();
  },
);

t.test('a capture file is uploaded, and a description pins templates', async () => {
  const file = path.join(temporaryFolder(t), 'one.pcap');
  writeFileSync(
    file,
    pcapOf(
      'GET /from/the/wire HTTP/1.1\r\nHost: shop.example\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}',
    ),
  );
  await open(page, 'Sources');
  const { letGo } = await hold(page, '/imports*');
  await page.getByLabel('Recording to upload').setInputFiles(file);
  await page.getByText(/^Sending and reading one\.pcap \(\d+ B\): \d/).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('progressbar').waitFor({ state: 'detached' });
  await letGo();
  await page.getByLabel('Recording to upload').setInputFiles(file);
  await page.getByText('1 exchange read, 0 refused.').waitFor();
  await page.getByRole('status').getByRole('link', { name: 'Open the inventory' }).click();
  await page.getByRole('link', { name: '/from/the/wire' }).first().waitFor();
  await open(page, 'Sources');
  await page.getByRole('combobox', { name: 'Service' }).last().click();
  await page.getByRole('option').filter({ hasNotText: 'shop.example' }).first().click();
  await page.getByLabel('Description to read').setInputFiles(path.join(packageRoot(), 'examples', 'ci', 'demo-shop.openapi.json'));
  await page.getByText(/operations of .* are pinned/).waitFor();
});

t.test('the library of tests: search, filter, read, switch off', async (t) => {
  await open(page, 'Scans');
  await page.getByRole('tab', { name: 'Tests' }).click();
  await page.getByRole('textbox', { name: 'Search tests' }).fill('object can be read');
  await choose(page, 'Category', 'BOLA');
  await page.waitForURL(({ searchParams }) => searchParams.get('category') === 'BOLA' && searchParams.has('search'));
  const row = page.getByRole('row').filter({ has: page.getByText("Another user's object can be read", { exact: true }) });
  await row.getByText("Another user's object can be read", { exact: true }).click();
  await page.getByText(/id: bola-read-object/).waitFor();
  const use = row.getByRole('switch', { name: /^Use / });
  for (const enabled of [false, true]) {
    await use.click();
    await eventually(
      'the switch',
      async () => (await call<{ enabled: boolean }>(page, 'GET', '/scan-tests/bola-read-object')).enabled === enabled,
    );
  }
  t.same(await violations(page), []);
});

t.test('a scan: what, as whom, with which tests, how hard, and when, with its next five times; it runs, and is stopped', async (t) => {
  await open(page, 'Scans');
  await page.getByRole('button', { name: 'New scan' }).click();
  await page.getByLabel('Name').fill('Nightly');
  await choose(page, 'Service', 'api');
  await page.getByRole('combobox', { name: 'Endpoints' }).fill('/api/orders');
  await page.getByRole('option', { name: 'GET /api/orders', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByLabel('Target').fill(upstream);
  await page.getByRole('combobox', { name: 'Categories' }).press('ArrowDown');
  await page.getByRole('option', { name: 'CORS', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByLabel('Requests per second, at most').fill('1');
  await choose(page, 'Runs', 'by a cron expression');
  await page.getByLabel('Cron expression').fill('61 2 * * *');
  await page.getByText(/schedule cannot be read/).waitFor();
  await page.getByLabel('Cron expression').fill('30 2 * * 1-5');
  await page.getByRole('list', { name: 'Next times' }).waitFor();
  t.equal(await page.getByRole('list', { name: 'Next times' }).getByRole('listitem').count(), 5);
  const time = page.getByRole('list', { name: 'Next times' }).locator('time').first();
  t.match(await time.textContent(), /\b02:30:00$/, "in the person's zone");
  t.match(await time.getAttribute('title'), /\b17:30:00 UTC$/, 'UTC on hover');
  await page.getByRole('button', { name: 'Save and run now too' }).click();
  await page.getByRole('progressbar', { name: 'Progress of the scan' }).waitFor({ state: 'attached' });
  await page.getByText('running', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByText('stopped', { exact: true }).waitFor();
  const [run] = (await call<{ items: { progress: { done: number; total: number } }[] }>(page, 'GET', '/scan-runs')).items;
  t.ok(run!.progress.done < run!.progress.total, `${JSON.stringify(run!.progress)}: before its end`);
  const [scan] = (await call<{ items: { definition: { endpoints: { ids: string[] } } }[] }>(page, 'GET', '/scans')).items;
  t.match(scan, {
    zone: 'Asia/Tokyo',
    definition: { targetUrl: upstream, categories: ['CORS'], requestsPerSecond: 1, intrusive: false },
  });
  const [chosen] = scan!.definition.endpoints.ids;
  t.match(await call(page, 'GET', `/endpoints/${chosen}`), { method: 'GET', template: '/api/orders' });
  await open(page, 'Scans');
  await page.getByRole('cell', { name: 'Nightly', exact: true }).waitFor();
  await page.getByText('30 2 * * 1-5').waitFor();
});

t.test('a policy is enforced for a share of the traffic; the history shows what a version changed', async (t) => {
  await open(page, 'Policies');
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const head of ['Policy', 'Mode', 'Severity', 'Origin', 'Hits', 'Acted', 'Would act', 'Mean time', 'Changed'])
    await page.getByRole('columnheader', { name: head, exact: true }).waitFor();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByRole('button', { name: 'Hits' }).click();
  await page.waitForURL(/sort=-hits/);
  const most = page.getByRole('table', { name: 'Policies' }).getByRole('row').nth(1);
  await most
    .getByRole('cell')
    .nth(4)
    .getByText(/^[1-9]/)
    .waitFor();
  await most.getByText(/^[\d.]+ (?:ns|µs)$/).waitFor();
  await most.getByRole('link').click();
  await page.getByRole('tab', { name: 'Rules and hits' }).click();
  await page
    .getByRole('table', { name: 'Rules' })
    .getByText(/^\d+ ns$/)
    .first()
    .waitFor();
  await page.goto(`${weir.admin}/policies?origin=folder`);
  await page.getByText(/^1 row/).waitFor();
  await page.getByRole('link', { name: 'From our folder' }).click();
  await page.getByText(`This policy comes from ${path.join(policies, 'ours.yaml')} and is read-only here.`).waitFor();
  t.equal(await page.getByRole('button', { name: 'Save' }).count(), 0);
  t.equal(await page.getByRole('textbox', { name: 'Text of the policy' }).getAttribute('contenteditable'), 'false');
  await open(page, 'Policies');
  const name = 'debug-headers';
  await page.getByRole('textbox', { name: 'Search policies' }).fill(name);
  await page.getByText(/^1 row/).waitFor();
  await choose(page, `Mode of ${name}`, 'enforce');
  await page.getByText(/is in enforce now\./).waitFor();
  await choose(page, /^Share of the traffic/, '10 %');
  await page.getByText(/is in enforce now for 10 % of the traffic/).waitFor();
  await page.getByRole('button', { name: 'New policy' }).click();
  await page.getByText(/^No error/).waitFor();
  const wanted = (fires: string) =>
    `policy: my-policy\ntitle: What it is for\nmode: observe\nrules:\n  - {rule: search, when: {path: '/api/products/**'}, action: block}\n` +
    `cases:\n  - case: a search\n    request: {target: /api/products/search}\n    fires: [${fires}]\n`;
  for (const [fires, says] of [
    ['', '1 case of 1 fail'],
    ['search', /^No error, 1 case pass/],
  ] as const) {
    await writePolicy(page, wanted(fires));
    await page.getByText(says).waitFor();
    t.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), fires === '');
  }
  const { letGo } = await hold(page, '/policy-replay');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText(/^Looking at what was kept: \d/).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('progressbar').waitFor({ state: 'detached' });
  await letGo();
  await page.getByRole('button', { name: 'Replay' }).click();
  const replayed = (await page.getByText(/^Would have acted on \d+ of \d+ exchanges/).textContent()) ?? '';
  t.ok(Number(/\d+/.exec(replayed)?.[0]) >= 8, replayed);
  await page.getByRole('listitem').filter({ hasText: '/api/products/search' }).getByText('block', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/is saved and in force/).waitFor();
  await page.getByRole('heading', { name: 'What it is for' }).waitFor();
  await choose(page, /^Mode of my-policy/, 'enforce');
  await page.getByText('my-policy is in enforce now.').waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('button', { name: 'Compare' }).first().click();
  await page.locator('.diff [data-kind="removed"]', { hasText: 'mode: observe' }).waitFor();
  await page.locator('.diff [data-kind="added"]', { hasText: 'mode: enforce' }).waitFor();
  t.same(await violations(page), []);
  await page.getByRole('button', { name: 'Revert to this' }).click();
  await page.getByText('The old text is in force again.').waitFor();
  t.match(await call(page, 'GET', '/policies/my-policy'), { version: 3, mode: 'observe' });
  await page.goto(`${weir.admin}/settings?tab=audit&action=policies.revert`);
  await page.getByText(/^1 row/).waitFor();
  t.equal(await page.getByRole('textbox', { name: /^What/ }).inputValue(), 'policies.revert', 'the filter stands in the address');
});

t.test('is it working? a marked request is followed to this page', async (t) => {
  await open(page, 'Sources');
  const gateway = page
    .getByRole('region')
    .filter({ hasText: /^gateway/ })
    .first();
  for (const fact of ['ok', 'Exchanges per second', 'Lag', 'Dropped', 'Version', 'Up since', 'Seen'])
    await gateway.getByText(fact, { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Run the self-test' }).click();
  for (const step of ['find a gateway', 'send a request through it', 'engine and store have it', 'this page has it'])
    await page.getByRole('listitem').filter({ hasText: step }).getByText('ok', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'the request as weir keeps it' }).click();
  await page
    .getByText(/\.weir-self-test/)
    .first()
    .waitFor();
  t.pass('it is kept, and can be looked at');
});

t.test('settings: a data type of our own is tried while it is written; a token works until it is revoked', async (t) => {
  await page.goto(`${weir.admin}/settings?tab=data-types`);
  await page.getByText('card', { exact: false }).first().waitFor();
  await page.getByLabel('Pattern').fill('EMP-\\d{6}');
  await page.getByLabel('Title', { exact: true }).fill('Staff number');
  await page.getByRole('status').filter({ hasText: /•4711/ }).waitFor();
  await page.getByRole('button', { name: 'Save this type' }).click();
  await page.getByText('weir looks for Staff number from now on.').waitFor();
  await page.getByRole('textbox', { name: /^Search title/ }).fill('staff');
  await page.getByText(/^1 row/).waitFor();
  await page.getByRole('tab', { name: 'Tokens' }).click();
  await page.getByLabel('Name').fill('CI');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const secret = await page.getByRole('alert').locator('code').textContent();
  const ask = async () => (await fetch(`${weir.admin}/api/v1/issues`, { headers: { authorization: `Bearer ${secret}` } })).status;
  t.equal(await ask(), 200);
  await page.getByRole('button', { name: /^Revoke/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('The token is of no use any more.').waitFor();
  t.equal(await ask(), 401);
});

t.test('a report opens for a service and a period, and prints', async (t) => {
  await open(page, 'Overview');
  await page.getByRole('button', { name: 'Report' }).click();
  await page.getByRole('heading', { name: 'Report', level: 1 }).waitFor();
  await page.getByText('30 days', { exact: true }).click();
  t.match(page.url(), /from=\d{4}-\d\d-\d\d/);
  t.same(await violations(page), []);
  const [report] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Open the report' }).click()]);
  for (const name of ['Posture', 'Open issues', 'Blocked attacks', 'What changed', 'Sensitive data', 'Endpoints by risk'])
    await report.getByRole('heading', { name, level: 2 }).waitFor();
  t.match(await report.locator('body').textContent(), /SQL injection attempt/);
  t.equal(await report.evaluate(`getComputedStyle(document.body).fontFamily.includes('system-ui')`), true, 'its style sheet is let in');
  t.ok((await report.pdf()).length > 5_000, 'as PDF');
  await report.close();
});
