import t from 'tap';
import { LiveList } from './live-list.js';

const named = (name: string) => ({ name, listedAt: -1 });

t.test('members come and go in any order, each once', async (t) => {
  const list = new LiveList<ReturnType<typeof named>>();
  const [a, b, c] = ['a', 'b', 'c'].map(named);
  const names = () =>
    list
      .all()
      .map(({ name }) => name)
      .sort()
      .join('');
  for (const [what, change, then] of [
    ['the first', () => list.add(a), 'a'],
    ['the same again', () => list.add(a), 'a'],
    ['another', () => list.add(b), 'ab'],
    ['a third', () => list.add(c), 'abc'],
    ['one from the middle goes', () => list.delete(a), 'bc'],
    ['again', () => list.delete(a), 'bc'],
    ['the one that took its place', () => list.delete(c), 'b'],
    ['it comes back', () => list.add(a), 'ab'],
    ['the last', () => list.delete(a), 'b'],
  ] as const) {
    change();
    t.equal(names(), then, what);
    t.equal(list.size, then.length, what);
  }
});

t.test('who goes while all are walked is still walked', async (t) => {
  const list = new LiveList<ReturnType<typeof named>>();
  for (const name of 'abc') list.add(named(name));
  let walked = 0;
  for (const one of list.all()) {
    list.delete(one);
    walked++;
  }
  t.equal(walked, 3);
  t.equal(list.size, 0);
});
