import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { bodyOf, emptyBody, headersOf, type Mode, Redactor } from '../../exchange/index.js';
import type { AttackDetector } from '../attack-port.js';
import type { Decision, RequestView, ResponseView } from '../types.js';
import { TokenBuckets } from './buckets.js';
import { type ContextFacts, contextOf, LocalRates } from './context.js';
import { KeyRing } from './keys.js';
import { type CompileOptions, compilePolicies } from './set.js';

type Headers = Record<string, string | string[]>;
interface Sample {
  method?: string;
  target?: string;
  host?: string;
  headers?: Headers;
  body?: string | Uint8Array;
  totalLength?: number;
  /** Absent: the request phase. */
  response?: { status?: number; headers?: Headers; body?: string | Uint8Array; totalLength?: number };
  context?: Partial<Omit<ContextFacts, 'route'>>;
  template?: string | null;
  tags?: string[];
  service?: string;
}

const json = { 'content-type': 'application/json' };
const bytesOf = (body: string | Uint8Array | undefined) =>
  body === undefined ? null : typeof body === 'string' ? Buffer.from(body) : body;

function views(sample: Sample): { request: RequestView; response: ResponseView | null } {
  const body = bytesOf(sample.body);
  const request: RequestView = {
    method: sample.method ?? 'GET',
    scheme: 'https',
    host: sample.host ?? 'api.example.com',
    target: sample.target ?? '/users/7',
    headers: headersOf(sample.headers ?? {}),
    body: body === null ? null : bodyOf(body, sample.totalLength),
  };
  const { response } = sample;
  if (response === undefined) return { request, response: null };
  const answer = bytesOf(response.body);
  return {
    request,
    response: {
      status: response.status ?? 200,
      headers: headersOf(response.headers ?? {}),
      body: answer === null ? emptyBody : bodyOf(answer, response.totalLength),
    },
  };
}

function run(yaml: string, sample: Sample, mode: Mode = 'enforce', options: CompileOptions = {}): Decision {
  const set = compilePolicies([{ file: 'p.yaml', text: yaml, origin: 'folder' }], { redactor: new Redactor('k'), ...options });
  const { request, response } = views(sample);
  const context = contextOf(set, {
    nowMs: Date.parse('2026-06-01T12:00:00Z'),
    route: {
      service: sample.service ?? 'shop',
      host: request.host,
      method: request.method,
      template: sample.template === undefined ? '/users/{id}' : sample.template,
      tags: sample.tags ?? [],
    },
    mode,
    client: { ip: '198.51.100.7', port: 1 },
    principal: null,
    exchangeId: 'x1',
    ...sample.context,
  });
  return set.evaluate('all', request, response, context);
}

/** One rule around a condition, as JSON (which is YAML). */
const rule = (when: object, more: object = {}, phase: 'request' | 'response' = 'request'): string =>
  JSON.stringify({ policy: 'p', rules: [{ rule: 'r', phase, when, action: 'block', ...more }] });

const fires = (when: object, sample: Sample, options: CompileOptions = {}): boolean =>
  run(rule(when, {}, sample.response === undefined ? 'request' : 'response'), sample, 'enforce', options).action === 'block';

const JWT = (header: object, claims: object): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const bearer = (header: object, claims: object): Sample => ({ headers: { authorization: `Bearer ${JWT(header, claims)}` } });
const now = Date.parse('2026-06-01T12:00:00Z') / 1000;
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const multipart =
  '--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--B\r\nContent-Disposition: form-data; name="doc"; filename="a.exe"\r\nContent-Type: application/x-msdownload\r\n\r\nMZ\r\n--B--\r\n';

const foreign = {
  relation: 'foreign',
  confidence: 0.9,
  enforceable: true,
  location: { phase: 'request', in: 'path', path: '1' },
  resource: 'order',
  explanation: 'Owned by another.',
} as const;

t.test('conditions: what fires and what does not', async (t) => {
  const table: [name: string, when: object, yes: Sample[], no: Sample[]][] = [
    ['header there', { header: 'X-Debug' }, [{ headers: { 'x-debug': '1' } }], [{}, { headers: { 'x-debugger': '1' } }]],
    [
      'header value',
      { header: { name: 'x-role', in: ['admin', 'root'] } },
      [{ headers: { 'x-role': ['user', 'root'] } }],
      [{ headers: { 'x-role': 'user' } }, {}],
    ],
    ['header absent', { header: { name: 'x-id', exists: false } }, [{}], [{ headers: { 'x-id': '' } }]],
    [
      'header glob',
      { header: { name: 'x-original-*', exists: true } },
      [{ headers: { 'X-Original-URL': '/' } }],
      [{ headers: { 'x-origin': '/' } }],
    ],
    ['header count', { header: { name: 'host', count: { above: 1 } } }, [{ headers: { host: ['a', 'b'] } }], [{ headers: { host: 'a' } }]],
    [
      'cookie',
      { cookie: { name: 'debug', equals: true } },
      [{ headers: { cookie: 'a=1; debug=true' } }],
      [{ headers: { cookie: 'debug=false' } }],
    ],
    [
      'query, any of several values',
      { query: { name: 'limit', above: 1000 } },
      [{ target: '/users/7?limit=10&limit=5000' }],
      [{ target: '/users/7?limit=1000' }, { target: '/users/7?limit=abc' }],
    ],
    ['query decoded', { query: { name: 'q', contains: 'a b' } }, [{ target: '/users/7?q=%61+b' }], [{ target: '/users/7?q=ab' }]],
    [
      'path parameter',
      { pathParameter: { name: 'id', notMatches: '^[0-9]+$' } },
      [{ target: '/users/7%20or%201' }],
      [{ target: '/users/7' }],
    ],
    ['regex is anchored by its writer', { target: { matches: '^/users/\\d+$' } }, [{}], [{ target: '/users/7/x' }]],
    [
      'method and path',
      { method: ['PUT', 'PATCH'], path: '/users/**' },
      [{ method: 'PUT', target: '/users/7/roles' }],
      [{ target: '/users/7' }, { method: 'PUT', target: '/orders/7', template: '/orders/{id}' }],
    ],
    [
      'any, all, not',
      { any: [{ header: 'a' }, { all: [{ header: 'b' }, { not: { header: 'c' } }] }] },
      [{ headers: { a: '' } }, { headers: { b: '' } }],
      [{ headers: { b: '', c: '' } }, {}],
    ],
    [
      'client',
      { client: ['198.51.100.0/24', '2001:db8::/32'] },
      [{}, { context: { client: { ip: '2001:db8::5', port: 1 } } }],
      [{ context: { client: { ip: '203.0.113.1', port: 1 } } }],
    ],
    [
      'country and score',
      { country: 'DE', actorScore: { atLeast: 50 } },
      [{ context: { country: 'DE', actorScore: 50 } }],
      [{ context: { country: 'DE', actorScore: 49 } }, { context: { actorScore: 90 } }],
    ],
    ['tags', { tags: 'shadow' }, [{ tags: ['shadow'] }], [{ tags: ['sensitive'] }]],
    [
      'time of day, over midnight',
      { time: { from: '22:00', to: '06:00', zone: 'Asia/Tokyo' } },
      [{ context: { nowMs: Date.parse('2026-06-01T14:00:00Z') } }],
      [{}],
    ],
    ['weekday', { time: { days: ['sat', 'sun'] } }, [{ context: { nowMs: Date.parse('2026-06-06T10:00:00Z') } }], [{}]],
    [
      'body by path',
      { body: { path: '$.user.roles[*]', equals: 'admin' } },
      [{ headers: json, body: '{"user":{"roles":["a","admin"]}}' }],
      [
        { headers: json, body: '{"roles":["admin"]}' },
        { headers: json, body: '' },
      ],
    ],
    [
      'body by field at any depth',
      { body: { field: 'is_admin', equals: true } },
      [{ headers: json, body: '{"a":[{"isAdmin":true}]}' }],
      [{ headers: json, body: '{"isAdmin":false,"x":"isAdmin"}' }],
    ],
    [
      'both values of a repeated key',
      { body: { path: '$.role', equals: 'admin' } },
      [
        { headers: json, body: '{"role":"admin","role":"user"}' },
        { headers: json, body: '{"role":"user","role":"admin"}' },
      ],
      [],
    ],
    [
      'JSON under text/plain and no type',
      { body: { path: '$.a', equals: 1 } },
      [{ headers: { 'content-type': 'text/plain' }, body: '{"a":1}' }, { body: ' {"a":1}' }],
      [{ headers: { 'content-type': 'text/html' }, body: '{"a":1}' }],
    ],
    ['body in UTF-16', { body: { path: '$.a', equals: 'ü' } }, [{ headers: json, body: Buffer.from('\ufeff{"a":"ü"}', 'utf16le') }], []],
    [
      'gzip',
      { body: { path: '$.a', equals: 1 } },
      [{ headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{"a":1}') }],
      [{ headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{"a":2}') }],
    ],
    [
      'form',
      { body: { path: '$.role', equals: 'admin' } },
      [{ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'x=1&role=%61dmin' }],
      [{ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'xrole=admin' }],
    ],
    [
      'multipart file',
      { body: { path: '$.doc.filename', endsWith: ['.exe', '.dll'] } },
      [{ headers: { 'content-type': 'multipart/form-data; boundary=B' }, body: multipart }],
      [{ headers: { 'content-type': 'multipart/form-data; boundary=C' }, body: multipart }],
    ],
    [
      'XML',
      { body: { path: '$..role', equals: 'admin' } },
      [{ headers: { 'content-type': 'application/xml' }, body: '<u><ns:role>admin</ns:role></u>' }],
      [{ headers: { 'content-type': 'application/xml' }, body: '<u><role>user</role></u>' }],
    ],
    [
      'NDJSON',
      { body: { path: '$[*].a', equals: 2 } },
      [{ headers: { 'content-type': 'application/x-ndjson' }, body: '{"a":1}\n{"a":2}\n' }],
      [{ headers: { 'content-type': 'application/x-ndjson' }, body: '{"a":1}\n' }],
    ],
    ['body as text', { body: { contains: 'BEGIN' } }, [{ body: 'xx BEGIN' }], [{ body: 'begin' }]],
    [
      'value type and length',
      { body: { path: '$.a', type: 'array', length: { above: 2 } } },
      [{ headers: json, body: '{"a":[1,2,3]}' }],
      [
        { headers: json, body: '{"a":"abcd"}' },
        { headers: json, body: '{"a":[1]}' },
      ],
    ],
    [
      'body problems',
      { bodyProblem: ['duplicate-keys', 'invalid'] },
      [
        { headers: json, body: '{"a":1,"a":2}' },
        { headers: json, body: '{"a":' },
      ],
      [{ headers: json, body: '{"a":1}' }, {}],
    ],
    ['deep JSON', { bodyProblem: 'too-deep' }, [{ headers: json, body: nested(10_000) }], [{ headers: json, body: nested(100) }]],
    [
      'bomb',
      { bodyProblem: 'too-big' },
      [{ headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(20_000_000, 32)) }],
      [{ headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{}') }],
    ],
    [
      'invalid UTF-8',
      { bodyProblem: 'invalid-utf8' },
      [{ headers: json, body: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }],
      [{ headers: json, body: '"ü"' }],
    ],
    [
      'multipart without end',
      { bodyProblem: 'invalid' },
      [
        {
          headers: { 'content-type': 'multipart/form-data; boundary=B' },
          body: '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
        },
      ],
      [{ headers: { 'content-type': 'multipart/form-data; boundary=B' }, body: multipart }],
    ],
    [
      'GraphQL depth, with fragments',
      { graphql: { depth: { above: 3 } } },
      [{ headers: json, body: JSON.stringify({ query: 'query Q { a { ...F } } fragment F on X { b { c { d } } }' }) }],
      [
        { headers: json, body: JSON.stringify({ query: '{ a { b { c } } }' }) },
        { headers: json, body: '{"query":"shoes"}' },
      ],
    ],
    [
      'GraphQL fields and introspection',
      { any: [{ graphql: { field: '*.password' } }, { graphql: { introspection: true } }] },
      [{ headers: json, body: JSON.stringify({ query: '{ me { p: password } }' }) }, { target: '/graphql?query=%7B__schema%7Bname%7D%7D' }],
      [{ headers: json, body: JSON.stringify({ query: '{ me { name } }' }) }],
    ],
    [
      'GraphQL cost, aliases, batch',
      { any: [{ graphql: { cost: { above: 1000 } } }, { graphql: { aliases: { above: 2 } } }, { graphql: { batch: { above: 2 } } }] },
      [
        { headers: json, body: JSON.stringify({ query: 'query($n:Int){ a(first:$n) { b(first:100) { c } } }', variables: { n: 100 } }) },
        { headers: json, body: JSON.stringify({ query: '{ a:x b:x c:x }' }) },
        { headers: json, body: JSON.stringify([{ query: '{a}' }, { query: '{a}' }, { query: '{a}' }]) },
      ],
      [{ headers: json, body: JSON.stringify({ query: '{ a(first:10) { b } }' }) }],
    ],
    [
      'GraphQL malformed',
      { graphql: { malformed: true } },
      [
        { headers: json, body: JSON.stringify({ query: '{ a { b }' }) },
        { headers: json, body: JSON.stringify({ query: '{ ...A } fragment A on X { ...A }' }) },
        { headers: json, body: JSON.stringify({ query: `{ ${'a '.repeat(20_000)} }` }) },
      ],
      [{ headers: json, body: JSON.stringify({ query: '{ a { b } }' }) }],
    ],
    [
      'data, minimum count',
      { data: { types: 'email', atLeast: 2 } },
      [{ headers: json, body: '{"a":"ann@example.org","b":"bob@example.org"}' }],
      [{ headers: json, body: '{"a":"ann@example.org"}' }],
    ],
    [
      'data, distinct',
      { data: { types: 'email', distinct: 2 } },
      [{ headers: json, body: '{"a":"ann@example.org","b":"bob@example.org"}' }],
      [{ headers: json, body: '{"a":"ann@example.org","b":"ann@example.org"}' }],
    ],
    [
      'data in the query',
      { data: { types: 'credit_card', in: ['query', 'path'] } },
      [{ target: '/users/7?pan=4111111111111111' }],
      [{ headers: json, body: '{"pan":"4111111111111111"}' }],
    ],
    [
      'size',
      { size: { above: '1KiB' } },
      [{ body: 'x'.repeat(1025) }, { headers: { 'content-length': '5000' } }],
      [{ body: 'x'.repeat(1024) }],
    ],
    [
      'number of records',
      { number: { of: 'records', above: 2 } },
      [{ headers: json, body: '{"items":[{},{},{}]}' }],
      [{ headers: json, body: '{"items":[{}]}' }],
    ],
    [
      'schema',
      { schema: 'unknown-parameter:query.*' },
      [{ context: { schemaViolations: () => ['unknown-parameter:query.debug'] } }],
      [{ context: { schemaViolations: () => ['wrong-type:body.age'] } }],
    ],
    [
      'access',
      { access: { relation: 'foreign', enforceable: true } },
      [{ context: { access: () => foreign } }],
      [
        { context: { access: () => ({ ...foreign, enforceable: false }) } },
        { context: { access: () => ({ ...foreign, relation: 'own' }) } },
        {},
      ],
    ],
    [
      'anomaly',
      { anomaly: { kind: 'drift.*', confidence: 0.8 } },
      [{ context: { anomalies: () => [{ kind: 'drift.new-field', confidence: 0.9 }] } }],
      [{ context: { anomalies: () => [{ kind: 'drift.new-field', confidence: 0.7 }] } }],
    ],
    [
      'JWT algorithm',
      { jwt: { algorithm: 'none' } },
      [bearer({ alg: 'NonE' }, {})],
      [bearer({ alg: 'RS256' }, {}), { headers: { authorization: 'Bearer opaque' } }],
    ],
    [
      'JWT times',
      { jwt: { expired: true } },
      [bearer({ alg: 'RS256' }, { exp: now - 120 })],
      [bearer({ alg: 'RS256' }, { exp: now - 30 }), bearer({ alg: 'RS256' }, {})],
    ],
    [
      'JWT lifetime',
      { jwt: { lifetime: { above: '30d' } } },
      [bearer({ alg: 'RS256' }, { iat: now, exp: now + 40 * 86_400 })],
      [bearer({ alg: 'RS256' }, { iat: now, exp: now + 86_400 })],
    ],
    [
      'JWT claims',
      { any: [{ jwt: { missingClaim: ['exp', 'sub'] } }, { jwt: { claim: { name: 'realm.role', equals: 'admin' } } }] },
      [bearer({ alg: 'RS256' }, { exp: now }), bearer({ alg: 'RS256' }, { exp: now, sub: 'a', realm: { role: ['x', 'admin'] } })],
      [bearer({ alg: 'RS256' }, { exp: now, sub: 'a' })],
    ],
    [
      'JWT in a cookie',
      { jwt: { from: { cookie: 'sid' }, present: true } },
      [{ headers: { cookie: `sid=${JWT({ alg: 'HS256' }, {})}` } }],
      [{ headers: { cookie: 'sid=abc' } }],
    ],
    [
      'principal',
      { principal: { role: 'admin' } },
      [{ context: { principal: { key: 'p', kind: 'jwt', carrier: '', label: '', claims: { realm_access: { roles: ['Admin'] } } } } }],
      [{ context: { principal: { key: 'p', kind: 'jwt', carrier: '', label: '', claims: { scope: 'read write' } } } }, {}],
    ],
    [
      'status in the answer',
      { status: ['5xx', 404] },
      [{ response: { status: 503 } }, { response: { status: 404 } }],
      [{ response: { status: 200 } }],
    ],
    [
      'header of the request, in the answer',
      { requestHeader: 'x-a', header: { name: 'x-b', exists: false } },
      [{ headers: { 'x-a': '1' }, response: {} }],
      [{ headers: { 'x-a': '1' }, response: { headers: { 'x-b': '' } } }],
    ],
    [
      'cookie that the answer sets',
      { cookie: 'sid' },
      [{ response: { headers: { 'set-cookie': 'sid=1; Path=/' } } }],
      [{ headers: { cookie: 'sid=1' }, response: {} }],
    ],
  ]; // prettier-ignore
  for (const [name, when, yes, no] of table) {
    for (const [index, sample] of yes.entries()) t.equal(fires(when, sample), true, `${name}: fires on ${index}`);
    for (const [index, sample] of no.entries()) t.equal(fires(when, sample), false, `${name}: quiet on ${index}`);
  }
});

t.test('match: where a rule applies', async (t) => {
  const table: [match: object, sample: Sample, applies: boolean][] = [
    [{ service: 'sh*' }, {}, true],
    [{ service: 'shop-*' }, {}, false],
    [{ host: '*.example.com' }, {}, true],
    [{ path: '/users/{anything}' }, {}, true],
    [{ path: '/users/me' }, { target: '/users/me' }, true],
    [{ path: '/users/me' }, { target: '/users/7' }, false],
    [{ path: '/users/**' }, {}, true],
    [{ path: '/**/roles' }, { template: null, target: '/a/b/roles' }, true],
    [{ path: '/**/roles' }, { template: null, target: '/a/b/role' }, false],
    [{ path: '/v1/report-{id}.pdf' }, { template: null, target: '/v1/report-7.pdf' }, true],
    [{ path: '/users/**', except: { path: '/users/me' } }, { target: '/users/me' }, false],
    [{ path: '/users/**', except: { path: '/users/me' } }, { target: '/users/7' }, true],
    [{ except: { method: 'GET', client: '198.51.100.0/24' } }, {}, false],
    [{ except: { method: 'GET', client: '203.0.113.0/24' } }, {}, true],
    [{ except: { path: '/users/**', except: { method: 'GET' } } }, {}, true],
    [{ contentType: 'application/*' }, { headers: json }, true],
    [{ contentType: '' }, {}, true],
    [{ principal: 'absent' }, {}, true],
    [{ principal: 'present' }, {}, false],
  ];
  for (const [match, sample, applies] of table)
    t.equal(run(rule({}, { match, when: undefined }), sample).action, applies ? 'block' : 'pass', JSON.stringify(match));
});

t.test('signatures are checked against a key set', async (t) => {
  const { generateKeyPairSync, sign, createHmac } = await import('node:crypto');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = new KeyRing();
  t.equal(
    keys.set('main', [
      { ...publicKey.export({ format: 'jwk' }), kid: '1' },
      { kty: 'oct', k: Buffer.from('secret').toString('base64url'), kid: '2' },
      { kty: 'broken' },
    ]),
    2,
    'a broken key is left out',
  );
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const es = `${part({ alg: 'ES256', kid: '1' })}.${part({ sub: 'a' })}`;
  const good = `${es}.${sign('sha256', Buffer.from(es), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  const hs = `${part({ alg: 'HS256', kid: '2' })}.${part({ sub: 'a' })}`;
  const mac = `${hs}.${createHmac('sha256', 'secret').update(hs).digest('base64url')}`;
  // The classic confusion: the public key, as text, used as an HMAC secret.
  const confused = `${part({ alg: 'HS256', kid: '1' })}.${part({ sub: 'a' })}`;
  const forged = `${confused}.${createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' }))
    .update(confused)
    .digest('base64url')}`;
  const cases: [string, boolean][] = [
    [good, false],
    [mac, false],
    [`${good.slice(0, -4)}AAAA`, true],
    [forged, true],
    [JWT({ alg: 'none' }, {}), true],
  ]; // prettier-ignore
  for (const [token, invalid] of cases)
    t.equal(fires({ jwt: { invalidSignature: 'main' } }, { headers: { authorization: `Bearer ${token}` } }, { keys }), invalid);
  t.equal(keys.verifies('other', good), null, 'a set that is not loaded decides nothing');
});

t.test('rates count only what the other conditions let through, and new values where asked', async (t) => {
  const play = (when: object, samples: Sample[]): boolean[] => {
    const rates = new LocalRates();
    const set = compilePolicies([{ file: 'p.yaml', text: rule(when), origin: 'ui' }]);
    return samples.map((sample) => {
      const { request } = views(sample);
      const context = contextOf(set, {
        nowMs: 1_000_000,
        route: { service: 's', host: 'h', method: 'GET', template: '/users/{id}', tags: [] },
        mode: 'enforce',
        client: { ip: '198.51.100.7', port: 1 },
        principal: null,
        exchangeId: 'x',
        rate: (key, windowMs) => rates.hit(key, windowMs, 1_000_000),
        ...sample.context,
      }); // prettier-ignore
      return set.onRequest(request, context).action === 'block';
    });
  };
  t.same(play({ rate: { by: 'client', above: 2, window: '1m' } }, [{}, {}, {}, { context: { client: { ip: '203.0.113.9', port: 1 } } }]), [
    false,
    false,
    true,
    false,
  ]);
  t.same(
    play({ header: 'x', rate: { by: 'client', above: 1, window: '1m' } }, [{}, {}, { headers: { x: '' } }, {}, { headers: { x: '' } }]),
    [false, false, false, false, true],
  );
  t.same(
    play(
      { rate: { by: 'client', above: 2, window: '1m', distinct: 'parameter:id' } },
      ['1', '1', '2', '2', '3', '3'].map((id) => ({ target: `/users/${id}` })),
    ),
    [false, false, false, false, true, false],
  );
  t.same(play({ rate: { by: 'principal', above: 0, window: '1m' } }, [{}]), [false], 'nothing to count by');
});

t.test('rates of a sliding window', async (t) => {
  const rates = new LocalRates(2);
  t.same(
    [0, 1, 500, 999].map((at) => rates.hit('a', 1000, at)),
    [1, 2, 3, 4],
  );
  t.equal(rates.hit('a', 1000, 1500), 3, 'half of the four before still count');
  t.equal(rates.hit('a', 1000, 5000), 1);
  rates.hit('b', 1000, 5000);
  rates.hit('c', 1000, 5000);
  t.equal(rates.hit('a', 1000, 5000), 1, 'the oldest key made room');
});

const two = (first: object, second: object): string =>
  JSON.stringify({
    policy: 'p',
    rules: [
      { rule: 'a', ...first },
      { rule: 'b', ...second },
    ],
  });

t.test('precedence: the strongest action of all rules that act', async (t) => {
  const table: [first: object | string, second: object | string, action: Decision['action'], status: number][] = [
    ['alert', 'block', 'block', 403],
    ['block', 'close', 'close', 0],
    [{ throttle: { retryAfter: '10s' } }, 'block', 'block', 403],
    [{ throttle: { status: 503 } }, { tarpit: { delay: '2s' } }, 'throttle', 503],
    [{ tarpit: { delay: '2s' } }, 'challenge', 'tarpit', 0],
    [{ block: { status: 404 } }, { block: { status: 410 } }, 'block', 404],
    ['alert', { tag: 'x' }, 'pass', 0],
  ];
  for (const [first, second, action, status] of table) {
    const decision = run(two({ action: first }, { action: second }), {});
    t.equal(decision.action, action, `${JSON.stringify(first)} + ${JSON.stringify(second)}`);
    t.equal(decision.status, status);
    t.equal(decision.acts.length, 2, 'every rule is reported');
  }
  t.match(run(two({ action: { throttle: { retryAfter: '10s' } } }, { action: { tarpit: { delay: '2s' } } }), {}), {
    retryAfterS: 10,
    delayMs: 0,
  });
  t.match(run(two({ action: 'challenge' }, { action: { tag: ['x', 'y'] } }), {}), {
    action: 'challenge',
    tags: ['x', 'y'],
    mutation: { setHeaders: [['x-weir-challenge', 'p/a']] },
  });
});

t.test('block-actor: what acts goes before what would, then the longest', async (t) => {
  const decision = run(
    two(
      { action: { 'block-actor': { for: '1h' } }, mode: 'enforce' },
      { action: { 'block-actor': { for: '4h', escalate: false } }, mode: 'observe' },
    ),
    {},
  );
  t.match(decision.blockActor, { durationMs: 3_600_000, escalate: true, acted: true, policy: 'p' });
  t.equal(decision.action, 'pass');
  t.match(run(two({ action: { 'block-actor': { for: '1h' } } }, { action: { 'block-actor': { for: '4h' } } }), {}, 'observe').blockActor, {
    durationMs: 14_400_000,
    acted: false,
  });
});

t.test('require-header blocks a request and completes an answer', async (t) => {
  const text = JSON.stringify({
    policy: 'p',
    rules: [
      { rule: 'in', action: { 'require-header': { name: 'X-Version' } } },
      { rule: 'out', phase: 'response', action: { 'require-header': { name: 'X-Frame-Options', value: 'DENY' } } },
    ],
  });
  t.match(run(text, {}), { action: 'block', status: 400 });
  t.equal(run(text, { headers: { 'x-version': '1' } }).action, 'pass');
  t.match(run(text, { response: {} }), { action: 'redact', mutation: { setHeaders: [['x-frame-options', 'DENY']], body: null } });
  t.equal(run(text, { response: { headers: { 'X-Frame-Options': 'SAMEORIGIN' } } }).action, 'pass');
});

t.test('an exception lifts what it names, in time and place, and says so', async (t) => {
  const text = (until: string, allow: object = {}) =>
    JSON.stringify({
      policy: 'p',
      rules: [
        { rule: 'out', phase: 'response', when: { body: { contains: 'x' } }, action: 'block' },
        { rule: 'in', when: { header: 'evil' }, action: 'block' },
        {
          rule: 'partner',
          when: { header: { name: 'x-partner', equals: 'acme' } },
          action: { allow: { reason: 'Contract 7', until, ...allow } },
        },
      ],
    });
  const partner = { 'x-partner': 'acme', evil: '1' };
  t.match(run(text('2026-06-01'), { headers: partner }), {
    action: 'pass',
    wouldAction: 'pass',
    acts: [{ action: 'allow', message: 'Contract 7' }],
  });
  t.equal(run(text('2026-06-01'), { headers: partner, response: { body: 'x' } }).action, 'pass', 'it holds for the answer too');
  t.equal(run(text('2026-05-31'), { headers: partner }).action, 'block', 'expired');
  t.equal(run(text('never'), { headers: { evil: '1' } }).action, 'block', 'somebody else');
  t.equal(run(text('never', { rules: 'out' }), { headers: partner }).action, 'block', 'another rule');
  t.same(run(text('never'), { headers: { 'x-partner': 'acme' } }).acts, [], 'nothing to lift, nothing to say');
  t.equal(run(text('never', { policies: 'q' }), { headers: partner }).action, 'block', 'another policy');
});

t.test('redaction keeps the shape, and JSON stays valid', async (t) => {
  const redact = (order: object, when: object, body: string, headers: Headers = json): string => {
    const decision = run(JSON.stringify({ policy: 'p', rules: [{ rule: 'r', phase: 'response', when, action: { redact: order } }] }), {
      response: { headers, body },
    });
    return decision.mutation?.body === null || decision.mutation?.body === undefined
      ? body
      : Buffer.from(decision.mutation.body).toString();
  };
  const field = { body: 'ssn' };
  const table: [order: object, when: object, body: string, after: string][] = [
    [{}, field, '{ "ssn" : "Ab-12" , "b":1}', '{ "ssn" : "Xx-00" , "b":1}'],
    [{ style: 'mask', keep: 4 }, field, '{"ssn":"123-45-6789"}', '{"ssn":"***-**-6789"}'],
    [{}, field, '{"ssn":123456789,"n":-1.50e3}', '{"ssn":100000000,"n":-1.50e3}'],
    [{}, field, '{"ssn":true}', '{"ssn":null}'],
    [{}, field, '{"ssn":"\\u0041\\n\\"b"}', '{"ssn":"\\u0078\\n\\"x"}'],
    [{ style: 'drop' }, field, '{"ssn":"1","b":{"ssn":2},"c":[{"x":1,"ssn":3}]}', '{"b":{},"c":[{"x":1}]}'],
    [{ style: 'drop' }, field, '{"a":1, "ssn":"1"}', '{"a":1}'],
    [{ style: 'drop', fields: '$.list[*]' }, {}, '{"list":[1,2]}', '{"list":[null,null]}'],
    [{ fields: ['$.a.b', 'pin'] }, {}, '{"a":{"b":"xy"},"pin":7,"c":"zz"}', '{"a":{"b":"xx"},"pin":1,"c":"zz"}'],
    [{}, { body: { field: 'v', matches: '^9' } }, '[{"v":"91"},{"v":"81"}]', '[{"v":"00"},{"v":"81"}]'],
    [{}, { data: { types: 'email' } }, '{"to":"mail ann@example.org now","n":"é"}', '{"to":"mail xxx@xxxxxxx.xxx now","n":"é"}'],
    [{}, { data: { types: 'email' } }, '{"ann@example.org":1}', '{"xxx@xxxxxxx.xxx":1}'],
    [{}, field, '{"ssn":"a","ssn":"b"}', '{"ssn":"x","ssn":"x"}'],
  ];
  for (const [order, when, body, after] of table) t.equal(redact(order, when, body), after, `${JSON.stringify(order)} ${body}`);
  t.match(redact({ style: 'hash' }, field, '{"ssn":"a"}'), /^\{"ssn":"[0-9a-f]{16}"\}$/);
  t.equal(
    redact({ fields: 'ssn' }, {}, '{"ssn":"ab"}\n{"ssn":"cd"}\n', { 'content-type': 'application/x-ndjson' }),
    '{"ssn":"xx"}\n{"ssn":"xx"}\n',
  );
  t.equal(redact({ fields: 'ssn' }, {}, 'a=1&ssn=1%202&b=2', { 'content-type': 'application/x-www-form-urlencoded' }), 'a=1&ssn=0%200&b=2');
  t.equal(
    redact({ fields: 'ssn' }, {}, '<a><n:ssn x="1">12-3</n:ssn></a>', { 'content-type': 'text/xml' }),
    '<a><n:ssn x="1">00-0</n:ssn></a>',
  );
  t.equal(redact({}, { data: { types: 'email' } }, 'to ann@example.org', { 'content-type': 'text/plain' }), 'to xxx@xxxxxxx.xxx');
  const headers = run(
    JSON.stringify({
      policy: 'p',
      rules: [{ rule: 'r', phase: 'response', action: { redact: { headers: ['server', 'x-debug-*'], style: 'drop' } } }],
    }),
    { response: { headers: { Server: 'nginx/1.2', 'X-Debug-Token': 'a', etag: '1' } } },
  );
  t.same(headers.mutation, { setHeaders: [], removeHeaders: ['server', 'x-debug-token'], body: null });
  const zipped = run(JSON.stringify({ policy: 'p', rules: [{ rule: 'r', phase: 'response', when: field, action: 'redact' }] }), {
    response: { headers: { ...json, 'content-encoding': 'gzip', etag: '1' }, body: gzipSync('{"ssn":"1"}') },
  });
  t.same(zipped.mutation?.removeHeaders, ['content-encoding', 'etag'], 'fields that describe the old bytes go');
});

t.test('any JSON stays JSON of the same keys under every style', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom('shape', 'mask', 'hash'), (value, style) => {
      const text = JSON.stringify({ wrap: value, secret: value });
      const decision = run(
        JSON.stringify({
          policy: 'p',
          rules: [{ rule: 'r', phase: 'response', action: { redact: { fields: ['secret', '$.wrap..a'], style } } }],
        }),
        { response: { headers: json, body: text } },
      );
      if (decision.mutation?.body == null) return;
      const after = JSON.parse(Buffer.from(decision.mutation.body).toString()) as object;
      t.same(Object.keys(after), ['wrap', 'secret']);
    }),
    { numRuns: 200 },
  );
});

t.test('bodies that cannot be read: onError and onOverflow decide', async (t) => {
  const when = { body: { path: '$.a', equals: 1 } };
  const cut: Sample = { headers: json, body: '{"b":2,"c":[1,', totalLength: 9000 };
  const cutWithA: Sample = { headers: json, body: '{"a":1,"c":[1,', totalLength: 9000 };
  const broken: Sample = { headers: json, body: '{"b":}' };
  const bomb: Sample = { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(20_000_000, 32)) };
  const unknown: Sample = { headers: { ...json, 'content-encoding': 'lzma' }, body: 'xx' };
  const table: [more: object, sample: Sample, action: string][] = [
    [{}, cut, 'pass'],
    [{}, cutWithA, 'block'],
    [{ onOverflow: 'block' }, cut, 'block'],
    [{ onOverflow: 'pass' }, cutWithA, 'pass'],
    [{}, broken, 'pass'],
    [{ onError: 'closed' }, broken, 'block'],
    [{ onError: 'closed' }, bomb, 'block'],
    [{ onError: 'open' }, bomb, 'pass'],
    [{ onError: 'closed' }, unknown, 'block'],
    [{ onError: 'closed' }, { headers: json, body: nested(10_000) }, 'block'],
    [{ onError: 'closed' }, {}, 'pass'],
  ];
  for (const [more, sample, action] of table)
    t.equal(run(rule(when, more), sample).action, action, `${JSON.stringify(more)} ${String(sample.body).slice(0, 20)}`);
  t.equal(run(rule({ not: when }, {}), cut).action, 'pass', 'what was not seen is not known to be absent');
  t.equal(
    run(rule({ any: [{ header: 'x' }, when] }, {}), { ...broken, headers: { ...json, x: '1' } }).action,
    'block',
    'one certain alternative is enough',
  );
  const redact = (more: object): Decision =>
    run(JSON.stringify({ policy: 'p', rules: [{ rule: 'r', phase: 'response', when: { body: 'a' }, action: 'redact', ...more }] }), {
      response: { headers: json, body: '{"a":1,', totalLength: 9000 },
    });
  t.match(redact({}), { action: 'pass', acts: [{ acted: false }] }, 'what is not held back cannot be redacted');
  t.match(redact({ onOverflow: 'block' }), { action: 'block' });
});

t.test('a rule that fails is counted, and never more than its policy says', async (t) => {
  const attacks: AttackDetector = {
    detect: () => {
      throw new Error('broken');
    },
  }; // prettier-ignore
  for (const [onError, action] of [
    ['open', 'pass'],
    ['closed', 'block'],
  ] as const) {
    const set = compilePolicies([{ file: 'p', text: rule({ attack: {} }, { onError }), origin: 'ui' }], { attacks });
    const { request } = views({});
    const context = contextOf(set, {
      nowMs: 0,
      route: { service: 's', host: 'h', method: 'GET', template: null, tags: [] },
      mode: 'enforce',
      client: { ip: '::1', port: 1 },
      principal: null,
      exchangeId: 'x',
    });
    t.equal(set.onRequest(request, context).action, action);
    t.match(set.stats(), [{ errors: 1, evaluations: 1, hits: action === 'block' ? 1 : 0 }]);
  }
});

t.test('attacks: scores of one place and class add up', async (t) => {
  const finding = (score: number, path: string, kind = 'sql') => ({
    class: kind,
    score,
    confidence: 0.9,
    location: { phase: 'request', in: 'query', path } as const,
    rule: 'r',
    excerpt: "' or 1=1",
  });
  const detects = (...findings: ReturnType<typeof finding>[]): CompileOptions => ({ attacks: { detect: () => findings } });
  t.equal(fires({ attack: {} }, {}, detects(finding(3, 'a'), finding(2, 'a'))), true);
  t.equal(fires({ attack: {} }, {}, detects(finding(3, 'a'), finding(2, 'b'))), false);
  t.equal(fires({ attack: { score: 3, classes: 'xss' } }, {}, detects(finding(5, 'a'))), false);
  t.equal(fires({ attack: { in: 'body' } }, {}, detects(finding(5, 'a'))), false);
  t.equal(fires({ attack: {} }, {}), false, 'no detector, no findings');
  const unreadable: Sample = { headers: { 'content-encoding': 'lzma' }, body: 'xx' };
  t.equal(
    run(rule({ attack: {} }, { onError: 'closed' }), unreadable, 'enforce', detects()).action,
    'block',
    'what could not be searched is not clean',
  );
  t.equal(run(rule({ attack: { in: 'query' } }, { onError: 'closed' }), unreadable, 'enforce', detects()).action, 'pass');
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const coding of ['gzip', 'br', 'lzma'])
    t.equal(
      run(rule({ attack: {} }), { method: 'POST', headers: { ...form, 'content-encoding': coding }, body: 'cmd=cat /etc/passwd' }).action,
      'block',
      `a body that only says it is ${coding}`,
    );
});

t.test('evidence shows the place and never the value', async (t) => {
  const [act] = run(rule({ data: { types: 'credit_card' } }, {}, 'response'), {
    response: { headers: json, body: '{"cards":[{"pan":"4111 1111 1111 1111"},{"pan":"4111 1111 1111 1111"}]}' },
  }).acts;
  t.match(act, {
    evidence: [{ location: { phase: 'response', in: 'body', path: 'cards[*].pan' }, type: 'credit_card', count: 2 }],
    acted: true,
  });
  t.notMatch(JSON.stringify(act), /4111/);
});

const ACTIONS = [
  'alert',
  'block',
  'redact',
  'close',
  'challenge',
  { throttle: {} },
  { tarpit: { delay: '1s' } },
  { 'block-actor': { for: '1h' } },
  { tag: 'x' },
  { 'require-header': { name: 'h', value: 'v' } },
] as const;
const CONDITIONS = [
  { header: 'a' },
  { header: 'b' },
  { body: 'secret' },
  { not: { header: 'a' } },
  { data: { types: 'email' } },
  { rate: { by: 'client', above: 1, window: '1m' } },
] as const;

const anyRule = fc.record({
  phase: fc.constantFrom('request', 'response'),
  when: fc.constantFrom(...CONDITIONS),
  action: fc.constantFrom(...ACTIONS),
  rollout: fc.constantFrom(0, 30, 100),
  onError: fc.constantFrom('open', 'closed'),
  onOverflow: fc.constantFrom('pass', 'block', 'inspect-prefix'),
});
const anySample = fc.record({
  a: fc.boolean(),
  b: fc.boolean(),
  body: fc.constantFrom('', '{"secret":"ann@example.org"}', '{"secret":', '{"x":1}'),
  cut: fc.boolean(),
  times: fc.integer({ min: 1, max: 3 }),
});

t.test('observe never changes traffic, and would do exactly what enforce does', async (t) => {
  fc.assert(
    fc.property(fc.array(anyRule, { minLength: 1, maxLength: 6 }), anySample, (rules, sample) => {
      const usable = rules.filter((one) => !(one.action === 'challenge' && one.phase === 'response'));
      if (usable.length === 0) return;
      const text = (mode: string) =>
        JSON.stringify({ policy: 'p', mode, rules: usable.map((one, index) => ({ rule: `r${index}`, ...one })) });
      const play = (policyMode: string, serviceMode: Mode): Decision[] => {
        const set = compilePolicies([{ file: 'p', text: text(policyMode), origin: 'ui' }], { redactor: new Redactor('k') });
        const rates = new LocalRates();
        const headers: Headers = { ...json, ...(sample.a ? { a: '1' } : {}), ...(sample.b ? { b: '1' } : {}) };
        const length = sample.cut ? sample.body.length + 100 : undefined;
        const { request, response } = views({
          headers,
          body: sample.body,
          totalLength: length,
          response: { headers, body: sample.body, totalLength: length },
        });
        const context = contextOf(set, {
          nowMs: 0,
          route: { service: 's', host: 'h', method: 'POST', template: '/', tags: [] },
          mode: serviceMode,
          client: { ip: '198.51.100.7', port: 1 },
          principal: null,
          exchangeId: 'e',
          rate: (key, windowMs) => rates.hit(key, windowMs, 0),
        });
        return Array.from({ length: sample.times }, () => [
          set.evaluate('all', request, null, context),
          set.evaluate('all', request, response, context),
        ]).flat();
      };
      const enforced = play('enforce', 'enforce');
      for (const observed of [play('observe', 'enforce'), play('enforce', 'observe'), play('inherit', 'mirror')]) {
        for (const [index, decision] of observed.entries()) {
          const twin = enforced[index];
          t.equal(decision.action, 'pass');
          t.equal(decision.mutation, null);
          t.equal(decision.wouldAction, twin.action);
          t.equal(twin.wouldAction, twin.action);
          t.same(
            decision.acts.map((act) => ({ ...act, acted: false })),
            twin.acts.map((act) => ({ ...act, acted: false })),
          );
          t.notOk(decision.acts.some((act) => act.acted) || decision.blockActor?.acted);
          t.equal(decision.blockActor?.durationMs, twin.blockActor?.durationMs);
        }
      }
    }),
    { numRuns: 60 },
  );
});

t.test('roll-out is stable, grows by adding, and is about right', async (t) => {
  const acts = (percent: number, id: string): boolean =>
    run(rule({}, { when: undefined, rollout: percent }), { context: { exchangeId: id } }).action === 'block';
  const ids = Array.from({ length: 400 }, (_, index) => `id${index}`);
  const ten = ids.filter((id) => acts(10, id));
  const fifty = ids.filter((id) => acts(50, id));
  t.ok(ten.length > 15 && ten.length < 70, `${ten.length} of 400`);
  t.ok(fifty.length > 150 && fifty.length < 250);
  t.ok(ten.every((id) => fifty.includes(id)));
  const outside = run(rule({}, { when: undefined, rollout: 0 }), {});
  t.match(outside, { action: 'pass', wouldAction: 'pass', acts: [{ action: 'alert' }] }, 'outside of the roll-out it alerts');
});

t.test('plans: nothing is asked for that no acting rule needs', async (t) => {
  const set = compilePolicies([
    {
      file: 'p',
      origin: 'ui',
      text: JSON.stringify({
        policy: 'p',
        match: { path: '/pay/**' },
        maxBody: '64KiB',
        rules: [
          { rule: 'a', phase: 'response', when: { data: { types: 'credit_card' } }, action: 'redact', onOverflow: 'block' },
          { rule: 'b', when: { access: { relation: 'foreign' } }, action: 'block' },
          { rule: 'c', when: { body: 'x' }, action: 'alert' },
        ],
      }),
    },
  ]); // prettier-ignore
  const route = { service: 's', host: 'h', method: 'GET', template: '/pay/{id}', tags: [] };
  const { request, response, requestBodyBytes, responseBodyBytes, responseOverflow, ownership } = set.plan(route);
  t.same(
    { request, response, requestBodyBytes, responseBodyBytes, responseOverflow, ownership },
    { request: true, response: true, requestBodyBytes: 0, responseBodyBytes: 65_536, responseOverflow: 'block', ownership: true },
  );
  t.match(set.plan({ ...route, template: '/users/{id}' }), {
    request: false,
    response: false,
    requestBodyBytes: 0,
    responseBodyBytes: 0,
    ownership: false,
  });
  t.equal(set.plan(route), set.plan({ ...route }), 'made once');
});

t.test('throttle: a bucket for each actor and endpoint; observe spends the same tokens and refuses nobody', async (t) => {
  const yaml = (mode: string) =>
    JSON.stringify({
      policy: 'p',
      mode,
      rules: [{ rule: 'r', when: { method: 'POST' }, action: { throttle: { limit: 2, window: '10s', burst: 3 } } }],
    });
  const ask = (buckets: TokenBuckets, mode: string, atMs: number, more: Partial<Sample> = {}) =>
    run(yaml(mode), { method: 'POST', ...more, context: { take: (key, limit) => buckets.take(key, limit, atMs), ...more.context } });
  for (const mode of ['enforce', 'observe']) {
    const buckets = new TokenBuckets();
    const rows: [atMs: number, more: Partial<Sample>, would: Decision['action'], retryAfterS: number][] = [
      [0, {}, 'pass', 0],
      [0, { method: 'GET' }, 'pass', 0],
      [0, {}, 'pass', 0],
      [0, {}, 'pass', 0],
      [0, {}, 'throttle', 5],
      [0, { template: '/orders/{id}' }, 'pass', 0],
      [0, { context: { client: { ip: '198.51.100.8', port: 1 } } }, 'pass', 0],
      [4_000, {}, 'throttle', 1],
      [5_000, {}, 'pass', 0],
      [5_000, {}, 'throttle', 5],
    ];
    for (const [atMs, more, would, retryAfterS] of rows) {
      const decision = ask(buckets, mode, atMs, more);
      t.equal(decision.wouldAction, would, `${mode} at ${atMs} ms`);
      t.equal(decision.action, mode === 'enforce' ? would : 'pass');
      if (mode === 'enforce') t.match(decision, { retryAfterS, status: would === 'throttle' ? 429 : 0 });
    }
  }
  t.equal(run(yaml('enforce'), { method: 'POST' }).action, 'pass', 'without buckets nothing is throttled');
  t.throws(() => compilePolicies([{ file: 'p', text: yaml('enforce').replace('"10s"', '"48h"'), origin: 'folder' }]), /48h is too long/);
});
