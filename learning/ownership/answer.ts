import type { Knowledge, Resource } from './knowledge.js';
import { CONTAINER, heirOf, pathNumber } from './paths.js';
import type { RouteReading } from './references.js';
import { canonicalId, foldName, isIdentifier, unlink } from './shape.js';
import { keyOf, NO_ID_RANK, type Step, stepsBelow } from './steps.js';
import { wordsOf } from './words.js';

/**
 * Scalars of all objects of an answer that may say whose they are, one behind the other. Paths are folded, envelopes are left out, arrays end in
 * `[]`, fields of the parent begin with `^`.
 */
export interface Fields {
  /** Numbers of the paths. */
  readonly paths: number[];
  readonly values: string[];
  /** Pairs of path and value hash, once somebody needs all of them. */
  hashed: Uint32Array | null;
}

/** An object that an answer shows. Its fields stand in `all`, from `from` up to `to`. */
export class AnswerObject {
  /** Key in the ownership table, once {@link key} was asked for. */
  hi = 0;
  lo = 0;
  #isKeyed = false;

  constructor(
    /** Folded singular name of what it is, from its key, its `type`, or the route. */
    readonly resource: string,
    /** Null when it has none of the usual id fields. */
    readonly id: string | null,
    readonly all: Fields,
    readonly from: number,
    readonly to: number,
    /** Element of an array. */
    readonly inList: boolean,
    /** It is the whole answer (or what its envelope holds). */
    readonly isRoot: boolean,
    /** A part of another object, not in a list of its own (`customer` in an order): mentioned, not handed out. */
    readonly isMentioned: boolean,
  ) {}

  /** 32 bits of the field at `index`, as the tables hold them. */
  valueAt(index: number, known: Knowledge): number {
    return this.all.hashed === null ? known.valueHash(this.all.values[index]) : this.all.hashed[2 * index + 1];
  }

  /** Leaves the object's key in {@link hi} and {@link lo}. `resource`: the one it is of. */
  key(known: Knowledge, resource: Resource): void {
    if (this.#isKeyed || this.id === null) return;
    known.objectKey(resource, this.id);
    this.hi = known.hash.hi;
    this.lo = known.hash.lo;
    this.#isKeyed = true;
  }

  /** Value hash of its id. */
  idHash(known: Knowledge): number {
    const { values } = this.all;
    for (let i = this.from; i < this.to; i++) if (values[i] === this.id) return this.valueAt(i, known);
    return known.valueHash(this.id ?? '');
  }

  /** A copy of its hashed fields. */
  hashedFields(): readonly number[] | null {
    return this.all.hashed === null ? null : wordsOf(this.all.hashed, 2 * this.from, 2 * this.to);
  }
}

const MAX_OBJECTS = 400;
const MAX_FIELDS = 48;
const MAX_INHERITED = 16;
const MAX_NODES = 20_000;

/** Fields that what hangs below an object inherits from it. */
interface Heritage {
  readonly paths: readonly number[];
  readonly values: readonly string[];
}
const NOTHING: Heritage = { paths: [], values: [] };

const PLAIN = { aliases: null, isBatch: false };

/**
 * Flattens a JSON answer into the objects it shows, outermost first. `collection` names the objects at the root; what lists of it show hangs on the
 * `container`, and has that as a field of its own (`^/account`). Names that the client chose (`aliases`) count as what they stand for: nobody becomes an owner
 * by asking for `customer: viewer { id }`.
 */
export function readAnswer(
  value: unknown,
  collection: string,
  container: RouteReading['container'] = null,
  { aliases, isBatch }: Pick<RouteReading, 'aliases' | 'isBatch'> = PLAIN,
): AnswerObject[] {
  const reader = new AnswerReader(container, aliases);
  if (isBatch && Array.isArray(value)) {
    for (const one of value as unknown[]) reader.visit(one, collection, NOTHING, false, true, false, 0);
    return reader.objects;
  }
  reader.visit(value, collection, NOTHING, false, true, false, 0);
  return reader.objects;
}

class AnswerReader {
  readonly objects: AnswerObject[] = [];
  readonly #all: Fields = { paths: [], values: [], hashed: null };
  readonly #root = stepsBelow();
  /** Keys and values of the objects that are being visited, outermost first, up to `#top`. */
  readonly #steps: Step[] = [];
  readonly #children: unknown[] = [];
  #top = 0;
  #limit = 0;
  #nodes = MAX_NODES;
  readonly #containerPath: number;
  readonly #containerValue: string;

  constructor(
    container: RouteReading['container'],
    private readonly aliases: RouteReading['aliases'],
  ) {
    this.#containerPath = container === null ? -1 : pathNumber(`${CONTAINER}${container.name}`);
    this.#containerValue = container?.value ?? '';
  }

  visit(node: unknown, name: string, inherited: Heritage, inList: boolean, isRoot: boolean, isMentioned: boolean, depth: number): void {
    if (typeof node !== 'object' || node === null || depth > 12 || this.objects.length >= MAX_OBJECTS || --this.#nodes < 0) return;
    if (Array.isArray(node)) {
      for (const one of node) this.visit(one, name, inherited, true, false, isMentioned, depth + 1);
      return;
    }
    let record = node as Record<string, unknown>;
    // What a JSON-RPC answer repeats is the number of the call.
    if (depth <= 1 && 'jsonrpc' in record && ('result' in record || 'error' in record)) record = { ...record, id: null };
    const base = this.#top;
    let end = base;
    let step = this.#root;
    let holds = false;
    let hasEnvelope = false;
    let hasList = false;
    let bestRank = NO_ID_RANK;
    let bestId: string | null = null;
    let hasType = false;
    let within = 0;
    let named = false;
    for (const spelling in record) {
      let value = record[spelling];
      step = this.#root.childAfter(step, this.#named(spelling));
      const { key } = step;
      if (key.isEnvelope) hasEnvelope = true;
      if (key.isType) hasType = true;
      if (typeof value === 'object') {
        if (value !== null) holds = true;
        if (value !== null && !Array.isArray(value) && !key.isOwnPart) {
          within++;
          if (key.folded === name) named = true;
        }
        if (Array.isArray(value) && typeof value[0] === 'object') hasList = true;
      } else {
        // Each number becomes text once.
        if (typeof value === 'number') value = Number.isSafeInteger(value) ? String(value) : null;
        if (key.idRank < bestRank && isIdText(value) && (key.idRank < FIRST_ID_KEYS || isIdentifier(value))) {
          bestRank = key.idRank;
          bestId = value;
        }
      }
      this.#steps[end] = step;
      this.#children[end++] = value;
    }
    this.#top = end;
    // Even `__typename` may be what the client calls something else.
    let resource = (hasType ? typeOf(record) : null) ?? name;
    let id = bestId !== null && bestRank < FIRST_ID_KEYS ? unlink(bestId) : this.#idOf(record, resource, base, bestId, isRoot);
    if (id === null && (inList || isRoot) && end > base) {
      // A list that is not called after what it holds: `/fleet` of `[{ "deviceId": … }]`. A single one is called so at least in part.
      const [first, value] = [this.#steps[base].key, this.#children[base]];
      if (first.idOf !== '' && isIdText(value) && (inList || name.endsWith(first.idOf) || isViewOf(name, first.idOf)))
        [resource, id] = [first.idOf, unlink(value)];
    }
    // `{ data: {…} }`, `{ order: {…} }` and `{ orders: [...], page: 1 }` are wrappings, not objects: what they hold is judged, with their other fields inherited.
    const isOnly = isRoot && within === 1 && (named || end === base + 1);
    const wraps = id === null && holds && (hasEnvelope || hasList || isOnly);
    const from = this.#all.paths.length;
    this.#limit = from + MAX_FIELDS;
    for (let i = base; i < end; i++) {
      if (this.#all.paths.length >= this.#limit || --this.#nodes < 0) break;
      if (!this.#collect(this.#steps[i], this.#children[i], 0, !wraps)) break;
    }
    const own = this.#all.paths.length;
    let handDown: Heritage | null = null;
    if (!wraps && own > from) this.#add(resource, id, from, inherited, inList, isRoot, isMentioned);
    for (let i = base; i < end && holds; i++) {
      const child = this.#children[i];
      if (typeof child !== 'object' || child === null) continue;
      const { key } = this.#steps[i];
      // These hold fields of the object itself, which are collected already.
      if (key.isOwnPart) continue;
      const isArray = Array.isArray(child);
      if (isArray || wraps) handDown ??= this.#heritage(from, own);
      this.visit(
        child,
        // What `/maintenance-tickets` lists as `tickets` is what it is called after.
        key.isEnvelope || (wraps && key.folded !== '' && resource.endsWith(key.folded)) ? resource : key.folded,
        isArray || wraps ? (handDown ?? NOTHING) : NOTHING,
        inList && !isArray,
        wraps && isRoot && !isArray && (isOnly || key.isEnvelope),
        isMentioned || (id !== null && !isArray),
        depth + 1,
      );
    }
    this.#top = base;
  }

  #add(
    resource: string,
    id: string | null,
    from: number,
    inherited: Heritage,
    inList: boolean,
    isRoot: boolean,
    isMentioned: boolean,
  ): void {
    const { paths, values } = this.#all;
    for (let i = 0; i < inherited.paths.length; i++) {
      paths.push(inherited.paths[i]);
      values.push(inherited.values[i]);
    }
    if (inList && !isMentioned) this.#put(this.#containerPath, this.#containerValue);
    this.objects.push(
      new AnswerObject(resource, id === null ? null : canonicalId(id), this.#all, from, paths.length, inList, isRoot, isMentioned),
    );
  }

  /**
   * Scalars of an object and of what hangs below it, at most four levels down; arrays of scalars and the ids of arrays of small objects as `name[]`.
   * False when there are enough.
   */
  #collect(step: Step, value: unknown, depth: number, withLists: boolean): boolean {
    if (typeof value === 'string') {
      if (isIdentifier(value)) this.#put(step.path, unlink(value));
    } else if (typeof value === 'number') {
      if (Number.isSafeInteger(value)) this.#put(step.path, String(value));
    } else if (typeof value === 'boolean') this.#put(step.path, value ? 'true' : 'false');
    else if (typeof value !== 'object' || value === null) return true;
    else if (Array.isArray(value)) return !withLists || value.length > 64 || this.#collectList(step, value, depth);
    else if (depth < 4) {
      const record = value as Record<string, unknown>;
      for (const spelling in record) {
        if (this.#all.paths.length >= this.#limit || --this.#nodes < 0) return false;
        if (!this.#collect(step.child(this.#named(spelling), depth + 1), record[spelling], depth + 1, withLists)) return false;
      }
    }
    return true;
  }

  #collectList(step: Step, list: readonly unknown[], depth: number): boolean {
    for (const one of list) {
      if (this.#all.paths.length >= this.#limit) return false;
      if (typeof one === 'string' && isIdentifier(one)) this.#put(step.listPath, unlink(one));
      else if (typeof one === 'number' && Number.isSafeInteger(one)) this.#put(step.listPath, String(one));
      else if (depth < 2 && typeof one === 'object' && one !== null && !Array.isArray(one)) {
        const record = one as Record<string, unknown>;
        for (const spelling in record) {
          const path = step.memberPath(this.#named(spelling));
          if (path < 0) continue;
          const value = record[spelling];
          if ((typeof value === 'string' && isIdentifier(value)) || Number.isSafeInteger(value)) this.#put(path, unlink(String(value)));
          if (this.#all.paths.length >= this.#limit) return false;
        }
      }
    }
    return true;
  }

  #named(spelling: string): string {
    return this.aliases === null ? spelling : (this.aliases.get(spelling) ?? spelling);
  }

  #put(path: number, value: string): void {
    if (path < 0) return;
    this.#all.paths.push(path);
    this.#all.values.push(value);
  }

  #heritage(from: number, to: number): Heritage {
    const paths: number[] = [];
    const values: string[] = [];
    for (let i = from; i < to && paths.length < MAX_INHERITED; i++) {
      const path = heirOf(this.#all.paths[i]);
      if (path < 0) continue;
      paths.push(path);
      values.push(this.#all.values[i]);
    }
    return { paths, values };
  }

  /** The id of an object without one of the usual id fields: a field named after what it is, a second choice, or its own link. */
  #idOf(record: Record<string, unknown>, resource: string, base: number, second: string | null, isRoot: boolean): string | null {
    const isPart = isRoot && this.#containerPath >= 0;
    for (let i = base; i < this.#top && resource !== ''; i++) {
      const { key } = this.#steps[i];
      if (!key.isIdOf(resource)) continue;
      const value = this.#children[i];
      // `PUT /visits/7/note` is answered with the visit and its note, which is a word.
      if (isPart && key.folded === resource && typeof value === 'string' && !/\d/.test(value)) continue;
      if (isIdText(value)) return unlink(value);
    }
    if (second !== null) return second;
    const self = (record._links as { self?: { href?: unknown } } | undefined)?.self?.href ?? record.href ?? record.self;
    if (typeof self !== 'string' || !self.startsWith('/')) return null;
    const id = unlink(self);
    return isOfCollection(foldName(id), resource, record) ? null : id;
  }
}

/** Is it a way to look at one such thing: the `walletstatement` of a `wallet`? */
const isViewOf = (name: string, thing: string): boolean => name.startsWith(thing) && VIEW.test(name.slice(thing.length));
const VIEW = /^(?:statement|summary|slip|balance|status|detail|info|overview|history|snapshot|usage|telemetry)$/;

/** A collection links to itself as well (HAL): the end of `/orders?page=2` is no id of what was asked for, nor where the orders of the list are embedded. */
function isOfCollection(word: string, resource: string, { _embedded }: Record<string, unknown>): boolean {
  if (word === resource) return true;
  if (typeof _embedded !== 'object' || _embedded === null) return false;
  return Object.entries(_embedded).some(([name, value]) => Array.isArray(value) && foldName(name) === word);
}

function typeOf(record: Record<string, unknown>): string | null {
  if (typeof record.type === 'string' && record.attributes !== undefined) return keyOf(record.type).folded || null;
  return typeof record.__typename === 'string' ? keyOf(record.__typename).folded || null : null;
}

/** Ranks below are of keys that always are ids; those from there on are second choice. */
const FIRST_ID_KEYS = 8;

function isIdText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200;
}
