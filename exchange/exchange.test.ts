import { createHmac } from 'node:crypto';
import zlib from 'node:zlib';
import t from 'tap';
import { exchangeOf } from '../test/support/exchange.js';
import * as x from './index.js';

t.test('headers', async (t) => {
  const list = ['Host', 'a', 'X-Multi', '1', 'x-multi', '2', 'Cookie', 'sid=abc; theme="dark"; sid=second; novalue; =x'];
  t.equal(x.header(list, 'host'), 'a');
  t.equal(x.header(list, 'HOST'), 'a');
  t.equal(x.header(list, 'absent'), null);
  t.same(x.headerAll(list, 'X-MULTI'), ['1', '2']);
  t.same(
    [...x.cookies(list)],
    [
      ['sid', 'abc'],
      ['theme', 'dark'],
    ],
  );
  t.equal(x.mediaType(['content-type', 'Application/JSON; charset=utf-8']), 'application/json');
  t.same(x.headersOf({ a: '1', b: ['2', '3'], c: undefined, d: 4 }), ['a', '1', 'b', '2', 'b', '3', 'd', '4']);
  for (const [type, expected] of [
    ['application/json', true],
    ['application/hal+json', true],
    ['text/html', false],
  ] as const)
    t.equal(x.isJsonType(type), expected);
});

t.test('targets', async (t) => {
  t.same(x.splitTarget('/a/b?x=1?2#f'), { path: '/a/b', query: 'x=1?2' });
  t.same(x.splitTarget('/a#f?x'), { path: '/a', query: '' });
  t.same(x.pathSegments('/a/b%2fc/'), ['a', 'b%2fc']);
  t.same(x.pathSegments('/'), []);
  t.same(x.pathSegments('//a'), ['', 'a']);
  const readings: readonly (readonly [path: string, ...others: string[]])[] = [
    ['/a/b'],
    ['/'],
    ['/a/'],
    ['/.well-known/x'],
    ['/caf%C3%A9/a%20b'],
    ['/a%2Fb', '/a/b'],
    ['/%7Euser', '/~user'],
    ['/%61%2D%5f', '/a-_'],
    ['/a/./b', '/a/b'],
    ['/a/../b/', '/b/'],
    ['/../..', '/'],
    ['/a/..', '/'],
    ['//a///b', '/a/b'],
    ['/a;x=1/b;y', '/a/b'],
    ['/a/..;x/b', '/b'],
    ['/%2e%2e/b', '/b'],
    ['/a/..%2fb', '/b'],
    ['/a/..%5Cb', '/b'],
    ['/a/%252e%252e/b', '/b'],
    ['/a/%252e%252e%252fb', '/b'],
    ['/%61;x/..%2fb', '/a/..%2fb', '/b'],
  ];
  for (const [path, ...others] of readings) t.same(x.pathReadings(path), [path, ...others], path);
  t.same(x.queryPairs('a=1&a=%32&b+c=d+e&f&=g&&h=%zz'), [
    ['a', '1'],
    ['a', '2'],
    ['b c', 'd e'],
    ['f', ''],
    ['', 'g'],
    ['h', '%zz'],
  ]);
  t.equal(x.queryPairs('a&'.repeat(5000)).length, 1000);
});

t.test('bodies are decoded under a cap', async (t) => {
  const text = JSON.stringify({ hello: 'wörld'.repeat(50) });
  const raw = Buffer.from(text);
  const coded: [string, Buffer][] = [
    ['gzip', zlib.gzipSync(raw)],
    ['x-gzip', zlib.gzipSync(raw)],
    ['deflate', zlib.deflateSync(raw)],
    ['deflate', zlib.deflateRawSync(raw)],
    ['br', zlib.brotliCompressSync(raw)],
    ['gzip, br', zlib.brotliCompressSync(zlib.gzipSync(raw))],
    ['identity', raw],
  ];
  for (const [coding, bytes] of coded) {
    const decoded = x.decodeBody(['content-encoding', coding], x.bodyOf(bytes), 10_000);
    t.equal(decoded.problem, null, coding);
    t.equal(Buffer.from(decoded.bytes).toString(), text, coding);
  }
  const bomb = zlib.gzipSync(Buffer.alloc(50_000_000));
  const cut = x.decodeBody(['content-encoding', 'gzip'], x.bodyOf(bomb), 100_000);
  t.equal(cut.problem, 'too-big');
  t.ok(cut.bytes.length <= 100_000);
  t.equal(x.decodeBody(['content-encoding', 'gzip'], x.bodyOf(Buffer.from('not gzip')), 100).problem, 'bad-encoding');
  t.equal(x.decodeBody(['content-encoding', 'lzma'], x.bodyOf(raw), 10_000).problem, 'unsupported-encoding');
  const gzip = zlib.gzipSync(Buffer.from(text.repeat(20)));
  const half = x.decodeBody(['content-encoding', 'gzip'], x.bodyOf(gzip.subarray(0, gzip.length >> 1), gzip.length), 100_000);
  t.equal(half.problem, 'truncated');
  t.ok(text.repeat(20).startsWith(Buffer.from(half.bytes).toString().slice(0, 50)));
});

t.test('text of any charset', async (t) => {
  const rows: [string, Buffer, string][] = [
    ['application/json', Buffer.from('"é"'), '"é"'],
    ['application/json', Buffer.from([0x22, 0xe9, 0x22]), '"é"'],
    ['text/plain; charset=iso-8859-1', Buffer.from([0xe9]), 'é'],
    ['application/json', Buffer.from('\ufeff{"a":1}', 'utf16le'), '{"a":1}'],
    ['application/json', Buffer.from('{"a":1}', 'utf16le'), '{"a":1}'],
    ['application/json; charset=utf-16be', Buffer.from('{"a":1}', 'utf16le').swap16(), '{"a":1}'],
  ];
  for (const [type, bytes, expected] of rows)
    t.equal(x.bodyText(['content-type', type], x.bodyOf(bytes), 1000), expected, `${type} ${bytes.toString('hex')}`);
});

t.test('JSON is limited before it is built', async (t) => {
  t.same(x.parseJson('{"a":[1]}').value, { a: [1] });
  t.equal(x.parseJson('['.repeat(10_000) + ']'.repeat(10_000)).problem, 'too-deep');
  const deep = (levels: number, open: string, close: string): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ] as const) {
    const levels = open.startsWith('[{') ? 32 : 64;
    t.equal(x.parseJson(deep(levels, open, close), { maxDepth: 64 }).problem, null, `${open} as deep as may be`);
    t.equal(x.parseJson(deep(levels + 1, open, close), { maxDepth: 64 }).problem, 'too-deep', `${open} deeper`);
  }
  const wide = JSON.stringify(Array.from({ length: 500 }, () => ({ text: '[[[{{{' })));
  t.equal(x.parseJson(wide, { maxDepth: 3 }).problem, null, 'brackets side by side and in texts nest nothing');
  t.equal(x.parseJson(`"${'['.repeat(500)}"`).problem, null);
  t.equal(x.parseJson('{"a":').problem, 'invalid');
  t.equal(x.parseJson('"aaaa"', { maxBytes: 3 }).problem, 'too-big');
});

t.test('addresses', async (t) => {
  const canonical: [string, string | null][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', null],
    ['203.0.113.7:80', null],
    ['203.0.113', null],
    ['010.0.0.1', null],
    ['', null],
  ];
  for (const [text, expected] of canonical) t.equal(x.canonicalIp(text), expected, text);
  const set = new x.CidrSet(['10.0.0.0/8', '192.0.2.7', '2001:db8::/33', '::ffff:198.51.100.0/120']);
  const inside = ['10.255.0.1', '192.0.2.7', '2001:db8:7fff::1', '::ffff:10.1.1.1', '198.51.100.9'];
  const outside = ['11.0.0.1', '192.0.2.8', '2001:db8:8000::1', 'nonsense', '198.51.101.1'];
  for (const ip of [...inside, ...inside]) t.ok(set.has(ip), ip);
  for (const ip of [...outside, ...outside]) t.notOk(set.has(ip), ip);
  for (const bad of ['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1'])
    t.throws(() => x.parseCidr(bad), { code: 'ADDRESS_INVALID' }, bad);
  t.equal(x.parseCidr('10.9.8.7/8').text, '10.0.0.0/8');
  t.equal(x.actorAddress('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.equal(x.actorAddress('192.0.2.1'), '192.0.2.1');
  x.tellIpv6ActorsBy(48);
  t.equal(x.actorOf(null, '2001:db8:1:2:3:4:5:6').value, '2001:db8:1::/48', 'as configured');
  x.tellIpv6ActorsBy(64);
});

t.test('path templates: statics before mixed before parameters, with backtracking', async (t) => {
  const templates = [
    '/users/{id}',
    '/users/me',
    '/users/{id}/orders/{orderId}',
    '/users/me/avatar',
    '/files/report-{id}.pdf',
    '/files/{name}',
    '/v1/{a}:{verb}',
    '/static/{path*}',
    '/',
  ];
  const matcher = x.TemplateMatcher.of([
    ...templates.map((template) => ({ service: 's', method: 'GET', template })),
    { service: 's', method: '*', template: '/any/{x}' },
  ]);
  const rows: [string, string, string | null, string[]?][] = [
    ['GET', '/users/42', '/users/{id}', ['42']],
    ['GET', '/users/me', '/users/me', []],
    ['GET', '/users/me/orders/7', '/users/{id}/orders/{orderId}', ['me', '7']],
    ['GET', '/users/me/avatar/', '/users/me/avatar', []],
    ['GET', '/files/report-9.pdf', '/files/report-{id}.pdf', ['9']],
    ['GET', '/files/report-.pdf', '/files/{name}', ['report-.pdf']],
    ['GET', '/v1/things:run', '/v1/{a}:{verb}', ['things', 'run']],
    ['GET', '/static/a/b/c.js', '/static/{path*}', ['a/b/c.js']],
    ['GET', '/', '/', []],
    ['GET', '/users/a%20b', '/users/{id}', ['a b']],
    ['GET', '/users//orders/1', null],
    ['GET', '/nothing', null],
    ['POST', '/users/42', null],
    ['DELETE', '/any/1', '/any/{x}', ['1']],
  ];
  for (const [method, path, template, parameters] of rows) {
    const match = matcher.match('s', method, path);
    t.equal(match?.endpoint.template ?? null, template, path);
    if (parameters !== undefined) t.same(match?.parameters, parameters, path);
  }
  t.equal(matcher.match('other', 'GET', '/'), null);
  t.equal(x.endpointRef('s', 'GET', '/').id, x.endpointRef('s', 'GET', '/').id);
  t.same(x.templateParameters('/a/{b}/c-{d}.x'), ['b', 'd']);
});

t.test('principals', async (t) => {
  const reader = new x.PrincipalReader('secret');
  const jwt = (claims: object, header: object = { alg: 'HS256', typ: 'JWT' }) => {
    const body = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return `${body}.${createHmac('sha256', 'k').update(body).digest('base64url')}`;
  };
  const alice = reader.read(['Authorization', `Bearer ${jwt({ sub: 'alice', iat: 1, secretStuff: 'x' })}`], '/');
  const aliceAgain = reader.read(['authorization', `Bearer ${jwt({ sub: 'alice', iat: 2 })}`], '/');
  const bob = reader.read(['authorization', `Bearer ${jwt({ sub: 'bob' })}`], '/');
  t.equal(alice?.key, aliceAgain?.key, 'a renewed token is the same principal');
  t.not(alice?.key, bob?.key);
  t.match(alice, { kind: 'jwt', carrier: 'header:authorization', label: 'alice', claims: { sub: 'alice', alg: 'HS256' } });
  t.notOk(alice?.claims && 'secretStuff' in alice.claims);
  t.not(
    new x.PrincipalReader('other').read(['authorization', `Bearer ${jwt({ sub: 'alice' })}`], '/')?.key,
    alice?.key,
    'keyed by the installation',
  );
  // More than there are places for, in turn, in pairs that only their beginnings tell apart.
  const tokens = Array.from({ length: 10_000 }, (_, n) => `Bearer ${'ab'[n % 2]}${String(n >> 1).padStart(40, '0')}`);
  const keys = tokens.map((token) => reader.read(['authorization', token], '/')?.key);
  t.equal(new Set(keys).size, tokens.length);
  for (let round = 0; round < 2; round++)
    t.same(
      tokens.map((token) => reader.read(['authorization', token], '/')?.key),
      keys,
      'and each comes again as it was',
    );
  const rows: [string[], string, string | null, string?][] = [
    [['authorization', `Basic ${Buffer.from('carol:pw').toString('base64')}`], '/', 'basic', 'header:authorization'],
    [['authorization', 'Bearer opaque-token-1'], '/', 'bearer'],
    [['x-api-key', 'k-123456'], '/', 'api-key', 'header:x-api-key'],
    [['x-acme-token', 'k-123456789'], '/', 'api-key', 'header:x-acme-token'],
    [['x-csrf-token', 'k-123456789'], '/', null],
    [['cookie', 'theme=dark; connect.sid=s%3Aabcdefgh'], '/', 'session-cookie', 'cookie:connect.sid'],
    [['cookie', '_ga=GA1.2.1234567.89'], '/', null],
    [['cookie', `access_token=${jwt({ sub: 'alice' })}`], '/', 'jwt', 'cookie:access_token'],
    [[], '/a?api_key=abcdefgh12', 'api-key', 'query:api_key'],
    [['authorization', 'AWS4-HMAC-SHA256 Credential=AKID/2024/x, Signature=abc'], '/', 'hmac'],
    // Names that nobody knows, with a value that says what it is, or a name that says so with a value that may be it.
    [['cookie', `dw_at=${jwt({ sub: 'alice' })}`], '/', 'jwt', 'cookie:dw_at'],
    [['cookie', 'lang=de; DWSESSID=5f1c8e3a9b7d20461c3e8f5a'], '/', 'session-cookie', 'cookie:DWSESSID'],
    [['cookie', 'wcsid=5f1c8e3a9b7d20461c3e8f5a'], '/', 'session-cookie', 'cookie:wcsid'],
    [['cookie', 'wcsid=short7; cart=5f1c8e3a9b7d20461c3e8f5a; _gid=GA1.2.123456.789012'], '/', null],
    [['cookie', 'theme=dark; __Host-kts=5f1c8e3a9b7d20461c3e8f5a'], '/', 'session-cookie', 'cookie:__Host-kts'],
    [['cookie', '__Host-theme=dark; kts=5f1c8e3a9b7d20461c3e8f5a; __Secure-guest-cart=5f1c8e3a9b7d20461c3e8f5a'], '/', null],
    [['x-client-key', 'dwk.5f1c8e3a9b7d20461c3e'], '/', 'api-key', 'header:x-client-key'],
    [['x-identity', jwt({ sub: 'alice' })], '/', 'jwt', 'header:x-identity'],
    [
      ['idempotency-key', '5f1c8e3a9b7d20461c3e8f5a', 'x-cache-key', '5f1c8e3a9b7d20461c3e8f5a', 'x-author', 'ada-lovelace-1815'],
      '/',
      null,
    ],
    [['if-none-match', '"5f1c8e3a9b7d20461c3e8f5a"', 'sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ1='], '/', null],
    [['authorization', ''], '/', null],
    [[], '/', null],
  ];
  const subjects: readonly [claims: object, label: string, kept: object][] = [
    [{ customer_id: 'c-100200300', iat: 1 }, 'c-10…300', { customer_id: 'c-100200300' }],
    [
      { 'https://claims.acme.example/person_no': 4711, 'https://claims.acme.example/agency': 'north' },
      '4711',
      { person_no: 4711, agency: 'north' },
    ],
    [
      { sub: 'auth0|ab', 'https://acme.example/roles': ['staff'], fleet: 'f 1', nested: { a: 1 }, phone: '1', access_token_hash: 'x' },
      'auth0|ab',
      { roles: ['staff'] },
    ],
    [{ username: 'Ada Lovelace', note: 'two words' }, 'Ada …ace', { username: 'Ada Lovelace' }],
    [{ jti: 'x', iat: 1 }, '', {}],
  ];
  for (const [claims, label, kept] of subjects) {
    const read = reader.read(['authorization', `Bearer ${jwt(claims)}`], '/');
    const { alg: _, sub: __, iat: ___, jti: ____, ...rest } = (read?.claims ?? {}) as Record<string, unknown>;
    t.equal(read?.label, label);
    t.same(rest, kept);
  }
  for (const [headers, target, kind, carrier] of rows) {
    const read = reader.read(headers, target);
    t.equal(read?.kind ?? null, kind, headers.join(' ').slice(0, 60));
    if (carrier !== undefined) t.equal(read?.carrier, carrier);
  }
  t.match(reader.read([], '/', 'CN=svc'), { kind: 'mtls', carrier: 'tls' });
  const several: [string[], string, string[]][] = [
    [['cookie', 'sid=abcdefgh', 'Authorization', 'Bearer opaque-token-1'], '/', ['header:authorization', 'cookie:sid']],
    [['x-acme-token', 'k-123456789', 'X-Api-Key', 'k-123456'], '/', ['header:x-api-key', 'header:x-acme-token']],
    [['cookie', 'a_session=abcdefgh; theme=dark; session=ijklmnop'], '/', ['cookie:a_session', 'cookie:session']],
    [['cookie', 'session=abcdefgh; session=ijklmnop'], '/', ['cookie:session', 'cookie:session']],
    [['cookie', 'session=abcdefgh', 'cookie', 'session=ijklmnop'], '/', ['cookie:session', 'cookie:session']],
    [['authorization', 'Bearer one-opaque', 'authorization', 'Bearer two-opaque'], '/', ['header:authorization', 'header:authorization']],
    [['authorization', 'Bearer the-same-one', 'x-api-key', 'the-same-one'], '/', ['header:authorization']],
    [['authorization', 'Bearer one-opaque'], '/a?page=2&api_key=abcdefgh12', ['header:authorization', 'query:api_key']],
    [['authorization', 'Bearer one-opaque'], '/a?%74oken=abcdefgh12', ['header:authorization', 'query:token']],
    [['authorization', `Bearer ${jwt({ sub: 'alice' })}`], `/a?token=${jwt({ sub: 'bob' })}`, ['header:authorization', 'query:token']],
  ];
  for (const [headers, target, carriers] of several) {
    const all = reader.all(headers, target);
    t.same(
      all.map((one) => one.carrier),
      carriers,
      headers.join(' ').slice(0, 70),
    );
    t.equal(all[0], reader.read(headers, target));
    t.equal(new Set(all.map((one) => one.key)).size, all.length);
  }
  t.equal(reader.all(['cookie', 'sid=abcdefgh'], '/', 'CN=svc').length, 2);
  const flood = Array.from({ length: 200 }, (_, n) => ['x-api-key', `key-${n}-0123`]).flat();
  t.equal(reader.all(flood, '/').length, 64);
  t.equal(x.readJwt('eyJ.x'), null);
  t.equal(x.maskName('alice@example.com'), 'al…@example.com');
});

t.test('redaction keeps the shape and nothing else', async (t) => {
  const redactor = new x.Redactor('secret');
  t.equal(redactor.excerpt('123-45-6789', 4), '•••-••-6789');
  t.equal(redactor.excerpt('a@b.co', 4), '•@•.••', 'short values keep nothing');
  t.equal(redactor.hash('a'), redactor.hash('a'));
  t.not(redactor.hash('a'), redactor.hash('b'));
  const clean = redactor.headers(['Authorization', 'Bearer abc.def', 'Cookie', 'sid=s3cret; b=2', 'Accept', '*/*', 'X-Api-Key', 'k1']);
  t.notMatch(clean.join(' '), /abc|s3cret|k1/);
  t.match(clean.join(' '), /Bearer \[redacted:.*sid=\[redacted:.*\*\/\*/);
  t.match(redactor.target('/a?token=abc&page=2'), /^\/a\?token=\[redacted:[0-9a-f]{8}\]&page=2$/);
  const json = redactor.json({ password: 'p', list: [{ ssn: 123456789, note: 'x' }], n: 1 }, (text) => text === 'x') as {
    list: [{ note: string }];
  };
  t.notMatch(JSON.stringify(json), /"p"|123456789/);
  t.equal(json.list[0].note, '•');
});

t.test('ids', async (t) => {
  const early = x.newId(1_000);
  const late = x.newId(2_000_000_000_000);
  t.ok(early < late);
  t.match(early, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  t.match(x.incidentId(), /^W-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}$/);
  t.equal(new Set(Array.from({ length: 2000 }, () => x.newId(5))).size, 2000);
});

t.test('nearest', async (t) => {
  const names = ['upstream', 'listeners', 'policies', 'mode'];
  for (const [word, expected] of [
    ['upstraem', 'upstream'],
    ['polices', 'policies'],
    ['Mode', 'mode'],
    ['zzzzzzz', null],
  ] as const)
    t.equal(x.nearest(word, names), expected);
});

t.test('findings', async (t) => {
  const exchange = exchangeOf({ requestId: 'r-1', client: { ip: '192.0.2.1', port: 1 }, request: { target: '/o/1' } });
  const make = (explanation: string) =>
    x.findingOf({
      kind: 'bola.foreign-object',
      source: { kind: 'detector', id: 'd' },
      exchange,
      endpoint: x.endpointRef('s', 'GET', '/o/{id}'),
      explanation,
      confidence: 2,
    });
  t.match(make('a'), {
    severity: 'high',
    owasp: 'API1:2023',
    confidence: 1,
    succeeded: true,
    requestIds: ['r-1'],
    actor: { kind: 'address', value: '192.0.2.1' },
  });
  t.equal(make('a').fingerprint, make('b').fingerprint, 'one cause is one issue');
  t.equal(
    x.findingOf({
      kind: 'bola.foreign-object',
      source: { kind: 'policy', id: 'p/r' },
      exchange,
      endpoint: x.endpointRef('s', 'GET', '/o/{id}'),
      explanation: '',
      confidence: 1,
    }).fingerprint,
    make('a').fingerprint,
    'whoever noticed it',
  );
  const violation = (id: string) =>
    x.findingOf({ kind: 'policy.violation', source: { kind: 'policy', id }, exchange, endpoint: null, explanation: '', confidence: 1 })
      .fingerprint;
  t.not(violation('a/r'), violation('b/r'), 'rules of their own are causes of their own');
  const flaw = (kind: string) =>
    x.findingOf({ kind, source: { kind: 'detector', id: kind }, exchange, endpoint: null, explanation: '', confidence: 1 }).fingerprint;
  t.equal(flaw('auth.missing'), flaw('auth.weakened'), 'what says less of a flaw and what says more');
  t.not(flaw('auth.missing'), flaw('auth.jwt-weak'));
  t.match(x.kindOf('own.kind'), { title: 'A policy was violated' });
  for (const [id, kind] of Object.entries<x.Kind>(x.KINDS)) {
    t.ok(kind.title !== '' && kind.remediation !== '' && x.SEVERITIES.includes(kind.severity), id);
    if (kind.lessThan !== undefined) t.match(x.KINDS, { [kind.lessThan]: { lessThan: undefined } }, `${id} is less than one that is not`);
  }
});

t.test('a kept exchange holds nothing sensitive and remembers what was where', async (t) => {
  const redactor = new x.Redactor('secret');
  const body = JSON.stringify({ user: { ssn: '212-30-4100', name: 'Ada', notes: ['call 212-30-4100'] }, password: 'hunter2' });
  const exchange = exchangeOf({
    tags: ['kept'],
    request: {
      method: 'POST',
      target: '/a?token=abcdefgh',
      headers: ['cookie', 'sid=s3cret', 'content-type', 'application/x-www-form-urlencoded'],
      body: x.bodyOf(Buffer.from('password=hunter2&page=1')),
    },
    response: { headers: ['content-type', 'application/json', 'content-encoding', 'gzip'], body: x.bodyOf(zlib.gzipSync(body)) },
  });
  const hits: x.DataHit[] = ['user.ssn', 'user.notes[*]'].map((path) => ({
    type: 'us_ssn',
    location: { phase: 'response', in: 'body', path },
    confidence: 1,
    count: 1,
  }));
  const kept = x.redactExchange(exchange, hits, redactor);
  const text = JSON.stringify([
    kept.request.target,
    kept.request.headers,
    Buffer.from(kept.request.body.bytes).toString(),
    Buffer.from(kept.response?.body.bytes ?? []).toString(),
  ]);
  t.notMatch(text, /s3cret|abcdefgh|hunter2|4100/);
  t.match(text, /Ada/);
  t.equal(x.header(kept.response?.headers ?? [], 'content-encoding'), null);
  t.same(
    x.hitsOfTags(kept.tags).map((hit) => [hit.type, hit.location.path]),
    [
      ['us_ssn', 'user.ssn'],
      ['us_ssn', 'user.notes[*]'],
    ],
  );
  const binary = x.redactExchange(
    {
      ...exchange,
      response: {
        ...exchange.response,
        headers: ['content-type', 'image/png'],
        body: x.bodyOf(Buffer.from([1, 2, 3])),
      } as x.ResponseMessage,
    },
    [],
    redactor,
  );
  t.match(binary.response?.body, { totalLength: 3, missing: [{ offset: 0, length: 3 }] });
  t.equal(x.sentLength(binary.tags, 'response'), null);
});

t.test('a kept exchange remembers how long its bodies were', async (t) => {
  const redactor = new x.Redactor('secret');
  const hit = (path: string): x.DataHit => ({ type: 'email', location: { phase: 'response', in: 'body', path }, confidence: 1, count: 1 });
  const json = Buffer.from(JSON.stringify({ a: 'ada@x.test', list: Array.from({ length: 50 }, (_, n) => ({ n })) }, null, 4));
  const long = Buffer.from(`mail ada@x.test ${'and more '.repeat(100)}`);
  const rows: [name: string, type: string, body: x.Body, hits: x.DataHit[], isCut: boolean][] = [
    ['JSON that is written anew', 'application/json', x.bodyOf(json), [hit('a')], false],
    ['JSON of which the end is missing', 'application/json', x.bodyOf(json.subarray(0, 300), 90_000), [], true],
    ['text with something in it', 'text/plain', x.bodyOf(long), [hit('')], true],
    ['short text with something in it', 'text/plain', x.bodyOf(Buffer.from('ada@x.test')), [hit('')], false],
    ['text with nothing in it', 'text/plain', x.bodyOf(Buffer.from('hello')), [], false],
    ['text beyond what is kept', 'text/plain', x.bodyOf(Buffer.alloc(9_000, 'a')), [], true],
    ['a picture', 'image/png', x.bodyOf(Buffer.alloc(500)), [], true],
    ['nothing', 'text/plain', x.emptyBody, [], false],
  ];
  for (const [name, type, body, hits, isCut] of rows) {
    const exchange = exchangeOf({ response: { headers: ['content-type', type], body } });
    const kept = x.redactExchange(exchange, hits, redactor);
    const { response, tags } = x.decodeExchange(x.encodeExchange(kept));
    t.equal(x.sentLength(tags, 'response') ?? response?.body.totalLength, body.totalLength, name);
    t.equal(response && x.isTruncated(response.body), isCut, `${name}: cut`);
    t.equal(x.sentLength(tags, 'request'), null, name);
  }
});

t.test('a cookie is a session, whatever it is called, once a server sets it as one', async (t) => {
  const value = '5f1c8e3a9b7d20461c3e8f5a';
  const rows: readonly [line: string, name: string, isSession: boolean][] = [
    [`kts=${value}; Path=/; HttpOnly`, 'kts', true],
    [`pcare=${value}; path=/; secure; httponly; Max-Age=60`, 'pcare', true],
    [`kts=${value}; Path=/`, 'kts', false],
    ['kts=short7; HttpOnly', 'kts', false],
    ['kts=; Max-Age=0; HttpOnly', 'kts', false],
    [`csrf=${value}; HttpOnly`, 'csrf', false],
    [`ARRAffinity=${value}; HttpOnly`, 'ARRAffinity', false],
    [`TS01a2b3c4=${value}; HttpOnly`, 'TS01a2b3c4', false],
    [`visitor=${value}; HttpOnly`, 'visitor', false],
    [`guest_cart=${value}; HttpOnly`, 'guest_cart', false],
    ['broken', 'broken', false],
  ];
  for (const [line, name, isSession] of rows) {
    const reader = new x.PrincipalReader('secret');
    const request = ['cookie', `lang=de; ${name}=${value}`];
    t.equal(reader.read(request, '/'), null, `${name} before`);
    reader.noteAnswer(['Content-Type', 'text/plain', 'Set-Cookie', line]);
    t.equal(reader.read(request, '/')?.carrier ?? null, isSession ? `cookie:${name}` : null, line);
  }
  const reader = new x.PrincipalReader('secret');
  for (let n = 0; n < 300; n++) reader.noteAnswer(['set-cookie', `c${n}x=${value}; HttpOnly`]);
  t.ok(reader.read(['cookie', `c7x=${value}`], '/'));
  t.equal(reader.read(['cookie', `c299x=${value}`], '/'), null, 'no more than a hundred names');
});
