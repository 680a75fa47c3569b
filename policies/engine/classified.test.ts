import t from 'tap';
import { classifiedUtf8 } from './classified.js';

const MATCH = { type: 'email', start: 0, end: 5, confidence: 1, path: '', via: null } as const;
const body = (text: string): Uint8Array => Buffer.from(text.padEnd(300, '.'));

t.test('a body that comes again is classified no more, by the same classifier and for the same content type', async (t) => {
  const asked: string[] = [];
  const classifierOf = (name: string) => ({
    classifyUtf8: (type: string, bytes: Uint8Array) => {
      asked.push(`${name} ${type} ${Buffer.from(bytes).toString().replace(/\.+$/, '')}`);
      return [MATCH];
    },
  });
  const [one, other] = [classifierOf('one'), classifierOf('other')];
  for (const [classifier, type, text, reads] of [
    [one, 'text/plain', 'a', 1],
    [one, 'text/plain', 'a', 1],
    [one, 'text/plain', 'a', 0],
    [one, 'text/plain', 'b', 1],
    [one, 'application/json', 'a', 1],
    [other, 'text/plain', 'a', 1],
  ] as const) {
    const before = asked.length;
    t.same(classifiedUtf8(classifier, type, body(text)), [MATCH]);
    t.equal(asked.length - before, reads, `${type} ${text}: read ${reads} times`);
  }
});
