/** What an operator adds to the words of policies: data types of their own in the configuration and in the UI, and key sets for signatures. */
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { eventually, start, startWeir, temporaryFolder, weir } from './support/processes.js';

t.setTimeout(300_000);

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(secret: string): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'one' })}.${part({ sub: 'ann', exp: 4_000_000_000 })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

t.test('own data types and key sets', async (t) => {
  const upstream = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end('{"badge":"EMP-12345","locker":"L-77","note":"hello"}');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const folder = temporaryFolder(t);
  const policies = path.join(folder, 'policies');
  mkdirSync(policies);
  const write = (file: string, value: object): string => {
    writeFileSync(path.join(folder, file), JSON.stringify(value));
    return path.join(folder, file);
  };
  const secret = 'a secret of sixteen';
  const jwks = write('jwks.json', { keys: [{ kty: 'oct', kid: 'one', alg: 'HS256', k: Buffer.from(secret).toString('base64url') }] });
  const config = write('weir.yaml', {
    mode: 'enforce',
    dataTypes: [{ id: 'staff_badge', title: 'Staff badge', pattern: 'EMP-[0-9]{5}' }],
    keySets: { staff: jwks },
  });
  write('policies/own.yaml', {
    policy: 'own',
    mode: 'enforce',
    rules: [
      { rule: 'badge', phase: 'response', when: { data: { types: 'staff_badge' } }, action: 'redact' },
      { rule: 'signature', when: { jwt: { invalidSignature: 'staff' } }, action: { block: { status: 401 } } },
    ],
  });
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const { gateway, admin, data } = await startWeir(t, ['--config', config, '--policies', policies, '--upstream', url]);
  const ask = (bearer: string) => fetch(`${gateway}/badges/7`, { headers: { authorization: `Bearer ${bearer}` } });
  t.match(await (await ask(token(secret))).json(), { badge: 'XXX-00000', locker: 'L-77', note: 'hello' }, 'a type of the configuration');
  t.equal((await ask(token('another secret, too long'))).status, 401, 'a signature of another key');

  const authorization = `Bearer ${readFileSync(path.join(data, 'admin-token'), 'utf8').trim()}`;
  const put = async (where: string, body: object) => {
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${admin}/api/v1${where}`, { method: 'PUT', headers, body: JSON.stringify(body) });
    t.equal(answer.status, 200, `${where}: ${await answer.text()}`);
  };
  await put('/data-types/locker', { title: 'Locker', pattern: 'L-[0-9]{2}', examples: { match: ['L-12'], ignore: ['M-12'] } });
  await eventually('the policy to be accepted', async () => {
    const text =
      'policy: lockers\nmode: enforce\nrules:\n  - rule: locker\n    phase: response\n    when: {data: {types: locker}}\n    action: redact\n';
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${admin}/api/v1/policies/lockers`, { method: 'PUT', headers, body: JSON.stringify({ text }) });
    if (!answer.ok) throw new Error(await answer.text());
    return true;
  });
  await eventually('a type of the UI', async () => ((await (await ask(token(secret))).json()) as { locker: string }).locker === 'X-00');

  t.equal((await weir(t, ['policies', 'check', policies, '--config', config])).code, 0, 'a check that knows them');
  t.match((await weir(t, ['policies', 'check', policies])).stdout, /"staff_badge" is not a data type/);

  const broken = write('broken.yaml', { dataTypes: [{ id: 'staff_badge', pattern: '(a)\\1' }] });
  const refused = start(t, process.execPath, [
    'bin/weir',
    'up',
    '--config',
    broken,
    '--port',
    '0',
    '--admin-port',
    '0',
    '--upstream',
    url,
    '--data',
    path.join(folder, 'd'),
  ]); // prettier-ignore
  await eventually('a start that is refused', () => refused.process.exitCode !== null, 60_000);
  t.equal(refused.process.exitCode, 2);
  t.match(refused.errors(), /broken\.yaml:\d+:\d+ dataTypes\[0\]\.pattern: /, 'a pattern that RE2 refuses is named');
});
