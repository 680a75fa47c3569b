/** Mirror mode beside a gateway: nothing is lost when switching, nothing counts twice, and network ids name services. */
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { ethernet, vxlan } from '../sensor/testing/packets.js';
import { Talk } from '../sensor/testing/talk.js';
import { eventually, type RunningWeir, startWeir, temporaryFolder, weir } from './support/processes.js';

interface Source {
  readonly kind: string;
  readonly problem: string | null;
  readonly counters: Readonly<Record<string, number>>;
  readonly detail: { readonly sources: readonly { readonly kind: string; readonly state: string; readonly remark: string | null }[] };
}

async function source(t: Test, running: RunningWeir, kind: string): Promise<Source | undefined> {
  const { stdout } = await weir(t, ['doctor', '--json', '--data', running.data]);
  return (JSON.parse(stdout) as { sources: Source[] }).sources.find((one) => one.kind === kind);
}

async function startUpstream(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url })));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** The address of the gateway and what the engine counted, without the requests that weir sends to itself. */
const counted = async (t: Test, running: RunningWeir): Promise<number> => {
  const engine = await source(t, running, 'engine');
  return (engine?.counters.exchanges ?? 0) - (engine?.counters.ownTraffic ?? 0);
};

t.test('switching to mirror and back under load loses no request and counts none twice', async (t) => {
  const upstream = await startUpstream(t);
  const config = path.join(temporaryFolder(t), 'weir.yaml');
  const services = [
    { name: 'shop', upstreams: [upstream] },
    { name: 'billing', hosts: ['billing.example'], upstreams: [upstream] },
  ];
  writeFileSync(config, JSON.stringify({ services }));
  const running = await startWeir(t, ['--config', config]);
  const listen = ['mode', 'mirror', '--listen', 'lo', '--filter', `tcp port ${new URL(upstream).port}`, '--data', running.data];
  let sent = 0;
  let failed = 0;
  let isOver = false;
  const client = async (): Promise<void> => {
    while (!isOver) {
      const answer = await fetch(`${running.gateway}/items/${sent++}`).catch(() => null);
      if (answer?.status !== 200) failed++;
      await answer?.text();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const load = Promise.all([client(), client(), client()]);
  const deaf = await weir(t, ['mode', 'mirror', '--listen', 'no-such-if0', '--data', running.data]);
  t.equal(deaf.code, 2);
  t.match(
    deaf.stderr,
    /^weir: live no-such-if0: there is no interface no-such-if0\. .+ Nothing was switched: the gateways go on recording\.\n$/,
  );
  for (const [words, said] of [
    [['mirror', '--vxlan', 'abc'], /^weir: --vxlan takes a UDP port, 1 to 65535, not "abc"\.\n$/],
    [['mirror', '--geneve', '70000'], /^weir: --geneve takes a UDP port/],
    [['mirror', '--listen', ' ,'], /^weir: --listen names no interface\. /],
    [['mirror', '--vxlan', '4789', '--filter', 'tcp'], /^weir: --filter is for --listen/],
    [['observe', '--listen', 'lo'], /^weir: Only mirror listens: /],
  ] as const) {
    const refused = await weir(t, ['mode', ...words, '--data', running.data]);
    t.match(refused.stderr, said);
    t.equal(refused.code, 2, words.join(' '));
  }
  t.match((await weir(t, ['mode', '--data', running.data])).stdout, /observe/);
  const told = await weir(t, listen);
  t.equal(told.code, 0, told.stderr);
  t.match(told.stdout, /live lo: \d+ packets\/s\n\d+ exchanges\/s, 0 dropped/, 'it says what it hears');
  t.match(told.stdout, /Nothing is blocked here/);
  const metrics = await (await fetch(`${running.admin}/metrics`)).text();
  t.match(metrics, /^weir_sensor_total\{sensor="[^"]+",counter="captured"\} [1-9]/m);
  t.match(metrics, /^weir_capture_total\{sensor="[^"]+",capture="live lo",counter="packets"\} [1-9]/m);
  const billing = ['--service', 'billing', '--json', '--data', running.data];
  t.equal((await weir(t, ['mode', 'mirror', '--vxlan', String(await freePort()), ...billing])).code, 0);
  t.equal((await weir(t, ['mode', 'observe', ...billing])).code, 0);
  t.match(
    (await source(t, running, 'sensor'))?.detail.sources,
    [
      { kind: 'live', state: 'running' },
      { kind: 'vxlan', state: 'running' },
    ],
    'one service more or less in mirror takes nothing from the other',
  );
  t.equal((await weir(t, ['mode', 'observe', '--data', running.data])).code, 0);
  t.equal((await weir(t, listen)).code, 0);
  t.equal((await weir(t, ['mode', 'observe', '--data', running.data])).code, 0);
  isOver = true;
  await load;
  t.equal(failed, 0, 'every request was answered');
  t.ok(sent > 50);
  await eventually('all of them counted', async () => (await counted(t, running)) >= sent, 10_000).catch(() => null);
  t.equal(await counted(t, running), sent, 'each once');
  await eventually('the end of the sensor', async () => (await source(t, running, 'sensor'))?.detail.sources.length === 0);
});

const BAN = `policy: keep-out
mode: enforce
rules:
  - {rule: ban, match: {path: /invoices/*}, when: {header: x-probe}, action: {block-actor: {for: 1h}}}
`;

t.test('a sensor behind a gateway: each exchange once, and a warning; network ids name services; policies act out of band', async (t) => {
  const upstream = await startUpstream(t);
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
  const port = socket.address().port + 1;
  const config = path.join(temporaryFolder(t), 'weir.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      services: [{ name: 'shop', upstreams: [upstream] }],
      sensor: {
        sources: [
          { kind: 'live', interface: 'lo', filter: `tcp port ${new URL(upstream).port}`, driver: 'tcpdump', bufferKib: 4_096 },
          { kind: 'vxlan', host: '127.0.0.1', port },
        ],
        vnis: { 4201: 'billing' },
        workers: 2,
      },
    }),
  );
  const policies = temporaryFolder(t);
  writeFileSync(path.join(policies, 'keep-out.yaml'), BAN);
  const running = await startWeir(t, ['--config', config, '--policies', policies]);
  const fetched = async (url: string): Promise<void> => void (await (await fetch(url)).text());
  await eventually('the capture', async () => {
    await fetched(`${upstream}/direct`);
    return ((await source(t, running, 'sensor'))?.counters.captured ?? 0) > 0;
  });
  for (let index = 0; index < 20; index++) await fetched(`${running.gateway}/items/${index}`);
  const engine = await eventually('the twins', async () => {
    const row = await source(t, running, 'engine');
    return (row?.counters.seenTwice ?? 0) >= 20 ? row : null;
  });
  t.match(engine.problem, /exchanges of the last minute came from a gateway and from a sensor; each was counted once/);
  const talk = new Talk()
    .open()
    .client('GET /invoices/7 HTTP/1.1\r\nHost: x\r\nX-Probe: 1\r\n\r\n')
    .server('HTTP/1.1 204 No Content\r\n\r\n')
    .close();
  socket.send(Buffer.from('garbage'), port, '127.0.0.1');
  for (const { bytes } of talk.packets) socket.send(vxlan(4_201, ethernet(0x0800, bytes)), port, '127.0.0.1');
  await eventually('the service of the network id', async () => {
    const { stdout } = await weir(t, ['inventory', '--json', '--data', running.data]);
    return (JSON.parse(stdout) as { service: string; template: string }[]).some(({ service }) => service === 'billing');
  });
  const garbage = new RegExp(`^1 datagrams on udp:127\\.0\\.0\\.1:${port} are no VXLAN; the last: 7 bytes from 127\\.0\\.0\\.1$`);
  await eventually('what else comes there, said in words', async () =>
    (await source(t, running, 'sensor'))?.detail.sources.some(({ remark }) => garbage.test(remark ?? '')),
  );
  await eventually('who was heard, on the list that others act on', async () =>
    /^10\.0\.0\.1(?:\/32)?$/m.test((await weir(t, ['block', 'export', 'plain', '--data', running.data])).stdout),
  );
});
