import { createHmac } from 'node:crypto';
import type { Json } from './body.js';
import { queryPairs, splitTarget } from './target.js';
import type { HeaderList } from './types.js';

const SECRET_HEADER =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|x-.*(?:token|key|secret|session|auth)|.*api-?key|private-token|ocp-apim-subscription-key)$/i;
const SECRET_NAME =
  /pass(?:word|wd|phrase)?$|^pwd$|secret|token|api[_-]?key|^auth|session|^sid$|credential|private[_-]?key|ssn|social[_-]?security|card[_-]?(?:number|no)|^pan$|cvv|cvc|iban|^pin$/i;

const MOST_REMEMBERED = 256;
const LONGEST_REMEMBERED = 64;
const MOST_NAMES = 2_000;

/**
 * Turns values into evidence that proves nothing was invented and gives nothing away: shape and length survive, a keyed hash lets equal values be
 * recognised, the value itself cannot be read back.
 */
export class Redactor {
  private readonly hashed = new Map<string, string>();
  /** What the well-known pattern says of names: records repeat theirs. */
  private readonly secretNames = new Map<string, boolean>();

  /** @param isOwnSecret names of headers, query parameters and fields that are secret beside the well-known ones */
  constructor(
    private readonly secret: string,
    private readonly isOwnSecret: (name: string) => boolean = () => false,
  ) {}

  private isSecretName(name: string): boolean {
    let isSecret = this.secretNames.get(name);
    if (isSecret === undefined) {
      isSecret = SECRET_NAME.test(name);
      if (name.length <= LONGEST_REMEMBERED) {
        if (this.secretNames.size >= MOST_NAMES) this.secretNames.clear();
        this.secretNames.set(name, isSecret);
      }
    }
    return isSecret || this.isOwnSecret(name);
  }

  /** Keyed hash of a value, 16 hex digits. A rule that fires on every exchange mostly sees the same value: the last few are remembered. */
  hash(value: string): string {
    const known = this.hashed.get(value);
    if (known !== undefined) return known;
    const hash = createHmac('sha256', this.secret).update(value).digest('hex').slice(0, 16);
    if (value.length > LONGEST_REMEMBERED) return hash;
    if (this.hashed.size >= MOST_REMEMBERED) this.hashed.clear();
    this.hashed.set(value, hash);
    return hash;
  }

  /** Letters and digits become `•`, punctuation stays; the last `keepLast` alphanumerics of values of eight or more survive: `•••-••-6789`. */
  excerpt(value: string, keepLast = 0): string {
    const text = value.length > 120 ? `${value.slice(0, 117)}…` : value;
    const total = text.replace(/[^\p{L}\p{N}]/gu, '').length;
    const visible = total >= 8 ? keepLast : 0;
    let seen = 0;
    return text.replace(/[\p{L}\p{N}]/gu, (character) => (++seen > total - visible ? character : '•'));
  }

  /** Credentials in header values become `[redacted:hash]`; the scheme of Authorization and cookie names stay. */
  headers(list: HeaderList): HeaderList {
    const clean: string[] = [];
    for (let index = 0; index < list.length; index += 2) clean.push(list[index], this.headerValue(list[index], list[index + 1]));
    return clean;
  }

  private headerValue(name: string, value: string): string {
    if (!SECRET_HEADER.test(name) && !this.isOwnSecret(name)) return value;
    const lower = name.toLowerCase();
    if (lower === 'cookie') return value.replace(/=([^;]*)/g, (_, one: string) => `=${this.mark(one)}`);
    if (lower === 'set-cookie') return value.replace(/=([^;]*)/, (_, one: string) => `=${this.mark(one)}`);
    const space = value.indexOf(' ');
    return lower.endsWith('authorization') && space > 0
      ? `${value.slice(0, space)} ${this.mark(value.slice(space + 1))}`
      : this.mark(value);
  }

  private mark(value: string): string {
    return `[redacted:${this.hash(value).slice(0, 8)}]`;
  }

  /** Query values under secret names become marks; the path stays. */
  target(target: string): string {
    const { path, query } = splitTarget(target);
    if (query === '') return path;
    const pairs = queryPairs(query).map(
      ([name, value]) => `${encodeURIComponent(name)}=${this.isSecretName(name) ? this.mark(value) : encodeURIComponent(value)}`,
    );
    return `${path}?${pairs.join('&')}`;
  }

  /** Values under secret names are marked, and every string for which `isSensitive` says so is reduced to its shape. Structure, numbers and booleans stay. */
  json(value: Json, isSensitive: (text: string, path: string) => boolean = () => false, path = ''): Json {
    if (typeof value === 'string') return isSensitive(value, path) ? this.excerpt(value) : value;
    if (typeof value === 'number') return isSensitive(String(value), path) ? this.excerpt(String(value)) : value;
    if (Array.isArray(value)) return value.map((item) => this.json(item, isSensitive, `${path}[*]`));
    if (value === null || typeof value !== 'object') return value;
    const clean: { [key: string]: Json } = {};
    for (const [name, inner] of Object.entries(value)) {
      const place = path === '' ? name : `${path}.${name}`;
      const scalar = inner === null || typeof inner !== 'object';
      clean[name] = scalar && inner !== null && this.isSecretName(name) ? this.mark(String(inner)) : this.json(inner, isSensitive, place);
    }
    return clean;
  }
}
