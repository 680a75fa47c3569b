import fc from 'fast-check';
import t from 'tap';
import { bodyOf, headersOf } from '../../exchange/index.js';
import { Content } from './content.js';
import { buildJson, Repeated, walkJson } from './json-walk.js';
import { boundaryOf, parseMultipart } from './multipart.js';
import { fieldSelector, parseSelector, type Selector, select, selects, shownPath } from './select.js';

const limits = { maxBytes: 1_000_000, maxDepth: 200 };
const content = (type: string | null, body: string | Uint8Array, totalLength?: number): Content =>
  new Content(
    headersOf(type === null ? {} : { 'content-type': type }),
    bodyOf(typeof body === 'string' ? Buffer.from(body) : body, totalLength),
    limits,
  );

/** `-0` and `0` are one number in JSON text. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

t.test('walking JSON builds what JSON.parse builds, with and without blanks', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const built = buildJson(text, 1000);
      t.same(built.value, plain(value));
      t.equal(built.end, 'complete');
      t.equal(built.repeats, false);
    }),
    { numRuns: 300 },
  );
});

t.test('spans of the walk are exact', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({ wrap: value }, null, 1);
      walkJson(text, 1000, (path, at) => {
        let expected: unknown = { wrap: plain(value) };
        for (const part of path) expected = (expected as Record<string | number, unknown>)[part];
        t.same(JSON.parse(text.slice(at.start, at.end)), expected);
      });
    }),
    { numRuns: 100 },
  );
});

t.test('no text breaks the walk', async (t) => {
  const ends = new Set<string>();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}",:\\ 1a]{0,40}$/)), (text) => void ends.add(buildJson(text, 5).end)),
    { numRuns: 2000 },
  );
  t.ok(ends.has('invalid') && ends.has('truncated') && ends.has('complete'));
  t.equal(buildJson('[[[[[[1]]]]]]', 5).end, 'too-deep');
  t.equal(buildJson('['.repeat(1_000_000), 200).end, 'too-deep');
});

t.test('every prefix of JSON gives a part of it', async (t) => {
  const text = '{"a":{"b":[1,{"c":"x\\"y"},2]},"d":true,"e":[]}';
  for (let length = 0; length < text.length; length++) t.equal(buildJson(text.slice(0, length), 50).end, 'truncated');
  t.same(buildJson(text.slice(0, 27), 50).value, { a: { b: [1, { c: 'x"y' }] } });
  t.same(buildJson('{"a":1,"b":12', 50).value, { a: 1 }, 'a number that may go on is not taken');
});

t.test('repeated keys are kept', async (t) => {
  const { value, repeats } = buildJson('{"a":1,"a":{"b":2},"a":3}', 10);
  t.ok(repeats);
  t.same((value as { a: Repeated }).a.values, [1, { b: 2 }, 3]);
  const read = (text: string) => content('application/json', text).parsedWithRepeats().value;
  t.ok((read('{"x":{"k":1,"k":2}}') as { x: { k: unknown } }).x.k instanceof Repeated);
  t.ok((read('{"k\\u0061":1,"ka":2}') as { ka: unknown }).ka instanceof Repeated, 'also where they are written in two ways');
  t.same(
    read('{"a":"\\\\\\":","b":[{"a":1},{"a":"x\\\\"}]}'),
    { a: '\\":', b: [{ a: 1 }, { a: 'x\\' }] },
    'not confused by what stands in texts',
  );
  t.same(read('{"__proto__":1}'), JSON.parse('{"__proto__":1}'));
});

t.test('selectors', async (t) => {
  const root = { a: { b: [1, { c: 2, 'x y': 3 }] }, Card_Number: 4, list: [{ cardNumber: 5 }], n: null };
  const all = (selector: Selector): unknown[] => {
    const found: unknown[] = [];
    select(root, selector, (value, path) => {
      found.push([shownPath(path), value]);
      t.ok(selects(selector, path), `${selector.source} selects ${shownPath(path)}`);
      return false;
    });
    return found;
  };
  const table: [selector: Selector, found: unknown[]][] = [
    [parseSelector('$.a.b[1].c'), [['a.b[*].c', 2]]],
    [parseSelector("$.a.b[1]['x y']"), [['a.b[*].x y', 3]]],
    [parseSelector('$.a.b[0]'), [['a.b[*]', 1]]],
    [parseSelector('$..c'), [['a.b[*].c', 2]]],
    [parseSelector('$.n'), [['n', null]]],
    [parseSelector('$.list[*].*'), [['list[*].cardNumber', 5]]],
    [parseSelector('$.nothing'), []],
    [parseSelector('$.a[0]'), []],
    [
      fieldSelector('card-number'),
      [
        ['Card_Number', 4],
        ['list[*].cardNumber', 5],
      ],
    ],
    [
      fieldSelector('card*'),
      [
        ['Card_Number', 4],
        ['list[*].cardNumber', 5],
      ],
    ],
  ]; // prettier-ignore
  for (const [selector, found] of table) t.same(all(selector), found, selector.source);
  t.equal(all(parseSelector('$..*')).length, 11);
  for (const bad of ['a', '$.', '$.a[', '$.a[-1]', '$.a[?(@.b)]', '$..', '$ .a']) t.throws(() => parseSelector(bad), bad);
});

t.test('a hostile tree ends a selection', async (t) => {
  const wide = { list: Array.from({ length: 300_000 }, () => ({})) };
  t.equal(
    select(wide, parseSelector('$..x'), () => true),
    null,
    'too large to finish',
  );
  t.equal(
    select(wide, parseSelector('$.list[*]'), () => true),
    true,
    'found before',
  );
});

t.test('formats are told by type, and by their beginning where the type says nothing', async (t) => {
  const table: [type: string | null, body: string, format: string][] = [
    ['application/json; charset=utf-8', '{}', 'json'],
    ['application/problem+json', '{}', 'json'],
    ['application/soap+xml', '<a/>', 'xml'],
    ['text/plain', ' [1]', 'json'],
    ['text/plain', 'plain', 'text'],
    [null, '<?xml version="1.0"?><a/>', 'xml'],
    [null, '<html><body>', 'text'],
    [null, 'a=1&b=2', 'form'],
    [null, 'a = 1', 'text'],
    ['text/html', '{"a":1}', 'text'],
    ['application/json', '', 'none'],
  ];
  for (const [type, body, format] of table) t.equal(content(type, body).format(), format, `${type} ${body}`);
});

t.test('bodies become values', async (t) => {
  const form = content('application/x-www-form-urlencoded', 'a=1&a=2&b=%C3%BC+x&__proto__=y').parsed().value as Record<string, unknown>;
  t.same(
    { ...form },
    Object.fromEntries([
      ['a', ['1', '2']],
      ['b', 'ü x'],
      ['__proto__', 'y'],
    ]),
  ); // prettier-ignore
  t.same(content('text/xml', '<r a="1"><x>1</x><x>&amp;2</x><!-- c --></r>').parsed().value, { r: { '@a': '1', x: ['1', '&amp;2'] } });
  t.same(content('application/x-ndjson', '{"a":1}\n\n{"a":').parsed().value, [{ a: 1 }]);
  t.same([...content('application/x-ndjson', '{"a":1}\n{"a":\n').problems()], ['invalid']);
  t.same(content('application/json', '{"a":[1,{"b":', 900).parsed(), { format: 'json', value: { a: [1] }, partial: true });
  t.same([...content('application/json', '{"a":1', 900).problems()], ['truncated']);
  t.same([...content('text/xml', '<a>'.repeat(5000)).problems()], ['too-deep']);
  t.same([...content('multipart/form-data', 'x').problems()], ['invalid']);
});

t.test('an entity bomb is not expanded', async (t) => {
  const bomb = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><a>&c;</a>';
  t.notMatch(JSON.stringify(content('text/xml', bomb).parsed().value ?? ''), /xxxxxxxxxx/);
});

t.test('multipart', async (t) => {
  t.equal(boundaryOf('multipart/form-data; boundary="a b"'), 'a b');
  t.equal(boundaryOf('multipart/form-data'), null);
  const part = (head: string, text: string): string => `--B\r\n${head}\r\n\r\n${text}\r\n`;
  const body = `preamble\r\n${part('Content-Disposition: form-data; name="a\\"b"', 'x\r\n--Bx')}${part("Content-Disposition: form-data; name=f; filename*=UTF-8''%e2%82%ac.txt\r\nContent-Type: text/plain; charset=x", '')}--B--\r\nepilogue`;
  t.same(parseMultipart(body.replace('--Bx', '-Bx'), 'B'), {
    problem: null,
    parts: [
      { name: 'a"b', filename: null, contentType: '', text: 'x\r\n-Bx' },
      { name: 'f', filename: '€.txt', contentType: 'text/plain', text: '' },
    ],
  });
  t.same(
    parseMultipart('--B\r\n\r\nno headers\r\n--B--', 'B').parts.map((one) => one.text),
    ['no headers'],
  );
  t.equal(parseMultipart(`${part('Content-Disposition: form-data; name=a', 'x').repeat(2000)}--B--`, 'B').problem, 'too-big');
  t.equal(parseMultipart('nothing', 'B').problem, 'invalid');
  fc.assert(fc.property(fc.stringMatching(/^[-B\r\n:x;=" ]{0,60}$/), (text) => void parseMultipart(text, 'B')));
});
