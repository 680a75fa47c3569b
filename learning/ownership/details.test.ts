import fc from 'fast-check';
import t from 'tap';
import { Details } from './details.js';
import { EntryLog } from './entries.js';
import { KeyedHash } from './hash.js';
import { Shown } from './shown.js';
import { Table, WORTH } from './table.js';

t.test('details hold what was said last, and know what one answer repeats', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(300), fc.array(fc.tuple(fc.nat(5), fc.nat(9)), { maxLength: 4 })), { maxLength: 400 }),
      (steps) => {
        const details = new Details();
        const held = new Map<number, Map<number, number>>();
        for (const [key, pairs] of steps) {
          details.nextAnswer();
          const fields = new Map(pairs);
          const words = Uint32Array.from([...fields].flat());
          details.note(key, key * 7, 3, words, 0, words.length);
          if (!details.note(key, key * 7, 3, words, 0, words.length) && (held.get(key)?.size ?? 0) <= fields.size) return false;
          const before = held.get(key);
          // A longer answer stands for itself, a shorter one leaves out what is known already.
          held.set(key, before === undefined || fields.size >= before.size ? fields : new Map([...before, ...fields]));
        }
        for (const [key, fields] of held) {
          const words = details.of(key, key * 7);
          if (words === null || words.length !== fields.size * 2) return false;
          for (let i = 0; i < words.length; i += 2) if (fields.get(words[i]) !== words[i + 1]) return false;
        }
        return details.size === held.size;
      },
    ),
  );
});

t.test('details and shown ids stay within bounds', async (t) => {
  const details = new Details();
  const shown = new Shown();
  for (let i = 1; i <= 150_000; i++) {
    details.note(i, i * 31, 1, Uint32Array.of(1, i), 0, 2);
    shown.note(i, (i % 5) + 1);
  }
  t.ok(details.size <= 60_000);
  t.equal(details.of(1, 31), null, 'the oldest is forgotten');
  t.same([...(details.of(150_000, 150_000 * 31) ?? [])], [1, 150_000]);
  t.same(shown.of(150_000), [1]);
  shown.note(150_000, 4);
  t.same(shown.of(150_000), [1, 4]);
});

t.test('a full table forgets what is unused and worth little, and never grows', async (t) => {
  const table = new Table();
  const dirty = new Set<number>();
  const max = 40_000;
  const log = new EntryLog(table, max, dirty);
  const hash = new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const write = (n: number, worth: number): void => {
    hash.words(2, n, 0, 0);
    log.write(hash.hi, hash.lo, n, 1, worth);
  };
  const share = (from: number, to: number): number => {
    let kept = 0;
    for (let n = from; n < to; n++) {
      hash.words(2, n, 0, 0);
      if (table.peek(hash.hi, hash.lo)) kept++;
    }
    return kept / (to - from);
  };
  for (let n = 0; n < 10_000; n++) write(n, WORTH.person);
  for (let n = 10_000; n < 20_000; n++) write(n, WORTH.object);
  for (let n = 20_000; n < 30_000; n++) write(n, WORTH.object);
  for (let n = 30_000; n < 70_000; n++) {
    write(n, WORTH.listed);
    // These are asked for again and again.
    hash.words(2, 10_000 + (n % 10_000), 0, 0);
    table.get(hash.hi, hash.lo);
  }
  t.equal(table.size, max);
  t.equal(log.forgotten, 70_000 - max);
  t.ok(share(0, 10_000) > 0.99, 'people are kept longest');
  t.ok(share(10_000, 20_000) > 0.95, 'what is used is kept');
  t.ok(share(20_000, 30_000) < share(10_000, 20_000), 'before what is not');
  t.ok(share(30_000, 40_000) < 0.5, 'old listings are gone');
  const replica = new Set<string>();
  const changes = log.take();
  for (let at = 0; at < changes.length; at += 5) {
    const key = `${changes[at]} ${changes[at + 1]}`;
    if (changes[at + 4] === 1) replica.add(key);
    else replica.delete(key);
  }
  t.equal(replica.size, max, 'who follows the changes holds the same');
  t.ok(log.isEmpty);
});

t.test('a saved segment comes back with what its entries are worth', async (t) => {
  const table = new Table();
  table.age = 3;
  table.set(5 << 22, 77, 1, 2, WORTH.person);
  const again = new Table();
  const [hi, lo, a, b] = table.packed(5, true);
  again.restore(5, hi, lo, a, b);
  t.ok(again.get(5 << 22, 77));
  t.same([again.a, again.b], [1, 2]);
  again.age = 0;
  t.same([...again.packed(5)], [(5 << 22) >>> 0, 77, 1, 2]);
});
