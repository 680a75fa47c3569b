import { isAscii } from 'node:buffer';
import { type HeaderList, header } from '../../exchange/index.js';
import type { DataType } from '../data-types/index.js';
import { COARSE, OUTLINE, START, step } from './bytes.js';
import { Collector, type DataMatch } from './collect.js';
import { type CustomType, compileCustomTypes } from './custom.js';
import { looksLikeJson, walkForm, walkMultipart, walkText, walkXml } from './formats.js';
import { walkJson } from './json.js';
import { compileTables, type Tables } from './tables.js';

export interface ClassifyOptions {
  /** Ids of the types to look for; all unless told. An id that the classifier does not know is ignored. */
  readonly types?: readonly string[];
  /** Stop after this many matches; 1,000 unless told, 100,000 in a body. */
  readonly maxMatches?: number;
  /** Least confidence reported; 0.5 unless told, which is where policies act. */
  readonly minConfidence?: number;
}

export interface TextOptions extends ClassifyOptions {
  /**
   * Also read the whole text as one value and report all that it could be, however ambiguous, with low confidence. For people and tools that ask
   * "what is this?"; not for traffic.
   */
  readonly asValue?: boolean;
}

const DEFAULT_MAX_MATCHES = 1000;
/** In a body: what is not found is not redacted, so this is more than any body that is held back has room for in practice. */
const MAX_IN_BODY = 100_000;
const DEFAULT_CONFIDENCE = 0.5;
const LONGEST_VALUE = 96;

/**
 * Recognises values of data types in text, bodies and parameters. Immutable in what it knows; calls are synchronous, keep nothing, and must not
 * overlap (one per thread). Cost is linear in the input: see `classify.test.ts` for the hostile cases.
 */
export class Classifier {
  readonly types: readonly DataType[];
  readonly #tables: Tables;
  readonly #collector: Collector;
  readonly #filters = new Map<string, Uint8Array>();

  private constructor(types: readonly DataType[], custom: readonly CustomType[]) {
    const own = compileCustomTypes(custom, types);
    this.types = [...types, ...own.types];
    this.#tables = compileTables(this.types);
    this.#collector = new Collector(this.#tables, own.patterns);
  }

  /**
   * @throws CustomTypeError when a custom type's pattern is refused, too large, or its id is taken.
   */
  static of(types: readonly DataType[], custom: readonly CustomType[] = []): Classifier {
    return new Classifier(types, custom);
  }

  /** Text of unknown form. JSON documents in it are recognised. Spans count UTF-16 units. */
  classifyText(text: string, options: TextOptions = {}): DataMatch[] {
    const bytes = Buffer.from(text, 'utf8');
    this.#begin(bytes, options);
    if (looksLikeJson(bytes, 0, bytes.length)) walkJson(this.#collector, 0, bytes.length, '');
    else walkText(this.#collector, 0, bytes.length, '');
    this.#collector.finish();
    if (options.asValue) this.#readAsValue(bytes);
    return [...inUnits(this.#collector.out, bytes, isAscii(bytes))];
  }

  /** A message body, content coding removed (see `decodeBody`). Spans count bytes of it; of its UTF-8 form where it came in UTF-16. */
  classifyBody(headers: HeaderList, body: Uint8Array, options: ClassifyOptions = {}): DataMatch[] {
    const contentType = header(headers, 'content-type') ?? '';
    return this.classifyUtf8(contentType, toUtf8(contentType, body), options);
  }

  /** A message body that is known to be UTF-8 (or ASCII, or an encoding in which ASCII stays itself), whatever its content type says. Spans count bytes. */
  classifyUtf8(contentType: string, bytes: Uint8Array, options: ClassifyOptions = {}): DataMatch[] {
    this.#begin(bytes, options, MAX_IN_BODY);
    this.#walk(mediaTypeOf(contentType), contentType, 0, bytes.length, '', 0);
    this.#collector.finish();
    return this.#collector.out;
  }

  /** Named values: query and form parameters, header fields, cookies, path parameters; already decoded. `path` is the name, spans are in the value. */
  classifyPairs(pairs: Iterable<readonly [name: string, value: string]>, options: ClassifyOptions = {}): DataMatch[] {
    const out: DataMatch[] = [];
    const max = options.maxMatches ?? DEFAULT_MAX_MATCHES;
    for (const [name, value] of pairs) {
      if (out.length >= max) break;
      if (value.length < 2) continue;
      const bytes = Buffer.from(value, 'utf8');
      const key = Buffer.from(name, 'utf8');
      this.#begin(bytes, { ...options, maxMatches: max - out.length }, max, name);
      if (looksLikeJson(bytes, 0, bytes.length)) walkJson(this.#collector, 0, bytes.length, '');
      else this.#collector.value(0, bytes.length, this.#collector.scan.hints.ofKey(key, 0, key.length), true, () => '');
      this.#collector.finish();
      for (const match of inUnits(this.#collector.out, bytes, isAscii(bytes)))
        out.push({ ...match, path: match.path === '' ? name : `${name}.${match.path}` });
    }
    return out;
  }

  #begin(bytes: Uint8Array, options: TextOptions, maxMatches = DEFAULT_MAX_MATCHES, name = ''): void {
    this.#collector.begin(bytes, {
      minConfidence: options.minConfidence ?? DEFAULT_CONFIDENCE,
      maxMatches: options.maxMatches ?? maxMatches,
      enabled: options.types === undefined ? null : this.#filter(options.types),
      all: options.asValue,
      name,
    });
  }

  #filter(ids: readonly string[]): Uint8Array {
    const key = ids.join(' ');
    let filter = this.#filters.get(key);
    if (filter === undefined) {
      filter = new Uint8Array(this.types.length);
      for (const id of ids) {
        const index = this.#tables.index.get(id);
        if (index !== undefined) filter[index] = 1;
      }
      if (this.#filters.size > 256) this.#filters.clear();
      this.#filters.set(key, filter);
    }
    return filter;
  }

  #walk(type: string, contentType: string, start: number, end: number, root: string, nesting: number): void {
    const collector = this.#collector;
    const { bytes } = collector.scan;
    if (type === 'application/x-www-form-urlencoded') {
      walkForm(collector, start, end, root);
      return;
    }
    if (type.startsWith('multipart/') && nesting < 2) {
      const boundary = /boundary="?([^";]{1,100})/i.exec(contentType)?.[1];
      if (boundary !== undefined) {
        walkMultipart(collector, start, end, boundary, (from, to, partType, name) => {
          if (partType === '' || partType === 'text/plain') {
            const key = Buffer.from(name, 'latin1');
            if (looksLikeJson(bytes, from, to)) walkJson(collector, from, to, root + name);
            else collector.value(from, to, collector.scan.hints.ofKey(key, 0, key.length), true, () => root + name);
          } else if (!/^(?:image|audio|video|font)\//.test(partType)) this.#walk(partType, partType, from, to, root + name, nesting + 1);
        });
        return;
      }
    }
    if (/^(?:image|audio|video|font)\//.test(type) && !type.includes('xml')) return;
    if (looksLikeJson(bytes, start, end)) {
      const lines = type.includes('ndjson') || type.includes('jsonl') || type.includes('json-seq');
      walkJson(collector, start, end, lines ? `${root}[*]` : root);
      return;
    }
    let first = start;
    while (first < end && bytes[first] <= 32) first++;
    if (type.includes('xml') || type === 'text/html' || (bytes[first] === 0x3c && type === '')) walkXml(collector, start, end, root);
    else walkText(collector, start, end, root);
  }

  /** Everything that the trimmed text could be as one value. */
  #readAsValue(bytes: Buffer): void {
    let start = 0;
    let end = bytes.length;
    while (start < end && bytes[start] <= 32) start++;
    while (end > start && bytes[end - 1] <= 32) end--;
    if (end - start < 2 || end - start > LONGEST_VALUE) return;
    const text = bytes.toString('utf8', start, end);
    let hash = START;
    let rough = START;
    for (let i = start; i < end; i++) {
      hash = step(hash, OUTLINE[bytes[i]]);
      rough = step(rough, COARSE[bytes[i]]);
    }
    const rules = [
      ...(this.#tables.shapes.get(hash)?.rules ?? []),
      ...(this.#tables.coarse.get(rough)?.rules ?? []),
      ...this.#tables.wholes,
      ...(/^[0-9a-z]+$/i.test(text) ? (this.#tables.runs[end - start] ?? []) : []),
    ];
    const known = new Set(this.#collector.out.map((match) => match.type));
    const { scan } = this.#collector;
    for (const rule of rules) {
      const type = this.types[rule.type];
      if (known.has(type.id) || (scan.enabled !== null && scan.enabled[rule.type] === 0)) continue;
      known.add(type.id);
      if (type.validate === undefined || type.validate(text))
        this.#collector.out.push({ type: type.id, start, end, confidence: Math.max(0.05, rule.alone), path: '', via: null });
    }
  }
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Spans in the bytes of UTF-8 as spans in UTF-16 units of its text. One pass, however many there are. */
export function inUnits<M extends Span>(matches: readonly M[], bytes: Uint8Array, ascii: boolean): readonly M[] {
  if (ascii || matches.length === 0) return matches;
  const offsets = [...new Set(matches.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
  const units = new Map<number, number>();
  let at = 0;
  let count = 0;
  for (const offset of offsets) {
    // A sequence of four bytes is two units, every other one is one; bytes 0x80–0xbf go on with a sequence.
    for (; at < offset && at < bytes.length; at++) count += (bytes[at] & 0xc0) === 0x80 ? 0 : bytes[at] >= 0xf0 ? 2 : 1;
    units.set(offset, count);
  }
  return matches.map((match) => ({ ...match, start: units.get(match.start)!, end: units.get(match.end)! }));
}

function mediaTypeOf(contentType: string): string {
  if (contentType === 'application/json') return contentType;
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** UTF-16 by charset or byte order mark becomes UTF-8; everything else is left as it is. */
function toUtf8(contentType: string, body: Uint8Array): Uint8Array {
  const charset = /charset="?\s*([\w-]+)/i.exec(contentType)?.[1].toLowerCase() ?? '';
  const little = (body[0] === 0xff && body[1] === 0xfe) || charset === 'utf-16le';
  const big = (body[0] === 0xfe && body[1] === 0xff) || charset === 'utf-16be';
  // JSON in UTF-16 without a mark: every other byte of the ASCII start is zero (RFC 4627 §3).
  const zeroOdd = body.length >= 4 && body[1] === 0 && body[3] === 0 && body[0] !== 0;
  const zeroEven = body.length >= 4 && body[0] === 0 && body[2] === 0 && body[1] !== 0;
  if (little || zeroOdd || (charset === 'utf-16' && !big && !zeroEven))
    return Buffer.from(new TextDecoder('utf-16le').decode(body), 'utf8');
  if (big || zeroEven) return Buffer.from(Buffer.from(new TextDecoder('utf-16le').decode(swap(body))).toString('utf8'), 'utf8');
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return body.subarray(3);
  return body;
}

function swap(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length & ~1);
  for (let i = 0; i + 1 < body.length; i += 2) {
    out[i] = body[i + 1];
    out[i + 1] = body[i];
  }
  return out;
}
