import t from 'tap';
import { type Exchange, emptyBody } from '../../exchange/index.js';
import { Twins } from './twins.js';

const told = (kind: 'gateway' | 'sensor' | 'import', requestId: string, target = '/a', status: number | null = 200): Exchange => ({
  id: `${kind}-${requestId}`,
  requestId,
  kind: 'http',
  observer: { kind, id: kind },
  service: 'shop',
  client: { ip: '10.0.0.1', port: 40_000 },
  server: { ip: '10.0.0.2', port: 80 },
  startedAtMs: 0,
  durationMs: 1,
  upstreamMs: 1,
  request: { method: 'GET', scheme: 'http', host: 'shop', target, httpVersion: '1.1', headers: [], body: emptyBody, trailers: [] },
  response: status === null ? null : { status, httpVersion: '1.1', headers: [], body: emptyBody, trailers: [] },
  principal: null,
  outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
  tags: [],
});

t.test('what gateway and sensor both tell counts once', async (t) => {
  const cases: { name: string; tellings: Exchange[]; seconds: boolean[] }[] = [
    { name: 'the gateway first', tellings: [told('gateway', 'r1'), told('sensor', 'r1')], seconds: [false, true] },
    { name: 'the sensor first', tellings: [told('sensor', 'r1'), told('gateway', 'r1')], seconds: [false, true] },
    {
      name: 'a client that sends one id with every request',
      tellings: [told('gateway', 'r'), told('gateway', 'r'), told('sensor', 'r'), told('sensor', 'r'), told('sensor', 'r')],
      seconds: [false, false, true, true, false],
    },
    {
      name: 'another request under the same id',
      tellings: [told('gateway', 'r'), told('sensor', 'r', '/attack')],
      seconds: [false, false],
    },
    { name: 'another answer under the same id', tellings: [told('gateway', 'r'), told('sensor', 'r', '/a', 500)], seconds: [false, false] },
    {
      name: 'a sensor that stopped before the answer',
      tellings: [told('sensor', 'r', '/a', null), told('gateway', 'r'), told('gateway', 'r')],
      seconds: [false, true, false],
    },
    {
      name: 'the same, after the gateway',
      tellings: [told('gateway', 'r'), told('sensor', 'r', '/a', null), told('sensor', 'r', '/a', null)],
      seconds: [false, true, false],
    },
    {
      name: 'a client that went before the answer',
      tellings: [told('gateway', 'r', '/a', null), told('sensor', 'r')],
      seconds: [false, true],
    },
    {
      name: 'neither saw the answer',
      tellings: [told('gateway', 'r', '/a', null), told('sensor', 'r', '/a', null)],
      seconds: [false, true],
    },
    { name: 'two gateways in a row', tellings: [told('gateway', 'r'), told('gateway', 'r')], seconds: [false, false] },
    { name: 'recorded traffic', tellings: [told('gateway', 'r'), told('import', 'r')], seconds: [false, false] },
  ];
  for (const { name, tellings, seconds } of cases) {
    const twins = new Twins();
    t.same(
      tellings.map((one) => twins.isSecond(one, 1_000)),
      seconds,
      name,
    );
  }
});

t.test('is forgotten after a while, and bounded', async (t) => {
  const twins = new Twins();
  twins.isSecond(told('gateway', 'r1'), 0);
  t.equal(twins.isSecond(told('sensor', 'r1'), 40_000), true, 'an old one is known for a while');
  t.equal(twins.recent(41_000), 1);
  t.equal(twins.recent(200_000), 0, 'the warning ends when it no longer happens');
  twins.isSecond(told('gateway', 'r2'), 100_000);
  twins.isSecond(told('gateway', 'x'), 140_000);
  twins.isSecond(told('gateway', 'y'), 180_000);
  t.equal(twins.isSecond(told('sensor', 'r2'), 181_000), false, 'and forgotten then');
  t.equal(twins.total, 1);
});
