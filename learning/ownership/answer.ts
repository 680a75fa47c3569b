import type { KeyedHash } from './hash.js';
import { heirOf } from './paths.js';
import { isIdentifier, unlink } from './shape.js';
import { type Key, keyOf, NO_ID_RANK, type Step, stepsBelow } from './steps.js';

/** An object that an answer shows. */
export class AnswerObject {
  /** Value hashes of the fields, once {@link hashFields} was called: pairs of path number and hash, from `hashedFrom` on in `hashed`. */
  hashed: Uint32Array | null = null;
  hashedFrom = 0;

  constructor(
    /** Folded singular name of what it is, from its key, its `type`, or the route. */
    readonly resource: string,
    /** Null when it has none of the usual id fields. */
    readonly id: string | null,
    /**
     * Numbers of the paths of the scalars that may say whose it is. Paths are folded, envelopes are left out, arrays end in `[]`, fields of the
     * parent begin with `^`.
     */
    readonly paths: readonly number[],
    readonly values: readonly string[],
    /** Element of an array. */
    readonly inList: boolean,
    /** It is the whole answer (or what its envelope holds). */
    readonly isRoot: boolean,
  ) {}

  /** 32 bits of the field at `index`, as the tables hold them. */
  valueAt(index: number, hash: KeyedHash, space: number): number {
    return this.hashed === null ? hash.short(space, this.values[index]) : this.hashed[this.hashedFrom + 2 * index + 1];
  }

  /** Words that {@link hashFields} writes. */
  get hashedLength(): number {
    return 2 * this.paths.length;
  }

  /** Hashes every field once, into a buffer that the caller keeps for as long as it looks at the object. */
  hashFields(hash: KeyedHash, space: number, into: Uint32Array, from: number): void {
    let at = from;
    for (let i = 0; i < this.paths.length; i++) {
      into[at++] = this.paths[i];
      into[at++] = hash.short(space, this.values[i]);
    }
    this.hashed = into;
    this.hashedFrom = from;
  }
}

const MAX_OBJECTS = 400;
const MAX_FIELDS = 48;
const MAX_INHERITED = 16;
const MAX_NODES = 20_000;

interface Fields {
  readonly paths: number[];
  readonly values: string[];
}
const NOTHING: Fields = { paths: [], values: [] };

/** Flattens a JSON answer into the objects it shows, outermost first. `collection` names the objects at the root. */
export function readAnswer(value: unknown, collection: string): AnswerObject[] {
  const reader = new AnswerReader();
  reader.visit(value, collection, NOTHING, false, true, 0);
  return reader.objects;
}

class AnswerReader {
  readonly objects: AnswerObject[] = [];
  nodes = MAX_NODES;

  visit(node: unknown, name: string, inherited: Fields, inList: boolean, isRoot: boolean, depth: number): void {
    if (typeof node !== 'object' || node === null || depth > 12 || this.objects.length >= MAX_OBJECTS || --this.nodes < 0) return;
    if (Array.isArray(node)) {
      for (const one of node) this.visit(one, name, inherited, true, false, depth + 1);
      return;
    }
    const record = node as Record<string, unknown>;
    const paths: number[] = [];
    const values: string[] = [];
    const root = stepsBelow();
    let isFull = false;
    let holds = false;
    let hasEnvelope = false;
    let hasList = false;
    let best: Key | null = null;
    let bestId: string | null = null;
    for (const spelling in record) {
      const value = record[spelling];
      const step = root.child(spelling, 0);
      const { key } = step;
      if (key.isEnvelope) hasEnvelope = true;
      // `{ data: {…} }` and `{ orders: [...], page: 1 }` are wrappings, not objects: what they hold is judged, with their other fields inherited.
      if (typeof value === 'object' && value !== null) {
        holds = true;
        if (Array.isArray(value) && typeof value[0] === 'object') hasList = true;
      } else if (key.idRank < (best?.idRank ?? NO_ID_RANK)) {
        const id = scalar(value);
        if (id !== null && (key.idRank < FIRST_ID_KEYS || isIdentifier(id))) {
          best = key;
          bestId = id;
        }
      }
      if (isFull) continue;
      if (paths.length >= MAX_FIELDS || --this.nodes < 0) isFull = true;
      else isFull = !this.#collect(step, value, paths, values, 0);
    }
    const resource = typeOf(record) ?? name;
    const id = bestId !== null && best !== null && best.idRank < FIRST_ID_KEYS ? unlink(bestId) : idOf(record, resource, root, bestId);
    const wraps = id === null && holds && (hasEnvelope || hasList);
    const own = paths.length;
    if (!wraps && own > 0) this.#add(resource, id, paths, values, inherited, inList, isRoot);
    if (!holds) return;
    let handDown: Fields | null = null;
    for (const spelling in record) {
      const child = record[spelling];
      if (typeof child !== 'object' || child === null) continue;
      const { key } = root.child(spelling, 0);
      // These hold fields of the object itself, which are collected already.
      if (key.isOwnPart) continue;
      const isArray = Array.isArray(child);
      if (isArray || wraps) handDown ??= heritage(paths, values, own);
      this.visit(
        child,
        key.isEnvelope ? resource : key.folded,
        isArray || wraps ? (handDown as Fields) : NOTHING,
        inList && !isArray,
        wraps && isRoot && !isArray && key.isEnvelope,
        depth + 1,
      );
    }
  }

  /** `inherited` goes behind the object's own fields; nobody looks at `paths` beyond these. */
  #add(resource: string, id: string | null, paths: number[], values: string[], inherited: Fields, inList: boolean, isRoot: boolean): void {
    for (let i = 0; i < inherited.paths.length; i++) {
      paths.push(inherited.paths[i]);
      values.push(inherited.values[i]);
    }
    this.objects.push(new AnswerObject(resource, id, paths, values, inList, isRoot));
  }

  /**
   * Scalars of an object and of what hangs below it, at most four levels down; arrays of scalars and the ids of arrays of small objects as `name[]`.
   * False when there are enough.
   */
  #collect(step: Step, value: unknown, paths: number[], values: string[], depth: number): boolean {
    if (typeof value === 'string') {
      if (step.path >= 0 && isIdentifier(value)) {
        paths.push(step.path);
        values.push(unlink(value));
      }
    } else if (typeof value === 'number') {
      if (step.path >= 0 && Number.isSafeInteger(value)) {
        paths.push(step.path);
        values.push(String(value));
      }
    } else if (typeof value !== 'object' || value === null) return true;
    else if (Array.isArray(value)) return value.length > 64 || this.#collectList(step, value, paths, values, depth);
    else if (depth < 4) {
      const record = value as Record<string, unknown>;
      for (const spelling in record) {
        if (paths.length >= MAX_FIELDS || --this.nodes < 0) return false;
        if (!this.#collect(step.child(spelling, depth + 1), record[spelling], paths, values, depth + 1)) return false;
      }
    }
    return true;
  }

  #collectList(step: Step, list: readonly unknown[], paths: number[], values: string[], depth: number): boolean {
    for (const one of list) {
      if (paths.length >= MAX_FIELDS) return false;
      if (typeof one === 'string' && isIdentifier(one)) add(paths, values, step.listPath, unlink(one));
      else if (typeof one === 'number' && Number.isSafeInteger(one)) add(paths, values, step.listPath, String(one));
      else if (depth < 2 && typeof one === 'object' && one !== null && !Array.isArray(one)) {
        const record = one as Record<string, unknown>;
        for (const spelling in record) {
          const path = step.memberPath(spelling);
          if (path < 0) continue;
          const value = record[spelling];
          if ((typeof value === 'string' && isIdentifier(value)) || Number.isSafeInteger(value))
            add(paths, values, path, unlink(String(value)));
          if (paths.length >= MAX_FIELDS) return false;
        }
      }
    }
    return true;
  }
}

function add(paths: number[], values: string[], path: number, value: string): void {
  if (path < 0) return;
  paths.push(path);
  values.push(value);
}

/** The fields that what hangs below an object inherits from it. */
function heritage(paths: readonly number[], values: readonly string[], own: number): Fields {
  const out: Fields = { paths: [], values: [] };
  for (let i = 0; i < own && out.paths.length < MAX_INHERITED; i++) {
    const path = heirOf(paths[i]);
    if (path >= 0) add(out.paths, out.values, path, values[i]);
  }
  return out;
}

function typeOf(record: Record<string, unknown>): string | null {
  if (typeof record.type === 'string' && record.attributes !== undefined) return keyOf(record.type).folded || null;
  return typeof record.__typename === 'string' ? keyOf(record.__typename).folded || null : null;
}

/** Ranks below are of keys that always are ids; those from there on are second choice. */
const FIRST_ID_KEYS = 8;

/** The id of an object without one of the usual id fields: a field named after what it is, a second choice, or its own link. */
function idOf(record: Record<string, unknown>, resource: string, root: Step, second: string | null): string | null {
  if (resource !== '') {
    for (const spelling in record) {
      if (!root.child(spelling, 0).key.isIdOf(resource)) continue;
      const value = scalar(record[spelling]);
      if (value !== null) return unlink(value);
    }
  }
  if (second !== null) return second;
  const self = (record._links as { self?: { href?: unknown } } | undefined)?.self?.href ?? record.href ?? record.self;
  return typeof self === 'string' && self.startsWith('/') ? unlink(self) : null;
}

function scalar(value: unknown): string | null {
  if (typeof value === 'string' && value !== '' && value.length <= 200) return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}
