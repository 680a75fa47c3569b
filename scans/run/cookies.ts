import type { ScanResponse } from './types.js';

/** The cookies of one identity, for one target (RFC 6265 without domains and paths: a scan has one origin). */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** Keeps what an answer sets; what it expires goes. */
  take({ headers }: Pick<ScanResponse, 'headers'>): void {
    // Several Set-Cookie come joined by commas, which may also stand in an Expires date.
    for (const one of (headers['set-cookie'] ?? '').split(/, (?=[^ ;,=]+=)/)) {
      const [pair = '', ...attributes] = one.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      if (equals <= 0) continue;
      const name = pair.slice(0, equals);
      const value = pair.slice(equals + 1);
      const isGone = attributes.some((attribute) => /^max-age=(0|-\d+)$/i.test(attribute)) || (value === '' && attributes.length > 0);
      if (isGone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }

  get isEmpty(): boolean {
    return this.#cookies.size === 0;
  }

  /** Value of a Cookie header. */
  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  find(pattern: RegExp): { readonly name: string; readonly value: string } | null {
    for (const [name, value] of this.#cookies) if (pattern.test(name)) return { name, value };
    return null;
  }
}

/** Names and values of a Cookie header. */
export const cookiesIn = (header: string): readonly (readonly [name: string, value: string])[] =>
  header.split(/; */).flatMap((one) => {
    const equals = one.indexOf('=');
    return equals <= 0 ? [] : [[one.slice(0, equals), one.slice(equals + 1)] as const];
  });
