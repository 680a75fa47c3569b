/** A scan from traffic to the proof that a virtual patch holds, against the real processes. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { eventually, type RunningWeir, startDemoApi, startWeir } from './support/processes.js';

interface Row {
  readonly [name: string]: unknown;
}

function adminOf(t: Test, running: RunningWeir) {
  const token = readFileSync(path.join(running.data, 'admin-token'), 'utf8').trim();
  return async <T = Row>(method: string, resource: string, body?: object): Promise<T> => {
    const answer = await fetch(`${running.admin}/api/v1${resource}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    t.ok(answer.ok, `${method} ${resource}: ${answer.status} ${answer.ok ? '' : text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  };
}

/** Customers read their lists and orders through the gateway, so that weir knows whose order is whose. */
async function useShop(gateway: string, names: readonly string[], rounds: number): Promise<void> {
  for (const name of names) {
    const login = await fetch(`${gateway}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: name, password: `${name}-pw` }),
    });
    const authorization = `Bearer ${((await login.json()) as { token: string }).token}`;
    for (let round = 0; round < rounds; round++) {
      const list = (await (await fetch(`${gateway}/api/orders`, { headers: { authorization } })).json()) as { orders: { id: number }[] };
      for (const { id } of list.orders) await (await fetch(`${gateway}/api/orders/${id}`, { headers: { authorization } })).text();
    }
  }
}

t.test('what a scan finds becomes an issue; a virtual patch made of it holds when the same test runs through the gateway', async (t) => {
  const running = await startWeir(t, ['--upstream', await startDemoApi(t)]);
  const api = adminOf(t, running);
  const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'];
  await useShop(running.gateway, names, 4);
  await eventually('the template', async () =>
    (await api<{ items: Row[] }>('GET', '/endpoints?service=api')).items.some(({ template }) => template === '/api/orders/{orderId}'),
  );
  const authContexts: string[] = [];
  for (const name of ['alice', 'bob']) {
    const config = { path: '/api/login', body: JSON.stringify({ username: name, password: `${name}-pw` }) };
    const made = await api<{ id: string }>('POST', '/auth-contexts', { name, service: 'api', role: 'user', kind: 'login', config });
    authContexts.push(made.id);
  }
  const scan = await api<{ id: string }>('POST', '/scans', {
    name: 'orders',
    service: 'api',
    definition: { authContexts, tests: ['bola-read-object'] },
    cron: '0 4 * * *',
    zone: 'Europe/Berlin',
  });
  const ended = async (id: string) => {
    const run = await eventually(
      'the run to end',
      async () => {
        const now = await api<{ state: string; summary: Row }>('GET', `/scan-runs/${id}`);
        return ['finished', 'failed', 'stopped'].includes(now.state) ? now : null;
      },
      90_000,
    );
    t.equal(run.state, 'finished', JSON.stringify(run.summary));
  };
  await ended((await api<{ id: string }>('POST', `/scans/${scan.id}/runs`, {})).id);
  const found = (await api<{ items: Row[] }>('GET', '/issues?kind=scan.vulnerability')).items.find(
    ({ template }) => template === '/api/orders/{orderId}',
  );
  t.ok(found, 'an issue');
  const issue = found as { id: string; status: string };
  t.equal(issue.status, 'open');

  const draft = await api<{ name: string; text: string }>('GET', `/issues/${issue.id}/policy-draft`);
  await api('PUT', `/policies/${draft.name}`, { text: draft.text.replace('mode: observe', 'mode: enforce'), note: 'patch' });
  await api('PUT', '/services/api/mode', { request: 'enforce', response: 'enforce' });
  const actorsBefore = (await api<{ items: Row[] }>('GET', '/actors')).items.map(({ id, score }) => `${String(id)} ${String(score)}`);
  const { runId } = await api<{ runId: string }>('POST', `/issues/${issue.id}/verify`, {});
  await ended(runId);
  const after = await api<{ status: string; statusReason: string }>('GET', `/issues/${issue.id}`);
  t.equal(after.status, 'fixed', JSON.stringify(await api('GET', `/scan-runs/${runId}/results`)));
  t.match(after.statusReason, /through the gateway/);
  const actorsAfter = (await api<{ items: Row[] }>('GET', '/actors')).items.map(({ id, score }) => `${String(id)} ${String(score)}`);
  t.strictSame(actorsAfter.sort(), actorsBefore.sort(), 'the scan made nobody an attacker');
  t.strictSame((await api<{ items: Row[] }>('GET', '/blocks')).items, [], 'and blocked nobody');
});
