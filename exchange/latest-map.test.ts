import t from 'tap';
import { LatestMap } from './latest-map.js';

t.test('the latest entries are kept, at least half of the most and never more', async (t) => {
  const map = new LatestMap<number>(10);
  for (let n = 0; n < 100; n++) {
    map.set(`k${n}`, n);
    for (let latest = Math.max(0, n - 4); latest <= n; latest++) t.equal(map.get(`k${latest}`), latest);
    t.equal(map.get(`k${n - 10}`), undefined, `after ${n + 1}, the tenth before it is gone`);
  }
});

t.test('the last value of a key counts, in whichever generation the one before is', async (t) => {
  const map = new LatestMap<string>(4);
  map.set('a', 'first');
  map.set('b', '');
  map.set('a', 'second');
  t.equal(map.get('a'), 'second');
  t.equal(map.get('missing'), undefined);
});
