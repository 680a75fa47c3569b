import type { Retention } from '../store/index.js';

/** How an admin server is run. */
export interface AdminOptions {
  /** 32 bytes or more of hex: the key of seals and cookies. */
  readonly secret: string;
  /** `127.0.0.1` unless told otherwise. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Folder for `admin-token`; null writes none. */
  readonly dataDir: string | null;
  /** Folder of the built UI; null: `admin-ui/dist` of the package. */
  readonly uiDir?: string | null;
  /** True when a proxy in front speaks TLS: cookies become Secure, X-Forwarded-For of loopback is believed. */
  readonly behindTls?: boolean;
  /** Where browsers reach it, when that differs from host and port; for links and single sign-on. */
  readonly publicUrl?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly oidc?: OidcOptions;
  readonly version: string;
  readonly sessionHours?: number;
  /** What is kept while nobody has set it in the UI, where that differs from the store's own defaults. */
  readonly retention?: Partial<Retention>;
  /** The clock; wall clock unless told otherwise. */
  readonly nowMs?: () => number;
  readonly log?: (level: 'info' | 'warn' | 'error', message: string, about?: Readonly<Record<string, unknown>>) => void;
}

/** Single sign-on with OpenID Connect. */
export interface OidcOptions {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  /** Claim that names groups or roles; `groups` when absent. */
  readonly roleClaim?: string;
  /** Value of the claim → role; the highest wins. */
  readonly roles: Readonly<Record<string, 'viewer' | 'analyst' | 'admin'>>;
  /** Role of people whose claim matches nothing; null refuses them. */
  readonly otherwise: 'viewer' | 'analyst' | 'admin' | null;
}
