import t from 'tap';
import { Repeated } from './repeated.js';

const body = (text: string, length = 2_000): Uint8Array => Buffer.from(`{"value":"${text}","rest":"${'x'.repeat(length)}"}`);

t.test('a body that comes again is remembered from its second time on', async (t) => {
  const repeated = new Repeated<number>();
  t.equal(repeated.get(body('a'), ''), undefined);
  repeated.put(body('a'), '', 1);
  t.equal(repeated.get(body('a'), ''), undefined, 'what came once may never come again');
  repeated.put(body('a'), '', 1);
  t.equal(repeated.get(body('a'), ''), 1);
  t.equal(repeated.get(body('a'), 'gzip'), undefined, 'the same bytes of another sort');
  t.equal(repeated.get(body('b'), ''), undefined);
});

t.test('one byte makes another body, wherever it stands', async (t) => {
  const repeated = new Repeated<number>();
  const whole = body('a');
  for (const _ of [1, 2]) repeated.put(whole, '', 1);
  let found = 0;
  for (let at = 0; at < whole.length; at++) {
    const other = Uint8Array.from(whole);
    other[at] ^= 1;
    if (repeated.get(other, '') !== undefined) found++;
  }
  t.equal(found, 0);
  t.equal(repeated.get(whole, ''), 1);
});

t.test('what is kept does not change with the bytes it came in, which are borrowed', async (t) => {
  const repeated = new Repeated<number>();
  const borrowed = body('a');
  for (const _ of [1, 2]) repeated.put(borrowed, '', 1);
  borrowed.fill(0);
  t.equal(repeated.get(borrowed, ''), undefined);
  t.equal(repeated.get(body('a'), ''), 1);
});

t.test('neither short nor long bodies are kept', async (t) => {
  const repeated = new Repeated<number>();
  for (const length of [10, 9_000]) {
    for (const _ of [1, 2, 3]) repeated.put(body('a', length), '', 1);
    t.equal(repeated.get(body('a', length), ''), undefined);
  }
});
