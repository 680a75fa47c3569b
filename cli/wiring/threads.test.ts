import { readdirSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { configSchema } from '../config.js';
import { keepThread } from './kept-thread.js';
import { helpersLast, yieldToEngine } from './priority.js';
import { startThread } from './threads.js';

/** Node's `--v8-pool-size`, unless told otherwise. */
const V8_HELPERS = 4;

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

t.test('a kept thread that is lost starts again, later each time', async (t) => {
  const said: string[] = [];
  const stops: number[] = [];
  let begun = 0;
  let fails = 0;
  const reloaded: number[] = [];
  const joined: (readonly [number, MessagePort])[] = [];
  let lose: (error: Error) => void = () => undefined;
  const kept = await keepThread({
    name: 'engine',
    begin: async (onLost) => {
      begun++;
      lose = onLost;
      if (fails-- > 0) throw new Error('cannot start');
      const number = begun;
      return {
        ready: number,
        reconnect: (port) => void joined.push([number, port]),
        reload: () => void reloaded.push(number),
        stop: async () => void stops.push(number),
      };
    },
    log: (message) => said.push(message),
    pauseMs: 1,
    mostPauseMs: 4,
  });
  const again = async (times: number) => {
    while (begun < times || !kept.running) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  t.match({ begun, lost: kept.lost, running: kept.running, ready: kept.ready }, { begun: 1, lost: 0, running: true, ready: 1 });
  const ports = [1, 2, 3].map(() => new MessageChannel().port1);
  kept.reconnect(ports[0]);
  lose(new Error('out of memory'));
  t.equal(kept.running, false);
  kept.reconnect(ports[1]);
  const closed = new Promise((resolve) => ports[1].once('close', resolve));
  while (begun < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  await again(2);
  kept.reconnect(ports[2]);
  t.equal(kept.ready, 2);
  t.same(
    joined.map(([number, port]) => [number, ports.indexOf(port)]),
    [
      [1, 0],
      [2, 2],
    ],
    'a new one makes its own streams: what came before it is closed',
  );
  await closed;
  t.match(said, [/^the engine was lost: out of memory; .* starts in 1 ms$/, /^the engine runs again$/]);
  fails = 3;
  lose(new Error('out of memory'));
  await again(6);
  t.equal(kept.lost, 5, 'a start that fails is a loss');
  t.match(
    said.map((line) => /in (\d+) ms/.exec(line)?.[1]).filter((pause) => pause !== undefined),
    ['1', '2', '4', '4', '4'],
  );
  kept.reload(configSchema.parse({}));
  t.same(reloaded, [6], 'a changed configuration reaches the one that runs');
  await kept.stop(1_000);
  t.same(stops, [6]);
  lose(new Error('told to'));
  t.equal(kept.lost, 5, 'one that was stopped is not lost');
});

t.test('a kept thread whose first start fails is an error', async (t) => {
  await t.rejects(
    keepThread({ name: 'engine', begin: () => Promise.reject(new Error('no such store')), log: () => undefined }),
    /no such store/,
  );
});

t.test(
  'where cores are short the engine goes first, then the gateway, then all others',
  // A runner that is nice itself leaves no room above it.
  { skip: process.platform !== 'linux' || getPriority() > 9 },
  async (t) => {
    const engine = getPriority();
    const priority = new URL(`./priority.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href;
    const running = await begin(
      t,
      `import { readlinkSync } from 'node:fs';
     import { getPriority } from 'node:os';
     import { parentPort } from 'node:worker_threads';
     import { yieldToGateway } from ${JSON.stringify(priority)};
     yieldToGateway();
     parentPort.postMessage({ kind: 'ready', ready: { nice: getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1))) } });
     parentPort.once('message', () => process.exit(0));`,
    );
    yieldToEngine();
    const gateway = getPriority();
    t.ok(engine < gateway, 'the gateway is behind what the engine has');
    t.ok(gateway < (running.ready as { nice: number }).nice, 'and others are behind the gateway');
    await running.stop(5_000);
    const nices = () => readdirSync('/proc/self/task').map((task) => getPriority(Number(task)));
    const before = nices();
    helpersLast();
    const behind = nices().filter((nice) => nice > gateway);
    t.equal(behind.length, V8_HELPERS, `V8's helpers are behind as well: ${before.join()}, then ${nices().join()}`);
    t.equal(getPriority(), gateway, 'and the main thread is where it was');
  },
);
