/**
 * The byte scan: one pass over a region, which cuts it into chains (runs of letters and digits with joiners between) and looks their outline
 * up. Strings are only built for candidates. Every step looks at a bounded number of bytes around it, so the cost is linear in the input.
 */
import type { ScannerName } from '../data-types/index.js';
import { ALNUM, AT, CHAIN, CLASS, COARSE, DASH, DIGIT, DOT, GLUE, LETTER, LOWER, OUTLINE, START, step, TRIGGER } from './bytes.js';
import { isDateTime, isHexRun, isPlaceholder, outlineOf } from './forms.js';
import { HintReader } from './hints.js';
import {
  scanAssignment,
  scanAtSign,
  scanBotToken,
  scanColons,
  scanCurl,
  scanDollar,
  scanDots,
  scanEncoded,
  scanParenthesis,
  scanPem,
  scanPlus,
  scanTilde,
  scanUrl,
} from './scanners.js';
import { type Bucket, type Hint, prefixHash, type Rule, type Tables } from './tables.js';

export interface RawMatch {
  readonly type: number;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
  readonly via: 'base64' | 'jwt' | null;
}

/** A whole encoded value found on the way (base64 of JSON, JWT payload), to be looked into by the caller. */
export interface Wrapped {
  readonly start: number;
  readonly end: number;
  readonly via: 'base64' | 'jwt';
  readonly bytes: Uint8Array;
}

const MAX_CANDIDATE = 64;
const MAX_PARTS = 9;
const WORDS_BEFORE = 72;
const WORDS_AFTER = 24;
const MAX_KEYED = 512;
const SHORTEST_TOKEN = 16;
/** Readings of the same bytes are found within so many of the last matches. */
const LOOK_BACK = 12;
/** Confidence that a value loses when the words around it say that it is merely a number. */
const AGAINST_COST = 0.3;

/** Readings that policies act on are at least this sure. */
const LEAST_SURE = 0.5;
/** Buffer with the slice methods that Node's typings leave out; `toString` with a range costs three times as much on short ranges. */
type SlicingBuffer = Buffer & { latin1Slice(start: number, end: number): string; utf8Slice(start: number, end: number): string };
const slicing = (bytes: Uint8Array): SlicingBuffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as SlicingBuffer;

export class Scan {
  readonly tables: Tables;
  readonly hints: HintReader;
  bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes as `bytes`, for fast latin1 slices. */
  buffer: SlicingBuffer = slicing(new Uint8Array(0));
  matches: RawMatch[] = [];
  wrapped: Wrapped[] = [];
  minConfidence = 0.5;
  maxMatches = 1000;
  enabled: Uint8Array | null = null;
  /** Bounds of the region being scanned. */
  start = 0;
  end = 0;
  key: Hint | null = null;
  /** Set once a search for the end of a PEM block ran to the end of the region in vain. */
  pemEndMissing = false;
  /** End of the last run of base64 that was tried: its parts need no trial of their own. */
  encodedEnd = 0;
  /** The last chain, which may turn out to be the name in `name = value`. */
  nameStart = 0;
  nameEnd = 0;
  readonly #stamps: Int32Array;
  #stamp = 0;
  #stampedAt = -1;
  #against = false;
  readonly #ends = new Int32Array(MAX_PARTS);
  readonly #endHashes = new Int32Array(MAX_PARTS);
  readonly #endRuns = new Int32Array(MAX_PARTS);

  constructor(tables: Tables) {
    this.tables = tables;
    this.hints = new HintReader(tables);
    this.#stamps = new Int32Array(tables.types.length);
  }

  begin(bytes: Uint8Array, minConfidence: number, maxMatches: number, enabled: Uint8Array | null): void {
    this.use(bytes);
    this.matches = [];
    this.wrapped = [];
    this.minConfidence = minConfidence;
    this.maxMatches = maxMatches;
    this.enabled = enabled;
  }

  /** Changes the bytes under the scan, keeping its matches: offsets found from here on are into `bytes`. */
  use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.buffer = slicing(bytes);
  }

  text(start: number, end: number): string {
    return this.buffer.latin1Slice(start, end);
  }

  /** Scans `[start, end)`; `key` is what the field's name says. `whole`: the region is exactly one value. */
  region(start: number, end: number, key: Hint | null, whole: boolean): void {
    this.start = start;
    this.end = end;
    this.key = key;
    this.#stampedAt = -1;
    this.pemEndMissing = false;
    this.encodedEnd = 0;
    this.nameStart = this.nameEnd = start;
    const bytes = this.bytes;
    const { shapes, coarse, prefixes } = this.tables;
    const isPlain = (key === null || key.types.length === 0) && this.minConfidence >= LEAST_SURE;
    let i = start;
    while (i < end && this.matches.length < this.maxMatches) {
      const first = bytes[i];
      const kind = CLASS[first];
      if ((kind & ALNUM) === 0) {
        i = (kind & TRIGGER) !== 0 ? this.#trigger(first, i) : i + 1;
        continue;
      }
      if (kind === DIGIT && i === start && isPlain && isDateTime(bytes, i, end)) break;
      let mask = 0;
      let seen = 0;
      let trimmed = i;
      let j = i;
      for (; j < end; j++) {
        const k = CLASS[bytes[j]];
        if ((k & CHAIN) === 0) break;
        seen |= k;
        if ((k & ALNUM) !== 0) {
          trimmed = j + 1;
          mask = seen;
        }
      }
      const length = trimmed - i;
      let next = j;
      if (length >= 8) {
        const rules = prefixes[prefixHash(first, bytes[i + 1], bytes[i + 2])];
        if (rules !== undefined) next = Math.max(next, this.#prefix(rules, i));
        if ((mask & DOT) !== 0 || first === 0x65 || first === 0x57 || first === 0x5b) next = Math.max(next, scanEncoded(this, i, trimmed));
        if ((mask & GLUE) !== 0 && length >= 30) scanTilde(this, i, j);
      }
      if ((seen & AT) !== 0) next = Math.max(next, scanAtSign(this, i, j));
      if ((mask & DIGIT) !== 0) {
        const follower = trimmed < end ? bytes[trimmed] : 0;
        let trimmedHash = START;
        for (let at = i; at < trimmed; at++) trimmedHash = step(trimmedHash, OUTLINE[bytes[at]]);
        if (follower !== 0x40 && follower < 0xf0) {
          const joined = length <= 18 && (follower === 0x20 || follower === 0x2f) ? this.#join(i, trimmed, trimmedHash) : -1;
          if (joined > 0) next = Math.max(next, joined);
          else if (length <= MAX_CANDIDATE) {
            const bucket = shapes.get(trimmedHash);
            if (bucket !== undefined) this.#bucket(bucket, i, trimmed);
            if ((mask & ~DIGIT) !== 0 && length <= 40) {
              let rough = START;
              for (let at = i; at < trimmed; at++) rough = step(rough, COARSE[bytes[at]]);
              const either = coarse.get(rough);
              if (either !== undefined) this.#bucket(either, i, trimmed);
            }
            if ((mask & ~ALNUM) === 0 && (mask & LETTER) !== 0 && length >= 12) this.#run(i, trimmed);
          }
        }
        if ((mask & DOT) !== 0) scanDots(this, i, trimmed, mask);
      } else if (length <= 4 && (mask & (LOWER | DASH | DOT | GLUE | AT)) === 0 && trimmed === j && j < end && bytes[j] === 0x20) {
        const joined = this.#join(i, trimmed, outlineOf(bytes, i, trimmed));
        if (joined > 0) next = joined;
      } else if ((mask & DOT) !== 0) scanDots(this, i, trimmed, mask);
      if (j < end && bytes[j] === 0x3a)
        next = Math.max(next, length <= 4 ? this.#shortColon(i, j) : mask === DIGIT ? scanBotToken(this, i, j) : scanUrl(this, i, j));
      else if (
        length === 4 &&
        first === 0x63 &&
        bytes[i + 1] === 0x75 &&
        bytes[i + 2] === 0x72 &&
        bytes[i + 3] === 0x6c &&
        bytes[j] === 0x20
      )
        scanCurl(this, i);
      this.nameStart = i;
      this.nameEnd = trimmed;
      i = next;
    }
    if (whole && key !== null && key.types.length > 0) this.keyed(key, start, end);
  }

  /** A value of letters alone may still be a vendor's token: it begins like one. */
  mayBeIssued(start: number, end: number): boolean {
    const { bytes } = this;
    return (
      end - start >= SHORTEST_TOKEN && this.tables.prefixes[prefixHash(bytes[start], bytes[start + 1], bytes[start + 2])] !== undefined
    );
  }

  /** A field name spoke for some types: is the whole value one of them? */
  keyed(key: Hint, start: number, end: number): void {
    while (start < end && this.bytes[start] <= 32) start++;
    while (end > start && this.bytes[end - 1] <= 32) end--;
    if (end - start < 2 || end - start > MAX_KEYED) return;
    const text = this.buffer.utf8Slice(start, end);
    if (isPlaceholder(text)) return;
    const recognised = this.#isRecognised(start, end);
    for (const index of key.types) {
      const type = this.tables.types[index];
      if (recognised && this.tables.fieldOnly[index]) continue;
      if (type.validate === undefined ? this.tables.fieldOnly[index] : type.validate(text))
        this.push(index, start, end, type.hinted ?? 0.9);
    }
  }

  /** What was recognised by its own form needs no name to be known by. */
  #isRecognised(start: number, end: number): boolean {
    const { matches } = this;
    for (let i = matches.length - 1; i >= 0 && i >= matches.length - LOOK_BACK; i--) {
      const match = matches[i];
      if (match.start <= start && match.end >= end && match.confidence >= 0.85) return true;
    }
    return false;
  }

  rule(name: ScannerName): Rule | undefined {
    const rule = this.tables.scanners[name];
    return rule !== undefined && this.#on(rule.type) ? rule : undefined;
  }

  /** Reports a scanner's find with the confidence that its surroundings leave it. */
  found(rule: Rule, start: number, end: number, floor = rule.alone): void {
    const confidence = this.#confidence(rule.type, floor, start, end);
    if (confidence >= this.minConfidence) this.push(rule.type, start, end, confidence);
  }

  push(type: number, start: number, end: number, confidence: number, via: RawMatch['via'] = null): void {
    if (!this.#on(type) || this.matches.length >= this.maxMatches) return;
    for (let i = this.matches.length - 1; i >= 0 && i >= this.matches.length - LOOK_BACK; i--) {
      const known = this.matches[i];
      if (known.type === type && known.start <= start && known.end >= end && known.via === via) {
        if (known.confidence < confidence) this.matches[i] = { ...known, confidence };
        return;
      }
    }
    this.matches.push({ type, start, end, confidence, via });
  }

  #on(type: number): boolean {
    return this.enabled === null || this.enabled[type] === 1;
  }

  #trigger(byte: number, at: number): number {
    const previous = at > this.start ? this.bytes[at - 1] : 0;
    switch (byte) {
      case 0x2b:
        return (CLASS[previous] & ALNUM) === 0 ? scanPlus(this, at) : at + 1;
      case 0x28:
        return scanParenthesis(this, at);
      case 0x2d:
        return scanPem(this, at);
      case 0x24:
        return scanDollar(this, at);
      case 0x3a:
        if (at + 1 < this.end && this.bytes[at + 1] === 0x3a) return scanColons(this, at);
        return scanAssignment(this, at);
      default:
        return scanAssignment(this, at);
    }
  }

  /** A short chain and a colon: an address group, `http://`, or a name. */
  #shortColon(start: number, colon: number): number {
    const to = isHexRun(this.bytes, start, colon)
      ? scanColons(this, start)
      : this.bytes[colon + 1] === 0x3a
        ? scanColons(this, colon)
        : start + 1;
    return to > colon ? to : scanUrl(this, start, colon);
  }

  #prefix(rules: NonNullable<Tables['prefixes'][number]>, at: number): number {
    let to = at;
    for (const rule of rules) {
      if (!this.#on(rule.type) || !this.#startsWith(rule.prefix, at)) continue;
      const limit = Math.min(this.end, at + rule.prefix.length + rule.max + 1);
      let end = at + rule.prefix.length;
      while (end < limit && rule.alphabet[this.bytes[end]] === 1) end++;
      const length = end - at - rule.prefix.length;
      if (length < rule.min || length > rule.max) continue;
      const valid = this.tables.types[rule.type].validate;
      if (valid !== undefined && !valid(this.text(at, end))) continue;
      const before = this.matches.length;
      this.found(rule, at, end);
      if (this.matches.length > before) to = Math.max(to, end);
    }
    return to;
  }

  #startsWith(prefix: Uint8Array, at: number): boolean {
    if (at + prefix.length > this.end) return false;
    for (let i = 0; i < prefix.length; i++) if (this.bytes[at + i] !== prefix[i]) return false;
    return true;
  }

  /** Tries this chain with the ones after it, parted by single spaces or slashes; the longest valid reading wins. Returns its end, or -1. */
  #join(start: number, firstEnd: number, firstHash: number): number {
    const { bytes, end } = this;
    let position = firstEnd;
    let hash = firstHash;
    let parts = 0;
    let run = firstEnd - start;
    while (parts < MAX_PARTS && position + 1 < end) {
      const separator = bytes[position];
      if ((separator !== 0x20 && separator !== 0x2f) || (CLASS[bytes[position + 1]] & ALNUM) === 0) break;
      hash = step(hash, separator);
      let mask = 0;
      let j = position + 1;
      let trimmed = j;
      let trimmedHash = hash;
      for (; j < end && j - start <= MAX_CANDIDATE; j++) {
        const k = CLASS[bytes[j]];
        if ((k & CHAIN) === 0) break;
        mask |= k;
        hash = step(hash, OUTLINE[bytes[j]]);
        if ((k & ALNUM) !== 0) {
          trimmed = j + 1;
          trimmedHash = hash;
        }
      }
      if (j - start > MAX_CANDIDATE || ((mask & DIGIT) === 0 && j - position > 5)) break;
      const follower = j < end ? bytes[j] : 0;
      if (follower >= 0xf0) break;
      run = (mask & ~ALNUM) === 0 && separator === 0x20 ? run + j - position - 1 : 1000;
      this.#ends[parts] = trimmed;
      this.#endHashes[parts] = trimmedHash;
      this.#endRuns[parts++] = run;
      if (trimmed !== j) break;
      position = j;
    }
    for (let part = parts - 1; part >= 0; part--) {
      const before = this.matches.length;
      const bucket = this.tables.shapes.get(this.#endHashes[part]);
      if (bucket !== undefined) this.#bucket(bucket, start, this.#ends[part]);
      const length = this.#endRuns[part];
      if (length <= 64) {
        for (const rule of this.tables.groupedRuns) {
          if (
            length >= rule.min &&
            length <= rule.max &&
            rule.startLength <= firstEnd - start &&
            this.#outlineAt(start, rule.startLength) === rule.startHash
          )
            this.#candidate(rule, start, this.#ends[part], null);
        }
      }
      if (this.matches.length > before) return this.#ends[part];
    }
    return -1;
  }

  #run(start: number, end: number): void {
    for (const rule of this.tables.runs[end - start]) {
      if (this.#outlineAt(start, rule.startLength) === rule.startHash) this.#candidate(rule, start, end, null);
    }
  }

  #outlineAt(start: number, length: number): number {
    let hash = START;
    for (let i = 0; i < length; i++) hash = step(hash, OUTLINE[this.bytes[start + i]]);
    return hash;
  }

  #bucket(bucket: Bucket, start: number, end: number): void {
    const mayHint = (this.key !== null && this.key.types.length > 0) || end - start + 2 < this.end - this.start;
    if (bucket.alone < this.minConfidence && !mayHint) return;
    let text: string | null = null;
    for (const rule of bucket.rules) text = this.#candidate(rule, start, end, text);
  }

  #candidate(rule: Rule, start: number, end: number, text: string | null): string | null {
    if (!this.#on(rule.type)) return text;
    const confidence = this.#confidence(rule.type, rule.alone, start, end);
    if (confidence < this.minConfidence) return text;
    const valid = this.tables.types[rule.type].validate;
    const candidate = text ?? this.text(start, end);
    if (valid === undefined || valid(candidate)) this.push(rule.type, start, end, confidence);
    return candidate;
  }

  #confidence(type: number, alone: number, start: number, end: number): number {
    this.#lookAround(start, end);
    if (this.#stamps[type] === this.#stamp) return Math.max(alone, this.tables.types[type].hinted ?? 0.9);
    return this.#against && alone < 0.85 ? alone - AGAINST_COST : alone;
  }

  /** Stamps the types for which the field name or the words around `[start, end)` speak. Done once per candidate start. */
  #lookAround(start: number, end: number): void {
    if (this.#stampedAt === start) return;
    this.#stampedAt = start;
    this.#stamp++;
    this.#against = this.#mark(this.key);
    if (end - start + 2 >= this.end - this.start) return;
    const before = this.hints.ofWords(this.bytes, Math.max(this.start, start - WORDS_BEFORE), start);
    const after = this.hints.ofWords(this.bytes, end, Math.min(this.end, end + WORDS_AFTER));
    const againstBefore = this.#mark(before);
    const againstAfter = this.#mark(after);
    this.#against = (this.#against || againstBefore || againstAfter) && (before?.types.length ?? 0) === 0;
  }

  #mark(hint: Hint | null): boolean {
    if (hint === null) return false;
    for (const type of hint.types) this.#stamps[type] = this.#stamp;
    return hint.against;
  }
}
