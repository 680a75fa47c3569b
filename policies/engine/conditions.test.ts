/** Each condition of the language beside messages on which it holds and on which it must not, signatures and rates among them. One room: tables over one player of messages. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { bearer, fires, JWT, json, multipart, nested, now, player, rule, run, type Sample, views } from '../testing/play.js';
import { contextOf, LocalRates } from './context.js';
import { KeyRing } from './keys.js';
import { compilePolicies } from './set.js';

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
    [
      'charset',
      { bodyProblem: 'wrong-charset' },
      [
        { headers: { 'content-type': 'application/json; charset=klingon' }, body: '{}' },
        { headers: { 'content-type': 'application/json; charset=utf-16' }, body: '{"a":1}' },
      ],
      [
        { headers: { 'content-type': 'application/json; charset=iso-8859-2' }, body: '{}' },
        { headers: { 'content-type': 'application/json; charset=utf-16' }, body: Buffer.from('{}', 'utf16le') },
      ],
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

  // A condition under two negations says the same and asks for nothing, so no rule is passed over.
  const samples = table.flatMap(([, , yes, no]) => [...yes, ...no]);
  for (const [name, when, yes] of table) {
    for (const phase of ['request', 'response'] as const) {
      // Some conditions belong to one phase.
      if (!yes.some((sample) => (sample.response === undefined) === (phase === 'request'))) continue;
      const alike = samples.filter((sample) => (sample.response === undefined) === (phase === 'request'));
      const [asking, looking] = [when, { not: { not: when } }].map((one) => player(rule(one, {}, phase)));
      const different = alike.filter((sample) => asking(sample).action !== looking(sample).action);
      t.same(different, [], `${name}: passed over only where it would not fire`);
    }
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
    // A path that servers read in several ways: any of them makes a rule apply, all of them an exception.
    [{ path: '/admin/*' }, { template: null, target: '/%61dmin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '//admin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x/../admin/users?y' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x/%2e%2e/admin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/admin;v=1/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x/..;/admin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/admin%2fusers' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x/..%2fadmin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x%5c..%5cadmin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/%2561dmin/users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/x/%252e%252e/admin/users' }, true],
    [{ path: '/admin/**' }, { template: null, target: '/admin/../users' }, true],
    [{ path: '/admin/*' }, { template: null, target: '/admins/%61' }, false],
    [{ path: '/admin/*' }, { template: null, target: '/x;/admin/users' }, false],
    [{ path: '/files/*' }, { template: null, target: '/files/a%2Fb' }, true],
    [{ path: '/**', except: { path: '/health/**' } }, { template: null, target: '/health/live' }, false],
    [{ path: '/**', except: { path: '/health/**' } }, { template: null, target: '/%68ealth/live' }, true],
    [{ path: '/**', except: { path: '/health/**' } }, { template: null, target: '/health/../admin' }, true],
    [{ path: '/**', except: { path: '/health/**' } }, { template: null, target: '/health/..%2fadmin' }, true],
    [{ path: '/**', except: { path: '/health/**' } }, { template: null, target: '/health/..;/admin' }, true],
    [
      { path: '/**', except: { path: '/health/**', except: { path: '/health/secret' } } },
      { template: null, target: '/health/%73ecret' },
      true,
    ],
    [{ except: { method: 'GET', client: '198.51.100.0/24' } }, {}, false],
    [{ except: { method: 'GET', client: '203.0.113.0/24' } }, {}, true],
    [{ except: { path: '/users/**', except: { method: 'GET' } } }, {}, true],
    [{ contentType: 'application/*' }, { headers: json }, true],
    [{ contentType: '' }, {}, true],
    [{ client: '198.51.100.0/24' }, {}, true],
    [{ client: '203.0.113.0/24' }, {}, false],
    [{ country: 'DE' }, { context: { country: 'DE' } }, true],
    [{ country: 'DE' }, { context: { country: 'FR' } }, false],
    [{ country: 'DE' }, {}, false],
    [{ actorScore: { atLeast: 50 } }, { context: { actorScore: 50 } }, true],
    [{ actorScore: { atLeast: 50 } }, { context: { actorScore: 49 } }, false],
    [{ tags: 'shadow' }, { tags: ['shadow', 'sensitive'] }, true],
    [{ tags: 'shadow' }, { tags: ['sensitive'] }, false],
    [{ time: { days: ['sat', 'sun'] } }, { context: { nowMs: Date.parse('2026-06-06T10:00:00Z') } }, true],
    [{ time: { days: ['sat', 'sun'] } }, { context: { nowMs: Date.parse('2026-06-08T10:00:00Z') } }, false],
    [{ principal: 'absent' }, {}, true],
    [{ principal: 'present' }, {}, false],
  ];
  for (const [match, sample, applies] of table)
    t.equal(
      run(rule({}, { match, when: undefined }), sample).action,
      applies ? 'block' : 'pass',
      `${JSON.stringify(match)} ${sample.target ?? ''}`,
    );
  for (const [target, applies] of [
    ['/health/live', false],
    ['/health/../admin', true],
    ['/admin', true],
  ] as const)
    t.equal(
      run(rule({ not: { path: '/health/**' } }), { template: null, target }).action,
      applies ? 'block' : 'pass',
      `everything but /health: ${target}`,
    );
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
