import fc from 'fast-check';
import t from 'tap';
import { balance, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import { Defragmenter } from './decode/fragments.js';
import { addressText } from './decode/segment.js';
import { Pipeline } from './pipeline.js';
import { ethernet, fragments4, geneve, ip4, type Timed, type tcp4, tcp6, udp4, vxlan } from './testing/packets.js';
import { lineOf, linesOf, replay } from './testing/replay.js';
import { Talk } from './testing/talk.js';

const a = { ip: [192, 0, 2, 1] as const, port: 5_000 };
const b = { ip: [192, 0, 2, 2] as const, port: 4_789 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const gre = (protocol: number, payload: Buffer, flags = 0, fields = ''): Buffer =>
  Buffer.concat([Buffer.from([flags, 0, protocol >> 8, protocol & 255]), hex(fields), payload]);
const spoken = (packet?: typeof tcp4): readonly Timed[] =>
  new Talk(packet === undefined ? {} : { packet })
    .open()
    .client('GET /a HTTP/1.1\r\nHost: api\r\n\r\n')
    .server('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx')
    .close().packets;
const udp = (port: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0xc3, 0x50, port >> 8, port & 255, (payload.length + 8) >> 8, (payload.length + 8) & 255, 0, 0]), payload]);
const ip6In6 = (next: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, next, 64]), Buffer.alloc(32, 0x20), payload]);
const IP6_OPTIONS = hex('3c00 0104 0000 0000 0600 0104 0000 0000');

interface Wrap {
  readonly name: string;
  readonly linkType: number;
  readonly wrap: (packet: Buffer) => Buffer;
  readonly packet?: typeof tcp4;
  readonly vni?: number;
}

const WRAPS: readonly Wrap[] = [
  { name: 'raw IP', linkType: 101, wrap: (p) => p },
  { name: 'Ethernet', linkType: 1, wrap: (p) => ethernet(0x0800, p) },
  { name: 'Ethernet with padding', linkType: 1, wrap: (p) => Buffer.concat([ethernet(0x0800, p), Buffer.alloc(6, 0xee)]) },
  { name: 'VLAN', linkType: 1, wrap: (p) => ethernet(0x8100, Buffer.concat([hex('0064 0800'), p])) },
  { name: 'QinQ', linkType: 1, wrap: (p) => ethernet(0x88a8, Buffer.concat([hex('0064 8100 0065 0800'), p])) },
  { name: 'QinQ of other makers', linkType: 1, wrap: (p) => ethernet(0x9100, Buffer.concat([hex('0064 8100 0065 0800'), p])) },
  {
    name: 'a priority tag in VXLAN',
    linkType: 1,
    vni: 5,
    wrap: (p) =>
      ethernet(0x8100, Buffer.concat([hex('0064 0800'), udp4(a, b, vxlan(5, ethernet(0x8100, Buffer.concat([hex('0000 0800'), p]))))])),
  },
  { name: 'raw IP, numbered as OpenBSD does', linkType: 14, wrap: (p) => p },
  { name: 'raw IP, as BSD numbers it', linkType: 12, wrap: (p) => p },
  { name: 'IPv4 by name', linkType: 228, wrap: (p) => p },
  { name: 'IPv6 by name', linkType: 229, packet: tcp6, wrap: (p) => p },
  { name: 'null, IPv6 of FreeBSD', linkType: 0, packet: tcp6, wrap: (p) => Buffer.concat([hex('1c000000'), p]) },
  { name: 'null, IPv6 of macOS', linkType: 0, packet: tcp6, wrap: (p) => Buffer.concat([hex('1e000000'), p]) },
  { name: 'null, big endian', linkType: 0, wrap: (p) => Buffer.concat([hex('00000002'), p]) },
  {
    name: 'Linux cooked with VLAN',
    linkType: 113,
    wrap: (p) => Buffer.concat([hex('0000 0001 0006 000000000000 0000 8100 0064 0800'), p]),
  },
  { name: 'PPPoE with IPv6', linkType: 1, packet: tcp6, wrap: (p) => ethernet(0x8864, Buffer.concat([hex('1100 0001 0000 0057'), p])) },
  { name: 'PPPoE in VLAN', linkType: 1, wrap: (p) => ethernet(0x8100, Buffer.concat([hex('0064 8864 1100 0001 0000 0021'), p])) },
  { name: 'PPP, compressed protocol field', linkType: 9, wrap: (p) => Buffer.concat([hex('21'), p]) },
  {
    name: '802.11 with QoS',
    linkType: 105,
    wrap: (p) => Buffer.concat([hex('8802 0000'), Buffer.alloc(20), hex('0000 aaaa03 000000 0800'), p]),
  },
  {
    name: '802.11 without QoS',
    linkType: 105,
    wrap: (p) => Buffer.concat([hex('0802 0000'), Buffer.alloc(20), hex('aaaa03 000000 0800'), p]),
  },
  {
    name: '802.11 between two bridges',
    linkType: 105,
    wrap: (p) => Buffer.concat([hex('0803 0000'), Buffer.alloc(26), hex('aaaa03 000000 0800'), p]),
  },
  {
    name: '802.11 with Prism',
    linkType: 119,
    wrap: (p) =>
      Buffer.concat([hex('44000000 90000000'), Buffer.alloc(136), hex('0802 0000'), Buffer.alloc(20), hex('aaaa03 000000 0800'), p]),
  },
  {
    name: '802.11 with AVS',
    linkType: 163,
    wrap: (p) =>
      Buffer.concat([hex('80211001 00000040'), Buffer.alloc(56), hex('0802 0000'), Buffer.alloc(20), hex('aaaa03 000000 0800'), p]),
  },
  { name: 'IPv4 in IPv6', linkType: 101, wrap: (p) => ip6In6(4, p) },
  { name: 'IPv6 in IPv6', linkType: 101, packet: tcp6, wrap: (p) => ip6In6(41, p) },
  { name: 'GRE in IPv6', linkType: 101, wrap: (p) => ip6In6(47, gre(0x0800, p)) },
  { name: 'VXLAN over IPv6', linkType: 101, vni: 6, wrap: (p) => ip6In6(17, udp(4_789, vxlan(6, ethernet(0x0800, p)))) },
  { name: 'VXLAN on the port of Linux', linkType: 101, vni: 6, wrap: (p) => udp4(a, { ...b, port: 8_472 }, vxlan(6, ethernet(0x0800, p))) },
  {
    name: 'VXLAN-GPE with IP',
    linkType: 101,
    vni: 6,
    wrap: (p) => udp4(a, { ...b, port: 4_790 }, Buffer.concat([hex('0c000001 00000600'), p])),
  },
  {
    name: 'VXLAN-GPE with a network service header',
    linkType: 101,
    vni: 6,
    wrap: (p) => udp4(a, { ...b, port: 4_790 }, Buffer.concat([hex('0c000004 00000600 0fc2 0201 00000100'), p])),
  },
  { name: 'Geneve with IPv6', linkType: 101, vni: 8, packet: tcp6, wrap: (p) => udp4(a, { ...b, port: 6_081 }, geneve(8, 0x86dd, p)) },
  {
    name: 'GRE with routing bits of PPTP',
    linkType: 101,
    wrap: (p) => ip4(a, b, 47, gre(0x880b, Buffer.concat([hex('ff03 0021'), p]), 0x30, '00000001 00000002').fill(1, 1, 2)),
  },
  {
    name: 'Teredo with authentication and origin',
    linkType: 101,
    packet: tcp6,
    wrap: (p) => udp4(a, { ...b, port: 3_544 }, Buffer.concat([hex('0001 0000 0000000000000000 00 0000 1234 c0000201'), p])),
  },
  { name: 'GTP-U, plain', linkType: 101, wrap: (p) => udp4(a, { ...b, port: 2_152 }, Buffer.concat([hex('30ff 0000 00000001'), p])) },
  {
    name: 'IP in IP behind an authentication header',
    linkType: 101,
    wrap: (p) => ip4(a, b, 51, Buffer.concat([hex('0404 0000 00000001 00000001 000000000000000000000000'), p])),
  },
  { name: 'MPLS', linkType: 1, wrap: (p) => ethernet(0x8847, Buffer.concat([hex('00010040 00020140'), p])) },
  { name: 'MPLS pseudowire', linkType: 1, wrap: (p) => ethernet(0x8847, Buffer.concat([hex('00010140 00000000'), ethernet(0x0800, p)])) },
  {
    name: 'MPLS pseudowire without a control word',
    linkType: 1,
    wrap: (p) => ethernet(0x8847, Buffer.concat([hex('00010140'), ethernet(0x0800, p)])),
  },
  { name: 'PPPoE', linkType: 1, wrap: (p) => ethernet(0x8864, Buffer.concat([hex('1100 0001 0000 0021'), p])) },
  { name: 'LLC/SNAP', linkType: 1, wrap: (p) => ethernet(100, Buffer.concat([hex('aaaa03 000000 0800'), p])) },
  {
    name: 'provider backbone (802.1ah)',
    linkType: 1,
    wrap: (p) => ethernet(0x88e7, Buffer.concat([hex('00000001'), ethernet(0x0800, p)])),
  },
  { name: 'network service header', linkType: 1, wrap: (p) => ethernet(0x894f, Buffer.concat([hex('0fc2 0201 00000100'), p])) },
  { name: 'Linux cooked', linkType: 113, wrap: (p) => Buffer.concat([hex('0000 0001 0006 000000000000 0000 0800'), p]) },
  { name: 'Linux cooked 2', linkType: 276, wrap: (p) => Buffer.concat([hex('0800 0000 00000001 0001 00 06 0000000000000000'), p]) },
  { name: 'null, little endian', linkType: 0, wrap: (p) => Buffer.concat([hex('02000000'), p]) },
  { name: 'loopback, big endian', linkType: 108, wrap: (p) => Buffer.concat([hex('00000002'), p]) },
  { name: 'Cisco FabricPath', linkType: 1, wrap: (p) => ethernet(0x8903, Buffer.concat([hex('0440'), ethernet(0x0800, p)])) },
  { name: 'Cisco MetaData', linkType: 1, wrap: (p) => ethernet(0x8909, Buffer.concat([hex('01 01 0001 0007 0800'), p])) },
  { name: 'Ethernet in Ethernet', linkType: 1, wrap: (p) => ethernet(0x6558, ethernet(0x0800, p)) },
  { name: 'LLC without SNAP', linkType: 1, wrap: (p) => ethernet(100, Buffer.concat([hex('060603'), p])) },
  { name: 'frame relay', linkType: 107, wrap: (p) => Buffer.concat([hex('1841 03cc'), p]) },
  { name: 'frame relay in GRE', linkType: 101, wrap: (p) => ip4(a, b, 47, gre(0x6559, Buffer.concat([hex('1841 0800'), p]))) },
  { name: 'FDDI', linkType: 10, wrap: (p) => Buffer.concat([hex('50 020000000001 020000000002 aaaa03 000000 0800'), p]) },
  { name: 'ATM', linkType: 100, wrap: (p) => Buffer.concat([hex('aaaa03 000000 0800'), p]) },
  { name: 'IP over Firewire', linkType: 138, wrap: (p) => Buffer.concat([Buffer.alloc(16), hex('0800'), p]) },
  { name: 'PPP with a direction', linkType: 204, wrap: (p) => Buffer.concat([hex('01 ff03 0021'), p]) },
  { name: 'Cisco HDLC with a direction', linkType: 205, wrap: (p) => Buffer.concat([hex('01 0f00 0800'), p]) },
  { name: 'per-packet information', linkType: 192, wrap: (p) => Buffer.concat([hex('0000 0c00 01000000 00000000'), ethernet(0x0800, p)]) },
  {
    name: 'PKTAP (macOS)',
    linkType: 258,
    wrap: (p) => Buffer.concat([hex('1c000000 01000000 01000000'), Buffer.alloc(16), ethernet(0x0800, p)]),
  },
  { name: 'MPLS in UDP', linkType: 101, wrap: (p) => udp4(a, { ...b, port: 6_635 }, Buffer.concat([hex('00010140'), p])) },
  {
    name: 'TZSP',
    linkType: 101,
    wrap: (p) => udp4(a, { ...b, port: 37_008 }, Buffer.concat([hex('01 00 0001 0a02 1234 00 01'), ethernet(0x0800, p)])),
  },
  {
    name: 'L2TP',
    linkType: 101,
    wrap: (p) => udp4(a, { ...b, port: 1_701 }, Buffer.concat([hex('4002 0000 0001 0002 ff03 0021'), p])),
  },
  { name: 'PPP', linkType: 9, wrap: (p) => Buffer.concat([hex('ff03 0021'), p]) },
  { name: 'Cisco HDLC', linkType: 104, wrap: (p) => Buffer.concat([hex('0f00 0800'), p]) },
  {
    name: 'NFLOG',
    linkType: 239,
    wrap: (p) => Buffer.concat([hex('02000000 0500 0a00 61000000'), Buffer.from([(p.length + 4) & 255, (p.length + 4) >> 8, 9, 0]), p]),
  },
  {
    name: '802.11 with radiotap',
    linkType: 127,
    wrap: (p) => Buffer.concat([hex('0000 0800 00000000 8800 0000'), Buffer.alloc(20), hex('0000 aaaa03 000000 0800'), p]),
  },
  { name: 'IPv6', linkType: 101, packet: tcp6, wrap: (p) => p },
  {
    name: 'IPv6 with extension headers',
    linkType: 101,
    packet: (...rest) => tcp6(rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], IP6_OPTIONS, 0),
    wrap: (p) => p,
  },
  { name: 'IP in IP', linkType: 101, wrap: (p) => ip4(a, b, 4, p) },
  { name: '6in4', linkType: 101, packet: tcp6, wrap: (p) => ip4(a, b, 41, p) },
  { name: 'GRE', linkType: 101, wrap: (p) => ip4(a, b, 47, gre(0x0800, p)) },
  {
    name: 'GRE with checksum, key and sequence',
    linkType: 101,
    wrap: (p) => ip4(a, b, 47, gre(0x0800, p, 0xb0, '00000000 00000007 00000001')),
  },
  { name: 'GRE with Ethernet', linkType: 101, wrap: (p) => ip4(a, b, 47, gre(0x6558, ethernet(0x0800, p))) },
  { name: 'GRE with VLAN', linkType: 101, wrap: (p) => ip4(a, b, 47, gre(0x8100, Buffer.concat([hex('0064 0800'), p]))) },
  {
    name: 'GRE with a network service header',
    linkType: 101,
    wrap: (p) => ip4(a, b, 47, gre(0x894f, Buffer.concat([hex('0fc2 0201 00000100'), p]))),
  },
  {
    name: 'GRE of an Aruba access point',
    linkType: 101,
    wrap: (p) => ip4(a, b, 47, gre(0x8200, Buffer.concat([hex('0802 0000'), Buffer.alloc(20), hex('aaaa03 000000 0800'), p]))),
  },
  { name: 'ERSPAN I', linkType: 101, wrap: (p) => ip4(a, b, 47, gre(0x88be, ethernet(0x0800, p))) },
  {
    name: 'ERSPAN II',
    linkType: 101,
    wrap: (p) => ip4(a, b, 47, gre(0x88be, Buffer.concat([hex('1000 0001 00000000'), ethernet(0x0800, p)]), 0x10, '00000001')),
  },
  {
    name: 'ERSPAN III',
    linkType: 101,
    wrap: (p) =>
      ip4(
        a,
        b,
        47,
        gre(0x22eb, Buffer.concat([hex('2000 0001 00000000 0000 0001 0000000000000000'), ethernet(0x0800, p)]), 0x10, '00000001'),
      ),
  },
  { name: 'VXLAN', linkType: 1, vni: 42, wrap: (p) => ethernet(0x0800, udp4(a, b, vxlan(42, ethernet(0x0800, p)))) },
  {
    name: 'VXLAN in Geneve',
    linkType: 1,
    vni: 7,
    wrap: (p) =>
      ethernet(
        0x0800,
        udp4(a, { ...b, port: 6_081 }, geneve(9, 0x0800, udp4(a, b, vxlan(7, ethernet(0x0800, p))), hex('0102 0301 00000001'))),
      ),
  },
  {
    name: 'Geneve',
    linkType: 1,
    vni: 3,
    wrap: (p) => ethernet(0x0800, udp4(a, { ...b, port: 6_081 }, geneve(3, 0x6558, ethernet(0x0800, p)))),
  },
  {
    name: 'GTP-U with an extension',
    linkType: 101,
    wrap: (p) => ip4(a, b, 17, Buffer.concat([hex('1388 0868 0000 0000 34ff 0000 00000001 0000 0085 01 1000 00'), p])),
  },
  {
    name: 'Teredo',
    linkType: 101,
    packet: tcp6,
    wrap: (p) => udp4(a, { ...b, port: 3_544 }, Buffer.concat([hex('0000 1234 c0000201'), p])),
  },
  {
    name: 'AYIYA',
    linkType: 101,
    packet: tcp6,
    wrap: (p) => udp4(a, { ...b, port: 5_072 }, Buffer.concat([hex('4152 1129 00000000'), Buffer.alloc(16), Buffer.alloc(20), p])),
  },
];

t.test('every wrapping leads to the same exchange', async (t) => {
  for (const { name, linkType, wrap, packet, vni } of WRAPS) {
    const packets = spoken(packet).map(({ tsMs, bytes }) => ({ tsMs, bytes: wrap(bytes) }));
    const { pairs, seen, counters } = replay(packets, { linkType });
    t.same(pairs.map(lineOf), ['GET /a -> 200 1'], name);
    t.equal(seen[0]?.ends.vni, vni ?? -1, `${name}: network id`);
    t.equal(counters.tcp, packets.length, `${name}: all TCP`);
  }
});

t.test('nesting is bounded', async (t) => {
  let inner: Buffer = Buffer.from(spoken()[3].bytes);
  for (let depth = 0; depth < 20; depth++) inner = ip4(a, b, 4, inner);
  const { counters } = replay([{ tsMs: 0, bytes: inner }]);
  t.equal(counters.tooDeep, 1);
});

t.test('fragments', async (t) => {
  const cut = spoken().flatMap(({ tsMs, bytes }, index) =>
    index === 3 || index === 5 ? fragments4(bytes, 16, index).map((part) => ({ tsMs, bytes: part })) : [{ tsMs, bytes }],
  );
  t.same(linesOf(cut), ['GET /a -> 200 1'], 'in order');
  const parts = cut.filter(({ bytes }) => (bytes.readUInt16BE(6) & 0x3fff) !== 0);
  const rest = cut.filter(({ bytes }) => (bytes.readUInt16BE(6) & 0x3fff) === 0);
  const reversed = [...rest.slice(0, 3), ...parts.toReversed(), ...rest.slice(3)];
  t.same(linesOf(reversed), ['GET /a -> 200 1'], 'backwards');
  const { counters } = replay([...rest.slice(0, 3), ...parts.slice(1), ...rest.slice(3)]);
  t.same(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 }, 'with one missing, all is counted');
  const evil = fragments4(Buffer.from(spoken()[3].bytes), 16, 9);
  const twice = [evil[0], evil[1], Buffer.concat([evil[1].subarray(0, 20), Buffer.alloc(16, 0x58)]), ...evil.slice(2)];
  const overlapped = spoken().flatMap((one, index) => (index === 3 ? twice.map((bytes) => ({ tsMs: one.tsMs, bytes })) : [one]));
  t.same(linesOf(overlapped), ['GET /a -> 200 1'], 'the first bytes win');
});

t.test('fragments stay within their bounds', async (t) => {
  const counters = newCounters();
  const fragments = new Defragmenter(counters);
  for (let index = 0; index < 40_000; index++) fragments.add(`tiny ${index}`, 0, true, Buffer.alloc(8), 0);
  t.ok(fragments.heldBytes <= 16_384 * 8, 'many tiny ones');
  for (let index = 0; index < 600; index++) fragments.add(`large ${index}`, 0, true, Buffer.alloc(65_000), 1);
  t.ok(fragments.heldBytes <= 33 * 1024 * 1024, 'large ones');
  const others = newCounters();
  const one = new Defragmenter(others);
  for (let index = 0; index < 2_000; index++) one.add('one', index * 16, true, Buffer.alloc(8), 2);
  t.equal(others.fragmentsDropped, 2_000 - 1_024, 'parts of one datagram');
  t.equal(one.add('past the end', 65_528, false, Buffer.alloc(16), 3), null);
  one.add('late', 0, true, Buffer.alloc(8), 4);
  t.equal(one.add('late', 8, false, Buffer.alloc(8), 70_000), null, 'a minute is too late');
});

t.test('checksums are looked at when asked for', async (t) => {
  const counters = newCounters();
  const decoder = new Decoder(counters, { tunnelDepth: 8, verifyChecksums: true });
  // RFC 1071 by hand over a segment made elsewhere: header sum 0xb861 of the textbook example, then TCP.
  const bytes = Buffer.from(spoken()[0].bytes);
  const decode = (): boolean =>
    decoder.decode({ bytes, start: 0, end: bytes.length, originalLength: bytes.length, tsMs: 0, linkType: 101, vni: -1 }) !== null;
  t.notOk(decode(), 'a zero checksum is wrong');
  bytes.writeUInt16BE(ones(bytes.subarray(0, 20), 0), 10);
  t.notOk(decode(), 'so is that of TCP');
  bytes.writeUInt16BE(ones(bytes.subarray(20), ones16(bytes.subarray(12, 20)) + 6 + bytes.length - 20), 36);
  t.ok(decode());
  t.equal(counters.checksumBad, 2);
});

function ones16(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  return sum;
}

function ones(bytes: Uint8Array, start: number): number {
  let sum = start + ones16(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

t.test('addresses as text', async (t) => {
  const cases: [number[], string][] = [
    [[0, 0, 0xffff, 0x0a000001], '10.0.0.1'],
    [[0x20010db8, 0, 0, 1], '2001:db8::1'],
    [[0, 0, 0, 0], '::'],
    [[0, 0, 0, 1], '::1'],
    [[0x20010db8, 0x00000001, 0x00010000, 0x00000001], '2001:db8:0:1:1::1'],
    [[0xfe800000, 0, 0x02000000, 0x00010000], 'fe80::200:0:1:0'],
  ];
  for (const [words, text] of cases) t.equal(addressText(words[0] | 0, words[1] | 0, words[2] | 0, words[3] | 0), text);
});

t.test('random and damaged packets are counted, never thrown at', async (t) => {
  const linkTypes = [0, 1, 9, 50, 51, 101, 104, 105, 108, 109, 113, 127, 228, 229, 239, 276, 9_999];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...linkTypes), (bytes, linkType) => {
      const { counters } = replay([{ tsMs: 0, bytes: Buffer.from(bytes) }], { linkType });
      t.same(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 });
    }),
    { numRuns: 400 },
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 12 }),
      fc.nat({ max: WRAPS.length - 1 }),
      fc.boolean(),
      (changes, which, verify) => {
        const { linkType, wrap, packet } = WRAPS[which];
        const packets = spoken(packet).map(({ tsMs, bytes }) => ({ tsMs, bytes: wrap(Buffer.from(bytes)) }));
        for (const [index, at, value] of changes) {
          const { bytes } = packets[index % packets.length];
          bytes[at % bytes.length] = value;
        }
        const pipeline = new Pipeline({ verifyChecksums: verify }, () => {});
        for (const [index, { tsMs, bytes }] of packets.entries()) {
          const end = index % 5 === 4 ? Math.floor(bytes.length / 2) : bytes.length;
          pipeline.packet({ bytes, start: 0, end, originalLength: bytes.length, tsMs, linkType, vni: -1 });
        }
        pipeline.end();
        t.same(balance(pipeline.counters, 0), { packets: 0, bytes: 0, delivery: 0 });
      },
    ),
    { numRuns: 400 },
  );
});
