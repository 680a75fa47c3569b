import t from 'tap';
import type { OwnDataType } from '../../admin/index.js';
import { createSharedState } from '../../traffic/index.js';
import { dataTypesPort } from '../admin/data-types-port.js';
import { openSharedMaps, type SharedMaps } from '../shared-maps.js';
import { lazyPolicyBook, openPolicyBook, type PolicyBook } from './policies.js';
import { OWN_TYPES } from './vocabulary.js';

const BADGE = {
  id: 'staff_badge',
  sensitivity: 'high' as const,
  pattern: 'BDG-[0-9]{6}',
  fields: [],
  words: [],
  requireWords: false,
  caseSensitive: true,
};
const written = (text: string) => ({ text, by: 'someone', atMs: 0 });
const NO_BADGES = `policy: no-badges
title: Badges stay inside
severity: high
mode: enforce
rules:
  - rule: badge
    phase: response
    when: {data: {types: [staff_badge]}}
    action: block
`;
const names = (book: PolicyBook): string[] => book.current().policies.map(({ name }) => name);
const isOff = (book: PolicyBook): boolean => book.current().policies.some(({ name, mode }) => name === 'jwt-abuse' && mode === 'off');

/** What people change → how it shows. */
const CHANGES: {
  readonly what: string;
  readonly change: (maps: SharedMaps) => Promise<void>;
  readonly shows: (book: PolicyBook) => boolean;
}[] = [
  {
    what: 'a data type',
    change: (maps) => maps.dataTypes.set(OWN_TYPES, { own: [BADGE], disabled: [] }),
    shows: (book) => book.classifier().types.some(({ id }) => id === BADGE.id),
  },
  {
    what: 'a policy that asks for a data type of the same moment',
    async change(maps) {
      await maps.dataTypes.set(OWN_TYPES, { own: [BADGE], disabled: [] });
      await maps.policies.set('no-badges.yaml', written(NO_BADGES));
    },
    shows: (book) => names(book).includes('no-badges'),
  },
  {
    what: 'the mode of a policy',
    change: (maps) => maps.policyModes.set('jwt-abuse', { mode: 'off', by: 'someone', atMs: 0 }),
    shows: isOff,
  },
];

for (const [how, open] of [
  ['open', openPolicyBook],
  ['not asked for before', async (options: Parameters<typeof openPolicyBook>[0]) => lazyPolicyBook(options, 60_000)],
] as const)
  t.test(`a book that was ${how}: what was changed is in force once it is settled`, async (t) => {
    const shared = createSharedState({ dir: null });
    const maps = await openSharedMaps(shared);
    const book = await open({
      config: { policies: undefined, dataTypes: [], keySets: {} },
      secret: 's',
      maps,
      log: (line) => t.fail(line),
    });
    for (const { what, change, shows } of CHANGES) {
      await change(maps);
      await book.settled();
      t.ok(shows(book), what);
    }
    book.close();
    await shared.close();
  });

for (const { what, change, shows } of CHANGES)
  t.test(`${what}: seen whenever it changes`, async (t) => {
    for (const moment of ['before', 'while it opens', 'after'] as const) {
      const shared = createSharedState({ dir: null });
      const maps = await openSharedMaps(shared);
      const said: string[] = [];
      if (moment === 'before') await change(maps);
      const opening = openPolicyBook({
        config: { policies: undefined, dataTypes: [], keySets: {} },
        secret: 's',
        maps,
        log: (line) => said.push(line),
      });
      if (moment === 'while it opens') await change(maps);
      const book = await opening;
      if (moment === 'after') {
        t.notOk(shows(book));
        await change(maps);
      }
      for (let turns = 0; turns < 200 && !shows(book); turns++) await new Promise((resolve) => setTimeout(resolve, 10));
      t.ok(shows(book), moment);
      t.same(said, [], moment);
      book.close();
      await shared.close();
    }
  });

t.test('a type that is written in the UI is found, and one that could be found nowhere is refused', async (t) => {
  const shared = createSharedState({ dir: null });
  const maps = await openSharedMaps(shared);
  const port = dataTypesPort(maps);
  const type = (more: Partial<OwnDataType>): OwnDataType => ({
    id: 'staff_number',
    title: 'Staff number',
    sensitivity: 'high',
    enabled: true,
    fieldNames: [],
    pattern: null,
    keywords: [],
    requireKeywords: false,
    validator: null,
    caseSensitive: true,
    ...more,
  });
  const found = (text: string, more: Partial<OwnDataType>): number =>
    port.test(text, [type(more)]).filter((hit) => hit.type === 'staff_number').length;
  t.equal(found('{"staff":"EMP-1"}', { pattern: 'EMP-\\d' }), 1);
  t.equal(found('{"staff":"emp-1"}', { pattern: 'EMP-\\d' }), 0);
  t.equal(found('{"staff":"emp-1"}', { pattern: 'EMP-\\d', caseSensitive: false }), 1);
  t.equal(found('{"staff":"anybody"}', { fieldNames: ['staff'] }), 1, 'a field name alone');
  t.equal(found('{"x":"EMP-1"}', { pattern: 'EMP-\\d', keywords: ['badge'], requireKeywords: true }), 0);
  t.equal(found('{"badge":"EMP-1"}', { pattern: 'EMP-\\d', keywords: ['badge'], requireKeywords: true }), 1);
  t.equal(found('{"x":"12345"}', { pattern: '\\d+', validator: 'luhn' }), 0);
  for (const bad of [
    {},
    { keywords: ['badge'] },
    { pattern: '(a)\\1' },
    { pattern: 'a', validator: 'magic' },
    { pattern: 'a', id: 'email' },
  ])
    t.throws(() => port.test('', [type(bad)]), { code: /^CUSTOM_TYPE_/, status: 422 }, JSON.stringify(bad));

  const book = await openPolicyBook({ config: { policies: undefined, dataTypes: [], keySets: {} }, secret: 's', maps, log: () => {} });
  const hits = () => book.classifier().classifyText('EMP-1').length;
  await port.publish([type({ pattern: 'EMP-\\d' })], []);
  for (let turns = 0; turns < 200 && hits() === 0; turns++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(hits(), 1);
  await port.publish([type({ pattern: 'EMP-\\d', enabled: false })], []);
  for (let turns = 0; turns < 200 && hits() === 1; turns++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(hits(), 0, 'switched off');
  t.ok(
    book.classifier().types.some(({ id }) => id === 'staff_number'),
    'policies may still name it',
  );
  book.close();
  await shared.close();
});
