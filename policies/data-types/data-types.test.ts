import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { packageRoot } from '../../exchange/index.js';
import { Classifier } from '../classify/index.js';
import { type DataType, dataTypeReference, dataTypes, expandShape } from './index.js';

const classifier = Classifier.of(dataTypes);
const typesIn = (text: string): string[] =>
  (text.startsWith('{')
    ? classifier.classifyBody(['content-type', 'application/json'], Buffer.from(text))
    : classifier.classifyText(text)
  ).map((match) => match.type);

t.test('every type recognises its own examples and leaves alone what it must', async (t) => {
  for (const type of dataTypes) {
    for (const text of type.examples.match) t.ok(typesIn(text).includes(type.id), `${type.id} in ${text.slice(0, 100)}`);
    for (const text of type.examples.ignore) t.notOk(typesIn(text).includes(type.id), `no ${type.id} in ${text.slice(0, 100)}`);
    for (const text of type.examples.candidate ?? []) {
      const found = classifier.classifyText(text, { asValue: true, minConfidence: 0.3 });
      t.ok(
        found.some((match) => match.type === type.id),
        `${type.id} is a reading of ${text}`,
      );
    }
  }
});

t.test('ids are unique, and every type says how it is found and proves it', async (t) => {
  t.equal(new Set(dataTypes.map((type) => type.id)).size, dataTypes.length);
  for (const type of dataTypes) {
    t.match(type.id, /^[a-z0-9][a-z0-9_]+$/);
    t.ok(type.find.length > 0, `${type.id} can be found`);
    t.ok(type.examples.match.length + (type.examples.candidate?.length ?? 0) > 0, `${type.id} has examples that match`);
    t.ok(type.examples.ignore.length > 0, `${type.id} has examples that do not`);
  }
});

t.test('the list holds every type of the folder', async (t) => {
  const folder = path.join(packageRoot(), 'policies', 'data-types');
  const listed = new Set(dataTypes.map((type) => type.id));
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts')) {
    const module: Record<string, unknown> = await import(path.join(folder, file));
    for (const value of Object.values(module).flat()) {
      if (typeof value === 'object' && value !== null && 'examples' in value)
        t.ok(listed.has((value as DataType).id), `${file}: ${(value as DataType).id} is on the list`);
    }
  }
});

t.test('docs/data-types.md is the list', async (t) => {
  const file = path.join(packageRoot(), 'docs', 'data-types.md');
  const text = dataTypeReference(dataTypes);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, text);
  t.equal(readFileSync(file, 'utf8'), text);
});

t.test('outlines spell out', async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['9{2,3}A', ['99A', '999A']],
    ['A[- ]?9', ['A9', 'A-9', 'A 9']],
    ['#9', ['A9', '99']],
    ['#{6}', ['######']],
  ];
  for (const [shape, outlines] of cases) t.same(expandShape(shape).sort(), [...outlines].sort(), shape);
  t.throws(() => expandShape('[ab]{20}'), RangeError);
});
