import { foldName, referentOf } from './shape.js';

export const CREDENTIAL_NAME = /token|api-?key|auth|secret|signature|session|csrf|nonce|password|passwd|^sid$/i;

const MAX_NODES = 2000;
const MAX_DEPTH = 12;
const MAX_ELEMENTS = 1000;
const REFERENCE_NAME = /(?:id|ids|uuid|ref|refs|key|from|to|source|target|account|number)$/i;

/** A value that may name an object: its place, its name as the client wrote it, what the name points at (or nothing), and the structure around it. */
export type Found = (at: string, name: string, value: string, hint: string, wrapping: string, inList: boolean) => void;

/** What may stand in a value besides JSON. */
export interface Specials {
  /** An object that is a call of its own was read as such. */
  read(node: object): void;
  /** What stands for another value, or undefined. */
  resolve(node: object): { readonly value: unknown } | undefined;
  /** There was more than is looked at. */
  cut(): void;
}

export type ValueWalk = (node: unknown, at: string, name: string, wrapping: string, depth: number, inList: boolean) => void;

/** Walks JSON values, at most so many nodes in all its calls together. */
export function valueWalk(found: Found, specials: Specials): ValueWalk {
  let nodes = 0;
  const walk: ValueWalk = (node, at, name, wrapping, depth, inList) => {
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) {
      specials.cut();
      return;
    }
    if (typeof node === 'string') {
      if (!CREDENTIAL_NAME.test(name)) found(at, name, node, referentOf(name), wrapping, inList);
    } else if (typeof node === 'number' && Number.isSafeInteger(node)) found(at, name, String(node), referentOf(name), wrapping, inList);
    else if (Array.isArray(node)) {
      if (node.length > MAX_ELEMENTS) specials.cut();
      for (const one of node.slice(0, MAX_ELEMENTS)) walk(one, at, name, `${wrapping}[`, depth + 1, true);
    } else if (typeof node === 'object' && node !== null) {
      const stand = specials.resolve(node);
      if (stand !== undefined) {
        walk(stand.value, at, name, wrapping, depth + 1, inList);
        return;
      }
      specials.read(node);
      for (const [key, child] of Object.entries(node)) {
        // `{ messageId: { id: { id: x } } }` is still the slot `messageId`: a wrapped id must not become a new, unknown place.
        const wraps = name !== '' && /^(?:id|_id|value|\$eq|\$in|key|uuid|0)$/.test(key) && REFERENCE_NAME.test(name);
        if (wraps) walk(child, at, name, `${wrapping}{`, depth + 1, inList);
        else walk(child, at === '' ? foldName(key) : `${at}.${foldName(key)}`, key, '', depth + 1, inList);
      }
    }
  };
  return walk;
}
