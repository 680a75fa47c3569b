import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { bodyOf, decodeBody } from '../../exchange/index.js';
import { dataTypes } from '../data-types/index.js';
import { Classifier, CustomTypeError, customTypeSchema, runClassify } from './index.js';

const classifier = Classifier.of(dataTypes);
const JSON_TYPE = ['content-type', 'application/json'];
const body = (type: string, text: string | Uint8Array) =>
  classifier
    .classifyBody(['content-type', type], typeof text === 'string' ? Buffer.from(text) : text)
    .map((match) => `${match.type}@${match.path}`);
const text = (value: string) => classifier.classifyText(value).map((match) => match.type);

t.test('places: every format names where a value stood', async (t) => {
  const b64 = Buffer.from(JSON.stringify({ user: { email: 'jo@example.com' } })).toString('base64');
  const cases: readonly (readonly [string, string, string | Uint8Array, readonly string[]])[] = [
    ['nested JSON', 'application/json', '{"a":[{"b":{"mail":"jo@example.com"}}],"n":1}', ['email@a[*].b.mail']],
    ['a root array', 'application/json', '[{"ssn":"536228726"}]', ['us_ssn@[*].ssn']],
    ['JSON escapes', 'application/json', '{"m":"jo\\u0040example\\u002ecom","k":"a\\nghp_"}', ['email@m']],
    ['a key after an escape', 'application/json', '{"log":"x\\n536-22-8726"}', ['us_ssn@log']],
    ['a number', 'application/json', '{"card":{"number": 4111111111111111}}', ['credit_card@card.number']],
    ['an address as a name', 'application/json', '{"by":{"jo@example.com":1}}', ['email@by.jo@example.com']],
    ['broken JSON', 'application/json', '{"a":{"mail":"jo@example.com","x":[1,2', ['email@a.mail']],
    ['NDJSON', 'application/x-ndjson', '{"m":"jo@example.com"}\n{"m":"al@example.com"}\n', ['email@[*].m', 'email@[*].m']],
    ['server-sent events', 'text/event-stream', 'event: a\ndata: {"m":"jo@example.com"}\n\n', ['email@m']],
    ['a form', 'application/x-www-form-urlencoded', 'a=1&email=jo%40example.com&ssn=536228726', ['email@email', 'us_ssn@ssn']],
    [
      'XML',
      'application/xml',
      '<r><user ssn="536228726"><mail>jo&#64;example.com</mail></user></r>',
      ['us_ssn@r.user@ssn', 'email@r.user.mail'],
    ],
    ['CDATA', 'text/xml', '<r><m><![CDATA[jo@example.com]]></m></r>', ['email@r.m']],
    [
      'multipart',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="ssn"\r\n\r\n536228726\r\n--B--',
      ['us_ssn@ssn'],
    ],
    [
      'multipart without end',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="mail"\r\n\r\njo@example.com',
      ['email@mail'],
    ],
    ['plain text', 'text/plain', 'write to jo@example.com', ['email@']],
    ['base64 of JSON', 'application/json', JSON.stringify({ blob: b64 }), ['email@blob']],
    ['UTF-16', 'application/json; charset=utf-16', Buffer.from('\ufeff{"m":"jo@example.com"}', 'utf16le'), ['email@m']],
    ['UTF-16 without a mark', 'application/json', Buffer.from('{"m":"jo@example.com"}', 'utf16le'), ['email@m']],
    ['an image', 'image/png', 'jo@example.com', []],
    ['nothing', 'application/json', '', []],
  ];
  for (const [name, type, input, wanted] of cases) t.same(body(type, input).sort(), [...wanted].sort(), name);
});

t.test('spans point at the value', async (t) => {
  const json = '{"x":"\\u0041 jo\\u0040example.com!"}';
  const [match] = classifier.classifyBody(JSON_TYPE, Buffer.from(json));
  t.equal(json.slice(match.start, match.end), 'jo\\u0040example.com', 'escapes included');
  const prose = 'Größe 🙂 jo@example.com';
  const [found] = classifier.classifyText(prose);
  t.equal(prose.slice(found.start, found.end), 'jo@example.com', 'in UTF-16 units of a text');
  const compressed = decodeBody(['content-encoding', 'gzip'], bodyOf(gzipSync('{"m":"jo@example.com"}')), 1e6);
  t.equal(classifier.classifyBody(JSON_TYPE, compressed.bytes)[0].start, 6, 'in the decoded body');
});

t.test('JWT payloads are looked into', async (t) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'HS256' })}.${part({ contact: { email: 'jo@example.com' } })}.${'x'.repeat(43)}`;
  const found = classifier.classifyPairs([['authorization', `Bearer ${token}`]]);
  t.ok(found.some((match) => match.type === 'jwt' && match.via === null));
  const inner = found.find((match) => match.type === 'email');
  t.match(inner, { via: 'jwt', inner: 'contact.email', path: 'authorization' });
});

t.test('context decides where form cannot', async (t) => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['the order number 4111111111111111 has shipped', 'credit_card', false],
    ['please charge my visa 4111111111111111', 'credit_card', true],
    ['{"orderNumber":"4111111111111111"}', 'credit_card', false],
    ['{"payment":{"card":{"number":"4111111111111111"}}}', 'credit_card', true],
    ['id 536228726', 'us_ssn', false],
    ['his social security number is 536228726', 'us_ssn', true],
    ['{"ids":["536228726"]}', 'us_ssn', false],
    ['{"ssns":["536-22-8726"]}', 'us_ssn', true],
    ['{"customer_ssn":"536228726"}', 'us_ssn', true],
    ['{"CustomerSSN":"536228726"}', 'us_ssn', true],
    ['{"phones":["030 1234567"]}', 'phone', true],
    ['{"population":"030 1234567"}', 'phone', false],
    ['7b41b2a0-4111-4111-8111-111111111111', 'credit_card', false],
    ['{"password":"[REDACTED]"}', 'password', false],
    ['{"ssn":"***-**-8726"}', 'us_ssn', false],
  ];
  for (const [input, type, wanted] of cases)
    t.equal(
      (input.startsWith('{') ? body('application/json', input).map((one) => one.split('@')[0]) : text(input)).includes(type),
      wanted,
      input,
    );
});

t.test('a token of letters alone is found, a word that begins like one is not', async (t) => {
  const typesOf = (value: string) =>
    classifier.classifyBody(JSON_TYPE, Buffer.from(JSON.stringify({ title: value }))).map((match) => match.type);
  t.same(typesOf(`AKIA${'QWERTYUIOPASDFGH'}`), ['aws_access_key']);
  t.same(typesOf('AKIAQWERTY'), []);
  t.same(typesOf('Akiajustalongword'), []);
});

t.test('an amount is no number of whoever pays it', async (t) => {
  const typesOf = (value: object) => classifier.classifyBody(JSON_TYPE, Buffer.from(JSON.stringify(value))).map((match) => match.type);
  t.same(typesOf({ vat: 'DE136695976' }), ['vat']);
  t.same(typesOf({ vat_cents: 543210987 }), []);
  t.same(typesOf({ vatAmount: 543210987, taxIdCount: 123456789, vat_rate: 123456789 }), []);
});

t.test('names that come in another order, or with values missing, still speak for their values', async (t) => {
  const items = [
    { id: 1, ssn: '536-22-8714', createdAt: '2026-03-04T05:06:07.123+01:00', note: 'x' },
    { id: 2, createdAt: '2026-03-04T05:06:07Z', ssn: '536-22-8715', note: 'y' },
    { ssn: '536-22-8716' },
    { id: 4, inner: { id: 5, ssn: '536-22-8717', 'ssn ': 1 }, note: 'z' },
    { createdAt: '2026-03-04T05:06 +4915112345678' },
  ];
  const found = classifier.classifyBody(JSON_TYPE, Buffer.from(JSON.stringify(items)));
  t.same(
    found.filter((match) => match.type === 'us_ssn').map((match) => match.path),
    ['[*].ssn', '[*].ssn', '[*].ssn', '[*].inner.ssn'],
  );
  t.ok(
    found.some((match) => match.type === 'phone'),
    'what only begins like a point in time is read on',
  );
});

t.test('more values than anybody counts are all found', async (t) => {
  const many = Array.from({ length: 3000 }, (_, index) => `mail${index}@example.org`);
  t.equal(classifier.classifyBody(JSON_TYPE, Buffer.from(JSON.stringify(many))).length, 3000);
  t.equal(classifier.classifyBody(['content-type', 'text/plain'], Buffer.from(many.join(' '))).length, 3000);
});

t.test('options narrow the search', async (t) => {
  const input = Buffer.from('{"m":"jo@example.com","s":"536-22-8726"}');
  t.same(
    classifier.classifyBody(JSON_TYPE, input, { types: ['us_ssn', 'no_such_type'] }).map((match) => match.type),
    ['us_ssn'],
  );
  t.equal(classifier.classifyBody(JSON_TYPE, input, { maxMatches: 1 }).length, 1);
  t.ok(classifier.classifyText('021000021', { asValue: true, minConfidence: 0.3 }).length > 1, 'a value has several readings');
});

t.test('any bytes are survived, and matches lie inside the input', async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom('application/json', 'text/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', 'text/plain'),
      (bytes, type) =>
        classifier
          .classifyBody(['content-type', type], bytes, { minConfidence: 0.05 })
          .every((match) => match.start >= 0 && match.start < match.end && match.confidence > 0 && match.confidence <= 1),
    ),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (value) => Array.isArray(classifier.classifyText(value, { asValue: true }))),
    { numRuns: 300 },
  );
});

t.test('hostile input costs no more than its length', async (t) => {
  const repeat = (unit: string, bytes: number) => unit.repeat(Math.ceil(bytes / unit.length));
  const units = [
    'a@',
    'a.a@a.',
    '1-',
    '1 ',
    '1111 ',
    '-----BEGIN RSA PRIVATE KEY-----',
    'eyJhbGciOiJIUzI1NiJ9.',
    'eyJ',
    'eyJhbGciOiJIUzI1NiJ9 ',
    'eyJhbGciOiJIUzI1/',
    '$2b$10$',
    '$6$',
    ':',
    '::',
    'a:',
    'f:f:',
    'https://a:b',
    'password=',
    'AKIA',
    'Q~',
    'xxx4Q~',
    '+1(',
    '(1',
    'curl -u ',
    'DE89 3704 0044 ',
    '\\u0040',
    '[',
    '{"a":',
    '{"',
    '<a ',
    '&#',
    '%41',
    'ssn ssn ',
    'A9A9A9A9A9 ',
    'a.',
    '1.',
    'glpat-',
  ];
  for (const unit of units) {
    const work = (bytes: number, run: (input: Buffer) => void): number => {
      const input = Buffer.from(repeat(unit, bytes));
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 2; i++) {
        const start = process.cpuUsage();
        run(input);
        const spent = process.cpuUsage(start);
        best = Math.min(best, spent.user + spent.system);
      }
      return best;
    };
    // Sixteen times the input may cost sixteen times the work, and some noise; a quadratic scan would cost 256 times.
    for (const type of ['text/plain', 'application/json', 'text/xml']) {
      const run = (input: Buffer) => void classifier.classifyBody(['content-type', type], input, { minConfidence: 0.05 });
      const small = work(8_000, run);
      const large = work(128_000, run);
      t.ok(large < Math.max(small, 1000) * 100, `${unit} as ${type}: ${small} µs, then ${large} µs`);
    }
  }
});

t.test('custom types', async (t) => {
  const custom = (entry: object) =>
    Classifier.of(dataTypes, [customTypeSchema.parse({ id: 'staff_id', pattern: 'EMP-[0-9]{6}', ...entry })]);
  const found = custom({ words: ['employee'] }).classifyBody(JSON_TYPE, Buffer.from('{"a":{"who":"EMP-123456"}}'));
  t.match(found, [{ type: 'staff_id', path: 'a.who', confidence: 0.75 }]);
  t.same(custom({ words: ['employee'], requireWords: true }).classifyText('see EMP-123456'), []);
  t.equal(custom({ words: ['employee'], requireWords: true }).classifyText('employee EMP-123456').length, 1);
  t.same(custom({ pattern: '[0-9]{8}', validator: 'luhn' }).classifyText('12345678 18'), []);
  const bad: readonly (readonly [object, string])[] = [
    [{ pattern: '(a)\\1' }, 'CUSTOM_TYPE_PATTERN'],
    [{ pattern: 'a'.repeat(1001) }, 'CUSTOM_TYPE_LIMIT'],
    [{ validator: 'nope' }, 'CUSTOM_TYPE_VALIDATOR'],
    [{ id: 'Bad Id' }, 'CUSTOM_TYPE_ID'],
    [{ id: 'email' }, 'CUSTOM_TYPE_ID'],
    [{ pattern: undefined }, 'CUSTOM_TYPE_PATTERN'],
    [{ pattern: undefined, words: ['employee'] }, 'CUSTOM_TYPE_PATTERN'],
    [{ pattern: undefined, fields: ['badge'], words: ['employee'] }, 'CUSTOM_TYPE_PATTERN'],
    [{ words: ['№ 7'] }, 'CUSTOM_TYPE_WORDS'],
  ];
  for (const [entry, code] of bad) {
    try {
      custom(entry);
      t.fail(code);
    } catch (error) {
      t.ok(error instanceof CustomTypeError && error.code === code, code);
    }
  }
  const start = process.cpuUsage();
  custom({ pattern: '^(a+)+$' }).classifyText(`${'a'.repeat(4000)}!`);
  t.ok(process.cpuUsage(start).user < 5e6, 'linear where a backtracking engine would not end');
});

t.test('custom types are found wherever built-in ones are', async (t) => {
  const own = Classifier.of(
    dataTypes,
    [
      { id: 'staff-id', pattern: 'EMP-[0-9]{6}', words: ['employee'] },
      { id: 'desk', pattern: 'PLÄTZ-[0-9]{3}' },
      { id: 'nickname', fields: ['nick_name'] },
      { id: 'member', fields: ['member'], validator: 'luhn' },
    ].map((type) => customTypeSchema.parse(type)),
  );
  const wrapped = Buffer.from('{"who":"EMP-123456","a":"bcdefghijklmnopqrstuvwxyz"}').toString('base64');
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'HS256' })}.${part({ who: 'EMP-123456' })}.${'x'.repeat(43)}`;
  const table: readonly (readonly [what: string, type: string, input: string | Buffer, wanted: readonly string[]])[] = [
    ['a list', 'application/json', '{"a":{"n":["EMP-000001","to PLÄTZ-123"]}}', ['staff-id@a.n[*]=EMP-000001', 'desk@a.n[*]=PLÄTZ-123']],
    ['a name', 'application/json', '{"by":{"EMP-000001":1}}', ['staff-id@by.EMP-000001=EMP-000001']],
    ['escapes', 'application/json', '{"a":"\\u0045MP-000001"}', ['staff-id@a=\\u0045MP-000001']],
    ['a form', 'application/x-www-form-urlencoded', 'a=1&b=EMP%2D123456', ['staff-id@b=EMP%2D123456']],
    [
      'XML',
      'text/xml',
      '<r a="EMP-1"><b>&#69;MP-123456</b><c>EMP-333333</c></r>',
      ['staff-id@r.b=&#69;MP-123456', 'staff-id@r.c=EMP-333333'],
    ],
    [
      'multipart',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="w"\r\n\r\nEMP-123456\r\n--B--',
      ['staff-id@w=EMP-123456'],
    ],
    ['base64', 'application/json', JSON.stringify({ blob: wrapped }), [`staff-id@blob=${wrapped}`]],
    ['a token', 'application/json', JSON.stringify({ token }), [`staff-id@token=${token}`]],
    ['text', 'text/csv', 'id\nEMP-123456\n', ['staff-id@=EMP-123456']],
    ['broken JSON', 'application/json', '{"a":EMP-123456', ['staff-id@a=EMP-123456']],
    [
      'field names alone',
      'application/json',
      '{"nickName":"Bob","nick":"Al","nick_names":["Zed"]}',
      ['nickname@nickName=Bob', 'nickname@nick_names[*]=Zed'],
    ],
    ['field names and a check', 'application/json', '{"member":18,"a":{"member":"12345"},"x":"18"}', ['member@member=18']],
  ]; // prettier-ignore
  for (const [what, type, input, wanted] of table) {
    const bytes = Buffer.from(input);
    const ours = own.classifyBody(['content-type', type], bytes).filter((match) => !dataTypes.some(({ id }) => id === match.type));
    t.same(
      ours.map((match) => `${match.type}@${match.path}=${bytes.toString('utf8', match.start, match.end)}`),
      wanted,
      what,
    );
  }
  t.same(
    own.classifyBody(JSON_TYPE, Buffer.from('\ufeff{"w":"EMP-123456"}', 'utf16le')).map((match) => match.path),
    ['w'],
    'UTF-16',
  );
  t.match(
    own.classifyPairs([
      ['employee', 'EMP-123456'],
      ['shopemployeex', 'PLÄTZ-1 EMP-123456'],
    ]),
    [
      { path: 'employee', confidence: 0.95 },
      { path: 'shopemployeex', confidence: 0.75, start: 8 },
    ],
    'words are compared whole',
  );
});

t.test('weir classify answers line by line', async (t) => {
  const output = new PassThrough();
  const lines: string[] = [];
  output.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const bad = await runClassify(
    Readable.from(['{"id":1,"text":"jo@example.com"}\n', 'nonsense\n', '\n', '{"id":"b","text":"nothing"}\n']),
    output,
  );
  const answers = lines
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(bad, 1);
  t.match(answers[0], { id: 1, types: ['email'], matches: [{ type: 'email', start: 0, end: 14 }] });
  t.match(answers[1], { line: 2, error: String });
  t.same(answers[2], { id: 'b', types: [], matches: [] });
});
