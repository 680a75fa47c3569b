import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { createSharedState } from '../traffic/index.js';
import {
  type AllowEntry,
  type Block,
  type BlockInput,
  Blocklist,
  BlockTable,
  EXPORT_FORMATS,
  exportBlocks,
  FeedBook,
  type FeedFormat,
  followFeeds,
  HitBook,
  normalScope,
  parseFeed,
} from './index.js';

const HOUR = 3_600_000;

async function until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function fresh() {
  const shared = createSharedState({ dir: null });
  const clock = { nowMs: Date.now() };
  const protect = [
    { cidr: '192.0.2.0/28', what: 'the load balancers' },
    { cidr: '198.51.100.5', what: 'the upstream of shop' },
  ];
  const geo = {
    knows: { country: true, asn: true },
    country: (ip: string) => (ip === '192.0.2.0' ? 'NL' : null),
    asn: (ip: string) => (ip === '198.51.100.5' ? 64496 : null),
  };
  return { shared, clock, list: await Blocklist.open(shared, { protect, geo, now: () => clock.nowMs }) };
}

const PRINCIPAL = 'p_abcdefghijklmnopqrst-_';
const by = { reason: 'test', origin: 'person', createdBy: 'ann' } as const;

t.test('what may be blocked, and what is refused with which words', async (t) => {
  const { list, clock } = await fresh();
  await list.allow({ value: '203.0.113.128/25', reason: 'office', createdBy: 'ann' });
  await list.allow({ value: 'robot', kind: 'principal', reason: 'ours', createdBy: 'ann' });
  const accepted: [string, Omit<BlockInput, 'reason' | 'origin' | 'createdBy'>, { kind: string; value: string }][] = [
    ['an address', { value: ' 203.0.113.7 ' }, { kind: 'address', value: '203.0.113.7' }],
    ['a network, host bits cleared', { value: '203.0.113.77/26' }, { kind: 'cidr', value: '203.0.113.64/26' }],
    ['a /32 is an address', { value: '203.0.113.8/32' }, { kind: 'address', value: '203.0.113.8' }],
    ['IPv6 in any spelling', { value: '2001:DB8:0:0::1' }, { kind: 'address', value: '2001:db8::1' }],
    ['a mapped address', { value: '::ffff:203.0.113.9' }, { kind: 'address', value: '203.0.113.9' }],
    ['a principal', { value: 'p:1', kind: 'principal' }, { kind: 'principal', value: 'p:1' }],
    ['an AS', { value: 'as064500' }, { kind: 'asn', value: '64500' }],
    ['a country', { value: 'de', kind: 'country' }, { kind: 'country', value: 'DE' }],
    ['a country, recognised', { value: 'fr' }, { kind: 'country', value: 'FR' }],
    ['the key of a principal, recognised', { value: PRINCIPAL }, { kind: 'principal', value: PRINCIPAL }],
    ['a country with a proxy in it, with force', { value: 'NL', force: true }, { kind: 'country', value: 'NL' }],
    ['around the allowlist: the allowed part stays open', { value: '203.0.113.0/24' }, { kind: 'cidr', value: '203.0.113.0/24' }],
    ['everybody, with force', { value: '0.0.0.0/0', force: true }, { kind: 'cidr', value: '0.0.0.0/0' }],
    ['a proxy, with force', { value: '192.0.2.1', force: true }, { kind: 'address', value: '192.0.2.1' }],
  ];
  for (const [what, input, scope] of accepted) t.match((await list.add({ ...by, ...input })).scope, scope, what);
  const refused: [string, Partial<BlockInput>, string, RegExp][] = [
    ['no address', { value: '203.0.113' }, 'BLOCK_INVALID', /"203.0.113" is not an IP address or CIDR/],
    ['a bad prefix', { value: '203.0.113.0/33' }, 'BLOCK_INVALID', /33/],
    ['a network as address', { value: '203.0.113.0/24', kind: 'address' }, 'BLOCK_INVALID', /is a network/],
    ['an empty principal', { value: ' ', kind: 'principal' }, 'BLOCK_INVALID', /1–512/],
    ['a country by name', { value: 'Germany', kind: 'country' }, 'BLOCK_INVALID', /two-letter/],
    ['an AS out of range', { value: '99999999999', kind: 'asn' }, 'BLOCK_INVALID', /AS number/],
    ['everybody', { value: '0.0.0.0/0' }, 'BLOCK_TOO_WIDE', /0\.0\.0\.0\/0 is wider/],
    ['all of IPv6', { value: '::/0' }, 'BLOCK_TOO_WIDE', /::\/0/],
    ['a trusted proxy', { value: '192.0.2.3' }, 'BLOCK_PROTECTED', /the load balancers/],
    ['a network with the upstream in it', { value: '198.51.100.0/24' }, 'BLOCK_PROTECTED', /198\.51\.100\.5, the upstream of shop/],
    ['the country of a trusted proxy', { value: 'NL' }, 'BLOCK_PROTECTED', /NL takes in 192\.0\.2\.0\/28, the load balancers/],
    ['the AS of an upstream', { value: 'AS64496' }, 'BLOCK_PROTECTED', /AS64496 takes in 198\.51\.100\.5, the upstream of shop/],
    ['a network around all proxies', { value: '192.0.0.0/16' }, 'BLOCK_PROTECTED', /192\.0\.2\.0\/28, the load balancers/],
    ['oneself by address', { value: '127.0.0.1', requestedFrom: '127.0.0.1' }, 'BLOCK_PROTECTED', /your own address/],
    ['what is neither', { value: '300.1.2.3' }, 'BLOCK_INVALID', /AS number, country code or key of a principal/],
    ['oneself', { value: '100.64.0.0/10', requestedFrom: '100.64.3.2' }, 'BLOCK_PROTECTED', /your own address/],
    [
      'an allowed address, even with force',
      { value: '203.0.113.200', force: true },
      'BLOCK_ALLOWED',
      /allowlist \(203\.0\.113\.128\/25: office\)/,
    ],
    ['an allowed principal', { value: 'robot', kind: 'principal' }, 'BLOCK_ALLOWED', /allowlist/],
    ['an expiry in the past', { value: '203.0.113.7', expiresAtMs: clock.nowMs - 1 }, 'BLOCK_EXPIRY', /is in the past/],
    ['no time at all', { value: '203.0.113.7', durationMs: 0 }, 'BLOCK_EXPIRY', /over before it begins/],
    ['a time that is no number', { value: '203.0.113.7', durationMs: Number.NaN }, 'BLOCK_EXPIRY', /NaN/],
  ];
  const before = list.list().length;
  for (const [what, input, code, message] of refused) await t.rejects(list.add({ ...by, value: '', ...input }), { code, message }, what);
  t.equal(list.list().length, before, 'nothing of that was kept');
});

t.test('again, escalation, removal, explanation', async (t) => {
  const { list, clock, shared } = await fresh();
  const times: number[] = [];
  for (let n = 0; n < 4; n++) {
    const { expiresAtMs, createdAtMs } = await list.add({ ...by, value: '203.0.113.7', durationMs: 4 * HOUR, escalate: true });
    times.push(((expiresAtMs ?? 0) - createdAtMs) / HOUR);
  }
  t.strictSame(times, [4, 8, 12, 16], '4 h × count');
  t.equal(list.list().length, 1, 'the same scope is one entry');
  const address = (value: string) => ({ kind: 'address', value }) as const;
  t.strictSame([list.holds(address('203.0.113.7')), list.holds(address('203.0.113.8'))], [true, false]);
  const capped = await list.add({ ...by, value: '203.0.113.7', durationMs: 20 * 24 * HOUR, escalate: true });
  t.equal((capped.expiresAtMs ?? 0) - capped.createdAtMs, 30 * 24 * HOUR, 'at most 30 days');
  await list.add({ ...by, value: '203.0.113.0/24', service: 'bank', reason: 'scanning' });
  await list.add({ ...by, value: PRINCIPAL, action: 'throttle', reason: 'slow' });
  await list.add({ ...by, value: 'AS64500', reason: 'bots', unauthenticatedOnly: true });
  const explain = (value: string, service: string | null = null, principalKey: string | null = null) =>
    list.explain({ scope: normalScope(value), principalKey, service });
  t.match(explain('203.0.113.7', 'bank'), { blocked: true, block: { scope: { value: '203.0.113.7' } }, others: [{ service: 'bank' }] });
  const made = /made by ann at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/.source;
  const told: [value: string, service: string | null, text: RegExp][] = [
    [
      '203.0.113.7',
      null,
      new RegExp(
        `^203.0.113.7 is blocked on every service for another 30 days: address 203.0.113.7, ${made}: test \\(entry \\w{13,14}\\)\\. Without it 1 entry more would match\\.$`,
      ),
    ],
    ['203.0.113.9', 'shop', /^203.0.113.9 is not blocked as a whole: 1 entry matches it, but not on shop/],
    ['203.0.113.9', 'bank', new RegExp(`^203.0.113.9 is blocked on bank until it is removed: cidr 203.0.113.0/24, ${made}: scanning`)],
    ['203.0.113.9', null, /^203.0.113.9 is blocked on bank/],
    ['203.0.113.0/25', null, /^203.0.113.0\/25 is blocked on bank until it is removed: cidr 203.0.113.0\/24/],
    ['203.0.0.0/16', null, /^203.0.0.0\/16 is not blocked as a whole: 2 entries lie inside it: /],
    [
      PRINCIPAL,
      null,
      new RegExp(
        `^${PRINCIPAL} is throttled to 10 requests a minute on each endpoint on every service until it is removed: principal ${PRINCIPAL}, ${made}: slow`,
      ),
    ],
    ['AS64500', null, /^AS64500 is blocked on every service until it is removed: asn AS64500 \(only who is not signed in\), made by ann/],
    ['DE', null, /^DE is not blocked\.$/],
    ['2001:db8::1', null, /^2001:db8::1 is not blocked\.$/],
  ];
  for (const [value, service, text] of told) t.match(explain(value, service).text, text, `${value} on ${service ?? 'any'}`);
  t.notOk(list.holds({ kind: 'principal', value: PRINCIPAL }), 'a throttled user is not blocked');
  await list.remove(PRINCIPAL);
  await list.remove('AS64500');
  await list.allow({ value: '203.0.113.9', reason: 'customer', createdBy: 'ann' });
  t.match(explain('203.0.113.9', 'bank'), {
    blocked: false,
    allowedBy: { value: '203.0.113.9' },
    text: /allowlist entry 203.0.113.9 wins over every block \(of 1 entry that would match\)/,
  });
  await list.disallow('203.0.113.9');
  t.ok(explain('203.0.113.9', 'bank').blocked);
  await t.rejects(list.disallow('203.0.113.9'), { code: 'BLOCK_UNKNOWN' });
  t.equal((await list.remove('203.0.113.7')).scope.value, '203.0.113.7', 'by value');
  await t.rejects(list.remove('203.0.113.7'), { code: 'BLOCK_UNKNOWN', status: 404 });
  t.equal((await list.remove(list.list()[0].id)).service, 'bank', 'by id');
  t.equal(list.list().length, 0);

  const other = new BlockTable();
  const stop = other.follow(await shared.open<Block>('blocks'), await shared.open<AllowEntry>('allowlist'));
  const soon = await list.add({ ...by, value: '203.0.113.30', durationMs: 2_000 });
  t.ok(other.check('203.0.113.30', null, 'x', clock.nowMs), 'in force at once');
  t.notOk(other.check('203.0.113.30', null, 'x', soon.expiresAtMs ?? 0), 'and over on time');
  await list.allow({ value: '203.0.113.30', reason: 'for a test', createdBy: 'ann', durationMs: 1 });
  await until('the end of what was allowed for a time', () => list.listAllowed().length === 0);
  t.ok(other.check('203.0.113.30', null, 'x', clock.nowMs), 'blocked again, also for who follows');
  await t.rejects(list.allow({ value: '203.0.113.30', reason: 'x', createdBy: 'ann', durationMs: 0 }), { code: 'BLOCK_EXPIRY' });
  await until('gone from the list by itself', () => list.list().length === 0);
  stop();
  await shared.close();
});

t.test('feeds are read as what they are; garbage is counted with its lines', async (t) => {
  const cases: [string, FeedFormat, string, string[], [number, string][]][] = [
    [
      'text with comments',
      'auto',
      '# list\n203.0.113.7\n\n203.0.113.0/24 ; SBL1\r\n2001:db8:8::1 # v6\n// x\n',
      ['203.0.113.7', '203.0.113.0/24', '2001:db8:8::1'],
      [],
    ],
    [
      'garbage lines',
      'auto',
      '203.0.113.7\nnot-an-ip\n999.1.1.1\n203.0.113.8',
      ['203.0.113.7', '203.0.113.8'],
      [
        [2, 'not-an-ip'],
        [3, '999.1.1.1'],
      ],
    ],
    [
      'what no feed may block',
      'auto',
      '203.0.113.7\n10.0.0.1\n0.0.0.0/0\n127.0.0.1\nfe80::1\n192.168.0.0/16',
      ['203.0.113.7'],
      [
        [2, '10.0.0.1'],
        [3, '0.0.0.0/0'],
        [4, '127.0.0.1'],
        [5, 'fe80::1'],
        [6, '192.168.0.0/16'],
      ],
    ],
    [
      'duplicates in other spellings',
      'text',
      '203.0.113.7\n203.0.113.7/32\n203.0.113.9/24\n203.0.113.0/24',
      ['203.0.113.7', '203.0.113.0/24'],
      [],
    ],
    [
      'CSV with a header',
      'auto',
      'first_seen,ip_address,port\n"2026-01-01","203.0.113.7",443\n2026,"bad ""one""",1\n2026,203.0.113.8,1',
      ['203.0.113.7', '203.0.113.8'],
      [[3, 'bad "one"']],
    ],
    ['CSV without', 'auto', '1,203.0.113.7,x\n2,203.0.113.8,y', ['203.0.113.7', '203.0.113.8'], []],
    ['a JSON list', 'auto', '["203.0.113.7", 5, "2001:db8:8::/48"]', ['203.0.113.7', '2001:db8:8::/48'], [[2, '5']]],
    [
      'JSON objects one level down',
      'auto',
      '{"date":"x","prefixes":[{"ip_prefix":"203.0.113.0/24"},{"name":"y"}]}',
      ['203.0.113.0/24'],
      [[2, '{"name":"y"}']],
    ],
    [
      'JSON lines with metadata',
      'auto',
      '{"cidr":"203.0.113.0/24","sblid":"1"}\n{"cidr":"198.51.100.0/24"}\n{"type":"metadata"}\n',
      ['203.0.113.0/24', '198.51.100.0/24'],
      [],
    ],
    ['an empty feed', 'auto', '# nothing today\n', [], []],
  ];
  for (const [what, format, text, entries, problems] of cases) {
    const feed = parseFeed(text, format);
    t.strictSame(feed.entries, entries, what);
    t.strictSame(
      feed.problems.map((one) => [one.line, one.text]),
      problems,
      `${what}: problems`,
    );
    t.equal(feed.garbage, problems.length);
  }
  t.equal(parseFeed('203.0.113.7\n203.0.113.7/32').duplicates, 1);
  const tenth = Array.from({ length: 10_000 }, (_, n) => (n % 10 === 3 ? `garbage ${n}` : `9.${n >> 8}.${n & 255}.1`)).join('\n');
  t.match(parseFeed(`${' '.repeat(2_000_000)}x\n203.0.113.7`), { garbage: 1, entries: ['203.0.113.7'] }, 'a line of two million blanks');
  t.match(parseFeed(tenth), { garbage: 1000, problems: { length: 100, 0: { line: 4 } }, entries: { length: 9000 } });
  for (const text of ['<html>not found</html>', '{"a":1}', '[1', 'hello'])
    t.throws(() => parseFeed(text), { code: 'FEED_UNREADABLE' }, text);
  const quiet = (text: string) => {
    try {
      return parseFeed(text).entries.every((one) => normalScope(one).value === one);
    } catch (error) {
      return error instanceof Error && 'hint' in error;
    }
  };
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.:/,;#"[]{}\n ab') }), quiet));
});

t.test('feeds are polled with ETag, capped, and keep the last good content', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'weir-feed-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const web = { body: '203.0.113.7\nxx\n', status: 200, asked: [] as (string | undefined)[] };
  const server = createServer((request, response) => {
    web.asked.push(request.headers['if-none-match']);
    if (request.url === '/endless') {
      const chunk = Buffer.alloc(65_536, '203.0.113.7\n');
      const write = () => {
        while (response.write(chunk));
      };
      response.on('drain', write);
      write();
      return;
    }
    const isSame = request.headers['if-none-match'] === `"${web.body.length}"`;
    response.writeHead(isSame ? 304 : web.status, { ETag: `"${web.body.length}"` }).end(isSame ? '' : web.body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  t.teardown(() => server.closeAllConnections());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const { shared, clock } = await fresh();
  const book = await FeedBook.open(shared, { now: () => clock.nowMs });
  const table = new BlockTable();
  const failures: unknown[] = [];
  const followed = await followFeeds(shared, table, (error) => failures.push(error));
  t.match(await book.put({ name: 'web', url: `${base}/list` }), {
    entries: 1,
    garbage: 1,
    lastError: null,
    problems: [{ line: 2, text: 'xx' }],
  });
  await followed.settled();
  t.ok(table.check('203.0.113.7', null, 'x', clock.nowMs), 'the gateway has it');
  t.equal(web.asked.at(-1), undefined);
  await book.refreshDue();
  t.equal(web.asked.length, 1, 'not due yet');
  clock.nowMs += HOUR;
  await book.refreshDue();
  t.strictSame(web.asked.at(-1), '"15"', 'asked with the ETag');
  t.match(book.list(), [{ entries: 1, lastError: null, checkedAtMs: clock.nowMs }]);
  web.body = '203.0.113.7\n203.0.113.8\n198.51.100.0/24\n';
  t.match(await book.refresh('web'), { entries: 3, garbage: 0 });
  await followed.settled();
  t.equal(table.feedSize, 3, 'the new content');
  Object.assign(web, { status: 500, body: 'x' });
  t.match(await book.refresh('web'), { entries: 3, lastError: `${base}/list answered 500` });
  Object.assign(web, { status: 200, body: '<html>' });
  t.match(await book.refresh('web'), { entries: 3, lastError: /None of 1 lines holds an address/ }, 'last good');
  t.ok(table.check('198.51.100.9', null, 'x', clock.nowMs));

  const file = join(dir, 'feed.txt');
  await writeFile(file, '203.0.113.99\n');
  t.match(await book.put({ name: 'disk', url: file }), { entries: 1 });
  await truncate(file, 2 * 1024 ** 3);
  t.match(await book.refresh('disk'), { entries: 1, lastError: /2147483648 bytes; at most 67108864 bytes/ }, '2 GB are refused unread');
  t.match(await book.put({ name: 'endless', url: `${base}/endless`, maxBytes: 1_000_000 }), {
    entries: 0,
    lastError: /at most 1000000 bytes/,
  });
  t.match(await book.put({ name: 'gone', url: join(dir, 'no-such-file') }), { entries: 0, lastError: /cannot be read/ });
  await t.rejects(book.put({ name: '../x', url: file }), { code: 'BLOCK_INVALID' });
  await until('both feeds', () => table.check('203.0.113.99', null, 'x', clock.nowMs) !== null && table.feedSize === 4);
  await book.remove('web');
  await until('only the file', () => table.feedSize === 1);
  const content = await shared.open<string>('feed-content');
  t.equal(content.size, 1, 'outdated pieces are removed');
  t.strictSame(failures, []);
  followed.stop();
  await shared.close();
});

t.test('exports: what a firewall gets', async (t) => {
  const now = 1_700_000_000_000;
  const block = (value: string, more: Partial<Block> = {}): Block => ({
    id: value,
    scope: normalScope(value),
    service: null,
    reason: '',
    origin: 'person',
    createdBy: '',
    createdAtMs: now,
    expiresAtMs: null,
    ...more,
  });
  const blocks = [
    block('203.0.113.7'),
    block('198.51.100.0/30'),
    block('198.51.100.1', { expiresAtMs: now + 5000 }),
    block('192.0.2.1', { expiresAtMs: now + 90_500 }),
    block('192.0.2.2', { expiresAtMs: now }),
    block('192.0.2.3', { service: 'shop' }),
    block('192.0.2.4', { unauthenticatedOnly: true }),
    block('2001:db8::/32'),
    block('AS64500'),
  ];
  const allowed: AllowEntry[] = [{ scope: normalScope('198.51.100.2'), reason: '', createdBy: '', createdAtMs: now, feed: null }];
  const expected: Record<string, string> = {
    list: '192.0.2.1\n198.51.100.0/31\n198.51.100.3\n203.0.113.7\n2001:db8::/32\n',
    nginx:
      '# include this in an http, server or location block\ndeny 192.0.2.1;\ndeny 198.51.100.0/31;\ndeny 198.51.100.3;\ndeny 203.0.113.7;\ndeny 2001:db8::/32;\n',
    haproxy:
      '# http-request deny if { src,map_ip(weir.map) -m found }\n192.0.2.1 block\n198.51.100.0/31 block\n198.51.100.3 block\n203.0.113.7 block\n2001:db8::/32 block\n',
    nftables:
      '#!/usr/sbin/nft -f\ntable inet weir {\n  set blocked4 {\n    type ipv4_addr\n    flags interval, timeout\n  }\n  set blocked6 {\n    type ipv6_addr\n    flags interval, timeout\n  }\n}\nflush set inet weir blocked4\nadd element inet weir blocked4 { 192.0.2.1 timeout 91s, 198.51.100.0/31, 198.51.100.3, 203.0.113.7 }\nflush set inet weir blocked6\nadd element inet weir blocked6 { 2001:db8::/32 }\n',
  };
  for (const format of EXPORT_FORMATS) {
    const result = exportBlocks(format, blocks, allowed, now);
    if (format !== 'aws-waf') t.equal(result.body, expected[format], format);
    t.match(result, { entries: 5, leftOut: 3, etag: /^"[\w-]{22}"$/ });
    t.equal(exportBlocks(format, [...blocks].reverse(), allowed, now).etag, result.etag, 'the ETag does not depend on the order');
  }
  t.strictSame(JSON.parse(exportBlocks('aws-waf', blocks, allowed, now).body), [
    {
      Name: 'weir-blocked-v4',
      Scope: 'REGIONAL',
      IPAddressVersion: 'IPV4',
      Addresses: ['192.0.2.1/32', '198.51.100.0/31', '198.51.100.3/32', '203.0.113.7/32'],
    },
    { Name: 'weir-blocked-v6', Scope: 'REGIONAL', IPAddressVersion: 'IPV6', Addresses: ['2001:db8::/32'] },
  ]);
  const many = Array.from({ length: 10_001 }, (_, n) => block(`9.${n >> 8}.${n & 255}.1`));
  t.match(JSON.parse(exportBlocks('aws-waf', many, [], now).body), [
    { Name: 'weir-blocked-v4' },
    { Name: 'weir-blocked-v4-2', Addresses: ['9.39.16.1/32'] },
    { Name: 'weir-blocked-v6' },
  ]);
  t.strictSame(
    JSON.parse(exportBlocks('aws-waf', [block('0.0.0.0/0')], [], now).body)[0].Addresses,
    ['0.0.0.0/1', '128.0.0.0/1'],
    'AWS takes no /0',
  );
  const listed = block('198.51.100.0/30', { origin: 'feed', createdBy: 'tor' });
  const overridden: AllowEntry[] = [{ ...allowed[0], feed: 'tor' }];
  t.equal(exportBlocks('list', [listed], overridden, now).body, '198.51.100.0/31\n198.51.100.3\n', 'a false positive of the feed');
  t.equal(exportBlocks('list', [{ ...listed, createdBy: 'spam' }], overridden, now).body, '198.51.100.0/30\n', 'of that feed only');
  t.equal(exportBlocks('list', [block('192.0.2.9', { action: 'throttle' })], [], now).leftOut, 1, 'a firewall cannot throttle like this');
  t.equal(
    exportBlocks('list', [block('198.51.100.0/24')], [{ ...allowed[0], scope: normalScope('198.51.0.0/16') }], now).body,
    '',
    'allowed as a whole',
  );
});

t.test('hits: how often, when, and what was tried; kept over a restart', async (t) => {
  const book = new HitBook(2);
  const block = { id: 'b1', origin: 'feed', createdBy: 'tor' } as const;
  book.record(block, 'GET /a', 10);
  book.record(block, 'GET /b', 20);
  book.record(block, 'GET /b', 30);
  const expected = {
    hits: 3,
    firstMs: 10,
    lastMs: 30,
    endpoints: [
      { endpoint: 'GET /b', count: 2 },
      { endpoint: 'GET /a', count: 1 },
    ],
  };
  t.match(book.read('b1'), expected);
  t.match(book.read('feed:tor'), expected);
  const again = new HitBook();
  again.restore(book.dirty().flatMap(({ key, value }) => (value === null ? [] : [{ key, value }])));
  t.match(again.read('b1'), expected);
  t.strictSame(book.dirty(), []);
  book.record({ id: 'b2', origin: 'person', createdBy: 'ann' }, 'GET /', 40);
  t.equal(book.read('b1'), null, 'bounded: the longest unhit goes');
  t.match(book.dirty(), [{ key: 'hits:b2' }, { key: 'hits:b1', value: null }]);
  for (let n = 0; n < 50; n++) again.record(block, `GET /${n}`, n);
  t.equal(again.read('b1')?.endpoints.length, 20);
});
