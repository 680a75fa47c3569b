import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';

t.test('a worker that is killed is replaced, the other goes on, SIGTERM drains', async (t) => {
  const upstream = http.createServer((_req, res) => res.end('ok'));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const fixture = fileURLToPath(new URL('./workers.fixture.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fixture, String(port), `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
    },
  );
  t.teardown(() => {
    child.kill('SIGKILL');
    upstream.close();
    upstream.closeAllConnections();
  });
  const events: { kind: string; pid: number }[] = [];
  const listening = new Set<number>();
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as { kind: string; pid: number };
      if (event.kind === 'listening') listening.add(event.pid);
      else events.push(event);
    }
  });
  const ask = () =>
    new Promise<number>((resolve) => {
      http
        .get({ host: '127.0.0.1', port, agent: false }, (res) => res.resume().on('end', () => resolve(res.statusCode ?? 0)))
        .on('error', () => resolve(0));
    });
  for (let tries = 0; tries < 600 && listening.size < 2; tries++) await wait(50);
  t.equal(await ask(), 200);
  const started = () => events.filter((event) => event.kind === 'started').length;
  t.equal(started(), 2);
  // It stands still with a connection that it never takes, then it is gone.
  process.kill(events[0].pid, 'SIGSTOP');
  const meanwhile = Promise.all([ask(), ask(), ask(), ask()]);
  await wait(100);
  process.kill(events[0].pid, 'SIGKILL');
  const asked = await Promise.race([meanwhile, wait(20_000, [], { ref: false })]);
  t.equal(asked.length, 4, 'nobody waits for ever for the one that died');
  t.ok(asked.filter((status) => status === 200).length >= 2, `${asked.join()}: the other one answers its share`);
  for (let tries = 0; tries < 300 && started() < 3; tries++) await wait(20);
  t.match(events.slice(2), [{ kind: 'died', pid: events[0].pid }, { kind: 'started' }]);
  const answers: number[] = [];
  for (let index = 0; index < 20; index++) answers.push(await ask());
  t.ok(
    // A connection that the dead worker had been handed is lost with it.
    answers.filter((status) => status !== 200).length <= 1,
    'the other worker answers meanwhile',
  );
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  t.same((await exited)[0], 0, 'drained and gone');
});
