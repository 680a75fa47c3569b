import type { Random } from './random.js';
import { ADJECTIVES, FIRST_NAMES, inventedWord, LAST_NAMES, NOUNS } from './words.js';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const HEX = '0123456789abcdef';
const BASE62 = UPPER + LOWER + DIGITS;
const two = (value: number): string => String(value).padStart(2, '0');

const word = (r: Random): string => (r.chance(0.25) ? inventedWord(r) : r.chance(0.5) ? r.pick(NOUNS) : r.pick(ADJECTIVES));
const date = (r: Random): string => `${r.int(2015, 2027)}-${two(r.int(1, 12))}-${two(r.int(1, 28))}`;
const uuid = (r: Random): string => `${r.text(HEX, 8)}-${r.text(HEX, 4)}-4${r.text(HEX, 3)}-a${r.text(HEX, 3)}-${r.text(HEX, 12)}`;
const surname = (r: Random): string => r.pick(LAST_NAMES);
const title = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** Makers of parameter values by kind. Shaped kinds are recognised by themselves; the others are what the model must learn to see. */
export const VALUES: Readonly<Record<string, (r: Random) => string>> = {
  int: (r) => String(r.chance(0.5) ? r.int(1, 5000) : r.int(10_000, 9_999_999)),
  small: (r) => String(r.int(1, 40)),
  float: (r) => (r.next() * 180 - 90).toFixed(r.int(2, 5)),
  uuid,
  object: (r) => r.text(HEX, 24),
  hash: (r) => r.text(HEX, r.pick([32, 40, 64])),
  token: (r) => r.text(BASE62, r.int(12, 40)),
  short: (r) => r.text(BASE62, r.int(5, 9)),
  opaque: (r) => r.text(LOWER + DIGITS, r.int(6, 12)),
  prefixed: (r) => `${r.pick(['ord', 'cus', 'inv', 'usr', 'pm', 'acct'])}_${r.text(BASE62, r.int(10, 20))}`,
  date,
  datetime: (r) => `${date(r)}T${two(r.int(0, 23))}:${two(r.int(0, 59))}:00Z`,
  email: (r) => `${r.pick(FIRST_NAMES)}.${surname(r)}@${word(r)}.com`,
  phone: (r) => `+${r.text('123456789', 1)}${r.text(DIGITS, 10)}`,
  ip: (r) => [0, 0, 0, 0].map(() => r.int(1, 254)).join('.'),
  slug: (r) => Array.from({ length: r.int(2, 5) }, () => word(r)).join('-') + (r.chance(0.2) ? `-${r.int(2, 2000)}` : ''),
  word,
  name: (r) => (r.chance(0.5) ? word(r) : r.chance(0.5) ? `${word(r)}-${word(r)}` : `${word(r)}${r.pick(['_', '-', ''])}${r.int(1, 99)}`),
  title: (r) => (r.chance(0.5) ? title(word(r)) : `${title(word(r))} ${title(word(r))}`),
  pascal: (r) => title(word(r)) + title(word(r)),
  user: (r) => {
    const first = r.pick(FIRST_NAMES);
    return r.pick([
      first,
      first + surname(r)[0],
      first[0] + surname(r),
      `${first}.${surname(r)}`,
      first + r.int(1, 999),
      `${first}_${surname(r)}`,
      `${word(r)}${word(r)}`,
    ]);
  },
  org: (r) =>
    r.pick([
      surname(r),
      `${surname(r)}-${word(r)}`,
      `${word(r)}${r.pick(['ly', 'hub', 'lab', 'inc', 'works', 'base'])}`,
      inventedWord(r),
      `${inventedWord(r)}-${word(r)}`,
    ]),
  sku: (r) =>
    `${r.text(UPPER, r.int(2, 4))}${r.pick(['-', ''])}${r.text(DIGITS, r.int(3, 6))}${r.chance(0.3) ? `-${r.pick(['A', 'B', 'XL', 'RED'])}` : ''}`,
  code: (r) => r.text(UPPER, r.int(2, 4)),
  constant: (r) => r.pick([...NOUNS]).toUpperCase() + (r.chance(0.5) ? `_${r.pick(NOUNS).toUpperCase()}` : ''),
  numbered: (r) => `${r.pick(['item', 'node', 'job', 'zone', 'rack'])}-${r.int(1, 900)}`,
  ticker: (r) => r.text(UPPER, r.int(3, 5)),
  currency: (r) => r.pick('USD EUR GBP JPY CHF AUD CAD CNY SEK NOK DKK PLN CZK HUF INR BRL MXN ZAR'.split(' ')),
  country: (r) => r.pick('US GB DE FR ES IT BR JP CN KR NL SE PL IN CA AU AT BE CH DK FI IE PT'.split(' ')),
  language: (r) => r.pick('en de fr es it pt ja zh ko nl sv pl ru tr cs da fi'.split(' ')),
  locale: (r) => r.pick('en-US en-GB de-DE de-AT fr-FR fr-CA es-ES es-MX it-IT pt-BR ja-JP zh-CN ko-KR nl-NL'.split(' ')),
  semver: (r) => `${r.int(0, 5)}.${r.int(0, 30)}.${r.int(0, 12)}`,
  release: (r) =>
    r.chance(0.4) ? `v${r.int(0, 9)}.${r.int(0, 9)}` : `${r.int(0, 9)}.${r.int(0, 20)}.${r.int(0, 9)}${r.chance(0.2) ? '-beta' : ''}`,
  year: (r) => String(r.int(1998, 2027)),
  month: (r) => String(r.int(1, 12)),
  host: (r) => `${word(r)}${r.chance(0.3) ? `-${word(r)}` : ''}.${r.pick(['com', 'net', 'org', 'io', 'co.uk', 'dev'])}`,
  file: (r) => `${word(r)}${r.pick(['-', '_', ''])}${r.int(1, 500)}.${r.pick(['pdf', 'png', 'csv', 'txt', 'zip', 'mp4'])}`,
  format: (r) => r.pick(['json', 'xml', 'csv', 'yaml']),
  flag: (r) => r.pick(['true', 'false']),
  urn: (r) => `urn:${r.pick(['isbn', 'li', 'doc'])}:${r.int(100, 99_999)}`,
  spaced: (r) => `${title(word(r))} ${title(word(r))} ${r.int(1, 20)}`,
  hexshort: (r) => r.text(HEX, r.int(6, 12)),
};

export const SHAPED_KINDS = ['int', 'int', 'int', 'int', 'uuid', 'uuid', 'object', 'hash', 'token', 'prefixed'];
export const WORDY_KINDS = [
  'slug',
  'word',
  'name',
  'user',
  'org',
  'sku',
  'short',
  'opaque',
  'title',
  'pascal',
  'numbered',
  'constant',
  'code',
  'ticker',
  'hexshort',
  'host',
  'file',
  'release',
  'spaced',
  'urn',
];
export const CLOSED_KINDS = ['currency', 'country', 'language', 'locale', 'format', 'year', 'month', 'flag', 'semver'];
