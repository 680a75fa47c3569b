import t from 'tap';
import { ActorBook, type BlockHits, HitBook } from '../../attackers/index.js';
import { createSharedState } from '../../traffic/index.js';
import { openSharedMaps } from '../shared-maps.js';
import { OutwardState } from './outward.js';

t.test('gateways hear of every template, also of one that is new while a pause is due, and then nothing comes', async (t) => {
  const shared = createSharedState({ dir: null });
  const maps = await openSharedMaps(shared);
  const outward = new OutwardState(maps, new ActorBook(), new HitBook(), await shared.open<BlockHits>('block-hits'));
  t.teardown(async () => {
    outward.close();
    await shared.close();
  });
  const learned = Array.from({ length: 2_000 }, (_, index) => ({
    service: 's',
    method: 'GET',
    template: `/p${index}`,
    tags: [] as string[],
  }));
  const inventory = { templatesVersion: 1, templates: () => learned };
  const told = () => [...maps.templates.entries()].map(({ value }) => value.template);
  outward.templates(inventory);
  t.equal(told().length, 2_000);
  learned.push({ service: 's', method: 'GET', template: '/last', tags: [] });
  learned.shift();
  inventory.templatesVersion++;
  outward.templates(inventory);
  while (!told().includes('/last')) await new Promise((resolve) => setTimeout(resolve, 5));
  t.notOk(told().includes('/p0'), 'and of one that is gone');
});
