import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (part: string): { [key: string]: unknown } | null => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as { [key: string]: unknown }) : null;
  } catch {
    return null;
  }
};

let keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | null = null;
const ownKeys = () => {
  keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return keys;
};

const hmac = (secret: string) => (text: string) => createHmac('sha256', secret).update(text).digest('base64url');
const WEAK_SECRETS = [
  'secret',
  'password',
  'changeme',
  'jwt',
  'jwt-secret',
  'jwt_secret',
  'your-256-bit-secret',
  'your_jwt_secret',
  'secretkey',
  'secret_key',
  'mysecret',
  'supersecret',
  'super-secret',
  'test',
  'dev',
  'key',
  'admin',
  '123456',
  'default',
  'token',
  'shhhhh',
  's3cr3t',
  'keyboard cat',
];

/** Damaged copies of a JWT. `keyUrl` is where jku points. */
export const JWT_FORMS: { readonly [name: string]: (token: string, keyUrl: string, nowMs: number) => string | null } = {
  none_algo_token: (token) => changed(token, (header) => ({ ...header, alg: 'none' }), null, ''),
  /** As none_algo_token in another spelling, for filters that compare letter by letter. */
  none_mixed_case_token: (token) => changed(token, (header) => ({ ...header, alg: 'nOnE' }), null, ''),
  invalid_signature_token(token) {
    const [header, body, signature] = token.split('.');
    if (signature === undefined || signature.length < 8) return null;
    const at = Math.floor(signature.length / 2);
    return `${header}.${body}.${signature.slice(0, at)}${signature[at] === 'A' ? 'B' : 'A'}${signature.slice(at + 1)}`;
  },
  stripped_signature_token: (token) => (token.split('.').length === 3 ? `${token.split('.').slice(0, 2).join('.')}.` : null),
  jku_added_token: (token, keyUrl) => signed(token, { jku: keyUrl }),
  jwk_added_token: (token) =>
    signed(token, { jwk: { ...ownKeys().publicKey.export({ format: 'jwk' }), kid: 'weir', use: 'sig' }, kid: 'weir' }),
  kid_added_token: (token) => changed(token, (header) => ({ ...header, kid: '../../../../../../dev/null', alg: 'HS256' }), null, hmac('')),
  /** Unsigned by us and long expired; only a server that checks neither takes it. */
  expired_token: (token, _keyUrl, nowMs) =>
    changed(
      token,
      (header) => ({ ...header, alg: 'none' }),
      (body) => ({ ...body, exp: Math.floor(nowMs / 1000) - 86_400 }),
      '',
    ),
  weak_secret_token(token) {
    const [header, body, signature] = token.split('.');
    if (decode(header ?? '')?.alg !== 'HS256') return null;
    const secret = WEAK_SECRETS.find((one) => createHmac('sha256', one).update(`${header}.${body}`).digest('base64url') === signature);
    // Signed anew with one more claim: only the secret makes that pass.
    return secret === undefined
      ? null
      : changed(
          token,
          (before) => before,
          (claims) => ({ ...claims, weir: 1 }),
          hmac(secret),
        );
  },
  empty_secret_token: (token) => changed(token, (header) => ({ ...header, alg: 'HS256' }), null, hmac('')),
  modify_jwt: (token) =>
    changed(
      token,
      (header) => header,
      (body) => ({ ...body, role: 'admin', admin: true }),
      undefined,
    ),
};

function changed(
  token: string,
  header: (before: { [key: string]: unknown }) => unknown,
  body: ((before: { [key: string]: unknown }) => unknown) | null,
  signature: string | undefined | ((text: string) => string),
): string | null {
  const [h, b, s] = token.split('.');
  const [oldHeader, oldBody] = [decode(h ?? ''), decode(b ?? '')];
  if (oldHeader === null || oldBody === null || s === undefined) return null;
  const text = `${encode(header(oldHeader))}.${body === null ? b : encode(body(oldBody))}`;
  return `${text}.${typeof signature === 'function' ? signature(text) : (signature ?? s)}`;
}

function signed(token: string, extra: { readonly [key: string]: unknown }): string | null {
  return changed(
    token,
    (header) => ({ ...header, ...extra, alg: 'RS256' }),
    null,
    (text) => createSign('RSA-SHA256').update(text).sign(ownKeys().privateKey, 'base64url'),
  );
}

/** Claims of `changes` replaced in the body, the signature kept. */
export const withClaims = (token: string, changes: { readonly [claim: string]: unknown }): string | null =>
  changed(
    token,
    (header) => header,
    (body) => ({ ...body, ...changes }),
    undefined,
  );

const JWT_IN_TEXT = /eyJ[\w-]+\.[\w-]+\.[\w-]*/;

/** The JWT in a header value. */
export const jwtIn = (text: string): string | null => JWT_IN_TEXT.exec(text)?.[0] ?? null;
export const replaceJwt = (text: string, by: string): string => text.replace(JWT_IN_TEXT, () => by);
