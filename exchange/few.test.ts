import fc from 'fast-check';
import t from 'tap';
import { FewMap, FewSet } from './few.js';

const keys = fc.constantFrom(...'abcdefghijklmnop');
const steps = fc.array(
  fc.oneof(
    fc.record({ does: fc.constant('set' as const), key: keys, value: fc.integer() }),
    fc.record({ does: fc.constant('delete' as const), key: keys }),
    fc.record({ does: fc.constant('clear' as const) }),
  ),
  { maxLength: 60 },
);

t.test('a FewMap does what a Map does, few or many', async (t) => {
  fc.assert(
    fc.property(steps, (steps) => {
      const few = new FewMap<string, number>();
      const map = new Map<string, number>();
      for (const step of steps) {
        if (step.does === 'clear') {
          few.clear();
          map.clear();
        } else if (step.does === 'delete') t.equal(few.delete(step.key), map.delete(step.key));
        else {
          few.set(step.key, step.value);
          map.set(step.key, step.value);
        }
        if (few.size !== map.size) return false;
      }
      const seen: [string, number][] = [];
      for (const [key, value] of few) seen.push([key, value]);
      return (
        JSON.stringify(seen) === JSON.stringify([...map]) &&
        JSON.stringify([...few.keys()]) === JSON.stringify([...map.keys()]) &&
        JSON.stringify([...few.values()]) === JSON.stringify([...map.values()]) &&
        JSON.stringify([...new FewMap(map)]) === JSON.stringify([...map]) &&
        [...'abcdefghijklmnop'].every((key) => few.get(key) === map.get(key) && few.has(key) === map.has(key))
      );
    }),
  );
});

t.test('a FewSet does what a Set does, few or many', async (t) => {
  fc.assert(
    fc.property(steps, (steps) => {
      const few = new FewSet<string>();
      const set = new Set<string>();
      for (const step of steps) {
        if (step.does === 'clear') {
          few.clear();
          set.clear();
        } else if (step.does === 'delete') t.equal(few.delete(step.key), set.delete(step.key));
        else {
          few.add(step.key);
          set.add(step.key);
        }
        if (few.size !== set.size) return false;
      }
      return (
        JSON.stringify([...few]) === JSON.stringify([...set]) &&
        JSON.stringify([...new FewSet(set)]) === JSON.stringify([...set]) &&
        [...'abcdefghijklmnop'].every((value) => few.has(value) === set.has(value))
      );
    }),
  );
});

t.test('who goes over it may take out and put in', async (t) => {
  for (const size of [3, 20]) {
    const map = new FewMap(Array.from({ length: size }, (_, n): [number, number] => [n, n]));
    const set = new FewSet(map.keys());
    for (const [key] of map) if (key % 2 === 0) map.delete(key);
    for (const one of set) if (one % 2 === 0) set.delete(one);
    const odd = Array.from({ length: size }, (_, n) => n).filter((n) => n % 2 === 1);
    t.same([...map.keys()], odd);
    t.same([...set], odd);
  }
});
