/** JSON text for learned state: plain values, Maps and Sets survive the round trip; key order and insertion order are kept. */

const MAP = '$map';
const SET = '$set';

export function pack(value: unknown): string {
  return JSON.stringify(plain(value));
}

/** Without a replacer, which is called for every number. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) return { [MAP]: [...value].map(plain) };
  if (value instanceof Set) return { [SET]: [...value].map(plain) };
  if (Array.isArray(value)) return value.map(plain);
  const copy: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) copy[name] = plain(inner);
  return copy;
}

export function unpack(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null) return inner;
    if (MAP in inner && Array.isArray(inner[MAP])) return new Map(inner[MAP] as [unknown, unknown][]);
    if (SET in inner && Array.isArray(inner[SET])) return new Set(inner[SET] as unknown[]);
    return inner;
  });
}
