import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { AdminError } from './errors.js';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Keeps secrets of the configuration (tokens of integrations, logins of scans) unreadable in the database: AES-256-GCM under the data folder's key. */
export interface Seal {
  close(text: string): string;
  /** @throws AdminError when the text was sealed under another key or altered */
  open(sealed: string): string;
  closeBytes(bytes: Uint8Array): Uint8Array;
  /** @throws AdminError as `open` */
  openBytes(sealed: Uint8Array): Uint8Array;
}

export function createSeal(secret: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'weir seal', 32));
  const closeBytes = (bytes: Uint8Array) => {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), body]);
  };
  const openBytes = (bytes: Uint8Array) => {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES));
      decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new AdminError('ADMIN_INTERNAL', 'a stored secret cannot be opened: the data folder has another key now', { cause });
    }
  };
  return {
    close: (text) => `sealed:${closeBytes(Buffer.from(text, 'utf8')).toString('base64url')}`,
    open: (sealed) => openBytes(Buffer.from(sealed.replace(/^sealed:/, ''), 'base64url')).toString('utf8'),
    closeBytes,
    openBytes,
  };
}

export const isSealed = (value: unknown): value is string => typeof value === 'string' && value.startsWith('sealed:');

/** What the API shows instead of a secret; sent back unchanged it means "as it was". */
export const MASK = '•••';

/** Secrets sealed, and those that came back masked taken from before. */
export function sealedConfig(
  config: Readonly<Record<string, unknown>>,
  secrets: readonly string[],
  before: Readonly<Record<string, unknown>>,
  seal: Seal,
): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...config };
  for (const name of secrets) {
    const value = config[name];
    if (value === MASK) kept[name] = before[name];
    else if (typeof value === 'string' && value !== '' && !isSealed(value)) kept[name] = seal.close(value);
  }
  return kept;
}

/** The config as people may see it. */
export function maskedConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, isSealed(value) ? MASK : value]));
}

/** The config as it is used, secrets opened. */
export function openedConfig(config: Readonly<Record<string, unknown>>, seal: Seal): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, isSealed(value) ? seal.open(value) : value]));
}

/** Fingerprint of a bearer secret: what the database keeps of sessions, tokens and links. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
export const newSecret = (): string => randomBytes(32).toString('base64url');
