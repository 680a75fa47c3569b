/** What a gateway makes of answers that it passed on itself, before the engine has told it anything of them. */
import t from 'tap';
import { bodyOf } from '../../exchange/index.js';
import { viewOfKnownCaller } from './known-caller.fixture.js';
import type { AccessRequest, OwnershipView } from './view.js';

/** `/orders/{}` is a proven private place, of which a list showed 12; `/reviews/{}` everybody reads and only its author writes. */
const newView = (): OwnershipView =>
  viewOfKnownCaller(
    [
      { route: 'GET /orders/{}', resource: 'order', is: 'deny' },
      { route: 'GET /reviews/{}', resource: 'review', is: 'allow' },
      { route: 'PATCH /reviews/{}', resource: 'review', is: 'deny' },
    ],
    [],
    [['order', '12']],
  );

let asked = 0;
/** Sends it through a gateway whose engine says nothing; how it ended. */
function send(
  view: OwnershipView,
  method: string,
  target: string,
  status: number,
  userId: number | null,
): 'passed' | 'blocked' | 'withheld' {
  const request: AccessRequest = {
    exchangeId: `e${++asked}`,
    service: 's',
    method,
    template: target.replace(/\d+$/, '{id}'),
    path: target,
    target,
    headers: [],
    parameters: [],
    body: null,
    principalKey: 'p_caller',
    nowMs: 10_000,
    learnedUpToMs: 9_000,
  };
  if (view.judgeRequest(request)?.enforceable === true) return 'blocked';
  const body = userId === null ? null : bodyOf(Buffer.from(JSON.stringify({ id: target.split('/').at(-1), userId })));
  const after = view.judgeResponse(request, { status, headers: ['content-type', 'application/json'], body });
  view.ended(request, after?.enforceable === true ? 0 : status, 10_000);
  return after?.enforceable === true ? 'withheld' : 'passed';
}

type Step = readonly [method: string, target: string, status: number, userId: number | null, ends: ReturnType<typeof send>];
const missed = (id: number): Step => ['GET', `/orders/${id}`, 404, null, 'passed'];
const cases: readonly [what: string, steps: readonly Step[]][] = [
  ['a write that nothing was shown before', [['PATCH', '/reviews/7', 200, null, 'passed']]],
  [
    'a write to what was just shown to be somebody else’s',
    [
      ['GET', '/reviews/7', 200, 6, 'passed'],
      ['PATCH', '/reviews/7', 200, null, 'blocked'],
      ['PATCH', '/reviews/8', 200, null, 'passed'],
    ],
  ],
  [
    'a write to what was just shown to be one’s own',
    [
      ['GET', '/reviews/7', 200, 5, 'passed'],
      ['PATCH', '/reviews/7', 200, null, 'passed'],
    ],
  ],
  [
    'what an answer of a write says counts for nothing',
    [
      ['PATCH', '/reviews/7', 200, 6, 'passed'],
      ['PATCH', '/reviews/7', 200, 6, 'passed'],
    ],
  ],
  [
    'what was withheld once is refused before the upstream sees it again',
    [
      ['GET', '/orders/7', 200, 6, 'withheld'],
      ['GET', '/orders/7', 200, 6, 'blocked'],
    ],
  ],
  ['three ids that do not exist', [missed(1), missed(2), missed(3), ['GET', '/orders/4', 200, null, 'passed']]],
  [
    'four, and a fifth',
    [...[1, 2, 3, 4].map(missed), ['GET', '/orders/9', 200, null, 'blocked'], ['GET', '/reviews/9', 200, null, 'passed']],
  ],
  ['four, and what a list had shown', [...[1, 2, 3, 4].map(missed), ['GET', '/orders/12', 200, null, 'passed']]],
  [
    'four among successes',
    [1, 2, 3, 4].flatMap((id): Step[] => [missed(id), ['GET', '/reviews/1', 200, 5, 'passed'], ['GET', '/reviews/1', 200, 5, 'passed']]),
  ],
  [
    'forgiven after ordinary requests',
    [
      ...[1, 2, 3, 4].map(missed),
      ['GET', '/orders/9', 200, null, 'blocked'],
      ...Array.from({ length: 7 }, (): Step => ['GET', '/reviews/1', 200, 5, 'passed']),
      ['GET', '/orders/9', 200, null, 'passed'],
    ],
  ],
];
for (const [what, steps] of cases) {
  t.test(what, async (t) => {
    const view = newView();
    t.strictSame(
      steps.map(([method, target, status, userId]) => send(view, method, target, status, userId)),
      steps.map((step) => step[4]),
    );
  });
}
