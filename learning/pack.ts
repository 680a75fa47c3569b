/** JSON text for learned state: plain values, Maps, Sets and bytes survive the round trip; key order and insertion order are kept. */

import { FewMap, FewSet } from '../exchange/index.js';

const MAP = '$map';
const SET = '$set';
const BYTES = '$bytes';

export function pack(value: unknown): string {
  return JSON.stringify(plain(value));
}

/** Without a replacer, which is called for every number. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map || value instanceof FewMap) return { [MAP]: [...value].map(plain) };
  if (value instanceof Set || value instanceof FewSet) return { [SET]: [...value].map(plain) };
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  const copy: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) copy[name] = plain(inner);
  return copy;
}

export function unpack(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null) return inner;
    if (MAP in inner && Array.isArray(inner[MAP])) return new FewMap(inner[MAP] as [unknown, unknown][]);
    if (SET in inner && Array.isArray(inner[SET])) return new FewSet(inner[SET] as unknown[]);
    if (BYTES in inner && typeof inner[BYTES] === 'string') return Uint8Array.from(Buffer.from(inner[BYTES], 'base64'));
    return inner;
  });
}
