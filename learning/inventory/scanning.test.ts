import { randomUUID } from 'node:crypto';
import t from 'tap';
import { bearer, exchange, HOUR, type Sketch, START } from '../../test/support/inventory.js';
import { Inventory } from './index.js';

const CLIENT = '198.51.100.66';
const word = (n: number): string => `${((n * 7919) % 1_679_616).toString(36)}q${(n * 104_729).toString(36)}`;
const many = (count: number, make: (n: number) => Sketch): Sketch[] => Array.from({ length: count }, (_, n) => make(n));
const others = (n: number): Pick<Sketch, 'ip' | 'headers'> => ({ ip: `192.0.2.${n % 30}`, headers: bearer(`u${n % 30}`) });
const HOME = '<!doctype html><title>Shop</title><div id="app"></div>';
const html = { 'content-type': 'text/html' };
const item = (n: number): object => ({ id: n, name: `Article ${word(n)}`, price: (n * 37) % 900 });

/** What a shop sees of its people in the first two hours. */
const USUAL = many(720, (n): Sketch => {
  const who = others(n);
  if (n % 4 === 0) return { ...who, target: '/search?q=shoes', answer: { hits: [n] } };
  if (n % 4 === 1) return { ...who, target: `/items/${n}`, answer: item(n) };
  if (n % 4 === 2) return { ...who, method: 'POST', target: '/orders', body: { address: 'x', note: 'y' }, answer: { id: n }, status: 201 };
  return { ...who, target: '/', answer: HOME, answerHeaders: html };
});

/** The findings of kinds `abuse.*` after the usual and this, of which ten come in a second. */
function abuseOf(traffic: readonly Sketch[]): { kind: string; client: string | null; explanation: string; issue: string }[] {
  const inventory = new Inventory();
  for (const [n, sketch] of USUAL.entries()) inventory.observe(exchange({ atMs: START + n * 10_000, ...sketch }));
  for (const [n, sketch] of traffic.entries()) inventory.observe(exchange({ atMs: START + 2 * HOUR + n * 100, ...sketch }));
  return inventory
    .drain()
    .findings.filter(({ kind }) => kind.startsWith('abuse.'))
    .map(({ kind, client, explanation, fingerprint }) => ({ kind, client, explanation, issue: fingerprint }));
}

const FLOODS: readonly [what: string, kind: string, sentence: RegExp, sketch: (n: number) => Sketch][] = [
  ['paths that do not exist', 'abuse.scanner', /different paths that do not exist/, (n) => ({ target: `/${word(n)}.php`, status: 404 })],
  [
    'paths below a catch-all',
    'abuse.learner',
    /different paths that nobody else asks for, in \d+ requests within \d+ s; 100 % of them got the same answer \(200, 54 bytes\)/,
    (n) => ({ target: `/${word(n)}/${word(n + 7)}`, answer: HOME, answerHeaders: html }),
  ],
  [
    'paths below a prefix with a catch-all',
    'abuse.learner',
    /paths that nobody else asks for/,
    (n) => ({ target: `/app/${word(n)}/${word(n + 7)}`, answer: HOME, answerHeaders: html }),
  ],
  [
    'uuids as paths, all redirected',
    'abuse.learner',
    /paths that nobody else asks for/,
    () => ({ target: `/${randomUUID()}`, status: 302 }),
  ],
  [
    'query parameters',
    'abuse.learner',
    /different query parameters that nobody else sends/,
    (n) => ({ target: `/search?q=a&${word(n)}=1` }),
  ],
  [
    'forty query parameters a request',
    'abuse.learner',
    /query parameters that nobody else sends/,
    (n) => ({ target: `/search?${Array.from({ length: 40 }, (_, i) => `${word(n * 40 + i)}=1`).join('&')}` }),
  ],
  ['headers', 'abuse.learner', /headers that nobody else sends/, (n) => ({ target: '/search?q=a', headers: { [`x-${word(n)}`]: '1' } })],
  ['cookies', 'abuse.learner', /cookies that nobody else sends/, (n) => ({ target: '/search?q=a', headers: { cookie: `${word(n)}=1` } })],
  [
    'fields of bodies',
    'abuse.learner',
    /(?:body fields|keys in bodies) that nobody else sends/,
    (n) => ({ method: 'POST', target: '/orders', body: { address: 'x', [word(n)]: 'y' }, status: 201, answer: { id: n } }),
  ],
  [
    'fields of bodies without a digit',
    'abuse.learner',
    /(?:body fields|keys in bodies) that nobody else sends/,
    (n) => ({ method: 'POST', target: '/orders', body: { [word(n).replace(/\d/g, 'z')]: 'y' }, status: 201, answer: { id: n } }),
  ],
];

t.test('a client that makes up names is one issue, with the client and the numbers', async (t) => {
  for (const [what, kind, sentence, sketch] of FLOODS) {
    const found = abuseOf(many(3_000, (n) => ({ ip: CLIENT, ...sketch(n) })));
    t.ok(found.length >= 1 && found.length <= 3, `${what}: ${found.length} findings`);
    t.equal(new Set(found.map(({ issue }) => issue)).size, 1, `${what}: one issue`);
    for (const one of found) {
      t.match(one, { kind, client: CLIENT, explanation: sentence }, what);
      t.match(one.explanation, /^198\.51\.100\.66 (?:sent|asked for) about \d+ different .* in \d+ requests within \d+ s.*\.$/, what);
    }
  }
});

const shelf = Array.from(
  { length: 300 },
  (_, n) => `f_${['colour', 'size', 'brand', 'fit'][n % 4]}_${(n >> 2).toString(36).padStart(3, 'x')}`,
);

const ORDINARY: readonly [what: string, traffic: Sketch[]][] = [
  ['a crawler of the catalogue', many(3_000, (n) => ({ ip: CLIENT, target: `/items/${n + 500}`, answer: item(n) }))],
  ['a crawler of a part where nobody else goes', many(3_000, (n) => ({ ip: CLIENT, target: `/archive/${word(n)}`, answer: item(n) }))],
  [
    'a crawler of pages on the first level',
    many(3_000, (n) => ({ ip: CLIENT, target: `/${word(n)}`, answer: `<h1>${word(n)}</h1>`, answerHeaders: html })),
  ],
  [
    'a monitor that polls many things which are all well',
    many(3_000, (n) => ({ ip: CLIENT, target: `/devices/${1_000 + (n % 700)}/status`, answer: { status: 'ok' } })),
  ],
  [
    'a batch that removes what is old',
    many(2_000, () => ({ ip: CLIENT, method: 'DELETE', target: `/drafts/${randomUUID()}`, status: 204 })),
  ],
  [
    'people who come back to deep links of an app',
    many(3_000, (n) => ({
      ...others(n),
      target: `/app/${['orders', 'cart', 'help'][n % 3]}/${n % 200}`,
      answer: HOME,
      answerHeaders: html,
    })),
  ],
  [
    'a search with three hundred filters',
    many(3_000, (n) => ({
      ...others(n * 7),
      target: `/search?q=a&${[1, 2, 3].map((i) => `${shelf[(n * i * 31) % 300]}=1`).join('&')}`,
    })),
  ],
  [
    'a crawler of three hundred filters that people use as well',
    [
      ...many(300, (n) => ({ ...others(n), target: `/search?q=a&${shelf[(n * 13) % 60]}=1` })),
      ...many(1_200, (n) => ({ ip: CLIENT, target: `/search?${shelf[n % 300]}=${n % 4}` })),
    ],
  ],
  ['one search with a hundred filters', [{ ip: CLIENT, target: `/search?${shelf.slice(0, 100).join('=1&')}=1` }]],
  [
    'cookies named after visitors',
    many(4_000, (n) => ({ ip: `203.0.113.${n % 200}`, target: '/search?q=a', headers: { cookie: `_ga_${word(n % 900)}=1; _gat=1` } })),
  ],
  [
    'visitors behind one address, with cookies named after them',
    many(4_000, (n) => ({
      ip: n % 3 === 0 ? `203.0.113.${n % 50}` : CLIENT,
      target: '/search?q=a',
      headers: { cookie: `mp_${word(n % 400)}=1` },
    })),
  ],
  [
    'carts by id of the article',
    many(2_000, (n) => ({
      ...others(n),
      method: 'POST',
      target: '/orders',
      body: { address: 'x', items: { [randomUUID()]: { count: 1 }, [randomUUID()]: { count: n } } },
      status: 201,
      answer: { id: n },
    })),
  ],
  [
    'one client alone that sends carts by id',
    many(2_000, (n) => ({
      ip: CLIENT,
      method: 'POST',
      target: '/orders',
      body: { address: 'x', items: { [randomUUID()]: { count: 1 }, [randomUUID()]: { count: n } } },
      status: 201,
      answer: { id: n },
    })),
  ],
  [
    'stocks by number, a thousand at a time, from one client',
    many(60, (n) => ({
      ip: CLIENT,
      method: 'POST',
      target: '/orders',
      body: { stock: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`${n * 1_000 + i}`, { count: i }])) },
    })),
  ],
  [
    'carts by name of the article',
    many(2_000, (n) => ({
      ...others(n),
      method: 'POST',
      target: '/orders',
      body: { items: { [`red-${word(n).replace(/\d/g, '')}`]: { count: 1, gift: false } } },
      status: 201,
      answer: { id: n },
    })),
  ],
  [
    'texts of a new language, all at once and again',
    many(40, (n) => ({
      ip: CLIENT,
      method: 'POST',
      target: '/orders',
      body: { texts: Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`page.${word(i).replace(/\d/g, '')}.title`, `text ${n}`])) },
    })),
  ],
  [
    'everybody behind two balancers that weir does not know',
    many(6_000, (n) => ({
      ip: `10.0.0.${(n % 5) % 2}`,
      target: `/search?q=a&${word(n >> 2)}=1`,
      headers: { cookie: `mp_${word(n >> 3)}=1`, ...bearer(`u${n >> 3}`) },
    })),
  ],
  ['a client whose release brings six parameters', many(500, (n) => ({ ip: CLIENT, target: `/search?q=a&new${n % 6}=1` }))],
];

t.test('ordinary traffic makes up no names', async (t) => {
  for (const [what, traffic] of ORDINARY) t.same(abuseOf(traffic), [], what);
});

t.test('a service with one client only has nobody to differ from', async (t) => {
  const inventory = new Inventory();
  for (let n = 0; n < 3_000; n++)
    inventory.observe(
      exchange({ ip: CLIENT, atMs: START + n * 10 + HOUR, target: `/search?${word(n)}=1`, headers: { cookie: `${word(n)}=1` } }),
    );
  t.same(
    inventory.drain().findings.filter(({ kind }) => kind.startsWith('abuse.')),
    [],
  );
});
