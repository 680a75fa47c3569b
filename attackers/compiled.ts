import { Worker } from 'node:worker_threads';
import { type Block, type BlockOrigin, blockId, type Scope } from './block.js';
import { readPrefixInto, writeIpv4, writeIpv6 } from './network.js';
import { baseOf, buildPrefixes, lengthOf, type PrefixTable, rowOf, tagOf } from './prefix-table.js';

/** What many entries have in common, kept once. */
export interface BlockKind {
  readonly service: string | null;
  readonly reason: string;
  readonly origin: BlockOrigin;
  readonly createdBy: string;
  readonly unauthenticatedOnly: boolean;
}

/**
 * Many address blocks in typed arrays: 32 bytes an IPv4 entry, 48 an IPv6 entry, and 256 KiB of index. Can be posted between threads.
 * The tag of an entry is its kind, doubled, plus one when `expiresAtMs` need not be asked: feeds do not expire.
 * `expiresAtMs`, by row, is Infinity for ever and 0 for an entry that was taken out.
 */
export interface CompiledBlocks {
  readonly v4: PrefixTable;
  readonly v6: PrefixTable;
  readonly kinds: readonly BlockKind[];
  readonly createdAtMs: Float64Array;
  readonly expiresAtMs: Float64Array;
}

/** One feed's entries as they travel: canonical addresses and CIDRs, one a line. */
export interface FeedText {
  readonly name: string;
  readonly service: string | null;
  readonly fetchedAtMs: number;
  readonly lines: string;
}

/** Collects address and CIDR blocks of any number; others are refused by `add` returning false. */
export class BlockCompiler {
  private readonly columns = { 4: new Columns(1), 6: new Columns(4) };
  private readonly kinds: BlockKind[] = [];
  private readonly kindIndex = new Map<string, number>();
  private readonly createdAtMs = new Numbers(Float64Array);
  private readonly expiresAtMs = new Numbers(Float64Array);
  private readonly words = new Uint32Array(4);

  add(block: Block): boolean {
    if ((block.scope.kind !== 'address' && block.scope.kind !== 'cidr') || block.action !== undefined) return false;
    const { service, reason, origin, createdBy, unauthenticatedOnly = false } = block;
    const key = `${service ?? ''}\0${reason}\0${origin}\0${createdBy}\0${unauthenticatedOnly}`;
    const kind = this.kind(key, { service, reason, origin, createdBy, unauthenticatedOnly });
    return this.put(block.scope.value, kind, block.createdAtMs, block.expiresAtMs, false);
  }

  addFeed(feed: FeedText): void {
    const kind = this.kind(`feed\0${feed.name}`, {
      service: feed.service,
      reason: `listed by feed ${feed.name}`,
      origin: 'feed',
      createdBy: feed.name,
      unauthenticatedOnly: false,
    });
    for (let start = 0; start < feed.lines.length; ) {
      const end = feed.lines.indexOf('\n', start);
      const stop = end < 0 ? feed.lines.length : end;
      if (stop > start) this.put(feed.lines.slice(start, stop), kind, feed.fetchedAtMs, null, true);
      start = stop + 1;
    }
  }

  compile(): CompiledBlocks {
    return {
      v4: this.columns[4].build(4),
      v6: this.columns[6].build(6),
      kinds: this.kinds,
      createdAtMs: this.createdAtMs.trimmed(),
      expiresAtMs: this.expiresAtMs.trimmed(),
    };
  }

  private kind(key: string, kind: BlockKind): number {
    let index = this.kindIndex.get(key);
    if (index === undefined) {
      index = this.kinds.push(kind) - 1;
      this.kindIndex.set(key, index);
    }
    return index;
  }

  private put(text: string, kind: number, createdAtMs: number, expiresAtMs: number | null, isForEver: boolean): boolean {
    const code = readPrefixInto(text, this.words);
    if (code < 0) return false;
    const isIpv4 = code < 256;
    this.columns[isIpv4 ? 4 : 6].add(this.words, isIpv4 ? code : code - 256, this.createdAtMs.length, kind * 2 + (isForEver ? 1 : 0));
    this.createdAtMs.push(createdAtMs);
    this.expiresAtMs.push(expiresAtMs ?? Number.POSITIVE_INFINITY);
    return true;
  }
}

/** Compiles feeds on a thread of their own: a million entries take most of a second, which no gateway has to spare. */
export function compileFeeds(feeds: readonly FeedText[]): Promise<CompiledBlocks> {
  const file = import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js';
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), { workerData: feeds });
    worker.once('message', (compiled: CompiledBlocks) => {
      resolve(compiled);
      void worker.terminate();
    });
    worker.once('error', reject);
  });
}

/** What the entry has in common with others. */
export function kindAt(table: CompiledBlocks, prefixes: PrefixTable, entry: number): BlockKind {
  return table.kinds[tagOf(prefixes, entry) >>> 1];
}

export function isExpired(table: CompiledBlocks, prefixes: PrefixTable, entry: number, nowMs: number): boolean {
  return (tagOf(prefixes, entry) & 1) === 0 && table.expiresAtMs[rowOf(prefixes, entry)] <= nowMs;
}

/** The block that stands at `entry` of one family. Made in the request path: texts are written only when they are asked for. */
export function blockAt(table: CompiledBlocks, prefixes: PrefixTable, entry: number): Block {
  return new CompiledBlock(table, prefixes, entry);
}

class CompiledBlock implements Block {
  private readonly kind: BlockKind;
  private readonly row: number;
  private idText: string | null = null;
  private written: Scope | null = null;

  constructor(
    private readonly table: CompiledBlocks,
    private readonly prefixes: PrefixTable,
    private readonly entry: number,
  ) {
    this.row = rowOf(prefixes, entry);
    this.kind = kindAt(table, prefixes, entry);
  }

  get id(): string {
    this.idText ??= blockId(this.scope, this.service);
    return this.idText;
  }

  get scope(): Scope {
    this.written ??= scopeAt(this.prefixes, this.entry);
    return this.written;
  }

  get service(): string | null {
    return this.kind.service;
  }

  get reason(): string {
    return this.kind.reason;
  }

  get origin(): BlockOrigin {
    return this.kind.origin;
  }

  get createdBy(): string {
    return this.kind.createdBy;
  }

  get unauthenticatedOnly(): boolean {
    return this.kind.unauthenticatedOnly;
  }

  get createdAtMs(): number {
    return this.table.createdAtMs[this.row];
  }

  get expiresAtMs(): number | null {
    const atMs = this.table.expiresAtMs[this.row];
    return atMs === Number.POSITIVE_INFINITY ? null : atMs;
  }

  /** A plain block, for whoever keeps, sends or prints it. */
  toJSON(): Block {
    const { id, scope, service, reason, origin, createdBy, createdAtMs, expiresAtMs } = this;
    const block: Block = { id, scope, service, reason, origin, createdBy, createdAtMs, expiresAtMs };
    return this.unauthenticatedOnly ? { ...block, unauthenticatedOnly: true } : block;
  }
}

/** A block that holds its own fields: those of a compiled table are read from it as they are asked for. */
export function plainBlock(block: Block): Block {
  return block instanceof CompiledBlock ? block.toJSON() : block;
}

function scopeAt(prefixes: PrefixTable, entry: number): Scope {
  const { family } = prefixes;
  const length = lengthOf(prefixes, entry);
  const word = (at: number) => baseOf(prefixes, entry, at);
  const address = family === 4 ? writeIpv4(word(0)) : writeIpv6(word(0), word(1), word(2), word(3));
  return length === (family === 4 ? 32 : 128) ? { kind: 'address', value: address } : { kind: 'cidr', value: `${address}/${length}` };
}

class Columns {
  private readonly bases = new Numbers(Uint32Array);
  private readonly lengths = new Numbers(Uint8Array);
  private readonly rows = new Numbers(Uint32Array);
  private readonly tags = new Numbers(Uint32Array);

  constructor(private readonly width: 1 | 4) {}

  add(words: Uint32Array, length: number, row: number, tag: number): void {
    for (let word = 4 - this.width; word < 4; word++) this.bases.push(words[word]);
    this.lengths.push(length);
    this.rows.push(row);
    this.tags.push(tag);
  }

  build(family: 4 | 6): PrefixTable {
    const { bases, lengths, rows, tags } = this;
    return buildPrefixes(family, { bases: bases.view(), lengths: lengths.view(), rows: rows.view(), tags: tags.view() });
  }
}

type TypedArray = Uint8Array | Uint32Array | Float64Array;

/** A typed array that grows. */
class Numbers<A extends TypedArray> {
  length = 0;
  private array: A;

  constructor(private readonly make: new (length: number) => A) {
    this.array = new make(1024);
  }

  push(value: number): void {
    if (this.length === this.array.length) {
      const larger = new this.make(this.length * 2);
      larger.set(this.array);
      this.array = larger;
    }
    this.array[this.length++] = value;
  }

  view(): A {
    return this.array.subarray(0, this.length) as A;
  }

  /** A copy without the room to grow. */
  trimmed(): A {
    return this.array.slice(0, this.length) as A;
  }
}
