/** A session cookie under a name that nobody knows, through the real program: a credential once the server has set it, and after a restart. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { eventually, type RunningWeir, startWeir, temporaryFolder, weir } from './support/processes.js';

t.setTimeout(120_000);

t.test('what a server makes a session is one for good', async (t) => {
  const session = '5f1c8e3a9b7d20461c3e8f5a';
  const server = createServer((request, response) => {
    const headers = request.url === '/login/enter' ? { 'set-cookie': `kts=${session}; Path=/; HttpOnly` } : {};
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const data = temporaryFolder(t);
  const start = (): Promise<RunningWeir> =>
    startWeir(t, ['--upstream', `http://127.0.0.1:${(server.address() as AddressInfo).port}`], data);
  const authOf = (running: RunningWeir, template: string) =>
    eventually(`${template} in the inventory`, async () => {
      const { stdout } = await weir(t, ['inventory', '--json', '--data', running.data]);
      const row = (JSON.parse(stdout) as { template: string; auth: unknown }[]).find((one) => one.template === template);
      return row === undefined ? null : row.auth;
    });
  const ask = async (running: RunningWeir, path: string): Promise<void> => {
    await (await fetch(`${running.gateway}${path}`, { headers: { cookie: `lang=de; kts=${session}` } })).arrayBuffer();
  };

  const first = await start();
  await ask(first, '/orders/mine');
  t.same(await authOf(first, '/orders/mine'), ['none'], 'any cookie may have such a value');
  await ask(first, '/login/enter');
  await ask(first, '/profile/show');
  t.same(await authOf(first, '/profile/show'), ['session-cookie']);
  t.equal(await first.stop(), 0);

  const second = await start();
  await ask(second, '/addresses/all');
  t.same(await authOf(second, '/addresses/all'), ['session-cookie'], 'though nobody signed in since');
});
