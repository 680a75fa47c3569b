import { attackersError } from './errors.js';
import { contains, type Prefix, readPrefix, writePrefix } from './network.js';

export type FeedFormat = 'auto' | 'text' | 'csv' | 'json';

/** A line (or item of a JSON list) that was left out. Both count from 1. */
export interface FeedProblem {
  readonly line: number;
  readonly why: 'not an address or CIDR' | 'private or reserved' | 'too wide';
  /** First 60 characters. */
  readonly text: string;
}

export interface ParsedFeed {
  /** Canonical, without duplicates, in order. */
  readonly entries: readonly string[];
  readonly garbage: number;
  /** The first 100. */
  readonly problems: readonly FeedProblem[];
  readonly duplicates: number;
}

const PROBLEMS_KEPT = 100;
const COLUMN_NAMES = ['ip', 'cidr', 'address', 'network', 'ip_address', 'ipaddress', 'dst_ip', 'src_ip', 'indicator', 'value', 'range'];

/** Networks that no feed may block: an error in a feed must not cut off a data centre from itself (RFC 6890). */
const RESERVED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
].flatMap((text) => readPrefix(text) ?? []);

/**
 * Takes addresses and CIDRs out of a feed, and counts what is none.
 *
 * Text: the first word of each line; `#`, `;` and `//` begin a comment. CSV: the column named like an address, else the first that holds one. JSON: a list (anywhere at
 * the top or one level down) of texts or of objects, or one object a line. Throws WeirError FEED_UNREADABLE when nothing in it can be read as such.
 */
export function parseFeed(text: string, format: FeedFormat = 'auto'): ParsedFeed {
  const collector = new Collector();
  const kind = format === 'auto' ? guess(text) : format;
  if (kind === 'json') readJson(text, collector);
  else if (kind === 'csv') readCsv(text, collector);
  else eachLine(text, (line, number) => collector.add(firstWord(line), number));
  const result = collector.result();
  if (result.entries.length === 0 && result.garbage > 0) {
    const [first] = result.problems;
    throw attackersError(
      'FEED_UNREADABLE',
      `None of ${result.garbage} lines holds an address; line ${first.line} is "${first.text}" (${first.why})`,
    );
  }
  return result;
}

class Collector {
  private readonly seen = new Set<string>();
  private readonly problems: FeedProblem[] = [];
  private garbage = 0;
  private duplicates = 0;

  add(text: string, line: number): void {
    if (text === '') return;
    const prefix = readPrefix(text);
    const why =
      prefix === null ? 'not an address or CIDR' : isTooWide(prefix) ? 'too wide' : isReserved(prefix) ? 'private or reserved' : null;
    if (prefix === null || why !== null) {
      this.garbage++;
      if (this.problems.length < PROBLEMS_KEPT) this.problems.push({ line, why: why ?? 'not an address or CIDR', text: text.slice(0, 60) });
      return;
    }
    const canonical = writePrefix(prefix);
    if (this.seen.has(canonical)) this.duplicates++;
    else this.seen.add(canonical);
  }

  result(): ParsedFeed {
    return { entries: [...this.seen], garbage: this.garbage, problems: this.problems, duplicates: this.duplicates };
  }
}

function isTooWide({ family, length }: Prefix): boolean {
  return length < (family === 4 ? 8 : 16);
}

function isReserved(prefix: Prefix): boolean {
  return RESERVED.some((range) => contains(range, prefix));
}

function guess(text: string): 'text' | 'csv' | 'json' {
  const start = text.slice(0, 4096).trimStart();
  if (start.startsWith('{') || start.startsWith('[')) return 'json';
  const first = start.split('\n').find((line) => line.trim() !== '' && !/^\s*(#|;|\/\/)/.test(line)) ?? '';
  return first.includes(',') || first.startsWith('"') ? 'csv' : 'text';
}

function eachLine(text: string, take: (line: string, number: number) => void): void {
  let number = 0;
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf('\n', start);
    const stop = end < 0 ? text.length : end;
    take(text.slice(start, stop), ++number);
    start = stop + 1;
  }
}

function firstWord(line: string): string {
  const text = line.trimStart();
  const end = text.search(/[\s,#;]|\/\//);
  return end < 0 ? text : text.slice(0, end);
}

function readCsv(text: string, collector: Collector): void {
  let column = -1;
  eachLine(text, (line, number) => {
    if (line.trim() === '' || /^\s*(#|;|\/\/)/.test(line)) return;
    const cells = splitCsv(line);
    if (column < 0) {
      column = cells.findIndex((cell) => COLUMN_NAMES.includes(cell.toLowerCase()));
      if (column >= 0) return;
      column = cells.findIndex((cell) => readPrefix(cell) !== null);
      if (column < 0) {
        collector.add(cells[0] || line, number);
        return;
      }
    }
    collector.add(cells[column] ?? line, number);
  });
}

/** RFC 4180, one line a record. */
function splitCsv(line: string): string[] {
  const cells: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/y;
  while (pattern.lastIndex < line.length) {
    const match = pattern.exec(line);
    if (match === null) break;
    cells.push((match[1]?.replaceAll('""', '"') ?? match[2]).trim());
  }
  return cells;
}

function readJson(text: string, collector: Collector): void {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    if (!text.trimStart().startsWith('{')) throw attackersError('FEED_UNREADABLE', 'The feed is not valid JSON', cause);
    eachLine(text, (line, number) => {
      if (line.trim() === '') return;
      const object = parsed(line);
      // Spamhaus and others end with a line of metadata, which is no garbage.
      if (isObject(object) && object.type === 'metadata') return;
      collector.add(addressOf(object) ?? line, number);
    });
    return;
  }
  const list = listIn(document);
  if (list === null) throw attackersError('FEED_UNREADABLE', 'The JSON holds no list of addresses');
  for (const [index, item] of list.entries()) collector.add(addressOf(item) ?? JSON.stringify(item), index + 1);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listIn(document: unknown): readonly unknown[] | null {
  if (Array.isArray(document)) return document;
  if (!isObject(document)) return null;
  const lists = Object.values(document).filter((value): value is unknown[] => Array.isArray(value));
  return lists.length === 0 ? null : lists.flat();
}

function addressOf(item: unknown): string | null {
  if (typeof item === 'string') return item.trim();
  if (!isObject(item)) return null;
  for (const [name, value] of Object.entries(item)) {
    if (typeof value === 'string' && (COLUMN_NAMES.includes(name.toLowerCase()) || /prefix$/i.test(name))) return value.trim();
  }
  return null;
}
