/** Secrets without a vendor: passwords, keys in PEM, hashes, links and connection strings with a password, and named API keys. */
import { type DataType, field, scanner, shape } from './type.js';

const PASSWORD_FIELDS =
  'password passwd passwort pwd passphrase userpassword newpassword oldpassword currentpassword confirmpassword passwordconfirm motdepasse contrasena kennwort senha wachtwoord dbpassword rootpassword adminpassword'.split(
    ' ',
  );

export const password: DataType = {
  id: 'password',
  title: 'Password in clear',
  family: 'credential',
  sensitivity: 'critical',
  fields: PASSWORD_FIELDS,
  find: [field],
  // A sentence under such a name is a label or a message.
  validate: (text) => text.length >= 4 && text.length <= 128 && !/\s.*\s/.test(text) && !/^(?:https?:|\/)/.test(text) && !isHash(text),
  hinted: 0.85,
  examples: {
    match: ['{"password":"hunter2!x"}', 'db.password=Tr0ub4dor&3', '{"newPassword":"correct-horse"}'],
    ignore: [
      '{"password":null}',
      '{"password":"********"}',
      '{"passwordHint":"the dog"}',
      '{"password":"Please enter your password"}',
      '{"password":true}',
    ],
  },
};

export const pin: DataType = {
  id: 'pin',
  title: 'PIN',
  family: 'credential',
  sensitivity: 'high',
  fields: ['pin', 'pincode', 'cardpin', 'otp', 'onetimepassword', 'verificationcode', 'totp', 'mfacode', 'twofactorcode'],
  find: [field],
  validate: (text) => /^\d{4,8}$/.test(text),
  hinted: 0.8,
  examples: { match: ['{"pin":"4831"}', '{"otp":"204813"}'], ignore: ['{"pin":"yes"}', '4831'] },
};

function isHash(text: string): boolean {
  return (
    /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i.test(text) ||
    /^\$(?:2[abxy]?|argon2|[156y]|apr1|P|H|pbkdf2|scrypt)/.test(text)
  );
}

export const passwordHash: DataType = {
  id: 'password_hash',
  title: 'Password hash',
  family: 'credential',
  sensitivity: 'high',
  fields: [
    ...PASSWORD_FIELDS,
    'passwordhash',
    'hashedpassword',
    'passwdhash',
    'pwdhash',
    'passhash',
    'passworddigest',
    'encryptedpassword',
  ],
  find: [scanner('crypt-hash', 0.95)],
  validate: isHash,
  examples: {
    match: ['{"p":"$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}', '{"passwordHash":"5f4dcc3b5aa765d61d8327deb882cf99"}'],
    ignore: ['{"etag":"5f4dcc3b5aa765d61d8327deb882cf99"}', '$2b$10$short', 'costs $5 and $6'],
  },
};

export const md5: DataType = {
  id: 'md5',
  title: 'MD5 digest',
  family: 'identifier',
  sensitivity: 'low',
  fields: ['md'],
  find: [shape(0.2, '#{32}')],
  validate: (text) => /^[0-9a-f]{32}$/i.test(text),
  examples: { match: [], ignore: ['5f4dcc3b5aa765d61d8327deb882cf99'], candidate: ['5f4dcc3b5aa765d61d8327deb882cf99'] },
};

export const privateKey: DataType = {
  id: 'private_key',
  title: 'Private key (PEM, OpenPGP)',
  family: 'credential',
  sensitivity: 'critical',
  fields: [],
  find: [scanner('pem', 0.98)],
  examples: {
    match: [
      '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOx8v0m3Jc0d2sQ9rYw1bq7l5k3n\n-----END EC PRIVATE KEY-----',
      '{"k":"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END PRIVATE KEY-----"}',
    ],
    ignore: [
      '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----',
      '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
    ],
  },
};

export const credentialsUrl: DataType = {
  id: 'basic_auth_url',
  title: 'Link with a user name and password',
  family: 'credential',
  sensitivity: 'critical',
  fields: [],
  find: [scanner('credentials-url', 0.9)],
  examples: {
    match: ['clone https://jo:s3cr3t@git.example.com/r.git'],
    ignore: [
      'https://example.com:8080/@home',
      'https://jo@example.com/',
      'https://<user>:<password>@example.com',
      'https://$USER:$PASS@example.com',
    ],
  },
};

export const connectionString: DataType = {
  id: 'connection_string',
  title: 'Connection string with a password',
  family: 'credential',
  sensitivity: 'critical',
  fields: ['connectionstring', 'databaseurl', 'dsn', 'jdbcurl', 'mongouri', 'redisurl'],
  find: [scanner('connection-string', 0.95)],
  validate: (text) =>
    /^[a-z][a-z+.:-]{2,30}:\/\/[^\s:@/]*:[^\s@]+@[\w.-]+/i.test(text) ||
    /(?:^|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^;\s]{4,}/i.test(text),
  examples: {
    match: [
      'postgres://app:s3cr3t@db.internal:5432/app',
      '{"dsn":"mongodb+srv://u:p4ss@c0.example.net/x"}',
      '{"connectionString":"Server=db;User Id=sa;Password=S3cret!;"}',
    ],
    ignore: ['postgres://db.internal:5432/app', '{"dsn":"none"}'],
  },
};

export const bearerToken: DataType = {
  id: 'access_token',
  title: 'Access, refresh or session token',
  family: 'credential',
  sensitivity: 'high',
  fields: [
    'accesstoken',
    'refreshtoken',
    'idtoken',
    'authtoken',
    'bearertoken',
    'sessiontoken',
    'authorization',
    'xauthtoken',
    'sessionid',
    'sid',
    'apitoken',
    'usertoken',
    'oauthtoken',
  ],
  find: [field],
  validate: (text) => {
    const token = text.replace(/^(?:Bearer|Basic|Token) +/i, '');
    return /^[\w.~+/=|-]{16,4096}$/.test(token) && /\d/.test(token) && /[a-z]/i.test(token) && new Set(token).size >= 8;
  },
  hinted: 0.8,
  examples: {
    match: ['{"access_token":"a8Kd92mLq0Zx71bPw4"}', '{"sessionId":"9f2b6c1e-77aa-4b0c-9d1e-5a6f7b8c9d0e"}'],
    ignore: ['{"access_token":"none"}', '{"accessTokenTtl":3600}', '{"access_token":"aaaaaaaaaaaaaaaaaaaa"}'],
  },
};

/** Share of distinct characters and classes that random text has and names have not. */
function looksRandom(text: string): boolean {
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter((form) => form.test(text)).length;
  const words = /[a-z]{6,}|[A-Z]{6,}|[A-Z][a-z]{4,}/.test(text.replace(/^[a-z]{2,10}_/i, ''));
  return new Set(text).size >= 10 && /\d/.test(text) && ((classes >= 2 && !words) || (/^[0-9a-f]+$/i.test(text) && text.length >= 32));
}

export const genericSecret: DataType = {
  id: 'api_key',
  title: 'API key or secret, by its name',
  family: 'credential',
  sensitivity: 'critical',
  fields: [
    'apikey',
    'apisecret',
    'secretkey',
    'clientsecret',
    'appsecret',
    'consumersecret',
    'secret',
    'privatekey',
    'encryptionkey',
    'signingkey',
    'signingsecret',
    'webhooksecret',
    'accesskey',
    'authkey',
    'masterkey',
    'servicekey',
    'token',
    'xapikey',
    'apitoken',
    'licensekey',
    'sharedsecret',
  ],
  find: [field],
  validate: (text) =>
    /^[\w.~+/=!@#%^&*-]{16,256}$/.test(text) &&
    looksRandom(text) &&
    !/^(?:https?:|\/|\.\.?\/)|[./](?:pem|cer|crt|key|json|xml|properties|keytab)$|^\d[\d.-]+$/i.test(text) &&
    !isDigestOfCode(text),
  hinted: 0.75,
  examples: {
    match: ['{"apiKey":"q7Zk2mX9vB4nL8sD1fG6hJ3"}', 'api_key = "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"'],
    ignore: ['{"apiKey":"none"}', '{"tokenType":"bearer"}', '{"token":"identifier_name_here"}', 'secret_length = X25519.secret_length'],
  },
};

/** UUIDs name things more often than they open doors. */
const isDigestOfCode = (text: string): boolean => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text);

export const gcpServiceAccount: DataType = {
  id: 'gcp_service_account',
  title: 'Google service account file',
  family: 'credential',
  sensitivity: 'critical',
  fields: ['type'],
  find: [field],
  validate: (text) => text === 'service_account',
  hinted: 0.9,
  examples: { match: ['{"type":"service_account"}', '"type": "service_account"'], ignore: ['{"type":"account"}'] },
};

const CURL_SECRET = /^(?!\$|<|\{|%|x{6})/i;
export const curlUser: DataType = {
  id: 'curl_basic_auth',
  title: 'curl command with a user name and password',
  family: 'credential',
  sensitivity: 'high',
  fields: [],
  find: [scanner('curl-user', 0.85)],
  validate: (text) => {
    const [user, ...rest] = text.split(':');
    const secret = user === '' ? rest.join(':') : rest.join(':') || user;
    return (
      text.includes(':') &&
      secret.length >= 3 &&
      CURL_SECRET.test(secret) &&
      CURL_SECRET.test(user) &&
      !/^(?:test|pass|password|user|username|secret|admin|changeme)$/i.test(secret) &&
      !/[$<]\{|\$\(|\$\{/.test(text)
    );
  },
  examples: {
    match: ['curl -u jo:s3cr3t! https://api.example.com'],
    ignore: ['curl -u "$USER:$PASS" https://api.example.com', 'curl -u jo https://x.example', 'tar -u a:b'],
  },
};

export const curlHeader: DataType = {
  id: 'curl_auth_header',
  title: 'curl command with an authorization header',
  family: 'credential',
  sensitivity: 'high',
  fields: [],
  find: [scanner('curl-header', 0.85)],
  validate: (text) => /\d/.test(text) && new Set(text).size >= 8 && CURL_SECRET.test(text),
  examples: {
    match: ["curl -H 'Authorization: Bearer 8f14e45fceea167a5a36' https://api.example.com"],
    ignore: ['curl -H "Authorization: Bearer $TOKEN" https://x.example', 'curl -H "Accept: text/html" https://x.example'],
  },
};
