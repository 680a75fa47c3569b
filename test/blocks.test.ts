/** Blocks through the real program: feeds with garbage in them, countries and AS numbers of a database, exports, explanations, refusals. */
import { writeFileSync } from 'node:fs';
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
    /list: 90 entries, 10 lines are no addresses\n {2}line 2: <garbage\n {2}line 12: <garbage\n/,
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
    [['add', '300.1.2.3'], /not an IP address or CIDR/],
    [['add', '203.0.113.0/33'], /not an IP address or CIDR/],
    [['add', '192.0.2.77'], /on the allowlist/],
    [['add', '198.18.0.1', '--for', '-4h'], /not a duration/],
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
  t.equal((await block('rm', '198.18.0.0/24')).code, 0);
  t.notMatch((await block('export', 'plain')).stdout, /198\.18/);
});
