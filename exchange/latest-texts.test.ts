import t from 'tap';
import { LatestTexts } from './latest-texts.js';

interface Entry {
  readonly text: string;
  readonly n: number;
}

t.test('a text finds its entry, whatever else has its place', async (t) => {
  const texts = new LatestTexts<Entry>(4);
  // Pairs of the same length and end, which share a place; and texts shorter than what is looked at.
  const all = [
    '',
    'a',
    'b',
    'ab',
    ...Array.from({ length: 50 }, (_, n) => [`first ${n} of the same end`, `other ${n} of the same end`]).flat(),
  ];
  const wrong: string[] = [];
  all.forEach((text, n) => {
    texts.put({ text, n });
    // As a string of its own, as each request brings one.
    if (texts.get(Buffer.from(text).toString())?.n !== n) wrong.push(`${text} is not found`);
    all.forEach((other, m) => {
      const found = texts.get(other);
      if (found !== undefined && found.n !== m) wrong.push(`${other} is found as ${found.text}`);
    });
  });
  t.same(wrong, []);
  texts.clear();
  t.notOk(all.some((text) => texts.get(text) !== undefined));
});
