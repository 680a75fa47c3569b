/** Blocks through the real program: feeds with garbage in them, countries and AS numbers of a database, exports, explanations, refusals. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { mmdb } from './support/mmdb.js';
import { eventually, startDemoApi, startWeir, temporaryFolder, weir } from './support/processes.js';

t.setTimeout(300_000);

t.test('blocks by feed, country and AS number; what is refused, explained, exported', async (t) => {
  const folder = temporaryFolder(t);
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const country = file('country.mmdb', mmdb('Test-Country', { '203.0.113.0/25': { country: { iso_code: 'DE' } } }));
  const asn = file(
    'asn.mmdb',
    mmdb('Test-ASN', { '192.0.2.0/24': { autonomous_system_number: 64_500, autonomous_system_organization: 'Example' } }),
  );
  const config = file(
    'weir.yaml',
    JSON.stringify({ geo: { country, asn }, trustedProxies: ['127.0.0.0/8', '10.1.0.0/16'], mode: 'enforce' }),
  );
  const upstream = await startDemoApi(t);
  const running = await startWeir(t, ['--config', config, '--upstream', upstream]);
  const block = async (...args: string[]) => weir(t, ['block', ...args, '--data', running.data]);
  const statusOf = async (ip: string): Promise<number> => {
    const answer = await fetch(`${running.gateway}/health`, { headers: { 'x-forwarded-for': ip } });
    await answer.arrayBuffer();
    return answer.status;
  };
  const becomes = (ip: string, status: number) => eventually(`${ip} to get ${status}`, async () => (await statusOf(ip)) === status);

  const lines = Array.from({ length: 90 }, (_, index) => `198.51.100.${index}`);
  for (let index = 0; index < 10; index++) lines.splice(index * 10, 0, `<garbage ${index}>`);
  const list = file('list.txt', `# a list\n${lines.join('\n')}\n`);
  const added = await block('feed', 'add', 'list', list);
  t.equal(added.code, 0, added.stderr);
  t.match(
    added.stdout,
    /list: 90 entries, 10 lines left out\n {2}line 2: <garbage \(not an address or CIDR\)\n {2}line 12: <garbage /,
    'garbage is told with its lines',
  );
  await becomes('198.51.100.7', 403);
  t.equal(await statusOf('198.51.100.200'), 200);
  t.match(
    (await block('explain', '198.51.100.7')).stdout,
    /is blocked on every service until it is removed: address 198\.51\.100\.7, made by feed list/,
  );
  t.equal((await block('allow', '198.51.100.7', '--feed', 'list', '--reason', 'our own test')).code, 0);
  await becomes('198.51.100.7', 200);
  await becomes('198.51.100.8', 403);
  await eventually('hits and overrides of the feed', async () => {
    const [feed] = JSON.parse((await block('feed', 'ls', '--json')).stdout) as { hits: number; overridden: number; refused: number }[];
    return feed.hits >= 2 && feed.overridden === 1 && feed.refused === 10;
  });
  writeFileSync(list, '<html>maintenance</html>\n'.repeat(5));
  const broken = await block('feed', 'refresh', 'list');
  t.equal(broken.code, 1);
  t.match(broken.stdout, /None of 5 lines holds an address; line 1 .*; the last good content stays in force \(90 entries/);
  t.equal(await statusOf('198.51.100.9'), 403);

  t.equal((await block('add', 'DE', '--kind', 'country', '--reason', 'test')).code, 0);
  await becomes('203.0.113.5', 403);
  t.equal(await statusOf('203.0.113.200'), 200, 'the other half of the network is elsewhere');
  t.match((await block('explain', '203.0.113.5')).stdout, /is blocked .*country DE/);
  t.equal((await block('add', 'AS64500', '--reason', 'test')).code, 0);
  await becomes('192.0.2.77', 403);
  t.equal((await block('allow', '192.0.2.77', '--reason', 'a friend')).code, 0);
  await becomes('192.0.2.77', 200);
  t.equal(await statusOf('192.0.2.78'), 403, 'the allowlist wins for this one only');

  t.equal((await block('add', '198.18.5.0/24', '--unauthenticated-only', '--reason', 'an office')).code, 0);
  await becomes('198.18.5.9', 403);
  const bearer = { 'x-forwarded-for': '198.18.5.9', authorization: 'Bearer one-of-the-colleagues' };
  t.equal((await fetch(`${running.gateway}/health`, { headers: bearer })).status, 200, 'a known user behind a blocked address');

  const refused: [args: string[], words: RegExp][] = [
    [['add', '0.0.0.0/0'], /wider than \/8.*--force/s],
    [['add', '10.1.2.3'], /a trusted proxy.*--force/s],
    [['add', '127.0.0.1'], /(?:an upstream|a trusted proxy).*--force/s],
    [['add', '10.0.0.0/8'], /10\.1\.0\.0\/16, a trusted proxy.*--force/s],
    [['add', '300.1.2.3'], /not an IP address or CIDR/],
    [['add', '203.0.113.0/33'], /not an IP address or CIDR/],
    [['add', '192.0.2.77'], /on the allowlist/],
    [['add', '198.18.0.1', '--for', '-4h'], /not a duration/],
    [['add', '198.18.0.1', '--until', '2020-01-01'], /in the past/],
    [['add', '198.18.0.1', '--until', 'tomorrow'], /not a time/],
    [['allow', '198.18.0.1'], /--reason/],
    [['explain', 'W-AAAA-BBBB-CC'], /no incident/],
    [['rm', '198.18.0.1'], /not blocked/],
    [['disallow', '198.18.0.1'], /not on the allowlist/],
    [['feed', 'add', 'Big List', list], /no name for a feed/],
  ];
  for (const [args, words] of refused) {
    const result = await block(...args);
    t.not(result.code, 0, args.join(' '));
    t.match(result.stderr, words);
  }
  t.equal((await block('add', '10.1.2.3', '--force', '--reason', 'meant')).code, 0, 'force');

  t.equal((await block('add', '198.18.0.0/24', '--for', '1h', '--reason', 'test')).code, 0);
  const formats: [format: string, holds: RegExp][] = [
    ['plain', /^198\.18\.0\.0\/24$/m],
    ['nftables', /198\.18\.0\.0\/24 timeout \d+s/],
    ['nginx', /^deny 198\.18\.0\.0\/24;$/m],
    ['haproxy', /^198\.18\.0\.0\/24/m],
    ['aws-waf', /"198\.18\.0\.0\/24"/],
    ['json', /"value": "198\.18\.0\.0\/24"/],
  ];
  for (const [format, holds] of formats) t.match((await block('export', format)).stdout, holds, format);
  t.match((await block('export', 'plain', '--with-feeds')).stdout, /^198\.51\.100\.8$/m, 'feeds are in it when asked for');
  t.notMatch((await block('export', 'plain')).stdout, /^198\.51\.100\./m);
  const authorization = `Bearer ${readFileSync(path.join(running.data, 'admin-token'), 'utf8').trim()}`;
  const poll = (etag: string) =>
    fetch(`${running.admin}/api/v1/blocks-export/plain`, { headers: { authorization, ...(etag === '' ? {} : { 'if-none-match': etag }) } });
  const first = await poll('');
  t.match([first.status, await first.text()], [200, /198\.18\.0\.0\/24/]);
  const etag = first.headers.get('etag') ?? '';
  t.equal((await poll(etag)).status, 304, 'a firewall that polls is told that nothing changed');
  await t.test('real firewalls and proxies take the files', async (t) => {
    for (const name of ['plain', 'nftables', 'nginx', 'haproxy'])
      file(`weir.${name}`, (await block('export', name, '--with-feeds')).stdout);
    const nginx = file('nginx.conf', `events {}\nhttp { server { listen unix:${folder}/n; include ${folder}/weir.nginx; } }\n`);
    const haproxy = file(
      'haproxy.cfg',
      `defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind unix@${folder}/h\n http-request deny if { src,map_ip(${folder}/weir.haproxy) -m found }\n`,
    );
    const checks: [program: string, args: string[]][] = [
      ['nft', ['-c', '-f', path.join(folder, 'weir.nftables')]],
      ['nginx', ['-t', '-p', folder, '-c', nginx, '-e', 'stderr', '-g', `pid ${folder}/pid;`]],
      ['haproxy', ['-c', '-f', haproxy]],
    ];
    for (const [program, args] of checks) {
      const { error, status, stderr } = spawnSync(program, args, {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      });
      const cannot = error !== undefined ? 'is not installed' : /Operation not permitted/.test(stderr) ? 'needs root' : null;
      if (cannot === null) t.equal(status, 0, `${program}: ${stderr}`);
      else t.comment(`${program} ${cannot}: its file is not checked here`);
    }
    t.end();
  });
  t.match((await block('add', '198.18.0.7', '--reason', 'twice')).stdout, /It lies in cidr 198\.18\.0\.0\/24, made by local at .*: test/);
  t.match((await block('add', '198.18.0.7/32', '--reason', 'thrice')).stdout, /It replaces address 198\.18\.0\.7, .*: twice/);
  t.equal((await block('rm', '198.18.0.7')).code, 0);
  t.equal((await block('rm', '198.18.0.0/24')).code, 0);
  t.notMatch((await block('export', 'plain')).stdout, /198\.18/);
});

t.test('what an entry does is seen: hits, what was tried, incidents, throttles; an entry that does nothing says so', async (t) => {
  const running = await startWeir(t, ['--upstream', await startDemoApi(t), '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8']);
  const run = async (...args: string[]) => weir(t, [...args, '--data', running.data]);
  const ask = async (ip: string, where: string) => {
    const answer = await fetch(`${running.gateway}${where}`, { headers: { 'x-forwarded-for': ip } });
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() };
  };
  const rows = async () =>
    JSON.parse((await run('block', 'ls', '--json')).stdout) as {
      scope: { value: string };
      hits: number;
      lastHitMs: number;
      tried: { endpoint: string; count: number }[];
    }[];

  t.equal((await ask('203.0.113.7', '/health')).status, 200);
  await run('block', 'add', '203.0.113.0/24', '--reason', 'enumerates orders');
  let stopped = await ask('203.0.113.7', '/api/orders/0');
  await eventually('the block', async () => {
    stopped = await ask('203.0.113.7', '/api/orders/0');
    return stopped.status === 403;
  });
  const [before] = await rows();
  for (let index = 0; index < 60; index++) t.equal((await ask('203.0.113.7', `/api/orders/${index % 3}`)).status, 403);
  await eventually('every hit, also those of which no record is made', async () => (await rows())[0].hits >= before.hits + 60, 30_000);
  const [row] = await rows();
  t.ok(Date.now() - row.lastHitMs < 60_000);
  t.ok(row.tried.some(({ endpoint }) => endpoint === 'GET /api/orders/1'));
  const { incident } = JSON.parse(stopped.text) as { incident: string };
  await eventually('the incident', async () => {
    const { stdout } = await run('block', 'explain', incident);
    return /203\.0\.113\.7 was stopped by the blocklist: cidr 203\.0\.113\.0\/24, made by local at .* UTC: enumerates orders \(entry/.test(
      stdout,
    );
  });
  await run('block', 'rm', '203.0.113.0/24');
  t.match((await run('block', 'explain', incident)).stdout, /by entry \w+, which is not on it any more/);
  t.match((await run('block', 'explain', 'nonsense')).stdout, /"nonsense" is no address/);

  await run('block', 'add', '203.0.113.9', '--action', 'throttle', '--per-minute', '3', '--reason', 'slow');
  const statuses: number[] = [];
  for (let index = 0; index < 5; index++) statuses.push((await ask('203.0.113.9', '/health')).status);
  t.strictSame(statuses, [200, 200, 200, 429, 429]);
  t.match((await ask('203.0.113.9', '/health')).retryAfter, /^(?:1\d|20)$/, 'a third of a minute until the next token');
  t.equal((await ask('203.0.113.9', '/api/products')).status, 200, 'each endpoint has a bucket of its own');
  t.match((await run('block', 'explain', '203.0.113.9')).stdout, /is throttled to 3 requests a minute on each endpoint/);

  await run('block', 'add', '203.0.113.10', '--action', 'tarpit', '--reason', 'bog');
  const startedMs = performance.now();
  t.equal((await ask('203.0.113.10', '/health')).status, 403);
  t.ok(performance.now() - startedMs > 4_500, 'held back');
  await run('block', 'add', '203.0.113.11', '--action', 'close', '--reason', 'away');
  await t.rejects(ask('203.0.113.11', '/health'), 'no answer');

  for (const [mode, words] of [
    ['observe', /is in observe mode: what the entry would stop is recorded, and passes/],
    [
      'mirror',
      /is in mirror mode: weir refuses nothing there. Give the list to your firewall or edge \(weir block export\), or let a webhook/,
    ],
  ] as const) {
    const switched = await run('mode', mode, '--service', 'api');
    t.equal(switched.code, 0, switched.stderr);
    t.match((await run('block', 'add', '203.0.113.12', '--reason', mode)).stdout, words, mode);
  }
});

t.test('who attacks is blocked by its score, first in words; whoever shares its address goes on', async (t) => {
  const config = path.join(temporaryFolder(t), 'weir.yaml');
  const configure = (autoBlock: string) =>
    writeFileSync(config, JSON.stringify({ trustedProxies: ['127.0.0.0/8'], mode: 'enforce', actors: { autoBlockScore: 60, autoBlock } }));
  configure('simulate');
  const running = await startWeir(t, ['--config', config, '--upstream', await startDemoApi(t)]);
  const office = '203.0.113.50';
  const ask = async (where: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${running.gateway}${where}`, { headers: { 'x-forwarded-for': office, ...headers } });
    await answer.arrayBuffer();
    return answer.status;
  };
  const signIn = async (name: string) => {
    const login = await fetch(`${running.gateway}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': office },
      body: JSON.stringify({ username: name, password: `${name}-pw` }),
    });
    return { authorization: `Bearer ${((await login.json()) as { token: string }).token}` };
  };
  const [alice, bob] = [await signIn('alice'), await signIn('bob')];
  const attack = async () => {
    for (let index = 0; index < 25; index++)
      await ask(`/api/orders?search=${encodeURIComponent(`${index}' UNION SELECT username, password FROM users--`)}`, bob);
  };
  const token = readFileSync(path.join(running.data, 'admin-token'), 'utf8').trim();
  const admin = async (resource: string) =>
    (await (await fetch(`${running.admin}/api/v1${resource}`, { headers: { authorization: `Bearer ${token}` } })).json()) as {
      items: { id: string; kind: string; score: number }[];
    };
  const attacker = async () => (await admin('/actors?sort=score')).items.find(({ score }) => score >= 60);

  await attack();
  const seen = await eventually('a score of 60', attacker);
  t.equal(seen.kind, 'principal', 'the blame is the user’s, not the address’s');
  await eventually('what would have been', async () =>
    /would have been blocked/i.test(JSON.stringify(await admin(`/actors/${encodeURIComponent(seen.id)}/timeline`))),
  );
  t.equal(await ask('/api/products', bob), 200, 'words only');
  t.same(JSON.parse((await weir(t, ['block', 'ls', '--json', '--data', running.data])).stdout), []);

  configure('enforce');
  await eventually('the block', async () => {
    await attack();
    return (await ask('/api/products', bob)) === 403;
  });
  t.equal(await ask('/api/products', alice), 200, 'the user beside it');
  t.equal(await ask('/api/products'), 200, 'and whoever has not signed in');
  const [entry] = JSON.parse((await weir(t, ['block', 'ls', '--json', '--data', running.data])).stdout) as Record<string, unknown>[];
  t.match(entry, { origin: 'detector', scope: { kind: 'principal' }, reason: /score/ });
  for (const forged of ['x-real-ip', 'cf-connecting-ip', 'true-client-ip', 'forwarded'])
    t.equal(await ask('/api/products', { ...bob, [forged]: '198.51.100.1' }), 403, `${forged} does not help`);
});
