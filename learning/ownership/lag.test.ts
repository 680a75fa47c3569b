/** What a gateway does with what the engine has not learned yet: it blocks nobody by it, and says when a moment decides. */
import t from 'tap';
import { viewOfKnownCaller } from './known-caller.fixture.js';
import type { AccessRequest } from './view.js';

const NOW_MS = 10_000;
/** Who asks for order 10 of user 77: user 5, or somebody of whom nothing is known. */
const CALLERS = ['p_caller', 'p_stranger'] as const;

let asked = 0;
const question = (method: string, target: string, nowMs: number, learnedUpToMs: number, principalKey: string): AccessRequest => ({
  exchangeId: `e${++asked}`,
  service: 's',
  method,
  template: target.replace(/\/\d+$/, '/{id}'),
  path: target,
  target,
  headers: [],
  parameters: [],
  body: null,
  principalKey,
  nowMs,
  learnedUpToMs,
});

const viewOf = (proven: boolean) =>
  viewOfKnownCaller(
    [
      { route: 'GET /orders/{}', resource: 'order', is: 'deny', proven },
      { route: 'PATCH /orders/{}', resource: 'order', is: 'deny', proven },
      { route: 'GET /items/{}', resource: 'item', is: 'allow' },
    ],
    [
      ['order', '10', '77'],
      ['order', '11', '5'],
      ['item', '3', '77'],
    ],
  );

/** An exchange before: how long ago it began, and how long it took; null: it has no answer yet. */
type Before = readonly [method: string, target: string, who: string, agoMs: number, tookMs: number | null];
interface Case {
  readonly what: string;
  readonly before: Before | null;
  /** How far the engine is behind. */
  readonly lagMs: number;
  /** `GET /orders/10` by the known caller, at a proven place. */
  readonly blocks: boolean;
  /** A moment decides: by the known caller at a proven place, at one not proven yet. */
  readonly learning: readonly [proven: boolean, unproven: boolean];
}
const NO = [false, false] as const;
const LIST = ['GET', '/orders', 'p_caller', 100, 5] as const;
const cases: readonly Case[] = [
  { what: 'nothing passed before', before: null, lagMs: 5_000, blocks: true, learning: NO },
  { what: 'a list for the caller, the engine is behind', before: LIST, lagMs: 5_000, blocks: false, learning: NO },
  { what: 'a list for the caller, the engine is a little behind', before: LIST, lagMs: 120, blocks: true, learning: [true, true] },
  { what: 'a list for the caller, the engine keeps up', before: LIST, lagMs: 50, blocks: true, learning: NO },
  {
    what: 'a list for the caller that has no answer yet',
    before: ['GET', '/orders', 'p_caller', 100, null],
    lagMs: 0,
    blocks: true,
    learning: [true, false],
  },
  {
    what: 'a list for the stranger, the engine is a little behind',
    before: ['GET', '/orders', 'p_stranger', 100, 5],
    lagMs: 120,
    blocks: true,
    learning: [false, false],
  },
  {
    what: 'another access of the caller',
    before: ['GET', '/items/3', 'p_caller', 100, 95],
    lagMs: 5,
    blocks: true,
    learning: [true, true],
  },
  { what: 'a list for somebody else', before: ['GET', '/orders', 'p_other', 100, 5], lagMs: 120, blocks: true, learning: NO },
  {
    what: 'a write of the object by somebody else that the engine has not learned',
    before: ['PATCH', '/orders/10', 'p_other', 100, 5],
    lagMs: 200,
    blocks: false,
    learning: [true, false],
  },
  {
    what: 'a write that the engine has learned',
    before: ['PATCH', '/orders/10', 'p_other', 100, 5],
    lagMs: 50,
    blocks: true,
    learning: NO,
  },
  {
    what: 'a write whose answer came late, the engine keeps up',
    before: ['PATCH', '/orders/10', 'p_other', 100, 95],
    lagMs: 2,
    blocks: false,
    learning: [true, false],
  },
  {
    what: 'a write that has no answer yet',
    before: ['PATCH', '/orders/10', 'p_other', 100, null],
    lagMs: 0,
    blocks: false,
    learning: [true, false],
  },
  {
    what: 'a write that has no answer for long',
    before: ['PATCH', '/orders/10', 'p_other', 1_100, null],
    lagMs: 0,
    blocks: true,
    learning: NO,
  },
  { what: 'a write of another object', before: ['PATCH', '/orders/12', 'p_other', 100, 5], lagMs: 200, blocks: true, learning: NO },
];
for (const { before, blocks, lagMs, learning, what } of cases)
  t.test(what, async (t) => {
    const viewAfter = (proven: boolean) => {
      const view = viewOf(proven);
      if (before === null) return view;
      const [method, target, who, agoMs, tookMs] = before;
      const passed = question(method, target, NOW_MS - agoMs, NOW_MS - agoMs, who);
      view.judgeRequest(passed);
      if (tookMs !== null) view.ended(passed, 200, NOW_MS - agoMs + tookMs);
      return view;
    };
    const ask = (target: string, who: string) => question('GET', target, NOW_MS, NOW_MS - lagMs, who);
    const view = viewAfter(true);
    t.equal(view.judgeRequest(ask('/orders/10', CALLERS[0]))?.enforceable, blocks);
    t.equal(view.heldBack, blocks ? 0 : 1, 'what is held back is counted');
    const isLearning = (proven: boolean, target: string, who: string) => viewAfter(proven).isStillLearning(ask(target, who), NOW_MS);
    t.strictSame([isLearning(true, '/orders/10', CALLERS[0]), isLearning(false, '/orders/10', CALLERS[0])], learning);
    t.equal(isLearning(true, '/orders/10', CALLERS[1]), lagMs < 250, 'a stranger may have been handed a credential just now');
    for (const [target, why] of [
      ['/orders/11', 'the caller’s own'],
      ['/items/3', 'what everybody opens'],
      ['/orders', 'what names no object'],
    ])
      t.notOk(isLearning(true, target, CALLERS[0]), `nobody waits for ${why}`);
  });

t.test('a write of the object that was refused changes nothing', async (t) => {
  const view = viewOf(true);
  const refused = question('PATCH', '/orders/10', NOW_MS - 100, NOW_MS - 100, 'p_caller');
  t.ok(view.judgeRequest(refused)?.enforceable);
  t.ok(view.judgeRequest(question('GET', '/orders/10', NOW_MS, NOW_MS, 'p_caller'))?.enforceable);
});

t.test('it is over when the engine has learned of what came before, and what it learned counts', async (t) => {
  const view = viewOf(true);
  const list = question('GET', '/orders', NOW_MS - 20, NOW_MS - 20, 'p_caller');
  view.judgeRequest(list);
  view.ended(list, 200, NOW_MS - 10);
  let learnedUpToMs = NOW_MS - 15;
  const waiting: AccessRequest = Object.defineProperty(question('GET', '/orders/10', NOW_MS, 0, 'p_caller'), 'learnedUpToMs', {
    get: () => learnedUpToMs,
  });
  t.ok(view.isStillLearning(waiting, NOW_MS));
  t.ok(view.isStillLearning(waiting, NOW_MS + 2), 'and may be asked again');
  learnedUpToMs = NOW_MS + 3;
  t.notOk(view.isStillLearning(waiting, NOW_MS + 4));
  t.ok(view.judgeRequest(waiting)?.enforceable);
});

t.test('a credential that nobody knows was perhaps handed out a moment ago', async (t) => {
  const view = viewOf(true);
  const ask = (learnedMs: number, who: string) => question('GET', '/orders/10', NOW_MS, learnedMs, who);
  t.ok(view.isStillLearning(ask(NOW_MS - 5, 'p_new'), NOW_MS));
  t.notOk(view.isStillLearning(ask(NOW_MS + 20, 'p_new'), NOW_MS + 20), 'and the engine has learned of all that was before');
  t.notOk(view.isStillLearning(ask(NOW_MS - 5, CALLERS[0]), NOW_MS), 'one that is known does not wait');
});
