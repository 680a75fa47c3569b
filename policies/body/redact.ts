import type { Redactor } from '../../exchange/index.js';
import type { Content } from './content.js';
import { type JsonPath, walkJson } from './json-walk.js';
import { type Selector, selects } from './select.js';

export type RedactStyle = 'shape' | 'mask' | 'hash' | 'drop';

/** What to change in a body's text. */
export interface BodyRedaction {
  readonly style: RedactStyle;
  /** Last letters and digits that stay, with shape and mask. */
  readonly keep: number;
  /** Ranges of the text, in UTF-16 units. `wrapped`: an encoded value, whose inside cannot be changed alone. */
  readonly spans: readonly { readonly start: number; readonly end: number; readonly wrapped: boolean }[];
  /** Fields whose values pass `test`. */
  readonly fields: readonly { readonly selector: Selector; readonly test: (value: unknown) => boolean }[];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text with all redactions applied; null when nothing changed. JSON stays valid: texts stay texts, numbers stay numbers of as many digits, and
 * with shape and mask nothing changes its length. Where two redactions overlap, the first wins.
 */
export function redactText(content: Content, redactions: readonly BodyRedaction[], redactor: Redactor, maxDepth: number): string | null {
  const text = content.text();
  const format = content.format();
  const edits: Edit[] = [];
  for (const redaction of redactions) {
    if (format === 'json' || format === 'ndjson') jsonEdits(text, redaction, redactor, maxDepth, format === 'ndjson', edits);
    else {
      for (const span of redaction.spans)
        edits.push({ start: span.start, end: span.end, text: replacement(text.slice(span.start, span.end), redaction, redactor) });
      if (redaction.fields.length > 0) namedEdits(text, format, redaction, redactor, edits);
    }
  }
  if (edits.length === 0) return null;
  const changed = applyEdits(text, edits);
  return changed === text ? null : changed;
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const order = edits.map((edit, rank) => ({ ...edit, rank })).sort((a, b) => a.start - b.start || a.rank - b.rank);
  let out = '';
  let at = 0;
  for (const edit of order) {
    if (edit.start < at) continue;
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return out + text.slice(at);
}

function jsonEdits(text: string, redaction: BodyRedaction, redactor: Redactor, maxDepth: number, lines: boolean, edits: Edit[]): void {
  const spans = [...redaction.spans].sort((a, b) => a.start - b.start);
  const touched = new Set<SpanLike>();
  const visit =
    (offset: number) =>
    (path: JsonPath, value: { kind: string; start: number; end: number; memberStart: number }): void => {
      const start = value.start + offset;
      const end = value.end + offset;
      const inside = value.kind === 'string' || value.kind === 'number' ? overlapping(spans, start, end) : [];
      for (const span of inside) touched.add(span);
      const byField = redaction.fields.some(
        (field) => selects(field.selector, path) && field.test(parsedValue(text.slice(start, end), value.kind)),
      );
      if (!byField && inside.length === 0) return;
      if (redaction.style === 'drop') edits.push(dropMember(text, value.memberStart + offset, end, path));
      else if (byField || redaction.style === 'hash') edits.push(...wholeValue(text, start, end, value.kind, redaction, redactor));
      else for (const span of inside) edits.push(partOfValue(text, start, end, value.kind, span, redaction));
    };
  if (!lines) walkJson(text, maxDepth, visit(0));
  for (let at = 0; lines && at < text.length; ) {
    const next = text.indexOf('\n', at);
    const end = next < 0 ? text.length : next;
    const lead = text.charCodeAt(at) === 0x1e ? 1 : 0;
    walkJson(text.slice(at + lead, end), maxDepth, visit(at + lead));
    at = end + 1;
  }
  // What is left stands in a key, or behind the point where malformed text stopped the walk.
  for (const span of spans) {
    if (!touched.has(span))
      edits.push({ start: span.start, end: span.end, text: escapedShape(text.slice(span.start, span.end), redaction.style, 0) });
  }
}

type SpanLike = BodyRedaction['spans'][number];

/** Spans that touch [start, end); `spans` are sorted by start. */
function overlapping(spans: readonly SpanLike[], start: number, end: number): SpanLike[] {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].end <= start) low = middle + 1;
    else high = middle;
  }
  const touched: SpanLike[] = [];
  for (let index = low; index < spans.length && spans[index].start < end; index++) if (spans[index].end > start) touched.push(spans[index]);
  return touched;
}

function parsedValue(raw: string, kind: string): unknown {
  // Containers are only ever redacted whole, by a field that asks for nothing but presence.
  if (kind === 'object') return {};
  if (kind === 'array') return [];
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return raw;
  }
}

/** A field without its comma; an item becomes null, so that the others keep their index. */
function dropMember(text: string, memberStart: number, end: number, path: JsonPath): Edit {
  const last = path.at(-1);
  if (last === undefined || typeof last === 'number') return { start: memberStart, end, text: 'null' };
  const after = /^\s*,/.exec(text.slice(end, end + 1000));
  if (after !== null) return { start: memberStart, end: end + after[0].length, text: '' };
  let start = memberStart;
  while (start > 0 && text.charCodeAt(start - 1) <= 32) start--;
  return text[start - 1] === ',' ? { start: start - 1, end, text: '' } : { start: memberStart, end, text: '' };
}

function wholeValue(text: string, start: number, end: number, kind: string, redaction: BodyRedaction, redactor: Redactor): Edit[] {
  const raw = text.slice(start, end);
  if (kind === 'string') {
    if (redaction.style === 'hash') return [{ start, end, text: `"${redactor.hash(String(parsedValue(raw, kind)))}"` }];
    return [{ start: start + 1, end: end - 1, text: escapedShape(raw.slice(1, -1), redaction.style, redaction.keep) }];
  }
  if (kind === 'number') return [{ start, end, text: redaction.style === 'hash' ? `"${redactor.hash(raw)}"` : numberShape(raw) }];
  if (kind === 'literal') return raw === 'null' ? [] : [{ start, end, text: 'null' }];
  return [{ start, end, text: kind === 'array' ? '[]' : '{}' }];
}

function partOfValue(text: string, start: number, end: number, kind: string, span: SpanLike, redaction: BodyRedaction): Edit {
  if (kind === 'number') return { start, end, text: numberShape(text.slice(start, end)) };
  const from = Math.max(span.start, start + 1);
  const to = Math.min(span.end, end - 1);
  return { start: from, end: to, text: escapedShape(text.slice(from, to), redaction.style, span.wrapped ? 0 : redaction.keep) };
}

/** As many digits, still a JSON number (RFC 8259 §6): the first digit becomes 1 so that it is no leading zero. */
function numberShape(raw: string): string {
  let first = true;
  return raw.replace(/[0-9]/g, () => {
    const digit = first && !/^-?0(?:[.eE]|$)/.test(raw) ? '1' : '0';
    first = false;
    return digit;
  });
}

/** Letters and digits replaced in escaped JSON text; escapes keep their length: `\n` stays, `\u00e9` becomes `\u0078`. */
function escapedShape(raw: string, style: RedactStyle, keep: number): string {
  if (!raw.includes('\\')) return shape(raw, style, keep);
  const pieces = raw.match(/\\u[0-9a-fA-F]{4}|\\.|[^\\]+/gs) ?? [];
  return pieces
    .map((piece) => {
      if (piece.startsWith('\\u')) return style === 'mask' ? '\\u002a' : '\\u0078';
      return piece.startsWith('\\') ? piece : shape(piece, style, 0);
    })
    .join('');
}

const ALNUM = /[\p{L}\p{N}]/gu;

/** Digits become 0, upper-case letters X, other letters x (mask: all become `*`); the last `keep` of eight or more stay. */
export function shape(text: string, style: RedactStyle, keep: number): string {
  const total = keep === 0 ? 0 : (text.match(ALNUM)?.length ?? 0);
  const kept = total >= 8 ? keep : 0;
  let seen = 0;
  return text.replace(ALNUM, (character) => {
    if (kept > 0 && ++seen > total - kept) return character;
    const cover = style === 'mask' ? '*' : character >= '0' && character <= '9' ? '0' : character >= 'A' && character <= 'Z' ? 'X' : 'x';
    return character.length === 2 ? cover + cover : cover;
  });
}

function replacement(text: string, redaction: BodyRedaction, redactor: Redactor): string {
  if (redaction.style === 'hash') return redactor.hash(text);
  return redaction.style === 'drop' ? '' : shape(text, redaction.style, redaction.keep);
}

/** Fields of forms and XML elements by their name: the last step of the selector. Other formats have no fields. */
function namedEdits(text: string, format: string, redaction: BodyRedaction, redactor: Redactor, edits: Edit[]): void {
  const pattern =
    format === 'form' ? /(^|&)([^=&]*)=([^&]*)/g : format === 'xml' ? /<((?:[\w.-]+:)?)([\w.-]+)(?:\s[^<>]*)?>([^<]*)(?=<\/)/g : null;
  if (pattern === null) return;
  for (const found of text.matchAll(pattern)) {
    const name = format === 'form' ? decode(found[2]) : found[2];
    const value = format === 'form' ? decode(found[3]) : found[3];
    if (!redaction.fields.some((field) => namesLast(field.selector, name) && field.test(value))) continue;
    const end = found.index + found[0].length;
    const start = end - found[3].length;
    // A percent escape must not be broken up, so the decoded value is written anew.
    const covered = replacement(value, redaction, redactor);
    edits.push({ start, end, text: format === 'form' ? encodeURIComponent(covered) : covered });
  }
}

function namesLast(selector: Selector, name: string): boolean {
  const step = selector.steps.findLast((one) => one.kind === 'name');
  return step?.kind === 'name' && step.test(name);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
