import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { configSchema } from '../config.js';
import { startThread } from './threads.js';

function begin(t: Test, body: string, lost: string[] = []) {
  const file = path.join(t.testdir(), 'thread.mjs');
  writeFileSync(file, body);
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port2.close());
  const data = { config: configSchema.parse({}), secret: 'secret', version: '0', sharedPort: port1 };
  return startThread(pathToFileURL(file), data, [port1], { log: () => undefined, onLost: (error) => lost.push(error.message) });
}

const FAILING: readonly (readonly [what: string, body: string, code: string, message: RegExp])[] = [
  ['throws while it loads', `throw new Error('no such thing\\nwith more lines')`, 'START_FAILED', /^weir could not start: no such thing$/],
  ['throws later, before it is ready', `setTimeout(() => { throw new TypeError('broken') }, 10)`, 'START_FAILED', /: broken$/],
  ['is not there', `import './nowhere.mjs'`, 'START_FAILED', /nowhere\.mjs/],
  ['just ends', '', 'START_FAILED', /ended with code 0/],
  [
    'says why',
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', () => {});
     parentPort.postMessage({ kind: 'failed', code: 'STORE_DAMAGED', message: 'the file is damaged', hint: 'Restore it.' })`,
    'STORE_DAMAGED',
    /^the file is damaged$/,
  ],
];

t.test('a thread that cannot start is one error of weir', async (t) => {
  for (const [what, body, code, message] of FAILING)
    await t.test(what, async (t) => {
      await t.rejects(begin(t, body), { code, message });
    });
});

t.test('a thread that is lost later is told of; one that is stopped is not', async (t) => {
  const lost: string[] = [];
  const ready = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ kind: 'ready', ready: { it: 'is' } });`;
  const running = await begin(t, `${ready} parentPort.once('message', () => process.exit(0))`, lost);
  t.same(running.ready, { it: 'is' });
  await running.stop(5_000);
  t.same(lost, []);
  await t.test('lost', async (t) => {
    await begin(t, `${ready} setTimeout(() => process.exit(3), 20)`, lost);
    while (lost.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    t.same(lost, ['the thread ended with code 3']);
  });
});
