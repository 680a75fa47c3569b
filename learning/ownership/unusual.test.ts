/** What nobody did before: a second id beside the one in the path, another method on it. User 5 owns order 11, order 10 is of user 77. */
import t from 'tap';
import { bodyOf } from '../../exchange/index.js';
import { viewOfKnownCaller } from './known-caller.fixture.js';

const ROWS: readonly (readonly [target: string, body: object | null, isRefused: boolean, headers?: readonly string[], method?: string])[] =
  [
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
    ['/orders/10', null, true, [], 'DELETE'],
    ['/orders/10', null, true, ['x-http-method-override', 'DELETE'], 'POST'],
    ['/orders/10', null, true, [], 'PURGE'],
    ['/orders/11', null, false, [], 'DELETE'],
    ['/orders/12', null, false, [], 'DELETE'],
    ['/items/3', null, false, [], 'DELETE'],
    ['/notes/10', null, false, [], 'DELETE'],
  ];

for (const [target, body, isRefused, headers = [], method = body === null ? 'GET' : 'PATCH'] of ROWS)
  for (const proven of [true, false])
    t.test(`${method} ${target} ${JSON.stringify(body)} ${headers.join(' ')}, ${proven ? 'a proven place' : 'not proven'}`, async (t) => {
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
      // Where reading is not proven private, nothing follows from it for what nobody did.
      if (proven || ['GET', 'PATCH'].includes(method)) t.equal(verdict?.relation === 'foreign', isRefused);
    });
