import t from 'tap';
import { createSeal, openedConfig } from '../../admin/index.js';
import { openStore } from '../../store/index.js';
import { type ExchangeSketch, exchangeOf } from '../../test/support/exchange.js';
import { LearnedIdentities } from './learned-identities.js';

const NOW = 1_800_000_000_000;
const seal = createSeal('a secret of the data folder');

const exchange = (user: string, target: string, sketch: ExchangeSketch = {}) =>
  exchangeOf({
    id: `${user}${target}`,
    startedAtMs: NOW,
    principal: { key: `p_${user}`, kind: 'bearer', carrier: 'header:authorization', label: user },
    ...sketch,
    request: { target, headers: ['Authorization', `Bearer token-of-${user}`], ...sketch.request },
  });

t.test('principals with objects of their own are kept, encrypted; others are not', async (t) => {
  const store = await openStore({ sqlite: ':memory:' });
  t.teardown(() => store.close());
  const learned = new LearnedIdentities(store.objects, seal, (message) => t.fail(message));
  const own = (user: string, first: number, count: number) =>
    Array.from({ length: count }, (_, index) => exchange(user, `/orders/${first + index}`));
  learned.see(
    [
      {
        id: 'b1',
        exchanges: [
          ...own('alice', 100, 4),
          ...own('bob', 200, 3),
          // Too few; a batch that opens what is others'; refused; a list; a scan of our own.
          ...own('carol', 300, 2),
          ...own('reader', 100, 3).filter(({ request }) => request.target !== '/orders/103'),
          ...own('mallory', 400, 5).map((one) => ({ ...one, response: { ...one.response!, status: 403 } })),
          ...['a', 'b', 'c', 'd'].map((name) => exchange('dave', `/lists/${name}`)),
          ...own('scanner', 500, 5).map((one) => ({ ...one, tags: ['scan'] })),
        ],
      },
    ],
    NOW,
  );
  for (let turn = 0; turn < 100 && (await store.objects.list('auth-context')).items.length < 1; turn++) await new Promise(setImmediate);
  const { items } = await store.objects.list('auth-context');
  const kept = items.map(({ body }) => body as { name: string; kind: string; config: Record<string, unknown> });
  t.strictSame(kept.map(({ name, kind }) => `${name} ${kind}`).sort(), ['bob learned']);
  t.notMatch(JSON.stringify(items), /token-of/, 'nothing readable is stored');
  t.match(openedConfig(kept[0]!.config, seal), { name: 'authorization', value: 'Bearer token-of-bob' });
});
