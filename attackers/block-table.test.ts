import fc from 'fast-check';
import t from 'tap';
import { canonicalIp, parseCidr } from '../exchange/index.js';
import { type Block, BlockCompiler, BlockTable, blockId, blockKey, compileFeeds, normalScope, type ScopeKind } from './index.js';
import { contains, readPrefix, writePrefix } from './network.js';

const NOW = 1_700_000_000_000;

function block(value: string, more: Partial<Block> & { kind?: ScopeKind } = {}): Block {
  const { kind, ...rest } = more;
  const scope = normalScope(value, kind);
  const service = rest.service ?? null;
  return {
    id: blockId(scope, service),
    scope,
    service,
    reason: `block ${value}`,
    origin: 'person',
    createdBy: 'ann',
    createdAtMs: NOW - 1000,
    expiresAtMs: null,
    ...rest,
  };
}

t.test('reads and prints networks as the exchange module does', async (t) => {
  const cases: [string, string | null][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:85a3::8a2e:370:7334/64', '2001:db8:85a3::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1.2.3', null],
    ['1.2.3.4.5', null],
    ['1.2.3.256', null],
    ['01.2.3.4', null],
    ['1.2.3.4/33', null],
    ['1.2.3.4/', null],
    ['1.2.3.4/08', null],
    ['::ffff:1.2.3.4/90', null],
    ['1::2::3', null],
    [':1::2', null],
    ['1:', null],
    [':', null],
    ['1:2:3:4:5:6:7', null],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1:2:3:4:5:6:7::8', null],
    ['12345::', null],
    ['fe80::1%eth0', null],
    ['::1.2.3.4.5', null],
    ['', null],
    ['example.com', null],
  ];
  for (const [text, expected] of cases) {
    const prefix = readPrefix(text);
    t.equal(prefix === null ? null : writePrefix(prefix), expected, text || '(empty)');
  }
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(bytes, fc.boolean(), fc.nat(128), fc.boolean(), (raw, isV4, bits, sparse) => {
      const octets = sparse ? raw.map((byte, index) => (index > 2 && index < 13 ? 0 : byte)) : raw;
      const length = isV4 ? bits % 33 : bits;
      const hexes = Array.from({ length: 8 }, (_, index) => ((octets[index * 2] << 8) | octets[index * 2 + 1]).toString(16));
      const address = isV4 ? octets.slice(0, 4).join('.') : hexes.join(':');
      const theirs = parseCidr(`${address}/${length}`);
      const [network, printed] = theirs.text.split('/');
      const full = theirs.bytes.length * 8;
      const ours = readPrefix(`${address}/${length}`);
      const expected = Number(printed) === full ? canonicalIp(network) : `${canonicalIp(network)}/${printed}`;
      return ours !== null && writePrefix(ours) === expected;
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => readPrefix(text) === null || canonicalIp(text.split('/')[0]) !== null));
});

t.test('who is blocked: the longest prefix of all tiers, the allowlist first', async (t) => {
  const blocks = [
    block('203.0.113.0/24'),
    block('203.0.113.7', { service: 'shop' }),
    block('203.0.113.8', { expiresAtMs: NOW + 10 }),
    block('198.51.100.0/24', { unauthenticatedOnly: true }),
    block('192.0.2.1'),
    block('2001:db8::/32'),
    block('2001:db8:0:1::/64', { service: 'shop' }),
    block('mallory', { kind: 'principal' }),
    block('DE', { kind: 'country' }),
    block('AS64500'),
  ];
  const geo = {
    knows: { country: true, asn: true },
    country: (ip: string) => (ip === '192.0.2.50' ? 'DE' : null),
    asn: (ip: string) => (ip === '192.0.2.51' ? 64500 : null),
  };
  const allowed = ['203.0.113.99', '2001:db8:ffff::/48'].map((value) => ({
    scope: normalScope(value),
    reason: 'office',
    createdBy: 'ann',
    createdAtMs: NOW,
    feed: null,
  }));
  const allowedUser = {
    scope: { kind: 'principal', value: 'admin' } as const,
    reason: 'us',
    createdBy: 'ann',
    createdAtMs: NOW,
    feed: null,
  };
  const cases: [string, string, string | null | undefined, string, string | null][] = [
    ['a network', '203.0.113.1', null, 'shop', '203.0.113.0/24'],
    ['outside of it', '203.0.114.0', null, 'shop', null],
    ['the longer prefix', '203.0.113.7', null, 'shop', '203.0.113.7'],
    ['which is for another service', '203.0.113.7', null, 'bank', '203.0.113.0/24'],
    ['before it expires', '203.0.113.8', null, 'bank', '203.0.113.8'],
    ['an IPv4-mapped address', '::ffff:203.0.113.1', null, 'shop', '203.0.113.0/24'],
    ['the allowlist', '203.0.113.99', null, 'shop', null],
    ['nobody signed in', '198.51.100.1', null, 'shop', '198.51.100.0/24'],
    ['somebody signed in', '198.51.100.1', 'ann', 'shop', null],
    ['not known yet', '198.51.100.1', undefined, 'shop', null],
    ['IPv6', '2001:db8::1', null, 'shop', '2001:db8::/32'],
    ['IPv6, longer, another service', '2001:db8:0:1::5', null, 'bank', '2001:db8::/32'],
    ['IPv6, longer', '2001:db8:0:1::5', null, 'shop', '2001:db8:0:1::/64'],
    ['IPv6, outside', '2001:db9::1', null, 'shop', null],
    ['IPv6, allowed', '2001:db8:ffff::1', null, 'shop', null],
    ['a principal from anywhere', '8.8.8.8', 'mallory', 'shop', 'mallory'],
    ['another principal', '8.8.8.8', 'ann', 'shop', null],
    ['an allowed principal at a blocked address', '203.0.113.1', 'admin', 'shop', null],
    ['a blocked principal at an allowed address', '203.0.113.99', 'mallory', 'shop', null],
    ['a country', '192.0.2.50', null, 'shop', 'DE'],
    ['an AS', '192.0.2.51', null, 'shop', '64500'],
    ['no address at all', 'unix:', null, 'shop', null],
  ];
  const one = new BlockTable(geo);
  one.loadAllowed([...allowed, allowedUser]);
  for (const each of blocks) one.set(each);
  const bulk = new BlockTable(geo, 1);
  bulk.load(blocks);
  bulk.loadAllowed([...allowed, allowedUser]);
  for (const [what, ip, principal, service, expected] of cases) {
    t.equal(one.check(ip, principal, service, NOW)?.scope.value ?? null, expected, `${what}: one by one`);
    t.equal(bulk.check(ip, principal, service, NOW)?.scope.value ?? null, expected, `${what}: compiled`);
  }
  for (const [name, table] of Object.entries({ one, bulk })) {
    t.strictSame(
      JSON.parse(JSON.stringify(table.check('203.0.113.1', null, 'x', NOW))),
      JSON.parse(JSON.stringify(blocks[0])),
      `${name}: the whole block comes back`,
    );
    t.equal(table.check('203.0.113.8', null, 'x', NOW + 10)?.scope.value, '203.0.113.0/24', `${name}: expired on time`);
    const { version } = table;
    table.delete(blockKey(blocks[0].scope, null));
    t.ok(table.version > version, 'the version tells that verdicts may change');
    t.equal(table.check('203.0.113.1', null, 'x', NOW), null, `${name}: removed`);
    t.equal(table.check('203.0.113.7', null, 'shop', NOW)?.scope.value, '203.0.113.7', `${name}: what is inside stays`);
    table.set(block('203.0.113.7', { service: 'shop', reason: 'changed' }));
    t.equal(table.check('203.0.113.7', null, 'shop', NOW)?.reason, 'changed');
    table.delete(blockKey({ kind: 'principal', value: 'mallory' }, null));
    t.equal(table.check('8.8.8.8', 'mallory', 'shop', NOW), null);
    table.delete('nonsense');
  }
});

t.test('feeds: compiled on a thread; a false positive is let through for that feed only', async (t) => {
  const feed = (name: string, lines: string) => ({ name, lines, service: null, fetchedAtMs: NOW });
  const table = new BlockTable();
  table.loadFeeds(await compileFeeds([feed('tor', '203.0.113.0/24\n203.0.113.9\n2001:db8::/32'), feed('spam', '203.0.113.0/25\n')]));
  t.equal(table.feedSize, 4);
  t.match(table.check('203.0.113.9', null, 'x', NOW), {
    origin: 'feed',
    createdBy: 'tor',
    scope: { kind: 'address', value: '203.0.113.9' },
  });
  t.match(table.check('203.0.113.10', null, 'x', NOW), { createdBy: 'spam' });
  t.equal(table.check('2001:db8::5', null, 'x', NOW)?.createdBy, 'tor');
  table.loadAllowed([{ scope: normalScope('203.0.113.9'), reason: 'customer', createdBy: 'ann', createdAtMs: NOW, feed: 'tor' }]);
  t.equal(table.check('203.0.113.9', null, 'x', NOW)?.createdBy, 'spam', 'the other feed still counts');
  table.set(block('203.0.113.0/26'));
  t.equal(table.check('203.0.113.9', null, 'x', NOW)?.origin, 'person', 'longest prefix over all tiers');
  table.loadFeeds(null);
  t.equal(table.check('2001:db8::5', null, 'x', NOW), null);
});

t.test('tables agree with a linear scan, whatever is nested, repeated, added and removed', async (t) => {
  const v4 = fc
    .tuple(fc.constantFrom(10, 11, 203), fc.nat(3), fc.nat(1), fc.nat(255), fc.integer({ min: 6, max: 32 }))
    .map(([a, b, c, d, n]) => `${a}.${b}.${c}.${d}/${n}`);
  const v6 = fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.integer({ min: 16, max: 128 }))
    .map(([a, b, c, n]) => `2001:db8:${a}::${b}:${c}/${n}`);
  const entry = fc.record({ cidr: fc.oneof(v4, v6), service: fc.constantFrom(null, 'a', 'b'), expired: fc.boolean() });
  const probe = fc.oneof(v4, v6).map((cidr) => cidr.split('/')[0]);
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 60 }),
      fc.array(entry, { maxLength: 20 }),
      fc.array(fc.nat(79), { maxLength: 20 }),
      fc.array(probe, { maxLength: 40 }),
      (loaded, added, removed, probes) => {
        const make = ({ cidr, service, expired }: (typeof loaded)[number]) => block(cidr, { service, expiresAtMs: expired ? NOW : null });
        const model = new Map<string, Block>();
        const unique = new Map(loaded.map(make).map((one) => [one.id, one]));
        for (const one of unique.values()) model.set(one.id, one);
        const table = new BlockTable(null, removed.length % 2 === 0 ? 1 : 1_000);
        table.load([...unique.values()]);
        for (const one of added.map(make)) {
          model.set(one.id, one);
          table.set(one);
        }
        for (const index of removed) {
          const victim = [...model.values()][index];
          if (victim === undefined) continue;
          model.delete(victim.id);
          table.delete(blockKey(victim.scope, victim.service));
        }
        for (const ip of [...probes, ...[...model.values()].map(({ scope }) => scope.value.split('/')[0])]) {
          const at = readPrefix(ip);
          if (at === null) return false;
          const matching = [...model.values()].flatMap((one) => {
            const prefix = readPrefix(one.scope.value);
            const applies = (one.service === null || one.service === 'a') && one.expiresAtMs === null;
            return applies && prefix !== null && contains(prefix, at) ? [prefix.length] : [];
          });
          const found = table.check(ip, null, 'a', NOW);
          const length = found === null ? -1 : (readPrefix(found.scope.value)?.length ?? -2);
          if (length !== Math.max(-1, ...matching)) return false;
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
  t.pass('300 random tables');
});

t.test('large prefixes crossing an index slot are found', async (t) => {
  const compiler = new BlockCompiler();
  for (const cidr of ['8.0.0.0/6', '10.0.0.0/8', '10.1.2.0/23', '255.255.255.255/32', '0.0.0.0/32']) compiler.add(block(cidr));
  const table = new BlockTable();
  table.loadFeeds(compiler.compile());
  const cases = {
    '11.255.255.255': '8.0.0.0/6',
    '12.0.0.0': undefined,
    '10.255.0.1': '10.0.0.0/8',
    '10.1.3.255': '10.1.2.0/23',
    '255.255.255.255': '255.255.255.255',
    '0.0.0.0': '0.0.0.0',
    '7.255.255.255': undefined,
  };
  for (const [ip, expected] of Object.entries(cases)) t.equal(table.check(ip, null, 'x', NOW)?.scope.value, expected, ip);
});
