/** Writes small MaxMind databases (format 2.0, 24-bit records, IPv4 tree) so that tests need none of MaxMind's. */
import { Buffer } from 'node:buffer';

type Value = string | number | { readonly [key: string]: Value };

enum Kind {
  String = 2,
  Uint16 = 5,
  Uint32 = 6,
  Map = 7,
}

function control(kind: Kind, size: number): Buffer {
  if (size < 29) return Buffer.from([(kind << 5) | size]);
  return Buffer.from([(kind << 5) | 29, size - 29]);
}

function encode(value: Value, isSmall = false): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(Kind.String, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(isSmall ? 2 : 4);
    if (isSmall) bytes.writeUInt16BE(value);
    else bytes.writeUInt32BE(value);
    return Buffer.concat([control(isSmall ? Kind.Uint16 : Kind.Uint32, bytes.length), bytes]);
  }
  const members = Object.entries(value);
  return Buffer.concat([control(Kind.Map, members.length), ...members.flatMap(([key, one]) => [encode(key), encode(one)])]);
}

interface Node {
  zero: Node | number | null;
  one: Node | number | null;
}

/** `networks`: CIDR → record. They must not contain each other. */
export function mmdb(databaseType: string, networks: Readonly<Record<string, Value>>): Buffer {
  const root: Node = { zero: null, one: null };
  const records: Buffer[] = [];
  let dataBytes = 0;
  for (const [cidr, record] of Object.entries(networks)) {
    const [address, length] = cidr.split('/');
    const bits = address.split('.').flatMap((octet) => Number(octet).toString(2).padStart(8, '0').split(''));
    let node = root;
    for (let depth = 0; depth < Number(length); depth++) {
      const side = bits[depth] === '0' ? 'zero' : 'one';
      if (depth === Number(length) - 1) {
        node[side] = dataBytes;
        break;
      }
      const next = node[side];
      const child: Node = typeof next === 'object' && next !== null ? next : { zero: null, one: null };
      node[side] = child;
      node = child;
    }
    const bytes = encode(record);
    records.push(bytes);
    dataBytes += bytes.length;
  }
  const nodes: Node[] = [root];
  for (let at = 0; at < nodes.length; at++)
    for (const child of [nodes[at].zero, nodes[at].one]) if (typeof child === 'object' && child !== null) nodes.push(child);
  const index = new Map(nodes.map((node, at) => [node, at]));
  const target = (child: Node['zero']): number =>
    child === null ? nodes.length : typeof child === 'number' ? nodes.length + 16 + child : (index.get(child) ?? 0);
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [at, node] of nodes.entries()) {
    tree.writeUIntBE(target(node.zero), at * 6, 3);
    tree.writeUIntBE(target(node.one), at * 6 + 3, 3);
  }
  const small = (value: number) => encode(value, true);
  const metadata = Buffer.concat([
    control(Kind.Map, 6),
    ...[
      ['node_count', encode(nodes.length)],
      ['record_size', small(24)],
      ['ip_version', small(4)],
      ['database_type', encode(databaseType)],
      ['binary_format_major_version', small(2)],
      ['binary_format_minor_version', small(0)],
    ].flatMap(([key, bytes]) => [encode(String(key)), Buffer.isBuffer(bytes) ? bytes : encode(String(bytes))]),
  ]);
  return Buffer.concat([tree, Buffer.alloc(16), ...records, Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com'), metadata]);
}
