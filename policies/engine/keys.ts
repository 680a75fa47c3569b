import { constants, createHash, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { readJwt } from '../../exchange/index.js';

/** A JSON Web Key as it comes from a JWKS document (RFC 7517). */
export type Jwk = Readonly<Record<string, unknown>>;

interface Key {
  readonly kid: string | null;
  readonly alg: string | null;
  readonly kty: string;
  readonly publicKey: KeyObject | null;
  readonly secret: Buffer | null;
}

const MAX_REMEMBERED = 10_000;

/**
 * Named key sets against which token signatures are checked. Keys are loaded outside (files, JWKS URLs) and put here; checking is synchronous
 * and remembers its result per token.
 */
export class KeyRing {
  private readonly sets = new Map<string, readonly Key[]>();
  private readonly declared = new Set<string>();
  private readonly results = new Map<string, boolean>();

  /** A set that policies may name and whose keys come later: until then no signature is held against it. */
  declare(name: string): void {
    this.declared.add(name);
  }

  /** Replaces the keys of one set. Keys that cannot be used are left out; returns how many were taken. */
  set(name: string, jwks: readonly Jwk[]): number {
    const keys = jwks.flatMap((jwk) => importKey(jwk) ?? []);
    this.sets.set(name, keys);
    this.results.clear();
    return keys.length;
  }

  has(name: string): boolean {
    return this.sets.has(name) || this.declared.has(name);
  }

  /** Names of the sets, for messages. */
  names(): string[] {
    return [...new Set([...this.declared, ...this.sets.keys()])];
  }

  /** Does the compact JWS (RFC 7515) verify with a key of the set? null when the set is not loaded. `alg: none` never verifies. */
  verifies(name: string, token: string): boolean | null {
    const keys = this.sets.get(name);
    if (keys === undefined) return null;
    const id = `${name}\0${createHash('sha256').update(token).digest('base64')}`;
    const known = this.results.get(id);
    if (known !== undefined) return known;
    const result = check(token, keys);
    if (this.results.size >= MAX_REMEMBERED) this.results.clear();
    this.results.set(id, result);
    return result;
  }
}

function importKey(jwk: Jwk): Key | null {
  const kid = typeof jwk.kid === 'string' ? jwk.kid : null;
  const alg = typeof jwk.alg === 'string' ? jwk.alg : null;
  const kty = typeof jwk.kty === 'string' ? jwk.kty : '';
  if (typeof jwk.use === 'string' && jwk.use !== 'sig') return null;
  try {
    if (kty === 'oct' && typeof jwk.k === 'string') return { kid, alg, kty, publicKey: null, secret: Buffer.from(jwk.k, 'base64url') };
    return { kid, alg, kty, publicKey: createPublicKey({ key: jwk, format: 'jwk' }), secret: null };
  } catch {
    return null;
  }
}

function check(token: string, keys: readonly Key[]): boolean {
  const jwt = readJwt(token);
  const algorithm = jwt?.header.alg;
  if (jwt === null || typeof algorithm !== 'string' || jwt.header.crit !== undefined) return false;
  const end = token.lastIndexOf('.');
  const signed = Buffer.from(token.slice(0, end), 'latin1');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  const kid = jwt.header.kid;
  return keys.some(
    (key) =>
      (kid === undefined || key.kid === null || key.kid === kid) &&
      (key.alg === null || key.alg === algorithm) &&
      verifyWith(key, algorithm, signed, signature),
  );
}

/** RFC 7518 §3.1 and RFC 8037. A symmetric algorithm is only ever tried with a symmetric key, so a public key cannot serve as a secret. */
function verifyWith(key: Key, algorithm: string, signed: Buffer, signature: Buffer): boolean {
  const hash = `sha${algorithm.slice(2)}`;
  const family = algorithm.slice(0, 2);
  try {
    if (family === 'HS' && key.secret !== null) {
      const expected = createHmac(hash, key.secret).update(signed).digest();
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    }
    if (key.publicKey === null) return false;
    if (family === 'RS' && key.kty === 'RSA') return verify(hash, signed, key.publicKey, signature);
    if (family === 'PS' && key.kty === 'RSA')
      return verify(
        hash,
        signed,
        { key: key.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
        signature,
      );
    if (family === 'ES' && key.kty === 'EC') return verify(hash, signed, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signature);
    if (algorithm === 'EdDSA' && key.kty === 'OKP') return verify(null, signed, key.publicKey, signature);
  } catch {
    return false;
  }
  return false;
}
