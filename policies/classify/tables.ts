/** Compiles a list of data types into the tables that the scan looks into. */
import type { DataType, Find, ScannerName } from '../data-types/index.js';
import { expandShape } from '../data-types/index.js';
import { ALPHABETS, outlineHash, wordHash } from './bytes.js';

/** One way in which one type is found. */
export interface Rule {
  readonly type: number;
  readonly alone: number;
}

export interface RunRule extends Rule {
  readonly min: number;
  readonly max: number;
  /** Outline hash and length of the required start. */
  readonly startHash: number;
  readonly startLength: number;
}

export interface PrefixRule extends Rule {
  readonly prefix: Uint8Array;
  readonly min: number;
  readonly max: number;
  readonly alphabet: Uint8Array;
}

/** Rules that share an outline. `alone` is the highest of them. */
export interface Bucket {
  readonly alone: number;
  readonly rules: readonly Rule[];
}

/** Types that a word speaks for. `against`: the word says that a number is merely a number (order, reference, …). */
export interface Hint {
  readonly types: readonly number[];
  readonly against: boolean;
  /** The word says nothing by itself (`value`, `number`): what is around decides. */
  readonly generic: boolean;
  /** A name that ends so is one of an amount. */
  readonly quantity?: boolean;
}

export interface Tables {
  readonly types: readonly DataType[];
  readonly index: ReadonlyMap<string, number>;
  readonly shapes: HashTable<Bucket>;
  /** Outlines that do not tell letters from digits. */
  readonly coarse: HashTable<Bucket>;
  /** By length. */
  readonly runs: readonly (readonly RunRule[])[];
  readonly groupedRuns: readonly RunRule[];
  /** By hash of the first three bytes. */
  readonly prefixes: readonly (readonly PrefixRule[] | undefined)[];
  readonly scanners: Readonly<Partial<Record<ScannerName, Rule>>>;
  /** Rules for a text that is read as one value. */
  readonly wholes: readonly Rule[];
  readonly hints: HashTable<Hint>;
  /** Per type: found by a field name alone, whatever the value looks like. */
  readonly fieldOnly: readonly boolean[];
}

/** Words that say that a number next to them is an id of something unregulated. */
const AGAINST =
  'order orderid orderno ordernumber invoice tracking shipment parcel ticket sku product item serial sequence version revision build trace span correlation request transaction timestamp epoch millis checksum hash offset byte bytes count total amount price port page size length width height id ids uid uuid ref reference cursor nonce etag row batch commit barcode'.split(
    ' ',
  );
/** What a field is of whose name ends so: `vat_cents` is no number of whoever pays it. */
const QUANTITY = 'cent cents amount total price count rate percent pct sum fee net gross millis bytes size length width height'.split(' ');
const GENERIC =
  'value number no num code text string content data field input answer val v raw original current new old primary secondary main work home personal business'.split(
    ' ',
  );

export const prefixHash = (a: number, b: number, c: number): number => ((a * 31 + b) * 31 + c) & 4095;

interface Outline {
  readonly isCoarse: boolean;
  readonly hash: number;
}

const spelledOut = new WeakMap<Find, readonly Outline[]>();

/** Spelling out the outlines of the built-in types is most of the work of compiling them, and is done once a thread. */
function outlinesOf(find: Find & { readonly by: 'shape' }): readonly Outline[] {
  let outlines = spelledOut.get(find);
  if (outlines === undefined) {
    outlines = [...new Set(find.shapes.flatMap(expandShape))].map((outline) => {
      const isCoarse = outline.includes('#');
      return { isCoarse, hash: outlineHash(isCoarse ? outline.replace(/[A9]/g, '#') : outline) };
    });
    spelledOut.set(find, outlines);
  }
  return outlines;
}

export function compileTables(types: readonly DataType[]): Tables {
  const shapes = new Map<number, Rule[]>();
  const coarse = new Map<number, Rule[]>();
  const runs: RunRule[][] = Array.from({ length: 65 }, () => []);
  const groupedRuns: RunRule[] = [];
  const prefixes: (PrefixRule[] | undefined)[] = new Array(4096).fill(undefined);
  const wholes: Rule[] = [];
  const scanners: Partial<Record<ScannerName, Rule>> = {};
  const hints = new Map<number, { types: number[]; against: boolean; generic: boolean; quantity: boolean }>();
  const hint = (word: string) => {
    const hash = wordHash(word);
    const entry = hints.get(hash) ?? { types: [], against: false, generic: false, quantity: false };
    hints.set(hash, entry);
    return entry;
  };
  for (const word of AGAINST) hint(word).against = true;
  for (const word of GENERIC) hint(word).generic = true;
  for (const word of QUANTITY) hint(word).quantity = true;

  types.forEach((type, index) => {
    const plurals = type.fields.filter((word) => !word.endsWith('s')).map((word) => `${word}s`);
    for (const word of new Set([...type.fields, ...plurals, ...(type.words ?? []).map((words) => words.replaceAll(' ', ''))]))
      hint(word).types.push(index);
    for (const find of type.find) {
      if (find.by === 'shape') {
        for (const { isCoarse, hash } of outlinesOf(find)) {
          const table = isCoarse ? coarse : shapes;
          const rules = table.get(hash) ?? [];
          if (!rules.some((rule) => rule.type === index)) rules.push({ type: index, alone: find.alone });
          table.set(hash, rules);
        }
      } else if (find.by === 'run') {
        const rule: RunRule = {
          type: index,
          alone: find.alone,
          min: find.min,
          max: find.max,
          startHash: outlineHash(find.start),
          startLength: find.start.length,
        };
        for (let length = find.min; length <= Math.min(find.max, 64); length++) runs[length].push(rule);
        if (find.grouped) groupedRuns.push(rule);
      } else if (find.by === 'prefix') {
        for (const text of find.prefixes) {
          const prefix = new TextEncoder().encode(text);
          if (prefix.length < 3) throw new RangeError(`prefix ${text} of ${type.id} is shorter than three bytes`);
          const slot = prefixHash(prefix[0], prefix[1], prefix[2]);
          const list = prefixes[slot] ?? [];
          list.push({ type: index, alone: find.alone, prefix, min: find.min, max: find.max, alphabet: ALPHABETS[find.alphabet] });
          prefixes[slot] = list;
        }
      } else if (find.by === 'whole') {
        wholes.push({ type: index, alone: find.alone });
      } else if (find.by === 'scanner') {
        scanners[find.scanner] = { type: index, alone: find.alone };
      }
    }
  });
  return {
    types,
    index: new Map(types.map((type, index) => [type.id, index])),
    shapes: bucketsOf(shapes),
    coarse: bucketsOf(coarse),
    runs,
    groupedRuns,
    prefixes,
    scanners,
    wholes,
    hints: new HashTable(hints),
    fieldOnly: types.map((type) => type.find.every((find) => find.by === 'field')),
  };
}

/** Open-addressing table by 32-bit hash: one typed-array read for a miss. */
export class HashTable<T> {
  readonly #keys: Int32Array;
  readonly #slots: Int32Array;
  readonly #values: T[] = [];
  readonly #mask: number;

  constructor(entries: ReadonlyMap<number, T>) {
    let size = 64;
    while (size < entries.size * 4) size *= 2;
    this.#mask = size - 1;
    this.#keys = new Int32Array(size);
    this.#slots = new Int32Array(size);
    for (const [hash, value] of entries) {
      let at = this.#place(hash);
      while (this.#slots[at] !== 0) at = (at + 1) & this.#mask;
      this.#keys[at] = hash;
      this.#slots[at] = this.#values.push(value);
    }
  }

  #place(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  get(hash: number): T | undefined {
    let at = this.#place(hash);
    for (let slot = this.#slots[at]; slot !== 0; slot = this.#slots[at]) {
      if (this.#keys[at] === hash) return this.#values[slot - 1];
      at = (at + 1) & this.#mask;
    }
    return undefined;
  }
}

const bucketsOf = (shapes: ReadonlyMap<number, readonly Rule[]>): HashTable<Bucket> =>
  new HashTable(new Map([...shapes].map(([hash, rules]) => [hash, { rules, alone: Math.max(...rules.map((rule) => rule.alone)) }])));
