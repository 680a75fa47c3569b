import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { type Mode, Redactor } from '../../exchange/index.js';
import type { AttackDetector } from '../attack-port.js';
import { fires, type Headers, json, nested, rule, run, type Sample, views } from '../testing/play.js';
import type { Decision } from '../types.js';
import { contextOf, LocalRates } from './context.js';
import { type CompileOptions, compilePolicies } from './set.js';

t.test('bodies that cannot be read: onError and onOverflow decide', async (t) => {
  const when = { body: { path: '$.a', equals: 1 } };
  const cut: Sample = { headers: json, body: '{"b":2,"c":[1,', totalLength: 9000 };
  const cutWithA: Sample = { headers: json, body: '{"a":1,"c":[1,', totalLength: 9000 };
  const broken: Sample = { headers: json, body: '{"b":}' };
  const bomb: Sample = { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(20_000_000, 32)) };
  const unknown: Sample = { headers: { ...json, 'content-encoding': 'lzma' }, body: 'xx' };
  const form = { 'content-type': 'multipart/form-data; boundary=B' };
  const part = '--B\r\nContent-Disposition: form-data; name="b"\r\n\r\nx';
  const ambiguous: Sample[] = [
    { headers: json, body: '{"b":1,"b":2}' },
    { headers: json, body: Buffer.from([0x7b, 0x22, 0x62, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]) },
    { headers: { 'content-type': 'application/json; charset=klingon' }, body: '{"b":1}' },
    { headers: { 'content-type': 'application/json; charset=utf-16' }, body: '{"b":12}' },
    { headers: { 'content-type': 'application/x-ndjson' }, body: '{"b":1}\n{"b":\n' },
    { headers: form, body: part },
    { headers: form, body: part.repeat(50_000) },
    { headers: { 'content-type': 'multipart/form-data' }, body: part },
    { headers: { ...json, 'content-encoding': 'gzip' }, body: '{"b":1}' },
    { headers: { ...json, 'content-encoding': 'br' }, body: brotliCompressSync(Buffer.alloc(20_000_000, 32)) },
    { headers: { 'content-type': 'application/xml' }, body: '<b>'.repeat(10_000) },
  ];
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
    [{ onError: 'closed' }, { headers: json, body: '{"b":1}' }, 'pass'],
    ...ambiguous.flatMap((sample): [object, Sample, string][] => [
      [{ onError: 'open' }, sample, 'pass'],
      [{ onError: 'closed' }, sample, 'block'],
    ]),
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

t.test(
  'observe and mirror never change traffic, and would do exactly what enforce does; mirror still puts actors on the list',
  async (t) => {
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
        const watched: [mirrored: boolean, decisions: Decision[]][] = [
          [false, play('observe', 'enforce')],
          [false, play('enforce', 'observe')],
          [true, play('inherit', 'mirror')],
        ];
        for (const [mirrored, decisions] of watched) {
          for (const [index, decision] of decisions.entries()) {
            const twin = enforced[index];
            t.equal(decision.action, 'pass');
            t.equal(decision.mutation, null);
            t.equal(decision.wouldAction, twin.action);
            t.equal(twin.wouldAction, twin.action);
            t.same(
              decision.acts.map((act) => ({ ...act, acted: false })),
              twin.acts.map((act) => ({ ...act, acted: false })),
            );
            t.equal(decision.blockActor?.acted ?? false, mirrored && twin.blockActor?.acted === true);
            t.ok(decision.acts.every((act) => !act.acted || (mirrored && act.action === 'block-actor')));
            t.equal(decision.blockActor?.durationMs, twin.blockActor?.durationMs);
          }
        }
      }),
      { numRuns: 60 },
    );
  },
);

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
  t.equal(set.plan(route), set.plan({ ...route, template: '/pay/{id}/items', tags: ['new'] }), 'one for all to which the same applies');
  t.not(set.plan(route), set.plan({ ...route, template: null }), 'another where only the request can tell');
});

t.test('numbers of things in bodies are the same, counted from the bytes or from what they say', async (t) => {
  const array = (items: number, item = '1') => `[${new Array<string>(items).fill(item).join(',')}]`;
  const fields = (count: number) => `{${Array.from({ length: count }, (_, index) => `"f${index}":${index}`).join(',')}}`;
  const table: [of: string, body: string, above: number, fires: boolean][] = [
    ['records', array(100), 100, false],
    ['records', array(101), 100, true],
    ['records', array(101, ' 1 '), 100, true],
    ['records', `{"a":${array(101, '{"b":[1,2]}')}}`, 100, true],
    ['records', `{"a":${array(99, '{"b":[1,2]}')}}`, 100, false],
    ['records', `["${','.repeat(300)}"]`, 100, false],
    ['records', array(101, '"é"'), 100, true],
    ['records', '[]', 0, false],
    ['records', '[0]', 0, true],
    ['body-fields', fields(20), 20, false],
    ['body-fields', fields(21), 20, true],
    ['body-fields', '{"a":{"b":{"c":1}}}', 2, true],
    ['body-fields', `{"a":"${':'.repeat(90)}"}`, 20, false],
  ];
  for (const [of, body, above, expected] of table)
    t.equal(fires({ number: { of, above } }, { headers: json, body }), expected, `${of} above ${above}: ${body.slice(0, 40)}`);
  const lines = '{"a":1}\n'.repeat(101);
  t.equal(fires({ number: { of: 'records', above: 100 } }, { headers: { 'content-type': 'application/x-ndjson' }, body: lines }), true);
});
