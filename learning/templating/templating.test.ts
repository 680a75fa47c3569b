import fc from 'fast-check';
import t from 'tap';
import { TemplateMatcher } from '../../exchange/index.js';
import { shippedModel } from './model.js';
import { splitByPattern } from './partials.js';
import { classChanges, segmentKey, shapeOf } from './shapes.js';
import { HostTemplates } from './templater.js';
import { makeApi, makeTraffic } from './training/apis.js';
import { Random } from './training/random.js';
import { Trie } from './trie.js';

t.test('shapes of single segments', async (t) => {
  const table: [string, string | null][] = [
    ['42', 'int'],
    ['-7', 'int'],
    ['3.14', 'float'],
    ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', 'uuid'],
    ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ulid'],
    ['507f1f77bcf86cd799439011', 'hex'],
    ['2024-02-29', 'date'],
    ['2024-02-29T12:00:00Z', 'datetime'],
    ['10.0.0.1', 'ip'],
    ['ada@example.org', 'email'],
    ['+4915112345678', 'phone'],
    ['cus_9s6XKzkNRiz8i3', 'prefixed'],
    ['dQw4w9WgXcQ1x', 'token'],
    ['a\u0000bcdefgh', 'binary'],
    ['x'.repeat(300), 'long'],
    // Words, names of functions and slugs are judged by their siblings.
    ['users', null],
    ['getUserByIdAndNameV2', null],
    ['HTTPProxyList', null],
    ['end-of-day-v2', null],
    ['user_activities', null],
    ['v1', null],
    ['decade', null],
    ['SKU-1234-XL', null],
  ];
  for (const [text, shape] of table) t.equal(shapeOf(text), shape, text.slice(0, 40));
});

t.test('keys of segments that mix text and values', async (t) => {
  const table: [string, string][] = [
    ['12.json', '<int>|.json'],
    ['3f2504e0-4f89-41d3-9a0c-0305e82c3301:cancel', '<uuid>|:cancel'],
    ["Users('ada')", "Users('{}')"],
    ['Customers(7)', 'Customers({})'],
    ["Lines(order=7,name='a,b')", "Lines(order={},name='{}')"],
    ['map;lat=1.5;lon=2', 'map;lat={};lon={}'],
    ['ada%40example.org', '<email>'],
    ['caf%C3%A9', 'caf%C3%A9'],
    ['Shared%20Documents', 'Shared%20Documents'],
    ['Europe%2FBerlin', '<escaped>'],
    ['%F0%9F%8D%8E', '<escaped>'],
  ];
  for (const [text, key] of table) t.equal(segmentKey(text).key, key, text);
  t.equal(classChanges('end-of-day'), 0);
});

t.test('values of one parameter are split by what surrounds them', async (t) => {
  const table: [string[], string[]][] = [
    [['a', 'b', 'c'], ['{}']],
    [
      ['<int>', '<int>:cancel', '<int>:publish'],
      ['{}', '{}:cancel', '{}:publish'],
    ],
    [
      ['<int>', '<int>.json'],
      ['{}', '{}.json'],
    ],
    [['ada.json', 'bob.json'], ['{}.json']],
    [['@ada', '@bob'], ['@{}']],
    [['report-1.pdf', 'report-2.pdf', 'report-37.pdf', 'report-4.pdf'], ['report-{}.pdf']],
    [['report-1.pdf', 'report-2.pdf', 'report-37.pdf', 'notes.pdf'], ['{}.pdf']],
    [
      ['<int>.csv', 'report-1.xlsx', 'report-2.xlsx', 'report-37.xlsx', 'report-4.xlsx'],
      ['report-{}.xlsx', '{}.csv'],
    ],
    // An object's own name, which its answers give as a whole.
    [['usr_1', 'usr_2', 'usr_37', 'usr_4'], ['{}']],
    [['INV-2024-001', 'INV-2024-002', 'INV-2024-003', 'INV-2024-004'], ['{}']],
    [['a.json', 'a.xml', 'b.csv'], ['{}.{}']],
    [
      ['<int>.json', '<int>.geojson', 'near.json', 'near.kml', 'near.shpz', 'nearest.csv'],
      ['near.{}', '{}.{}'],
    ],
    // Two formats, or letters and digits at random: values as well.
    [['<int>.json', 'ada.json', 'ada.xml', 'x7Qz9k.json', 'x7Qz9k.csv', 'x7Qz9k.kml'], ['{}.{}']],
    [['urn:isbn:1', 'urn:doc:x'], ['{}']],
  ];
  for (const [texts, patterns] of table)
    t.same(
      splitByPattern(texts.map((text) => ({ text, calls: 1 })))
        .map((group) => group.pattern)
        .sort(),
      patterns,
      texts.join(' '),
    );
});

const numbers = (count: number, form: (n: number) => string): string[] => Array.from({ length: count }, (_, n) => form(n + 1));
const scripts =
  'анна борис вера глеб дарья егор жанна зоя иван катя лев мария нина олег павел рита саша таня ульяна фёдор юлия яна artëm zoë'.split(' ');
const people =
  'ada bob.smith carla dmitri_k e.lopez frank77 gina hkim ines.p jdoe42 kofi lars mei-lin noah omar99 priya quinn_r rosa stefan tariq'.split(
    ' ',
  );

const settings = 'mail ldap theme billing limits alerts backup proxy search locale audit webhooks quotas storage'.split(' ');

type Call = [method: string, path: string, keys?: string[]];
const times = (count: number, call: Call): Call[] => Array.from({ length: count }, () => call);

t.test('templates of small APIs', async (t) => {
  const table: { name: string; calls: Call[]; templates: string[] }[] = [
    {
      name: 'ids and static siblings',
      calls: numbers(12, (n) => `/users/${n * 37}`).flatMap((path): [string, string, string[]][] => [
        ['GET', path, ['id', 'email']],
        ['GET', `${path}/orders`, ['items', 'total']],
        ['GET', '/users/me', ['id', 'email']],
        ['POST', '/users', ['id']],
      ]),
      templates: ['GET /users/me', 'GET /users/{userId}', 'GET /users/{userId}/orders', 'POST /users'],
    },
    {
      name: 'maps in several formats, by id, by word and of all',
      calls: ['json', 'geojson', 'kml', 'csv'].flatMap((format) =>
        numbers(9, (n) => `/sites/${n * 41}.${format}`).flatMap((path): [string, string, string[]][] => [
          ['GET', path, ['site', 'geometry']],
          ['GET', `/sites/near.${format}`, ['sites', 'point']],
          ['GET', `/addresses.${format}`, ['addresses']],
        ]),
      ),
      templates: ['GET /addresses.{format}', 'GET /sites/near.{format}', 'GET /sites/{siteId}.{format}'],
    },
    {
      name: 'members by name who are read, changed and deleted, some of them all day; answers say little',
      calls: people.flatMap((name, index): Call[] => [
        ...times(index % 4 === 0 ? 30 : 2, ['GET', `/member/${name}`, ['id', 'total', 'nick']]),
        index % 2 === 0 ? ['DELETE', `/member/${name}`] : ['PUT', `/member/${name}`, ['id', 'total', 'nick']],
        ['GET', '/member/login', ['token']],
        ['POST', '/member/createMany', ['count']],
      ]),
      templates: [
        'DELETE /member/{memberId}',
        'GET /member/login',
        'GET /member/{memberId}',
        'POST /member/createMany',
        'PUT /member/{memberId}',
      ],
    },
    {
      name: 'settings that are read and changed, and never deleted',
      calls: settings.flatMap((name): Call[] => [
        ...times(6, ['GET', `/settings/${name}`, [`${name}Host`, `${name}Port`, `${name}Mode`]]),
        ...times(3, ['PUT', `/settings/${name}`, [`${name}Host`]]),
      ]),
      templates: settings.flatMap((name) => [`GET /settings/${name}`, `PUT /settings/${name}`]).sort(),
    },
    {
      name: 'people by name beside actions',
      calls: people.flatMap((name): [string, string, string[]][] => [
        ['GET', `/api/v1/members/${name}`, ['name', 'joined', 'avatar']],
        ['GET', `/api/v1/members/${name}/posts`, ['posts', 'next']],
        ['GET', '/api/v1/members/search', ['hits', 'query']],
      ]),
      templates: ['GET /api/v1/members/search', 'GET /api/v1/members/{memberId}', 'GET /api/v1/members/{memberId}/posts'],
    },
    {
      name: 'resources of one family stay apart',
      calls: ['invoices', 'payments', 'refunds', 'customers', 'ledgers', 'accounts'].flatMap((name) =>
        numbers(8, (n) => `/v2/${name}/${n * 11}`).flatMap((path): [string, string, string[]][] => [
          ['GET', path, [`${name}Id`, `${name}State`, 'amount']],
          ['GET', `/v2/${name}`, ['data', `${name}Total`]],
        ]),
      ),
      templates: ['invoices', 'payments', 'refunds', 'customers', 'ledgers', 'accounts']
        .flatMap((name) => [`GET /v2/${name}`, `GET /v2/${name}/{${name.slice(0, -1)}Id}`])
        .sort(),
    },
    {
      name: 'versions stay, locales are values',
      calls: ['en-US', 'de-DE', 'fr-FR', 'ja-JP'].flatMap((locale) =>
        numbers(4, (n) => `/${locale}/articles/${n}`).map((path): [string, string, string[]] => ['GET', path, ['title', 'body']]),
      ),
      templates: ['GET /{id}/articles/{articleId}'],
    },
    {
      name: 'dated versions are constants',
      calls: numbers(20, (n) => `/2023-10-01/machines/${n * 91}`).map((path): [string, string] => ['GET', path]),
      templates: ['GET /2023-10-01/machines/{machineId}'],
    },
    {
      name: 'handles, operations and versions beside other words',
      calls: people.flatMap((name, n): [string, string, string[]][] => [
        ['GET', `/~${name}`, ['name', 'joined']],
        ['GET', `/~${name}/photos/${n * 7}`, ['title', 'size']],
        ['GET', '/about', ['name', 'joined']],
        ['GET', '/1.0.3/status', ['up']],
        ['GET', '/odata/$metadata', ['schemas']],
        ['GET', `/odata/Lines(order=${n},line=2)/Item`, ['sku']],
      ]),
      templates: [
        'GET /1.0.3/status',
        'GET /about',
        'GET /odata/$metadata',
        'GET /odata/Lines(order={odataId},line={odataId2})/Item',
        'GET /~{id}',
        'GET /~{id}/photos/{photoId}',
      ],
    },
    {
      name: 'words of other scripts, percent-encoded',
      calls: numbers(24, (n) => `${n}`).flatMap((n): [string, string, string[]][] => [
        ['GET', `/api/${encodeURIComponent('заказы')}/${n}`, ['id', 'total', 'lines', 'state']],
        ['GET', `/api/${encodeURIComponent('клиенты')}/${encodeURIComponent(scripts[Number(n) - 1])}`, ['id', 'name', 'city', 'since']],
        ['POST', `/api/${encodeURIComponent('клиенты')}`, ['id']],
        ['GET', `/api/${encodeURIComponent('статус')}`, ['up', 'version', 'load']],
      ]),
      templates: [
        `GET /api/${encodeURIComponent('заказы')}/{id}`,
        `GET /api/${encodeURIComponent('клиенты')}/{id}`,
        `GET /api/${encodeURIComponent('статус')}`,
        `POST /api/${encodeURIComponent('клиенты')}`,
      ],
    },
    {
      name: 'a handle that is none, like a command that stands alone',
      calls: numbers(20, (n) => `/users/${n * 37}`)
        .concat(Array.from({ length: 5 }, () => '/users/@me'))
        .map((path): [string, string] => ['GET', path]),
      templates: ['GET /users/@me', 'GET /users/{userId}'],
    },
    {
      name: 'parameters inside a segment',
      calls: numbers(20, (n) => `/files/report-${n}.pdf`)
        .concat(
          numbers(20, (n) => `/jobs/${n}:cancel`),
          numbers(20, (n) => `/jobs/${n}`),
        )
        .map((path): [string, string] => ['GET', path]),
      templates: ['GET /files/report-{fileId}.pdf', 'GET /jobs/{jobId}', 'GET /jobs/{jobId}:cancel'],
    },
  ];
  for (const { name, calls, templates } of table) {
    const host = new HostTemplates();
    for (const [method, path, keys] of calls) {
      host.observe(method, path, keys ?? null);
      if (host.due) host.resolve();
    }
    host.resolve();
    t.same(
      host
        .templates()
        .map((one) => `${one.method} ${one.template}`)
        .sort(),
      templates,
      name,
    );
    t.equal(
      host.templates().reduce((sum, one) => sum + one.calls, 0),
      calls.length,
      `${name}: every call counted once`,
    );
  }
});

t.test('a later insight folds words that stood alone', async (t) => {
  const host = new HostTemplates();
  host.observe('GET', '/shops/ada', ['name']);
  host.resolve();
  t.same(host.match('GET', '/shops/ada')?.template, '/shops/ada');
  for (const name of people) host.observe('GET', `/shops/${name}`, ['name']);
  host.resolve();
  t.match(host.match('GET', '/shops/ada'), { template: '/shops/{shopId}', parameters: ['ada'] });
  t.same(host.match('GET', '/shops/never-seen')?.template, '/shops/{shopId}');
  t.equal(host.match('DELETE', '/shops/ada'), null);
  t.equal(host.match('GET', '/elsewhere'), null);
});

t.test('pins win, and can be taken back', async (t) => {
  const host = new HostTemplates();
  for (const name of people) host.observe('GET', `/users/${name}`, ['id']);
  host.setPins([
    { template: '/users/{login}', method: 'GET', source: 'openapi:x' },
    { template: '/users/ada', method: null, source: 'user:root' },
    { template: '/files/report-{n}.pdf', method: 'GET', source: 'openapi:x' },
  ]);
  t.equal(host.match('GET', '/users/ada')?.template, '/users/ada');
  t.match(host.match('GET', '/users/bob.smith'), { template: '/users/{login}', parameters: ['bob.smith'] });
  t.match(
    host.match('GET', '/files/report-7.pdf'),
    { template: '/files/report-{n}.pdf', parameters: ['7'] },
    'known before the first call',
  );
  host.setPins([]);
  t.equal(host.match('GET', '/users/ada')?.template, '/users/{userId}');
});

t.test('explanations carry the numbers', async (t) => {
  const host = new HostTemplates();
  for (const name of people) host.observe('GET', `/api/members/${name}`, ['id']);
  host.resolve();
  const [api, members, id] = host.explain('/api/members/{memberId}');
  t.match(api.text, /Called 20 times/);
  t.equal(members.parameter, false);
  t.match(id.text, /20 distinct values in 20 calls; 20 words, 20 of them seen once/);
  t.ok(id.samples.includes('ada'));
  t.same(host.explain('/nothing'), []);
});

t.test('random paths are bounded', async (t) => {
  const trie = new Trie(128, 2_000);
  const host = new HostTemplates(shippedModel(), trie);
  const random = new Random(5);
  for (let index = 0; index < 30_000; index++)
    host.observe('GET', `/${random.text('abcdefghijklmnopqrstuvwxyz', 6)}/${random.text('abcdefghijklmnopqrstuvwxyz', 6)}`);
  t.ok(trie.nodes < 2_600, `${trie.nodes} nodes`);
  t.ok(trie.collapsed > 25_000);
  t.equal(trie.root.calls, 30_000);
});

t.test('every path has a template that matches it, in this matcher and in the gateways', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'users',
      'me',
      'v1',
      '1.0.3',
      'orders',
      '7',
      '42.json',
      'r-7.pdf',
      'x:y',
      'a;b=1',
      "F('q')",
      'F(a=1,b=2)',
      '@ada',
      '~bob',
      '@{}',
      '$all',
      'a%2Fb',
      '%7B%7D',
      '{weird}',
    ),
    fc.webPath({ size: 'small' }).map((text) => text.replaceAll('/', '') || 'z'),
  );
  fc.assert(
    fc.property(fc.array(fc.array(segment, { maxLength: 5 }), { minLength: 1, maxLength: 40 }), (paths) => {
      const host = new HostTemplates();
      const texts = paths.map((parts) => `/${parts.join('/')}`);
      for (const text of texts) {
        host.observe('GET', text);
        if (host.due) host.resolve();
      }
      host.resolve();
      const matcher = TemplateMatcher.of(host.templates().map((one) => ({ service: 's', method: one.method, template: one.template })));
      for (const text of texts) {
        const own = host.match('GET', text);
        if (own === null) return false;
        if (!text.includes('{') && matcher.match('s', 'GET', text)?.endpoint.template !== own.template) return false;
      }
      return host.templates().reduce((sum, one) => sum + one.calls, 0) === texts.length;
    }),
    { numRuns: 60, seed: 11 },
  );
});

t.test('on made-up APIs that the model was not fitted on', async (t) => {
  let right = 0;
  let wanted = 0;
  let found = 0;
  const bare = (template: string): string => template.replace(/\{[^{}]*\}/g, '{}');
  for (let seed = 900_001; seed < 900_013; seed++) {
    const random = new Random(seed);
    const endpoints = makeApi(random);
    const truth = new Set(
      endpoints.map(
        (one) =>
          `${one.method} /${one.segments.map((part) => (typeof part === 'string' ? part : `${part.before}{}${part.after}`)).join('/')}`,
      ),
    );
    const seen = new Set<string>();
    const host = new HostTemplates();
    for (const call of makeTraffic(random, endpoints, 12))
      host.observe(call.method, `/${call.segments.map(encodeURIComponent).join('/')}`, call.keys.length > 0 ? call.keys : null);
    host.resolve();
    for (const one of host.templates()) seen.add(`${one.method} ${bare(decodeURIComponent(one.template))}`);
    wanted += truth.size;
    found += seen.size;
    for (const one of seen) if (truth.has(one)) right++;
  }
  const f1 = (2 * right) / (wanted + found);
  t.ok(f1 > 0.85, `F1 ${f1.toFixed(3)} over ${wanted} endpoints`);
});
