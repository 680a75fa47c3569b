/** Turns raw finds of a scan into matches with a place, looking into encoded values on the way. */
import type { CustomHit, CustomPatterns } from './custom.js';
import { walkJson } from './json.js';
import { type RawMatch, Scan } from './scan.js';
import type { Hint, Tables } from './tables.js';

/** One recognised value. */
export interface DataMatch {
  /** Id of the data type. */
  readonly type: string;
  /** Half-open span. Bytes of the decoded body for `classifyBody` and streams; UTF-16 units for `classifyText` and the value of a pair. */
  readonly start: number;
  readonly end: number;
  /** 0–1. Policies act from 0.5. */
  readonly confidence: number;
  /** Dotted JSON path with `[*]` for indices, element path, or parameter name; empty for plain text. */
  readonly path: string;
  /** Set when the value stood inside an encoded one: the span is that of the whole encoded value; null otherwise. */
  readonly via: 'base64' | 'jwt' | null;
  /** Path inside the encoded value. */
  readonly inner?: string;
}

/** How often encoded values are looked into: base64 within base64 within the body. */
const MAX_WRAPS = 2;
const MAX_WRAPPED_PER_BODY = 64;

/** So many readings of one value are compared each with each. */
const FEW = 24;

/** Byte offsets of a decoded value in its source; null when it stands there as it is. */
export type OffsetMap = ((offset: number) => number) | null;

export class Collector {
  readonly scan: Scan;
  readonly #tables: Tables;
  readonly #custom: CustomPatterns;
  #inner: Collector | null = null;
  #wraps = 0;
  #budget = MAX_WRAPPED_PER_BODY;
  /** Keep every reading of a value, not just the likeliest. */
  #all = false;
  /** What custom patterns found in the bytes of `begin`, until the walk comes to where it stands. */
  #pending: readonly CustomHit[] = [];
  #next = 0;
  #root: Uint8Array = new Uint8Array(0);
  out: DataMatch[] = [];

  constructor(tables: Tables, custom: CustomPatterns) {
    this.#tables = tables;
    this.#custom = custom;
    this.scan = new Scan(tables);
  }

  begin(
    bytes: Uint8Array,
    options: { minConfidence: number; maxMatches: number; enabled: Uint8Array | null; wraps?: number; all?: boolean; name?: string },
  ): void {
    this.scan.begin(bytes, options.minConfidence, options.maxMatches, options.enabled);
    this.#wraps = options.wraps ?? 0;
    this.#budget = MAX_WRAPPED_PER_BODY;
    this.#all = options.all ?? false;
    this.out = [];
    this.#root = bytes;
    this.#pending = this.#custom.find(bytes, options.name ?? '', options.enabled, options.minConfidence, options.maxMatches);
    this.#next = 0;
  }

  /** Something was found whose place only a walk over every value can tell. */
  get isLocating(): boolean {
    return this.#next < this.#pending.length;
  }

  /** Reports what stood in no value that the walk came to: between them, or in the text of a broken body. */
  finish(): void {
    for (; this.isLocating; this.#next++) this.#report(this.#pending[this.#next], '', null);
  }

  get full(): boolean {
    return this.out.length >= this.scan.maxMatches;
  }

  /** Scans one region of the current bytes and settles what was found. */
  value(start: number, end: number, key: Hint | null, whole: boolean, path: () => string, map: OffsetMap = null): void {
    const { scan } = this;
    scan.region(start, end, key, whole);
    if (this.isLocating && scan.bytes === this.#root) this.#locate(start, end, path, map);
    if (scan.matches.length > 0 || scan.wrapped.length > 0) this.#settle(path, map);
  }

  /** Like {@link value} for a decoded copy of a value; comes back to the bytes it was on. */
  decoded(copy: Uint8Array, key: Hint | null, path: () => string, map: OffsetMap): void {
    const bytes = this.scan.bytes;
    this.#lookInto(copy, path, map);
    this.scan.use(copy);
    this.value(0, copy.length, key, true, path, map);
    this.scan.use(bytes);
  }

  /** What custom patterns find in a decoded copy stands for what they found in its source. */
  #lookInto(copy: Uint8Array, path: () => string, map: OffsetMap): void {
    if (this.#custom.isEmpty) return;
    const { scan } = this;
    const at = map ?? ((offset: number) => offset);
    if (scan.bytes === this.#root) this.#take(at(0), at(copy.length));
    const where = path();
    for (const hit of this.#custom.find(copy, where, scan.enabled, scan.minConfidence, scan.maxMatches - this.out.length))
      this.out.push({ ...hit, start: at(hit.start), end: at(hit.end), path: where, via: null });
  }

  #locate(start: number, end: number, path: () => string, map: OffsetMap): void {
    const hits = this.#take(start, end);
    if (hits.length === 0) return;
    const where = path();
    for (const hit of hits) this.#report(hit, where, map);
  }

  #report(hit: CustomHit, path: string, map: OffsetMap): void {
    if (this.full) return;
    this.out.push({
      ...hit,
      start: map === null ? hit.start : map(hit.start),
      end: map === null ? hit.end : map(hit.end),
      path,
      via: null,
    });
  }

  /** The pending hits that begin in `[start, end)`. The walk goes forward: what stands before them is in no value, and has no place. */
  #take(start: number, end: number): readonly CustomHit[] {
    for (; this.isLocating && this.#pending[this.#next].start < start; this.#next++) this.#report(this.#pending[this.#next], '', null);
    const first = this.#next;
    while (this.isLocating && this.#pending[this.#next].start < end) this.#next++;
    return this.#pending.slice(first, this.#next);
  }

  #settle(path: () => string, map: OffsetMap): void {
    const { scan } = this;
    const where = path();
    const kept = this.#all || scan.matches.length === 1 ? scan.matches : this.#likeliest(scan.matches);
    for (const match of kept) {
      if (this.full) break;
      this.out.push({
        type: this.#tables.types[match.type].id,
        start: map === null ? match.start : map(match.start),
        end: map === null ? match.end : map(match.end),
        confidence: Math.round(match.confidence * 100) / 100,
        path: where,
        via: null,
      });
    }
    const { wrapped } = scan;
    scan.matches = [];
    scan.wrapped = [];
    for (const value of wrapped) {
      if (this.#wraps >= MAX_WRAPS || this.full || --this.#budget < 0) break;
      this.#inner ??= new Collector(this.#tables, this.#custom);
      const inner = this.#inner;
      inner.begin(value.bytes, {
        minConfidence: scan.minConfidence,
        maxMatches: scan.maxMatches - this.out.length,
        enabled: scan.enabled,
        wraps: this.#wraps + 1,
      });
      walkJson(inner, 0, value.bytes.length, '');
      inner.finish();
      for (const match of inner.out) {
        this.out.push({
          ...match,
          start: map === null ? value.start : map(value.start),
          end: map === null ? value.end : map(value.end),
          path: where,
          via: value.via,
          inner: match.path,
        });
      }
    }
  }

  /** Without the readings that another one of the same bytes outweighs. Matches stand about in the order of their starts, and few overlap. */
  #likeliest(matches: RawMatch[]): RawMatch[] {
    if (matches.length <= FEW) return matches.filter((match) => !matches.some((other) => this.#outweighs(other, match)));
    const ordered = [...matches].sort((a, b) => a.start - b.start || b.end - a.end);
    const outweighed = new Set<RawMatch>();
    let open: RawMatch[] = [];
    for (const match of ordered) {
      open = open.filter((other) => other.end > match.start);
      for (const other of open) {
        if (this.#outweighs(other, match)) outweighed.add(match);
        if (this.#outweighs(match, other)) outweighed.add(other);
      }
      open.push(match);
    }
    return matches.filter((match) => !outweighed.has(match));
  }

  /** Of two readings of the same bytes, is the other clearly better? */
  #outweighs(other: RawMatch, match: RawMatch): boolean {
    if (other === match || other.type === match.type || other.start > match.start || other.end < match.end) return false;
    const longer = other.end - other.start > match.end - match.start;
    if (longer)
      return (
        WEIGHT[this.#tables.types[other.type].sensitivity] >= WEIGHT[this.#tables.types[match.type].sensitivity] &&
        other.confidence >= match.confidence
      );
    return other.confidence > match.confidence + 0.1;
  }
}

const WEIGHT = { low: 0, medium: 1, high: 2, critical: 3 } as const;
