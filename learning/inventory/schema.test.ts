import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { Json } from '../../exchange/index.js';
import { exchange } from '../../test/support/inventory.js';
import { foldPath, Inventory } from './index.js';
import { learnBody, newBodySchema, toJsonSchema } from './schema.js';

const SLUGS = 'red-shoe blue-hat old-coat wool-scarf tea-cup rug lamp chair desk bowl fork spoon knife plate jug mug tray towel'.split(' ');
const slug = (n: number): string => `${SLUGS[n % SLUGS.length]}${n < SLUGS.length ? '' : `-${SLUGS[(n * 7) % SLUGS.length]}`}`;
const byName = (names: readonly string[], value: (n: number) => Json): { [key: string]: Json } =>
  Object.fromEntries(names.map((name, n) => [name, value(n)]));

/** Bodies → names of the body's parameters. */
const TABLE: readonly [what: string, count: number, body: (n: number) => Json, parameters: string[]][] = [
  ['uuids, from the first one', 1, () => ({ items: { [randomUUID()]: { count: 1 } } }), ['items.{key}.count']],
  [
    'ids of Mongo beside fixed names',
    40,
    (n) => ({ total: n, [`64b7f0c2a1e4d9${(n * 104_729 + 1e9).toString(16).padStart(10, '0')}`]: n }),
    ['total', '{key}'],
  ],
  ['whole numbers', 8, (n) => ({ stock: { [n * 31]: { left: n } } }), ['stock.{key}.left']],
  ['days', 5, (n) => ({ hours: { [`2026-01-0${n + 1}`]: n } }), ['hours.{key}']],
  ['addresses', 3, (n) => ({ invited: { [`u${n}@example.com`]: 'reader' } }), ['invited.{key}']],
  ['numbers with a prefix', 30, (n) => ({ a: 1, parts: { [`sku-${n}`]: true } }), ['a', 'parts.{key}']],
  [
    'slugs whose entries are alike',
    60,
    (n) => ({ cart: { [slug(n)]: { count: n, gift: false } } }),
    ['cart.{key}.count', 'cart.{key}.gift'],
  ],
  ['slugs, all in one body', 1, () => ({ cart: byName(SLUGS, (count) => ({ count })) }), ['cart.{key}.count']],
  ['maps in maps', 4, (n) => ({ [randomUUID()]: { [randomUUID()]: n } }), ['{key}.{key}']],
  ['lists of maps', 4, (n) => ({ rows: [{ [randomUUID()]: n }] }), ['rows[*].{key}']],
  ['properties that hold digits', 40, () => ({ line1: 'a', line2: 'b', md5: 'x', utf8: true }), ['line1', 'line2', 'md5', 'utf8']],
  [
    'a week, where each day is alike',
    40,
    () => ({ week: byName('mon tue wed thu fri sat sun'.split(' '), () => ({ open: 9, close: 17 })) }),
    'mon tue wed thu fri sat sun'.split(' ').flatMap((day) => [`week.${day}.open`, `week.${day}.close`]),
  ],
  ['a form of which each sends a part', 400, (n) => ({ [SLUGS[n % 18]]: 'text', [SLUGS[(n * 5 + 3) % 18]]: n }), [...SLUGS]],
  ['statuses', 40, () => ({ 200: 'ok', 404: 'gone' }), ['200', '404']],
];

t.test('names that are values are one parameter', async (t) => {
  for (const [what, count, body, parameters] of TABLE) {
    const inventory = new Inventory({ learnAll: 1_000 });
    for (let n = 0; n < count; n++) inventory.observe(exchange({ method: 'POST', target: '/in', body: body(n), answer: body(n) }));
    const [{ detail }] = inventory.drain().endpoints;
    t.same(detail.parameters?.map(({ name }) => name).sort(), [...parameters].sort(), what);
  }
});

t.test('maps of any size take bounded room, and what stands beside them stays', async (t) => {
  const schema = newBodySchema(0);
  const word = (n: number): string => (n * 7919).toString(36).replace(/\d/g, 'z');
  for (let n = 0; n < 20_000; n++) {
    learnBody(schema, { name: 'x', active: true, [`${word(n)}${word(n * 31)}`]: n, by: { [randomUUID()]: { at: n } } }, n, {});
    if (n % 1_000 === 0) t.ok(schema.nodes <= 600, `${schema.nodes} nodes`);
  }
  t.match(toJsonSchema(schema.root), {
    properties: { name: { type: 'string' }, active: { type: 'boolean' }, by: { additionalProperties: { properties: { at: {} } } } },
    additionalProperties: { type: 'integer' },
  });
  t.ok(schema.nodes < 20, `${schema.nodes} nodes`);
});

t.test('places of data are named in the same way', async (t) => {
  for (const [path, folded] of [
    ['items.8f14e45f-ceea-467f-a3e4-0a1b2c3d4e5f.email', 'items.{key}.email'],
    ['64b7f0c2a1e4d90012345678', '{key}'],
    ['users[*].address2.line1', 'users[*].address2.line1'],
    ['a', 'a'],
    ['days.2026-01-02.name', 'days.{key}.name'],
  ])
    t.equal(foldPath(path), folded);
});
