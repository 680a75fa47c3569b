import { isAscii } from 'node:buffer';
import {
  type Body,
  type DecodedBody,
  decodeBody,
  type HeaderList,
  header,
  isJsonType,
  type Json,
  mediaType,
  parseJson,
  queryPairs,
  textOf,
} from '../../exchange/index.js';
import { buildJson } from './json-walk.js';
import { boundaryOf, parseMultipart } from './multipart.js';
import { readXml } from './xml.js';

export type Format = 'json' | 'ndjson' | 'form' | 'multipart' | 'xml' | 'text' | 'none';

/** What kept a body from being read as what it says it is. */
export type BodyProblem =
  | 'invalid'
  | 'too-deep'
  | 'too-big'
  | 'duplicate-keys'
  | 'bad-encoding'
  | 'unsupported-encoding'
  | 'invalid-utf8'
  | 'wrong-charset'
  | 'truncated';

export interface Parsed {
  readonly format: Format;
  /**
   * JSON as it is; NDJSON as an array; form as an object of texts (or arrays of them); multipart as an object of texts, files as
   * `{filename, contentType, value}`; XML as nested objects, attributes under `@name`; text as itself. Undefined when nothing could be read.
   */
  readonly value: unknown;
  /** What is there is only the beginning. */
  readonly partial: boolean;
}

export interface ContentLimits {
  /** Decoded bytes that are looked at. */
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** What was read of a body elsewhere. */
export interface Known {
  readonly decoded: DecodedBody | null;
  /** Its JSON, when it is whole and valid; else undefined, and it is parsed here. */
  readonly json: (() => Json | undefined) | null;
}

const NO_BYTES: DecodedBody = { bytes: new Uint8Array(0), problem: null };
const NOTHING: Parsed = { format: 'none', value: undefined, partial: false };
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The body of one message, decoded and parsed at most once however many rules look at it, and only as far as they ask. Every step is bounded
 * and none throws; what went wrong is in `problems()`.
 */
export class Content {
  private bytesRead: DecodedBody | undefined;
  private textRead: string | undefined;
  private parsedBody: Parsed | undefined;
  private repeats: Parsed | undefined;
  private found: Set<BodyProblem> | undefined;
  private ascii: boolean | undefined;
  private type: string | undefined;
  private readonly parseProblems: BodyProblem[] = [];

  /** `known`: what somebody has read of this body before. */
  constructor(
    readonly headers: HeaderList,
    readonly body: Body | null,
    private readonly limits: ContentLimits,
    private readonly known: Known | null = null,
  ) {}

  /** Media type without parameters, lower case. */
  get mediaType(): string {
    this.type ??= mediaType(this.headers);
    return this.type;
  }

  /** The decoded bytes are their own text: ASCII, which most JSON is, reads the same in every charset but UTF-16, whose ASCII has zero bytes. */
  get isAscii(): boolean {
    if (this.ascii === undefined) {
      const buffer = bufferOf(this.decoded().bytes);
      this.ascii = isAscii(buffer) && buffer[0] !== 0 && buffer[1] !== 0;
    }
    return this.ascii;
  }

  /** Captured bytes before content coding is removed. */
  get wireBytes(): number {
    return this.body?.totalLength ?? 0;
  }

  /** The capture ends before the body does. */
  get truncated(): boolean {
    return this.body !== null && this.body.totalLength > this.body.bytes.length;
  }

  get isEmpty(): boolean {
    return this.body === null || this.body.bytes.length === 0;
  }

  decoded(): DecodedBody {
    this.bytesRead ??= this.body === null ? NO_BYTES : (this.decodedBefore() ?? decodeBody(this.headers, this.body, this.limits.maxBytes));
    return this.bytesRead;
  }

  /** What was decoded before, unless a longer look is allowed here. */
  private decodedBefore(): DecodedBody | null {
    const decoded = this.known?.decoded ?? null;
    return decoded === null || decoded.problem === 'too-big' || decoded.bytes.length > this.limits.maxBytes ? null : decoded;
  }

  text(): string {
    this.textRead ??= this.isEmpty ? '' : this.readText(this.decoded().bytes);
    return this.textRead;
  }

  /** Format by media type; by its first characters where the type is missing, `text/plain` or `application/octet-stream`. */
  format(): Format {
    if (this.isEmpty) return 'none';
    const type = this.mediaType;
    if (isJsonType(type) || type === 'application/graphql-response+json') return 'json';
    if (type === 'application/x-www-form-urlencoded') return 'form';
    if (type.startsWith('multipart/')) return 'multipart';
    if (type === 'application/xml' || type === 'text/xml' || type.endsWith('+xml')) return 'xml';
    if (
      type === 'application/x-ndjson' ||
      type === 'application/jsonl' ||
      type === 'application/x-jsonlines' ||
      type === 'application/json-seq'
    )
      return 'ndjson';
    if (type !== '' && type !== 'text/plain' && type !== 'application/octet-stream') return 'text';
    const text = this.text();
    const first = /\S/.exec(text.slice(0, 256))?.[0];
    if (first === '{' || first === '[') return 'json';
    if (
      first === '<' &&
      /^\s*<(?:\?xml|!DOCTYPE\s+(?!html)|[a-z][\w:.-]*[\s>/])/i.test(text.slice(0, 256)) &&
      !/^\s*<(?:html|head|body|div|p)\b/i.test(text)
    )
      return 'xml';
    if (type === '' && /^[\w.[\]%-]{1,100}=[^\s<>]*(?:&|$)/.test(text.slice(0, 2048))) return 'form';
    return 'text';
  }

  parsed(): Parsed {
    this.parsedBody ??= this.isEmpty ? NOTHING : this.parse(this.format());
    return this.parsedBody;
  }

  /** As `parsed`, but in JSON each repeated key holds all of its values as `Repeated`. */
  parsedWithRepeats(): Parsed {
    const parsed = this.parsed();
    if (parsed.format !== 'json' || parsed.partial) return parsed;
    this.repeats ??=
      membersInText(this.text()) === membersInValue(parsed.value)
        ? parsed
        : { ...parsed, value: buildJson(this.text(), this.limits.maxDepth).value };
    return this.repeats;
  }

  /** Everything that is wrong with the body as far as it was captured. Parses it. */
  problems(): ReadonlySet<BodyProblem> {
    if (this.found !== undefined) return this.found;
    const found = new Set<BodyProblem>();
    const { bytes, problem } = this.decoded();
    if (problem !== null) found.add(problem);
    const { format } = this.parsed();
    for (const one of this.parseProblems) found.add(one);
    if (format === 'json' && this.parsedWithRepeats() !== this.parsed()) found.add('duplicate-keys');
    if (!this.isEmpty && format !== 'multipart' && declaresUtf8(this.headers) && !isUtf8(bytes)) found.add('invalid-utf8');
    if (!this.isEmpty && isCharsetWrong(this.headers, this.isAscii)) found.add('wrong-charset');
    this.found = found;
    return found;
  }

  /** Some backends read this otherwise than it is read here: repeated keys (of a request), broken UTF-8 or lines, an unknown charset. */
  isAmbiguous(inRequest: boolean): boolean {
    for (const problem of this.problems()) if (problem !== 'truncated' && (inRequest || problem !== 'duplicate-keys')) return true;
    return false;
  }

  private readText(bytes: Uint8Array): string {
    return this.isAscii ? bufferOf(bytes).toString('latin1') : textOf(this.headers, bytes);
  }

  private parse(format: Format): Parsed {
    if (format === 'json') {
      const value = this.known?.json?.();
      if (value !== undefined) return { format, value, partial: false };
    }
    const text = this.text();
    const partial = this.decoded().problem !== null;
    const ended = (problem: BodyProblem, value: unknown = undefined): Parsed => {
      this.parseProblems.push(problem);
      return { format, value, partial: true };
    };
    switch (format) {
      case 'json': {
        const result = partial ? { value: undefined, problem: 'invalid' as const } : readJson(text, this.limits);
        if (result.problem === null) return { format, value: result.value, partial: false };
        const built = buildJson(text, this.limits.maxDepth);
        return partial && built.end === 'truncated'
          ? { format, value: built.value, partial }
          : ended(built.end === 'too-deep' ? 'too-deep' : 'invalid', built.value);
      }
      case 'ndjson':
        return this.lines(text, partial);
      case 'form':
        return { format, value: pairsToObject(queryPairs(text)), partial };
      case 'multipart': {
        const boundary = boundaryOf(header(this.headers, 'content-type') ?? '');
        const { parts, problem } = boundary === null ? { parts: [], problem: 'invalid' as const } : parseMultipart(text, boundary);
        const value = pairsToObject(
          parts.map((part): [string, unknown] => [
            part.name,
            part.filename === null ? part.text : { filename: part.filename, contentType: part.contentType, value: part.text },
          ]),
        );
        return problem === null || (partial && problem === 'invalid') ? { format, value, partial } : ended(problem, value);
      }
      case 'xml':
        return this.xml(text, partial);
      default:
        return { format, value: text, partial };
    }
  }

  private lines(text: string, partial: boolean): Parsed {
    const values: unknown[] = [];
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      const trimmed = line.replace(/^\u001e/, '').trim();
      if (trimmed === '') continue;
      const { value, problem } = readJson(trimmed, this.limits);
      if (problem === null) values.push(value);
      else if (!(partial && index === lines.length - 1)) this.parseProblems.push(problem);
    }
    return { format: 'ndjson', value: values, partial };
  }

  private xml(text: string, partial: boolean): Parsed {
    const { value, problem } = readXml(text, this.limits.maxDepth);
    if (problem === null) return { format: 'xml', value, partial };
    if (problem === 'too-deep' || !partial) this.parseProblems.push(problem);
    return { format: 'xml', value: undefined, partial: true };
  }
}

/** Keys in JSON text that is known to be valid: strings before a colon. */
function membersInText(text: string): number {
  let members = 0;
  for (let open = text.indexOf('"'); open >= 0; open = text.indexOf('"', open)) {
    let close = text.indexOf('"', open + 1);
    while (text.charCodeAt(close - 1) === 92 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
    open = close + 1;
    let next = text.charCodeAt(open);
    while (next === 32 || next === 10 || next === 13 || next === 9) next = text.charCodeAt(++open);
    if (next === 58) members++;
  }
  return members;
}

/** An odd number of backslashes stands before the quote. */
function isEscaped(text: string, quote: number): boolean {
  let at = quote - 1;
  while (text.charCodeAt(at) === 92) at--;
  return (quote - at) % 2 === 0;
}

/** Keys of all objects in a parsed value; fewer than in its text when one of them is repeated. */
function membersInValue(root: unknown): number {
  if (typeof root !== 'object' || root === null) return 0;
  let members = 0;
  const rest: object[] = [root];
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    const inner: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    if (inner !== value) members += inner.length;
    for (const one of inner) if (typeof one === 'object' && one !== null) rest.push(one);
  }
  return members;
}

/** Text with no more brackets than the limit cannot nest deeper than it. */
function isShallow(text: string, maxDepth: number): boolean {
  let opened = 0;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (++opened > maxDepth) return false;
  }
  return true;
}

function readJson(text: string, limits: ContentLimits): ReturnType<typeof parseJson> {
  if (!isShallow(text, limits.maxDepth)) return parseJson(text, { maxDepth: limits.maxDepth, maxBytes: limits.maxBytes });
  try {
    return { value: JSON.parse(text) as Json, problem: null };
  } catch {
    return { value: undefined, problem: 'invalid' };
  }
}

/** Names that occur more than once become arrays. Names such as `__proto__` stay plain keys. */
function pairsToObject(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const record: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of pairs) {
    const before = record[name];
    if (before === undefined) record[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else record[name] = [before, value];
  }
  return record;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function declaresUtf8(headers: HeaderList): boolean {
  const type = header(headers, 'content-type');
  if (type === null) return false;
  const charset = /charset\s*=\s*"?([\w.:-]+)/i.exec(type)?.[1]?.toLowerCase();
  return charset === 'utf-8' || charset === 'utf8' || (charset === undefined && isJsonType(mediaType(headers)));
}

const charsets = new Map<string, boolean>();
const MAX_CHARSETS = 200;

/** A charset that nobody knows, or one whose letters are not ASCII's over bytes that are ASCII. */
function isCharsetWrong(headers: HeaderList, isAscii: boolean): boolean {
  const charset = /charset\s*=\s*"?([\w.:-]{1,40})/i.exec(header(headers, 'content-type') ?? '')?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8') return false;
  if (isAscii && charset.startsWith('utf-16')) return true;
  let known = charsets.get(charset);
  if (known === undefined) {
    try {
      new TextDecoder(charset);
      known = true;
    } catch {
      known = false;
    }
    if (charsets.size >= MAX_CHARSETS) charsets.clear();
    charsets.set(charset, known);
  }
  return !known;
}

function isUtf8(bytes: Uint8Array): boolean {
  // RFC 8259 §8.1 wants UTF-8; UTF-16 JSON, told by its zero bytes, is read all the same.
  if (bytes.length >= 2 && (bytes[0] === 0 || bytes[1] === 0 || (bytes[0] & bytes[1]) >= 0xfe)) return true;
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
