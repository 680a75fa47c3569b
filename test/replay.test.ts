/** Policies against recorded traffic, from the command line: of a file, and of what a running weir kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { eventually, startDemoApi, startWeir, temporaryFolder, weir } from './support/processes.js';

t.setTimeout(300_000);

interface Replayed {
  readonly examined: number;
  readonly wouldAct: number;
  readonly rules: readonly { readonly policy: string; readonly rule: string; readonly hits: number }[];
  readonly hits: readonly { readonly rule: string; readonly action: string; readonly target: string }[];
}

const row = (path: string, more: object = {}) => JSON.stringify({ method: 'GET', host: 'shop', path, status: 200, ...more });

t.test('a file of exchanges, without a running weir', async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, 'traffic.ndjson');
  const rows = [
    row("/items/1?name=x'%20or%20'a'%3D'a"),
    row('/items/2', { responseHeaders: { 'content-type': 'application/json' }, responseBody: '{"ssn":"536-22-8714"}' }),
    row('/items/3'),
    'no json',
  ];
  writeFileSync(file, rows.join('\n'));
  const replayed = await weir(t, ['policies', 'replay', '--from', file, '--json']);
  t.equal(replayed.code, 0, replayed.stderr);
  t.match(replayed.stderr, /traffic\.ndjson:4:1 the line is not JSON/, 'a bad row is named');
  const report = JSON.parse(replayed.stdout) as Replayed;
  t.match(report, { examined: 3, wouldAct: 2 });
  t.ok(report.hits.some((hit) => hit.rule === 'injection/attack' && hit.action === 'block' && hit.target === '/items/1'));
  t.ok(report.hits.some((hit) => hit.rule === 'forbidden-identity-out/us-ssn' && hit.action === 'redact'));
  t.match((await weir(t, ['policies', 'replay', '--from', file])).stdout, /^would have acted on 2 of 3 exchanges/);

  const bench = await weir(t, ['policies', 'bench', '--from', file, '--rounds', '3', '--json']);
  const costs = JSON.parse(bench.stdout) as {
    exchanges: number;
    rules: { policy: string; evaluations: number; usPerEvaluation: number }[];
  };
  t.equal(costs.exchanges, 3);
  t.ok(costs.rules.some((one) => one.policy === 'injection' && one.evaluations === 9 && one.usPerEvaluation > 0));

  const own = path.join(folder, 'policies');
  mkdirSync(own);
  writeFileSync(
    path.join(own, 'p.yaml'),
    'policy: p\nrules:\n  - rule: busy\n    when: {rate: {by: host, above: 1, window: 1h}}\n    action: block\n',
  );
  t.match(JSON.parse((await weir(t, ['policies', 'replay', own, '--from', file, '--json'])).stdout), {
    wouldAct: 2,
    rules: [{ rule: 'busy', hits: 2 }],
  }); // prettier-ignore
  writeFileSync(path.join(own, 'p.yaml'), 'policy: p\nrules:\n  - rule: busy\n    acton: block\n');
  const broken = await weir(t, ['policies', 'replay', own, '--from', file]);
  t.equal(broken.code, 1);
  t.match(broken.stderr, /p\.yaml:4:\d+ .*did you mean "action"/);

  const refused: [args: string[], words: RegExp][] = [
    [['replay', '--from', path.join(folder, 'nowhere')], /There is no file/],
    [['replay', '--from', file, '--last', '1h'], /not both/],
    [['replay', '--data', folder], /No weir runs/],
    [['bench', '--data', folder], /no weir database/],
    [['bench', '--from', file, '--last', 'soon'], /not both/],
  ];
  for (const [args, words] of refused) {
    const result = await weir(t, ['policies', ...args]);
    t.equal(result.code, 2, args.join(' '));
    t.match(result.stderr, words);
  }
});

t.test('what a running weir kept', async (t) => {
  const running = await startWeir(t, ['--upstream', await startDemoApi(t)]);
  for (let id = 1; id <= 4; id++) await (await fetch(`${running.gateway}/api/products/${id}`)).arrayBuffer();
  await (await fetch(`${running.gateway}/api/products?q=x'%20or%20'a'%3D'a`)).arrayBuffer();
  const report = await eventually('the traffic to be kept', async () => {
    const result = await weir(t, ['policies', 'replay', '--last', '1h', '--data', running.data, '--json']);
    if (result.code !== 0) throw new Error(result.stderr);
    const one = JSON.parse(result.stdout) as Replayed;
    return one.examined >= 5 ? one : null;
  });
  t.ok(
    report.rules.some((one) => one.policy === 'injection' && one.rule === 'attack'),
    'what enforce would have stopped',
  );
  t.ok(report.hits.some((hit) => hit.rule === 'injection/attack' && hit.action === 'block'));
  const bench = await weir(t, ['policies', 'bench', '--data', running.data, '--rounds', '1', '--json']);
  t.equal(bench.code, 0, bench.stderr);
  t.ok((JSON.parse(bench.stdout) as { exchanges: number }).exchanges >= 5, 'bench reads the same traffic');
});
