import { z } from 'zod';
import { IntegrationError } from './errors.js';
import type { Io } from './io.js';
import type { Notice } from './notice.js';

/** Where notices go, opened from a config. */
export interface Receiver {
  /**
   * Delivers one notice; resolves with what became of it, for people (`SEC-12 opened`). Called one at a time. The same notice may come twice.
   *
   * @throws IntegrationError; its `code` says whether a later try makes sense
   */
  deliver(notice: Notice): Promise<string>;
}

/** One kind of integration: its form and how it delivers. One file in `kinds/`, one line in the list there. */
export interface Integration<C> {
  /** Stable name in the API and the store. */
  readonly kind: string;
  readonly title: string;
  /** One or two sentences for the page where people choose. */
  readonly description: string;
  /** A strict object; each field has a description. Secrets are made with `secret()` and are top-level text fields. */
  readonly config: z.ZodType<C>;
  /** Opens nothing yet: connections are made for each notice. */
  connect(config: C, io: Io): Receiver;
}

/** An integration whose config type is its own affair. */
export interface KnownIntegration {
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly config: z.ZodType;
  /** @throws IntegrationError INTEGRATION_CONFIG that names the fields that do not fit */
  check(config: unknown): void;
  /** @throws IntegrationError INTEGRATION_CONFIG */
  open(config: unknown, io: Io): Receiver;
}

export function known<C>(integration: Integration<C>): KnownIntegration {
  const read = (config: unknown): C => {
    const result = integration.config.safeParse(config);
    if (result.success) return result.data;
    const problems = result.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
    throw new IntegrationError('INTEGRATION_CONFIG', `${integration.title}: ${problems.join('; ')}`);
  };
  return {
    kind: integration.kind,
    title: integration.title,
    description: integration.description,
    config: integration.config,
    check: (config) => void read(config),
    open: (config, io) => integration.connect(read(config), io),
  };
}

/** A text that is kept encrypted and never shown again. In the JSON Schema: `writeOnly` and format `password`. */
export const secret = (description: string) => z.string().min(1).meta({ description, writeOnly: true, format: 'password' });

/** An address that starts with https:// or http://. */
export const webAddress = (description: string) =>
  z
    .string()
    .regex(/^https?:\/\/[^\s/?#]+/i, 'must be an address that starts with https:// or http://')
    .refine((text) => URL.canParse(text), 'is not a complete address')
    .meta({ description, format: 'uri' });

/** The same, for addresses that are a secret themselves: whoever knows one can post. */
export const secretAddress = (description: string) => webAddress(description).meta({ description, format: 'password', writeOnly: true });

/** Without the slashes at the end, so that paths can be appended. */
export const base = (url: string): string => url.replace(/\/+$/, '');
