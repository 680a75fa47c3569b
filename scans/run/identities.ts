import type { Carriage } from './carriage.js';
import { fieldsOf, parseBody } from './fields.js';
import { nobody, type Self } from './harvest.js';
import { jwtIn } from './jwt.js';
import type { Identity, ScanRequest } from './types.js';

export const AUTH_KINDS = ['none', 'header', 'login', 'form', 'oauth2', 'cookies', 'basic', 'mtls', 'learned'] as const;

/** An auth context as given; secrets are open here. `config` by kind: see docs/scans.md. */
export interface AuthContext {
  readonly name: string;
  readonly role: string;
  readonly kind: (typeof AUTH_KINDS)[number];
  readonly config: { readonly [name: string]: unknown };
}

/** Header that names the client certificate of an identity inside a scan; it is never sent. */
export const CERTIFICATE_HEADER = ':certificate';

export type Headers = { readonly [name: string]: string };

export interface Login {
  readonly headers: Headers;
  /** What the target said on login. */
  readonly answer: string;
  readonly refreshToken: string | null;
}

/** A login request as it was sent, for samples of the login endpoint itself. */
export interface LoginRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly contentType: string;
  /** What a browser sends along that has only seen the login page: its cookies. */
  readonly headers?: Headers;
}

/** One identity during a scan: who it is, and credentials that are renewed when they run out. */
export class LoggedIn implements Identity {
  readonly name: string;
  readonly role: string;
  readonly values: { [parameter: string]: string } = {};
  readonly self: Self = nobody();
  readonly loginRequest: LoginRequest | null;
  /** Secret of the user, as the login uses it; empty when there is none. */
  readonly password: string;
  #login: Login;
  /** Credentials of before, so that requests made with them can be brought up to date. */
  readonly #older: Headers[] = [];
  #renewing: Promise<boolean> | null = null;
  #renewedAtMs = 0;
  #carriage: Carriage | null = null;

  constructor(
    readonly context: AuthContext,
    login: Login,
    private readonly again: (refreshToken: string | null) => Promise<Login>,
    loginRequest: LoginRequest | null = null,
  ) {
    this.name = context.name;
    this.role = context.role;
    this.#login = login;
    this.loginRequest = loginRequest;
    const known = loginRequest === null ? [] : fieldsOf(parseBody(loginRequest.body));
    this.password = String(known.find(({ name }) => /^(password|passwd|pwd|pass)$/i.test(name))?.value ?? context.config.password ?? '');
    for (const { name, value } of known) if (/^(user_?name|login|e?mail|user)$/i.test(name)) this.#isCalled(String(value));
    if (typeof context.config.username === 'string') this.#isCalled(context.config.username);
    this.#learn();
  }

  get headers(): Headers {
    return this.#login.headers;
  }

  /** The token that goes as `Authorization: Bearer` because nobody said how it should go; null: it was said, or there is none. */
  get bearer(): string | null {
    const { kind, config } = this.context;
    const isOpen = kind === 'header' || (kind === 'login' && config.header === undefined && config.prefix === undefined);
    return isOpen ? (/^Bearer (\S+)$/.exec(this.#login.headers.authorization ?? '')?.[1] ?? null) : null;
  }

  /** Sends the token so from now on, also after a renewal. */
  carryAs(carriage: Carriage): void {
    this.#carriage = carriage;
    this.#login = this.#carried(this.#login);
  }

  #carried(login: Login): Login {
    const { authorization = '', ...others } = login.headers;
    if (this.#carriage === null) return login;
    const { header, prefix } = this.#carriage;
    return { ...login, headers: { ...others, [header]: `${prefix}${authorization.replace(/^Bearer /, '')}` } };
  }

  #isCalled(text: string): void {
    (text.includes('@') ? this.self.emails : this.self.names).add(text);
  }

  #learn(): void {
    for (const value of Object.values(this.#login.headers)) {
      const claims = claimsIn(value);
      if (claims !== null) this.learn({ ...claims, id: claims.sub ?? claims.id ?? claims.user_id ?? claims.userId ?? claims.uid }, true);
    }
    const answer = parseBody(this.#login.answer);
    if (answer !== null && typeof answer === 'object' && !Array.isArray(answer)) this.learn(answer, true);
  }

  /** Takes ids, names and addresses from a profile or from claims. */
  learn(profile: object, isTop: boolean): void {
    for (const [name, value] of Object.entries(profile)) {
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
        if (isTop && /^(user|data|profile|account|me|claims|authentication|result)$/i.test(name)) this.learn(value, true);
        continue;
      }
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      const text = String(value);
      if (text === '' || text.length > 128) continue;
      if (/^_?(id|uuid|sub)$/i.test(name) || /^(user|account|customer|member)_?(id|uuid)$/i.test(name)) {
        if (text.includes('@')) this.self.emails.add(text);
        else if (/^[a-z][a-z0-9_.-]{0,40}$/i.test(text) && !/^[0-9a-f-]{20,}$/i.test(text)) this.self.names.add(text);
        else this.self.ids.add(text);
      } else if (/^e?mail$|^umail$/i.test(name)) this.self.emails.add(text);
      else if (/^(user_?name|login|handle)$/i.test(name)) this.#isCalled(text);
    }
  }

  /** Ids in the answer to the login: `bid: 6` gives `b` and `6`. */
  get givenIds(): readonly (readonly [word: string, value: string])[] {
    return fieldsOf(parseBody(this.#login.answer)).flatMap(({ name, value }) => {
      const word = /^(.+?)[-_]?id$/i.exec(name)?.[1];
      return word === undefined ||
        typeof value === 'object' ||
        typeof value === 'boolean' ||
        /^(user|account|session|request|trace|client)$/i.test(word)
        ? []
        : [[word, String(value)] as const];
    });
  }

  /** Do the credentials say themselves that they end before `atMs`? */
  endsBefore(atMs: number): boolean {
    return Object.values(this.headers).some((value) => {
      const expiry = Number(claimsIn(value)?.exp);
      return Number.isFinite(expiry) && expiry * 1000 < atMs;
    });
  }

  get canRenew(): boolean {
    return ['login', 'form', 'oauth2'].includes(this.context.kind);
  }

  /** Logs in again; several who ask at once share one login. False: it was refused, or was done a moment ago. */
  renew(nowMs: number): Promise<boolean> {
    const isSoon = nowMs - this.#renewedAtMs < RENEW_EVERY_MS && !this.endsBefore(nowMs);
    if (!this.canRenew || isSoon) return this.#renewing ?? Promise.resolve(false);
    this.#renewing ??= this.again(this.#login.refreshToken)
      .then(
        (login) => {
          this.#older.push(this.#login.headers);
          if (this.#older.length > OLDER_KEPT) this.#older.shift();
          this.#login = this.#carried(login);
          return true;
        },
        () => false,
      )
      .finally(() => {
        this.#renewedAtMs = nowMs;
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** The request with credentials of before replaced by those of now. */
  refreshed(request: ScanRequest): ScanRequest {
    if (!this.#older.some((older) => carries(request, older))) return request;
    return { ...request, headers: { ...request.headers, ...this.headers } };
  }

  /** Does the request carry exactly what this identity has now? */
  isOf(request: ScanRequest): boolean {
    return carries(request, this.headers);
  }
}

const RENEW_EVERY_MS = 2_000;
/** Samples carry what was good when they were made: an hour of renewals at the highest rate. */
const OLDER_KEPT = 2_000;

const carries = (request: ScanRequest, headers: Headers): boolean => {
  const names = Object.keys(headers);
  return names.length > 0 && names.every((name) => request.headers[name] === headers[name]);
};

function claimsIn(value: string): { readonly [claim: string]: unknown } | null {
  const token = jwtIn(value);
  if (token === null) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'));
    return claims !== null && typeof claims === 'object' ? (claims as { readonly [claim: string]: unknown }) : null;
  } catch {
    // An opaque token that only looks like one says nothing of its user.
    return null;
  }
}
