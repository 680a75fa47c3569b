import t from 'tap';
import { exchange } from '../../test/support/inventory.js';
import { bodiesOf } from './bodies.js';

t.test('an answer that comes again reads as it did, and is looked at by how it is sent', async (t) => {
  const answer = { items: Array.from({ length: 20 }, (_, id) => ({ id, name: `item ${id}` })) };
  const one = exchange({ target: '/items', answer });
  const sentAs = (...headers: string[]): ReturnType<typeof bodiesOf> =>
    bodiesOf({ ...one, response: one.response === null ? null : { ...one.response, headers } });
  for (let time = 0; time < 4; time++) t.same(sentAs('content-type', 'application/json').response(), answer);
  const mislabelled = sentAs('content-type', 'text/plain');
  t.same(mislabelled.response(), answer);
  t.same(mislabelled.problems, ['response-mislabelled'], 'what another label says of the same bytes');
  const coded = sentAs('content-type', 'application/json', 'content-encoding', 'gzip');
  t.equal(coded.response(), undefined, 'a coding that the same bytes do not have');
  t.same(coded.problems, ['response-bad-encoding']);
});
