import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { type Headers, json, run, type Sample } from '../testing/play.js';
import type { Decision } from '../types.js';
import { TokenBuckets } from './buckets.js';
import { compilePolicies } from './set.js';

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
