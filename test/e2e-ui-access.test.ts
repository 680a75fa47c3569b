/** Who may come in and what they may do, and what each page says when weir is slow, failing or away, in a real browser. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import {
  call,
  credentials,
  newPage,
  open,
  settled,
  signedIn,
  startBrowser,
  tooWide,
  violations,
  violationsInBothSchemes,
} from './support/browser.js';
import { startOidcProvider } from './support/oidc.js';
import { eventually, type RunningWeir, startDemoApi, startWeir, temporaryFolder } from './support/processes.js';
import { startUnreliable, type Unreliable } from './support/unreliable.js';

t.setTimeout(400_000);

let browser: Browser;
let weir: RunningWeir;
let admin: Page;
/** The same address after a restart. */
let args: readonly string[];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const provider = startOidcProvider(t, { ada: ['security', 'staff'], bert: ['developers'], mallory: ['guests'] });
t.before(async () => {
  browser = await startBrowser(t);
  const { issuer, clientId, clientSecret } = await provider;
  const config = path.join(temporaryFolder(t), 'weir.yaml');
  const oidc = { name: 'Example ID', issuer, clientId, clientSecret, roles: { security: 'admin', developers: 'viewer' } };
  const upstream = await startDemoApi(t);
  writeFileSync(config, JSON.stringify({ admin: { oidc }, services: [{ name: 'shop', upstreams: [upstream] }] }));
  args = ['--config', config, '--admin-port', String(await freePort()), '--port', String(await freePort())];
  weir = await startWeir(t, args);
  admin = await signedIn(t, browser, weir);
  const headers = await credentials(weir.gateway, 'alice');
  for (const target of ['/api/orders', '/api/profile', '/debug/config'])
    await fetch(`${weir.gateway}${target}`, { headers }).then((answer) => answer.text());
});

async function passwordSignIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

t.test('with a password: wrong, right, out again; each role sees what it may do, and the server agrees', async (t) => {
  // The list as it was before, which arrives when the first user has been added.
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await admin.route(
    '**/api/v1/users',
    async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response }).catch(() => undefined);
    },
    { times: 1 },
  );
  await admin.goto(`${weir.admin}/settings?tab=users`);
  const visits: Promise<void>[] = [];
  for (const role of ['viewer', 'analyst'] as const) {
    const name = { viewer: 'vera', analyst: 'anna' }[role];
    await admin.getByRole('button', { name: 'Add a user' }).click();
    const form = admin.getByRole('dialog');
    await form.getByLabel('Name').fill(name);
    await form.getByRole('combobox', { name: 'Role' }).click();
    await admin.getByRole('option', { name: role }).click();
    await form.getByRole('button', { name: 'Add' }).click();
    await form.waitFor({ state: 'detached' });
    letGo();
    await admin.getByRole('button', { name: `Sign-in link for ${name}` }).click();
    const link = await admin
      .getByRole('dialog')
      .getByText(/\/welcome#/)
      .textContent();
    await admin.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    visits.push(visit(t, name, role, link?.trim() ?? ''));
  }
  await Promise.all(visits);
});

async function visit(t: Test, name: string, role: 'viewer' | 'analyst', link: string): Promise<void> {
  const page = await signedIn(t, browser, { signIn: link });
  await page.getByRole('link', { name: 'Set a password' }).click();
  await page.getByRole('textbox', { name: 'New password' }).fill(`a long password of ${name}`);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Your password is set.').waitFor();
  await page.getByRole('button', { name: `Account of ${name}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
  if (role === 'viewer') t.same(await violations(page), []);
  await passwordSignIn(page, name, 'something else altogether');
  await page.getByRole('alert').filter({ hasText: 'name or password is wrong' }).waitFor();
  await passwordSignIn(page, name, `a long password of ${name}`);
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
  await open(page, 'Policies');
  t.equal(await page.getByRole('button', { name: 'New policy' }).isDisabled(), true, `${role}: no policies`);
  t.equal(await page.getByRole('combobox', { name: /^Mode of / }).count(), 0);
  await open(page, 'Blocklist');
  t.equal(await page.getByRole('button', { name: 'Block', exact: true }).isDisabled(), role === 'viewer', `${role}: blocks`);
  await open(page, 'Settings');
  t.equal(await page.getByRole('tab', { name: 'Users' }).count(), 0);
  t.equal(await page.evaluate(async () => (await fetch('/api/v1/users')).status), 403, 'and the server says so too');
  const blocked = await call<{ code?: string }>(page, 'POST', '/blocks', { value: '203.0.113.7' });
  t.equal(blocked.code, role === 'viewer' ? 'ADMIN_FORBIDDEN' : undefined, `${role}: the server on blocks`);
}

t.test('by a link, while "nobody" is still on its way as the answer to who is there', async (t) => {
  const { id } = await call<{ id: string }>(admin, 'POST', '/users', { name: 'late', role: 'viewer' });
  const link = await call<{ path: string }>(admin, 'POST', `/users/${id}/sign-in-link`);
  const page = await newPage(t, browser);
  // Asked without the browser's cookies: on a busy machine the link has signed in before this is asked.
  const nobody = await fetch(`${weir.admin}/api/v1/session`);
  const body = await nobody.text();
  await page.route(
    '**/api/v1/session',
    async (route) => {
      await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
      await route.fulfill({ status: nobody.status, headers: Object.fromEntries(nobody.headers), body });
    },
    { times: 1 },
  );
  const answered = page.waitForResponse('**/api/v1/session');
  await page.goto(`${weir.admin}${link.path}`);
  t.equal((await answered).status(), 401);
  await open(page, 'Inventory');
  t.equal(await page.getByRole('button', { name: 'Account of late' }).isVisible(), true, 'still signed in');
});

t.test('single sign-on: a role by the group, no way in without one, out when the group is gone', async (t) => {
  const { groups } = await provider;
  const page = await newPage(t, browser);
  const continueAs = async (name: string) => {
    await page.goto(weir.admin);
    await page.getByRole('link', { name: 'Continue with Example ID' }).click();
    await page.getByRole('link', { name }).click();
  };
  const signOut = async (name: string) => {
    await page.getByRole('button', { name: `Account of ${name}` }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
  };
  await continueAs('ada');
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await page.goto(`${weir.admin}/settings?tab=users`);
  await page.getByRole('row').filter({ hasText: 'ada@example.com' }).getByText('single sign-on').waitFor();
  await signOut('ada');
  await continueAs('bert');
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await open(page, 'Policies');
  t.equal(await page.getByRole('button', { name: 'New policy' }).isDisabled(), true, 'a viewer');
  await signOut('bert');
  await continueAs('mallory');
  await page.getByText('None of your groups may use weir.').waitFor();
  t.same(await violations(page), []);
  groups.set('ada', ['developers']);
  await continueAs('ada');
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  t.match(await call(page, 'GET', '/session'), { name: 'ada', role: 'viewer' }, 'the role follows the group at the next sign-in');
  await page.goto(`${weir.admin}/api/v1/session/oidc/callback?code=stolen&state=x`);
  await page.getByText('This sign-in was not begun on this page.').waitFor();
});

/** Every page, with what stands on it once it has its data. */
async function pages(): Promise<readonly (readonly [string, string | RegExp])[]> {
  const first = async (list: string) =>
    eventually(`something in ${list}`, async () => (await call<{ items: { id: string }[] }>(admin, 'GET', list)).items[0]?.id);
  const scan = await call<{ id: string }>(admin, 'POST', '/scans', { name: 'One', service: 'shop', definition: { tests: ['none'] } });
  const run = await call<{ id: string }>(admin, 'POST', `/scans/${scan.id}/runs`, {});
  const endpoint = await first('/endpoints');
  return [
    ['/', 'Requests over time'],
    ['/inventory', '/api/orders'],
    [`/inventory/${endpoint}`, 'Why this risk:'],
    [`/inventory/${endpoint}?tab=data`, /No sensitive data seen here|First seen/],
    [`/inventory/${endpoint}?tab=callers`, 'Exchanges kept'],
    [`/inventory/${endpoint}?tab=why`, 'Merge with others'],
    ['/issues', /^\d+ rows?/],
    [`/issues/${await first('/issues')}`, 'What happened'],
    ['/actors', /^\d+ rows?/],
    [`/actors/${encodeURIComponent(await first('/actors'))}`, 'Why this score'],
    ['/blocklist', /^Whom$|Nobody is blocked/],
    ['/blocklist?tab=allow', 'The allowlist is empty'],
    ['/blocklist?tab=feeds', 'No feed yet'],
    ['/policies', /^\d+ rows?/],
    ['/policies/debug-headers', 'Cases'],
    ['/policies/new', 'Cases'],
    ['/scans', 'Run now'],
    ['/scans?tab=runs', /^\d+ rows?/],
    ['/scans?tab=tests', /^\d+ (?:rows|loaded)/],
    ['/scans?tab=contexts', 'No identity yet'],
    ['/scans/new', 'As whom'],
    [`/scans/runs/${run.id}`, 'Started by'],
    ['/sources', 'Gateways, sensors and engines'],
    [`/exchanges/${await first('/exchanges')}`, 'Request id'],
    ['/reports', 'What it is about'],
    ['/settings?tab=account', 'Set a password'],
    ['/settings?tab=users', 'May sign in'],
    ['/settings?tab=tokens', 'No token yet'],
    ['/settings?tab=data-types', 'Sensitivity'],
    ['/settings?tab=auth-contexts', 'No identity yet'],
    ['/settings?tab=integrations', 'Webhook'],
    ['/settings?tab=redaction', '"password": "[redacted:'],
    ['/settings?tab=retention', /^The store takes \d.* of \d/],
    ['/settings?tab=audit', /^\d+ rows?/],
  ];
}

/** The narrowest window that the pages are made for. */
const NARROW_PX = 1024;
/** Windows at once: most of the time they wait. */
const AT_ONCE = 4;
async function eachPage(
  t: Test,
  list: readonly (readonly [string, string | RegExp])[],
  visit: (page: Page, network: Unreliable, address: string, text: string | RegExp) => Promise<void>,
) {
  const queue = [...list];
  const storageState = await admin.context().storageState();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      // A window of its own: tabs behind another stand still.
      const page = await newPage(t, browser, { storageState, viewport: { width: 1280, height: 720 } });
      const network = await startUnreliable(t, weir.admin);
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [address, text] = next;
        await visit(page, network, address, text).catch((error: Error) => {
          throw new Error(`${address}: ${error.message}`);
        });
      }
      await page.close();
    }),
  );
}

const ready = (page: Page, text: string | RegExp) => page.locator('main').getByText(text).first().waitFor();

t.test('each page says when weir is slow, fails or is away; afterwards it is whole, and fit for assistive technology', async (t) => {
  await eachPage(t, await pages(), async (page, network, address, text) => {
    network.become('slow');
    await page.goto(`${network.url}${address}`);
    // The account of the person who is signed in is known already, and a form needs nothing to be filled in.
    const asks = !/account|policies\/new/.test(address);
    const main = page.locator('main');
    const again = main.getByRole('button', { name: /Try again/ });
    // A notice of weir may make the page try again by itself meanwhile.
    const tryAgainUntil = (what: string, isSo: () => Promise<boolean>) =>
      eventually(`${address}: ${what}`, async () => {
        if (await isSo()) return true;
        if ((await again.count()) > 0) await again.first().click({ timeout: 1_000 });
        return false;
      });
    if (asks && !address.startsWith('/scans/new'))
      await main
        .getByText(/^This takes longer than usual/)
        .first()
        .waitFor();
    network.become('failing');
    if (asks) {
      await main.getByRole('alert').filter({ hasText: 'weir could not do this' }).first().waitFor();
      network.become('away');
      await tryAgainUntil('weir is away', () => main.getByRole('alert').filter({ hasText: 'weir is away' }).first().isVisible());
    }
    network.become('fair');
    await tryAgainUntil('it is whole again', async () => (await again.count()) === 0);
    await ready(page, text);
    t.same(await violationsInBothSchemes(page), [], `${address}: no serious flaw for assistive technology`);
    t.same(await tooWide(page, NARROW_PX), [], `${address}: fits`);
  });
});

t.test('weir is restarted: an open page says that it is away, and goes on by itself', async (t) => {
  await open(admin, 'Inventory');
  await admin.getByRole('link', { name: '/api/orders' }).first().waitFor();
  await weir.stop();
  await admin.getByRole('alert').filter({ hasText: 'weir is away' }).first().waitFor();
  t.equal(await admin.getByRole('link', { name: '/api/orders' }).first().isVisible(), true, 'what it knew last is still there');
  weir = await startWeir(t, args, weir.data);
  await admin.getByRole('alert').filter({ hasText: 'weir is away' }).first().waitFor({ state: 'detached' });
  await admin.getByText('live', { exact: true }).waitFor();
  await fetch(`${weir.gateway}/api/products`, { headers: await credentials(weir.gateway, 'alice') });
  await admin.getByRole('link', { name: '/api/products' }).first().waitFor();
  await settled(admin);
  t.pass('told of what is new again, without a reload');
});
