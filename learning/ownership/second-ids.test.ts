/** A second id beside the one in the path, where nobody ever gave two. User 5 owns order 11, order 10 is of user 77. */
import t from 'tap';
import { bodyOf } from '../../exchange/index.js';
import { viewOfKnownCaller } from './known-caller.fixture.js';

const ROWS: readonly (readonly [target: string, body: object | null, isRefused: boolean, headers?: readonly string[]])[] = [
  ['/orders/11', null, false],
  ['/orders/10', null, true],
  ['/orders/11?id=10', null, true],
  ['/orders/11?order_id=10', null, true],
  ['/orders/11?orderId=010', null, true],
  ['/orders/11?id=11', null, false],
  ['/orders/11?id=12', null, false],
  ['/orders/11?page=10', null, false],
  ['/orders/11?itemId=10', null, false],
  ['/orders/11', { orderId: 10 }, true],
  ['/orders/11', { id: 10, note: 'x' }, true],
  ['/orders/11', { id: 11, note: 'x' }, false],
  ['/orders/11', { quantity: 10 }, false],
  ['/orders/11', null, true, ['x-order-id', '10']],
  ['/items/3?id=10', null, false],
];

for (const [target, body, isRefused, headers = []] of ROWS)
  for (const proven of [true, false])
    t.test(`${target} ${JSON.stringify(body)} ${headers.join(' ')}, ${proven ? 'a proven place' : 'not proven'}`, async (t) => {
      const method = body === null ? 'GET' : 'PATCH';
      const view = viewOfKnownCaller(
        [
          { route: 'GET /orders/{}', resource: 'order', is: 'deny', proven },
          { route: 'PATCH /orders/{}', resource: 'order', is: 'deny', proven },
          { route: 'GET /items/{}', resource: 'item', is: 'allow' },
        ],
        [
          ['order', '10', '77'],
          ['order', '11', '5'],
        ],
      );
      const verdict = view.judgeRequest({
        service: 's',
        method,
        template: target.replace(/\d+(?:\?.*)?$/, '{id}'),
        path: target,
        target,
        headers: [...headers, ...(body === null ? [] : ['content-type', 'application/json'])],
        parameters: [],
        body: body === null ? null : bodyOf(Buffer.from(JSON.stringify(body))),
        principalKey: 'p_caller',
      });
      t.equal(verdict?.enforceable ?? false, isRefused && proven);
      t.equal(verdict?.relation === 'foreign', isRefused);
    });
