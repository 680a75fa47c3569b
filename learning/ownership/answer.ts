import { foldName, isEnvelope, isIdentifier, unlink } from './shape.js';

/** One scalar that may say whose an object is. Paths are folded, envelopes are left out, arrays end in `[]`, fields of the parent begin with `^`. */
export interface Field {
  readonly path: string;
  readonly value: string;
}

/** An object that an answer shows. */
export interface AnswerObject {
  /** Folded singular name of what it is, from its key, its `type`, or the route. */
  readonly resource: string;
  /** Null when it has none of the usual id fields. */
  readonly id: string | null;
  readonly fields: readonly Field[];
  /** Element of an array. */
  readonly inList: boolean;
  /** It is the whole answer (or what its envelope holds). */
  readonly isRoot: boolean;
}

const MAX_OBJECTS = 400;
const MAX_FIELDS = 48;
const MAX_NODES = 20_000;
const ID_KEYS = ['id', '_id', 'uuid', 'guid', 'uid', 'ID', 'Id', '@id'];
const SECOND_ID_KEYS = ['slug', 'key', 'code', 'number', 'ref', 'reference', 'handle'];

/** Flattens a JSON answer into the objects it shows, outermost first. `collection` names the objects at the root. */
export function readAnswer(value: unknown, collection: string): AnswerObject[] {
  const objects: AnswerObject[] = [];
  const budget = { nodes: MAX_NODES };
  visit(value, collection, [], false, true, 0, objects, budget);
  return objects;
}

function visit(
  node: unknown,
  name: string,
  inherited: readonly Field[],
  inList: boolean,
  isRoot: boolean,
  depth: number,
  out: AnswerObject[],
  budget: { nodes: number },
): void {
  if (typeof node !== 'object' || node === null || depth > 12 || out.length >= MAX_OBJECTS || --budget.nodes < 0) return;
  if (Array.isArray(node)) {
    for (const one of node) visit(one, name, inherited, true, false, depth + 1, out, budget);
    return;
  }
  const record = node as Record<string, unknown>;
  const own: Field[] = [];
  collect(record, '', own, 0, budget);
  const type =
    typeof record.type === 'string' && record.attributes !== undefined
      ? foldName(record.type)
      : typeof record.__typename === 'string'
        ? foldName(record.__typename)
        : '';
  const resource = type !== '' ? type : name;
  const id = idOf(record, resource);
  const keys = Object.keys(record);
  // `{ data: {…} }` and `{ orders: [...], page: 1 }` are wrappings, not objects: what they hold is judged, with their other fields inherited.
  const holds = keys.filter((key) => typeof record[key] === 'object' && record[key] !== null);
  const wraps =
    id === null &&
    holds.length > 0 &&
    keys.some((key) => isEnvelope(key) || (Array.isArray(record[key]) && typeof (record[key] as unknown[])[0] === 'object'));
  if (!wraps && own.length > 0)
    out.push({ resource, id, fields: inherited.length === 0 ? own : [...own, ...inherited].slice(0, MAX_FIELDS + 16), inList, isRoot });
  const handDown = own
    .filter((field) => !field.path.startsWith('^') && !field.path.includes('[]'))
    .slice(0, 16)
    .map((field) => ({ path: `^${field.path}`, value: field.value }));
  for (const key of holds) {
    const child = record[key];
    // These hold fields of the object itself, which are collected already.
    if (key === 'attributes' || key === 'relationships' || key === '_links' || key.startsWith('$')) continue;
    const childName = isEnvelope(key) ? resource : foldName(key);
    visit(
      child,
      childName,
      Array.isArray(child) || wraps ? handDown : [],
      inList && !Array.isArray(child),
      wraps && isRoot && !Array.isArray(child) && isEnvelope(key),
      depth + 1,
      out,
      budget,
    );
  }
}

/** Scalars of an object and of what hangs below it, at most four levels down; arrays of scalars and the ids of arrays of small objects as `name[]`. */
function collect(record: Record<string, unknown>, at: string, out: Field[], depth: number, budget: { nodes: number }): void {
  for (const key of Object.keys(record)) {
    if (out.length >= MAX_FIELDS || --budget.nodes < 0) return;
    const value = record[key];
    const step = isEnvelope(key) && depth > 0 ? at : at === '' ? foldName(key) : `${at}.${foldName(key)}`;
    if (typeof value === 'string') {
      if (isIdentifier(value)) out.push({ path: step === '' ? foldName(key) : step, value: unlink(value) });
    } else if (typeof value === 'number') {
      if (Number.isSafeInteger(value)) out.push({ path: step === '' ? foldName(key) : step, value: String(value) });
    } else if (Array.isArray(value)) {
      if (value.length > 64) continue;
      for (const one of value) {
        if (out.length >= MAX_FIELDS) return;
        if (typeof one === 'string' && isIdentifier(one)) out.push({ path: `${step}[]`, value: unlink(one) });
        else if (typeof one === 'number' && Number.isSafeInteger(one)) out.push({ path: `${step}[]`, value: String(one) });
        else if (depth < 2 && typeof one === 'object' && one !== null && !Array.isArray(one)) {
          for (const [inner, scalar] of Object.entries(one)) {
            if (!/^(?:_?id|uuid|uid|.*[a-z](?:_id|Id|-id)|user|member|username|email|login|handle)$/.test(inner)) continue;
            if ((typeof scalar === 'string' && isIdentifier(scalar)) || Number.isSafeInteger(scalar))
              out.push({ path: `${step}[].${foldName(inner)}`, value: unlink(String(scalar)) });
            if (out.length >= MAX_FIELDS) return;
          }
        }
      }
    } else if (typeof value === 'object' && value !== null && depth < 4)
      collect(value as Record<string, unknown>, step, out, depth + 1, budget);
  }
}

function idOf(record: Record<string, unknown>, resource: string): string | null {
  for (const key of ID_KEYS) {
    const value = scalar(record[key]);
    if (value !== null) return unlink(value);
  }
  if (resource !== '') {
    for (const key of Object.keys(record)) {
      const plain = foldName(key);
      if (plain.startsWith(resource) && /^(?:id|uuid|guid|key|ref|no|number|code|)$/.test(plain.slice(resource.length))) {
        const value = scalar(record[key]);
        if (value !== null) return unlink(value);
      }
    }
  }
  for (const key of SECOND_ID_KEYS) {
    const value = scalar(record[key]);
    if (value !== null && isIdentifier(value)) return value;
  }
  const self = (record._links as { self?: { href?: unknown } } | undefined)?.self?.href ?? record.href ?? record.self;
  return typeof self === 'string' && self.startsWith('/') ? unlink(self) : null;
}

function scalar(value: unknown): string | null {
  if (typeof value === 'string' && value !== '' && value.length <= 200) return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}
