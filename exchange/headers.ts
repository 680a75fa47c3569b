import type { HeaderList } from './types.js';

/** First value of a header, case-insensitive; null when absent. */
export function header(list: HeaderList, name: string): string | null {
  const length = name.length;
  // Bit 32 is the case of a letter; a first letter that differs spares most of the comparisons.
  const first = name.charCodeAt(0) | 32;
  for (let index = 0; index < list.length; index += 2) {
    const candidate = list[index];
    if (candidate.length !== length || (candidate.charCodeAt(0) | 32) !== first) continue;
    if (candidate === name || candidate.toLowerCase() === name) return list[index + 1];
  }
  return isLower(name) ? null : header(list, name.toLowerCase());
}

function isLower(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code >= 65 && code <= 90) return false;
  }
  return true;
}

/** All values of a header in order, case-insensitive. */
export function headerAll(list: HeaderList, name: string): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    if (list[index].length === wanted.length && list[index].toLowerCase() === wanted) values.push(list[index + 1]);
  }
  return values;
}

/** A flat header list from a record; arrays become repeated fields. */
export function headersOf(record: Readonly<Record<string, string | number | readonly string[] | undefined>>): HeaderList {
  const list: string[] = [];
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) list.push(name, String(one));
    else list.push(name, String(value));
  }
  return list;
}

/** Name/value pairs of all Cookie headers (RFC 6265 §4.2.1), first of a name wins; values keep their encoding, quotes removed. */
export function cookies(list: HeaderList): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of headerAll(list, 'cookie')) for (const [name, value] of cookiePairs(line)) if (!found.has(name)) found.set(name, value);
  return found;
}

/** Name/value pairs of one Cookie header in order, also of names that come again. */
export function cookiePairs(line: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const part of line.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 1) continue;
    const name = part.slice(0, equals).trim();
    let value = part.slice(equals + 1).trim();
    if (value.length >= 2 && value.startsWith('"') && value.endsWith('"')) value = value.slice(1, -1);
    if (name !== '') pairs.push([name, value]);
  }
  return pairs;
}

/** Media type without parameters, lower case: `application/json`; empty when there is no Content-Type. */
export function mediaType(list: HeaderList): string {
  const value = header(list, 'content-type');
  if (value === null) return '';
  const end = value.indexOf(';');
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** True for `application/json` and every `+json` type. */
export function isJsonType(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json') || type === 'text/json';
}
