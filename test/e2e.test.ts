/** The four journeys from the command line, against the real processes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { pcapOf } from './support/pcap.js';
import { eventually, type RunningWeir, startDemoApi, startWeir, temporaryFolder, weir } from './support/processes.js';

interface Row {
  readonly [name: string]: unknown;
}

async function rows(t: Parameters<typeof weir>[0], running: RunningWeir, ...args: string[]): Promise<Row[]> {
  const result = await weir(t, [...args, '--json', '--data', running.data]);
  t.equal(result.code, 0, `weir ${args.join(' ')}: ${result.stderr}`);
  return JSON.parse(result.stdout) as Row[];
}

async function signIn(base: string, name: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${base}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ username: name, password: `${name}-pw` }),
  });
  return `Bearer ${((await answer.json()) as { token: string }).token}`;
}

t.test('1. in front of an upstream: traffic flows, and the endpoint shows up', async (t) => {
  const demo = await startDemoApi(t);
  const running = await startWeir(t, ['--upstream', demo]);
  t.match(running.admin, /^http:\/\/127\.0\.0\.1:/, 'the admin API is for this machine only, unless somebody says otherwise');
  const authorization = await signIn(running.gateway, 'alice');
  const profile = await fetch(`${running.gateway}/api/profile`, { headers: { authorization, 'x-request-id': 'journey-1' } });
  t.equal(profile.status, 200);
  t.match(await profile.text(), /"ssn":"\d{3}-\d{2}-\d{4}"/, 'observe leaves the answer alone');
  const found = await eventually(
    'the endpoint',
    async () => (await rows(t, running, 'inventory')).find((row) => row.template === '/api/profile'),
    10_000,
  );
  t.match(found, { method: 'GET', auth: ['jwt'] });
  t.ok((found.dataTypes as string[]).includes('us_ssn'));
  const issue = await eventually(
    'the issue',
    async () => (await rows(t, running, 'issues')).find((row) => row.kind === 'data.exposed' && row.template === '/api/profile'),
    10_000,
  );
  t.match(issue, { status: 'open', acted: 0 });
  const findings = await rows(t, running, 'findings', '--kind', 'data.exposed');
  t.ok(
    findings.some((row) => (row.requestIds as string[]).includes('journey-1')),
    'a finding names the request',
  );
  t.notMatch(JSON.stringify(findings), /\d{3}-\d{2}-\d{4}/, 'and holds no value');
  const doctor = await weir(t, ['doctor', '--data', running.data]);
  // 3: on a busy machine the engine may be some seconds behind.
  t.ok(doctor.code === 0 || doctor.code === 3, doctor.stdout + doctor.stderr);
  t.match(doctor.stdout, /ok {4} engine and store have it/);

  const second = await weir(t, ['up', '--upstream', demo, '--port', '0', '--admin-port', '0', '--data', running.data]);
  t.equal(second.code, 2);
  t.match(second.stderr, /^weir: Another weir \(process \d+.*uses the data folder.*\n$/s, 'one line that says what to do');
  t.equal(await running.stop('SIGINT'), 0, 'Ctrl-C drains and exits 0');
});

t.test('2. mirror: the gateway passes through, a capture file feeds the same inventory', async (t) => {
  const demo = await startDemoApi(t);
  const running = await startWeir(t, ['--upstream', demo]);
  await fetch(`${running.gateway}/api/products/1`);
  await eventually('the first endpoint', async () => (await rows(t, running, 'inventory')).length > 0);
  const switched = await weir(t, ['mode', 'mirror', '--data', running.data]);
  t.equal(switched.code, 0, switched.stderr);
  t.match(switched.stdout, /mirror/);
  await eventually(
    'mirror to be in force',
    async () => ((await rows(t, running, 'mode'))[0].mode as { request: string }).request === 'mirror',
  );
  for (let count = 0; count < 3; count++) t.equal((await fetch(`${running.gateway}/api/orders`)).status, 401, 'traffic passes');
  const capture = path.join(temporaryFolder(t), 'one.pcap');
  writeFileSync(
    capture,
    pcapOf(
      'GET /from/the/wire HTTP/1.1\r\nHost: shop.example\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}',
    ),
  );
  const imported = await weir(t, ['import', capture, '--data', running.data]);
  t.equal(imported.code, 0, imported.stdout + imported.stderr);
  t.match(imported.stdout, /1 exchanges imported/);
  await eventually('what the capture holds', async () =>
    (await rows(t, running, 'inventory')).some((row) => row.template === '/from/the/wire'),
  );
  t.notOk(
    (await rows(t, running, 'inventory')).some((row) => row.template === '/api/orders'),
    'the gateway did not tee what the sensor is to see',
  );
  await weir(t, ['mode', 'observe', '--data', running.data]);
  await eventually('the gateway to record again', async () => {
    await fetch(`${running.gateway}/api/products`);
    return (await rows(t, running, 'inventory')).some((row) => row.template === '/api/products');
  });
});

t.test('3. a policy in a folder: reloaded on change, broken ones are reported and the last good set stays', async (t) => {
  const demo = await startDemoApi(t);
  const folder = path.join(temporaryFolder(t), 'policies');
  mkdirSync(folder);
  const running = await startWeir(t, ['--upstream', demo, '--mode', 'enforce', '--policies', folder]);
  const file = path.join(folder, 'no-products.yaml');
  const policy = [
    'policy: no-products',
    'title: Products stay inside',
    'mode: enforce',
    'severity: medium',
    'rules:',
    '  - rule: products',
    '    match: {path: /api/products/*}',
    '    action: block',
    '',
  ].join('\n');
  t.equal((await fetch(`${running.gateway}/api/products/1`)).status, 200);
  writeFileSync(file, policy);
  const blocked = await eventually('the policy to act', async () => {
    const answer = await fetch(`${running.gateway}/api/products/1`);
    return answer.status === 403 ? answer : null;
  });
  t.match(blocked.headers.get('content-type'), 'application/problem+json');
  const { incident } = (await blocked.json()) as { incident: string };
  t.match(incident, /^W-/);
  const explained = await eventually('the incident', async () => {
    const result = await weir(t, ['policies', 'explain', incident, '--data', running.data]);
    return result.code === 0 && /no-products/.test(result.stdout) ? result.stdout : null;
  });
  t.match(explained, /no-products/);
  writeFileSync(file, policy.replace('action: block', 'action: blok'));
  const check = await weir(t, ['policies', 'check', folder]);
  t.equal(check.code, 1);
  t.match(check.stdout, /no-products\.yaml:8:\d+ .*blok/, 'file, line and column');
  t.match(await weir(t, ['policies', 'check', file]), { code: 2, stderr: /no-products\.yaml is a file\. Give the folder that holds it/ });
  t.match(await weir(t, ['policies', 'check', `${folder}/nowhere`]), { code: 2, stderr: /There is no folder .*nowhere/ });
  await eventually('the mistake in the log', () => /no-products\.yaml:8:\d+/.test(running.errors()));
  t.equal((await fetch(`${running.gateway}/api/products/1`)).status, 403, 'the last good text stays in force');
  const ssn = await fetch(`${running.gateway}/api/profile`, { headers: { authorization: await signIn(running.gateway, 'bob') } });
  const text = await ssn.text();
  const direct = (await (await fetch(`${demo}/api/profile`, { headers: { authorization: await signIn(demo, 'bob') } })).json()) as {
    ssn: string;
  };
  t.match(direct.ssn, /^\d{3}-\d{2}-\d{4}$/);
  t.notOk(text.includes(direct.ssn), 'the starter set withholds the SSN in enforce');
  t.match(text, /"username":"bob"/, 'and leaves the rest');
});

t.test('4. block an address, everybody else goes on; undo', async (t) => {
  const demo = await startDemoApi(t);
  const running = await startWeir(t, ['--upstream', demo, '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8']);
  const from = (ip: string) => fetch(`${running.gateway}/api/products/1`, { headers: { 'x-forwarded-for': ip } });
  t.equal((await from('203.0.113.66')).status, 200);
  const added = await weir(t, ['block', 'add', '203.0.113.66', '--for', '1h', '--reason', 'test', '--data', running.data]);
  t.equal(added.code, 0, added.stderr);
  const answer = await from('203.0.113.66');
  t.equal(answer.status, 403, 'the next request');
  t.match(((await answer.json()) as { incident: string }).incident, /^W-/);
  t.equal((await from('203.0.113.67')).status, 200);
  t.equal((await from('198.51.100.1, 203.0.113.66')).status, 403, 'an address put in front by the client does not count');
  const explained = await weir(t, ['block', 'explain', '203.0.113.66', '--data', running.data]);
  t.match(explained.stdout, /203\.0\.113\.66 is blocked .*test/);
  await eventually('the hits', async () => Number((await rows(t, running, 'block', 'ls'))[0].hits) >= 2);
  t.equal((await weir(t, ['block', 'rm', '203.0.113.66', '--data', running.data])).code, 0);
  t.equal((await from('203.0.113.66')).status, 200);
  t.match(await weir(t, ['block', 'add', '127.0.0.1', '--data', running.data]), { code: 2, stderr: /trusted proxy|upstream/ });
  t.match(await weir(t, ['block', 'add', '0.0.0.0/0', '--data', running.data]), { code: 2, stderr: /wide/ });
  t.match(await weir(t, ['block', 'add', '10.0.0.0/33', '--data', running.data]), { code: 2, stderr: /10\.0\.0\.0\/33/ });
  t.equal(await running.stop(), 0);
  const again = await startWeir(t, ['--upstream', demo, '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8'], running.data);
  await weir(t, ['block', 'add', '203.0.113.70', '--data', again.data]);
  t.equal(await again.stop(), 0);
  const third = await startWeir(t, ['--upstream', demo, '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8'], running.data);
  t.equal(
    (await fetch(`${third.gateway}/api/products/1`, { headers: { 'x-forwarded-for': '203.0.113.70' } })).status,
    403,
    'blocks survive a restart',
  );
});

t.test('2b. mirror with a live capture on loopback feeds the same inventory', async (t) => {
  const demo = await startDemoApi(t);
  const running = await startWeir(t, ['--upstream', demo]);
  const port = new URL(demo).port;
  t.equal((await weir(t, ['mode', 'mirror', '--listen', 'lo', '--filter', `tcp port ${port}`, '--data', running.data])).code, 0);
  await eventually(
    'an endpoint heard on the wire',
    async () => {
      await fetch(`${demo}/api/products/3`).then((answer) => answer.text());
      return (await rows(t, running, 'inventory')).some((row) => String(row.template).startsWith('/api/products'));
    },
    40_000,
  );
  await eventually('the sensor to count what it heard', async () => {
    const doctor = await weir(t, ['doctor', '--json', '--data', running.data]);
    const { sources } = JSON.parse(doctor.stdout) as { sources: { id: string; counters: Record<string, number> }[] };
    return Number(sources.find((source) => source.id === 'sensor')?.counters.exchanges) > 0;
  });
});

t.test('a scheduled scan with two users finds that anybody opens anybody’s order, and files an issue', async (t) => {
  const demo = await startDemoApi(t);
  const running = await startWeir(t, ['--upstream', demo]);
  const token = readFileSync(path.join(running.data, 'admin-token'), 'utf8').trim();
  const api = async (method: string, resource: string, body?: object) => {
    const answer = await fetch(`${running.admin}/api/v1${resource}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    t.ok(answer.ok, `${method} ${resource}: ${answer.status}`);
    return (await answer.json()) as { id: string; state: string; nextRunMs: number; summary: { vulnerable?: number } };
  };
  for (const name of ['alice', 'bob', 'carol']) {
    const authorization = await signIn(running.gateway, name);
    const list = (await (await fetch(`${running.gateway}/api/orders`, { headers: { authorization } })).json()) as {
      orders: { id: number }[];
    };
    for (const order of list.orders) await fetch(`${running.gateway}/api/orders/${order.id}`, { headers: { authorization } });
  }
  await eventually('the template', async () =>
    (await rows(t, running, 'inventory')).some((row) => row.template === '/api/orders/{orderId}'),
  );
  const authContexts: string[] = [];
  for (const name of ['alice', 'bob']) {
    const config = { path: '/api/login', body: JSON.stringify({ username: name, password: `${name}-pw` }), extract: 'token' };
    authContexts.push((await api('POST', '/auth-contexts', { name, service: 'api', role: 'user', kind: 'login', config })).id);
  }
  const scan = await api('POST', '/scans', {
    name: 'orders',
    service: 'api',
    definition: { authContexts, tests: ['bola-read-object'] },
    cron: '0 4 * * *',
    zone: 'Europe/Berlin',
  });
  t.ok(scan.nextRunMs > Date.now(), 'it knows when it runs next');
  const run = await api('POST', `/scans/${scan.id}/runs`, {});
  const ended = await eventually(
    'the run to end',
    async () => {
      const now = await api('GET', `/scan-runs/${run.id}`);
      return now.state === 'finished' || now.state === 'failed' ? now : null;
    },
    60_000,
  );
  t.equal(ended.state, 'finished');
  t.ok(Number(ended.summary.vulnerable) >= 1);
  await eventually('the issue', async () =>
    (await rows(t, running, 'issues')).some((row) => row.kind === 'scan.vulnerability' && row.template === '/api/orders/{orderId}'),
  );
});

t.test('bad input: one line that says what to do, exit code 2, nothing damaged', async (t) => {
  const folder = temporaryFolder(t);
  const file = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const newer = path.join(folder, 'newer');
  mkdirSync(newer);
  writeFileSync(path.join(newer, 'layout-version'), '99\n');
  const data = path.join(folder, 'data');
  const damaged = path.join(folder, 'damaged');
  mkdirSync(damaged);
  writeFileSync(path.join(damaged, 'weir.db'), 'this is no database');
  const cases: [string, string[], RegExp][] = [
    [
      'unknown key',
      ['--config', file('a.yaml', 'services:\n  - name: a\n    upstraems: [http://127.0.0.1:1]\n')],
      /a\.yaml:3:5 services\[0\]\.upstraems: "upstraems" is not a key here; did you mean "upstreams"/,
    ],
    ['broken YAML', ['--config', file('b.yaml', 'mode: [observe\n')], /b\.yaml:\d+:\d+ /],
    [
      'admin certificate',
      [
        '--config',
        file(
          't.yaml',
          `data: ${data}\nservices: [{name: a, upstreams: ["http://127.0.0.1:1"]}]\nadmin: {port: 0, tls: {cert: c.pem, key: k.pem}}\n`,
        ),
        '--port',
        '0',
      ],
      /admin\.tls: .*c\.pem cannot be read/,
    ],
    ['no such config', ['--config', path.join(folder, 'none.yaml')], /no config file/],
    ['unknown upstream', ['--upstream', 'nonsense'], /--upstream: "nonsense" is not accepted; expected a URL such as/],
    [
      'password of an upstream',
      ['--upstream', 'http://ann:pw-ann@127.0.0.1:1'],
      /^(?!.*pw-ann).*--upstream: .*name or password.*authorization/,
    ],
    [
      'password of an upstream in a file',
      ['--config', file('u.yaml', 'services:\n  - name: a\n    upstreams: ["http://ann:pw-ann@127.0.0.1:1"]\n')],
      /^(?!.*pw-ann).*u\.yaml:3:\d+ .*name or password/,
    ],
    ['unknown flag', ['--upstraem', 'http://127.0.0.1:1'], /no option --upstraem; did you mean --upstream\?/],
    ['bad mode', ['--mode', 'sideways'], /--mode: "sideways" is not accepted; expected enforce, observe, mirror/],
    [
      'port in use',
      ['--upstream', 'http://127.0.0.1:1', '--host', '127.0.0.1', '--port', String(port), '--admin-port', '0', '--data', data],
      /in use/,
    ],
    ['admin port in use', ['--upstream', 'http://127.0.0.1:1', '--port', '0', '--admin-port', String(port), '--data', data], /in use/],
    ['unwritable data', ['--upstream', 'http://127.0.0.1:1', '--data', '/proc/weir'], /cannot be written/],
    ['newer data', ['--upstream', 'http://127.0.0.1:1', '--data', newer], /written by a newer weir/],
    ['damaged store', ['--upstream', 'http://127.0.0.1:1', '--port', '0', '--admin-port', '0', '--data', damaged], /is damaged .*backup/],
    [
      'no policy folder',
      ['--upstream', 'http://127.0.0.1:1', '--port', '0', '--admin-port', '0', '--data', data, '--policies', path.join(folder, 'nowhere')],
      /no policy folder/,
    ],
  ];
  for (const [name, args, expected] of cases) {
    const result = await weir(t, ['up', ...args]);
    t.equal(result.code, 2, name);
    t.match(result.stderr, expected, name);
    t.equal(result.stderr.trimEnd().split('\n').length, 1, `${name}: one line`);
  }
  t.equal(readFileSync(path.join(damaged, 'weir.db'), 'utf8'), 'this is no database', 'what cannot be read is left as it is');
});
