import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { main } from '../main.js';

const row = (id: string, state: string, more: object = {}) => ({
  id,
  kind: 'gateway',
  state,
  requestsPerSecond: 1,
  lagMs: 0,
  dropped: 0,
  droppedBy: {},
  problem: null,
  ...more,
});
const passed = { id: 't', state: 'passed', steps: [{ name: 'find a gateway', state: 'ok', tookMs: 1, text: '' }] };
const failed = { id: 't', state: 'failed', steps: [{ name: 'find a gateway', state: 'failed', tookMs: 1, text: 'None.' }] };

t.test('the exit code says how it is; what is wrong is said in full', async (t) => {
  let sources: readonly object[] = [];
  let selfTest: object = passed;
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/api/v1/sources' ? { items: sources } : selfTest));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const doctor = async (...more: string[]) => {
    let text = '';
    const take = (one: string) => {
      text += one;
    };
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const code = await main(['doctor', '--admin', url, '--token', 't', ...more], { write: take, error: take, isTty: false, columns: 120 });
    return { code, text };
  };
  const two = { problem: 'The configuration is not in force:\nweir.yaml:1:1 no' };
  const dropping = { dropped: 3, droppedBy: { teeDropped: 3 } };
  const rows: [name: string, sources: readonly object[], selfTest: object, code: number, says: RegExp][] = [
    ['all well', [row('g', 'ok'), row('e', 'ok')], passed, 0, /ok {5}find a gateway \(1 ms\)\n\nAll is well\.\n$/],
    [
      'a problem',
      [row('g', 'degraded', two)],
      passed,
      3,
      /\ng: The configuration is not in force:\ng: weir\.yaml:1:1 no\n[\s\S]*not all is well/,
    ],
    [
      'drops',
      [row('g', 'degraded', dropping)],
      passed,
      3,
      /g: It lost exchanges within the last five minutes; since its start: teeDropped 3\./,
    ],
    ['old drops', [row('g', 'ok', dropping)], passed, 0, /All is well/],
    ['a silent process', [row('g', 'ok'), row('e', 'silent')], passed, 1, /e: It has said nothing/],
    ['a failed step', [row('g', 'degraded', two)], failed, 1, /FAILED find a gateway \(1 ms\): None\.\n\nSomething does not work/],
  ];
  for (const [name, items, test, code, says] of rows) {
    sources = items;
    selfTest = test;
    const done = await doctor();
    t.equal(done.code, code, name);
    t.match(done.text, says, name);
    t.equal((await doctor('--json')).code, code, `${name}, as JSON`);
  }
  const help = await doctor('--help');
  t.match(help, { code: 0, text: /Exit codes: 0 all is well; 1 [\s\S]*2 [\s\S]*3 / });
  t.equal(await main(['doctor', '--data', t.testdir()], { write: () => {}, error: () => {}, isTty: false, columns: 80 }), 2, 'no weir');
});
