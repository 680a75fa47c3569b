/** JSON text for learned state: plain values, Maps and Sets survive the round trip; key order and insertion order are kept. */

const MAP = '$map';
const SET = '$set';

export function pack(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Map) return { [MAP]: [...inner] };
    if (inner instanceof Set) return { [SET]: [...inner] };
    return inner;
  });
}

export function unpack(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null) return inner;
    if (MAP in inner && Array.isArray(inner[MAP])) return new Map(inner[MAP] as [unknown, unknown][]);
    if (SET in inner && Array.isArray(inner[SET])) return new Set(inner[SET] as unknown[]);
    return inner;
  });
}
