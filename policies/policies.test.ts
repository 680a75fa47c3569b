import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { bodyOf, type Exchange, emptyBody, headersOf, type Json, newId } from '../exchange/index.js';
import {
  benchRules,
  Classifier,
  compileInTurns,
  compilePolicies,
  contextOf,
  dataTypes,
  evaluateExchange,
  exchangeFacts,
  type FullPolicySet,
  loadLibrary,
  mergeStats,
  PolicyError,
  PolicyFolder,
  type PolicyFolderOptions,
  type PolicySource,
  readExchange,
  replay,
  runCases,
} from './index.js';

const source = (text: string, file = 'p.yaml') => ({ file, text, origin: 'folder' as const });

t.test('the library: every case holds, and every policy has some that fire and some that must not', async (t) => {
  const set = compilePolicies(loadLibrary());
  for (const result of runCases(set)) t.ok(result.passed, `${result.file}:${result.line} ${result.case}: ${result.failures.join('; ')}`);
  for (const { document } of set.documents) {
    const cases = document.cases ?? [];
    t.ok(
      cases.some((one) => one.fires.length === 0),
      `${document.policy} shows what must not fire`,
    );
    t.ok(
      cases.some((one) => one.fires.length > 0),
      `${document.policy} shows what must fire`,
    );
  }
  const acting = set.planned('inline', { service: 's', host: 'h', method: 'POST', template: '/a', tags: [] });
  t.same(
    [...acting.request, ...acting.response].map((rule) => `${rule.policy}/${rule.rule}`).sort(),
    [
      'forbidden-cards-out/card-number',
      'forbidden-cards-out/card-secret',
      'forbidden-identity-out/us-ssn',
      'injection/attack',
      'object-access/foreign-object',
      'object-access/foreign-object-answered',
      'object-access/guessed-object',
    ],
    'the starter set, as the reference says',
  ); // prettier-ignore
});

t.test('cases that fail say why', async (t) => {
  const set = compilePolicies([
    source(`policy: p
mode: off
rules:
  - {rule: a, when: {header: x}, action: block}
cases:
  - {case: fires, request: {headers: {x: '1'}}, fires: [a], action: block}
  - {case: does not, fires: [a]}
  - {case: another action, request: {headers: {x: '1'}}, fires: [a], action: close}
`),
  ]); // prettier-ignore
  t.match(runCases(set), [
    { passed: true },
    { passed: false, line: 7, failures: ['fired [], expected [a]'] },
    { passed: false, failures: ['the action is block, expected close'] },
  ]);
});

function exchange(
  more: {
    target?: string;
    response?: string;
    truncatedTo?: number;
    observer?: Exchange['observer']['kind'];
    mode?: Exchange['outcome']['mode'];
    outcome?: Partial<Exchange['outcome']>;
    headers?: Record<string, string>;
  } = {},
): Exchange {
  const body = more.response === undefined ? emptyBody : bodyOf(Buffer.from(more.response), more.truncatedTo);
  return {
    id: newId(1_000),
    requestId: 'r',
    kind: 'http',
    observer: { kind: more.observer ?? 'sensor', id: 's' },
    service: 'shop',
    client: { ip: '198.51.100.7', port: 1 },
    server: { ip: '10.0.0.1', port: 80 },
    startedAtMs: 1_000,
    durationMs: 1,
    upstreamMs: 1,
    request: {
      method: 'GET',
      scheme: 'https',
      host: 'h',
      target: more.target ?? '/a',
      httpVersion: '1.1',
      headers: headersOf(more.headers ?? {}),
      body: emptyBody,
      trailers: [],
    },
    response: { status: 200, httpVersion: '1.1', headers: headersOf({ 'content-type': 'application/json' }), body, trailers: [] },
    principal: null,
    outcome: { action: 'passed', mode: more.mode ?? 'mirror', phase: null, acts: [], ...more.outcome },
    tags: [],
  };
}

const mixed = `policy: p
rules:
  - {rule: block, when: {header: evil}, action: block}
  - {rule: alert, when: {header: evil}, action: alert}
  - {rule: watched, mode: observe, when: {header: evil}, action: block}
  - {rule: leak, phase: response, when: {data: {types: email}}, action: redact}
  - {rule: ban, when: {header: evil}, action: {block-actor: {for: 1h}}}
`;

const verdictOf = (set: FullPolicySet, one: Exchange) => {
  const verdict = evaluateExchange(set, one, contextOf(set, exchangeFacts(one, { template: '/a', tags: [] })));
  return {
    rules: verdict.acts.map((act) => act.rule),
    would: verdict.wouldAction,
    truncated: verdict.truncated,
    actor: verdict.blockActor?.acted,
  };
};

t.test('the engine runs what did not run inline, and nothing twice', async (t) => {
  const set = compilePolicies([source(mixed)]);
  const headers = { evil: '1' };
  const response = '{"to":"ann@example.org"}';
  const act = {
    policy: 'p',
    rule: 'block',
    phase: 'request',
    action: 'block',
    acted: false,
    severity: 'low',
    confidence: 1,
    message: '',
    evidence: [],
  } as const;
  t.same(
    verdictOf(set, exchange({ headers, response })),
    { rules: ['block', 'alert', 'watched', 'ban', 'leak'], would: 'block', truncated: false, actor: true },
    'a sensor ran nothing; who is blocked, is blocked elsewhere',
  );
  t.same(
    verdictOf(set, exchange({ headers, response, observer: 'gateway', mode: 'enforce' })).rules,
    ['alert', 'watched', 'ban'],
    'a gateway that enforces ran what acts',
  );
  t.equal(
    verdictOf(set, exchange({ headers, response, observer: 'gateway', mode: 'enforce' })).actor,
    true,
    'blocking the actor is the engine’s to do',
  );
  t.same(
    verdictOf(set, exchange({ headers, response, observer: 'gateway', mode: 'observe' })).rules,
    ['alert', 'watched', 'ban'],
    'so did one that observes',
  );
  t.equal(verdictOf(set, exchange({ headers, response, observer: 'gateway', mode: 'observe' })).actor, false, 'and blocks nobody');
  t.same(
    verdictOf(set, exchange({ headers, response, outcome: { acts: [act] } })).rules,
    ['alert', 'watched', 'ban', 'leak'],
    'what stands in the outcome is not reported again',
  );
  t.same(
    verdictOf(set, exchange({ headers, response, outcome: { action: 'blocked', phase: 'request' } })).rules,
    ['block', 'alert', 'watched', 'ban'],
    'weir’s own answer is not inspected',
  );
  t.equal(verdictOf(set, exchange({ response: '{"to":"', truncatedTo: 900 })).truncated, true);
});

t.test('what was read of an exchange before is what rules would have read themselves', async (t) => {
  const set = compilePolicies([
    source(`policy: p
rules:
  - {rule: mail, phase: response, when: {data: {types: email, atLeast: 2}}, action: alert}
  - {rule: query, when: {data: {types: email, in: query}}, action: alert}
  - {rule: name, phase: response, when: {body: {path: '$.items[*].name', equals: Zoë}}, action: alert}
  - {rule: shut, phase: response, onError: closed, when: {body: {path: '$.never'}}, action: alert}
  - {rule: many, phase: response, when: {number: {of: records, above: 2}}, action: alert}
`),
  ]);
  const json = (name: string, count: number) =>
    JSON.stringify({ items: Array.from({ length: count }, (_, index) => ({ name, mail: `ann${index}@example.org` })) });
  const bodies: [what: string, bytes: Uint8Array, headers: Record<string, string>, rules: string[]][] = [
    ['ASCII', Buffer.from(json('Zoe', 3)), {}, ['query', 'mail', 'many']],
    ['UTF-8', Buffer.from(json('Zoë', 2)), {}, ['query', 'mail', 'name']],
    ['UTF-16', Buffer.from(json('Zoë', 3), 'utf16le'), {}, ['query', 'mail', 'name', 'many']],
    [
      'Latin-1',
      Buffer.from(json('Zoë', 3), 'latin1'),
      { 'content-type': 'application/json; charset=iso-8859-1' },
      ['query', 'mail', 'name', 'many'],
    ],
    ['gzip', gzipSync(json('Zoe', 3)), { 'content-encoding': 'gzip' }, ['query', 'mail', 'many']],
    ['a long one', gzipSync(json('Zoe', 3000)), { 'content-encoding': 'gzip' }, ['query', 'mail', 'many']],
    ['broken', Buffer.from(`${json('Zoë', 3)}}`), {}, ['query', 'mail', 'name', 'shut', 'many']],
    ['pictures', Buffer.from(json('Zoe', 3)), { 'content-type': 'image/png' }, ['query']],
    ['nothing', new Uint8Array(0), {}, ['query']],
  ];
  const classifier = Classifier.of(dataTypes);
  for (const [what, bytes, headers, rules] of bodies) {
    const base = exchange({ target: '/a?to=ann@example.org' });
    const one: Exchange = {
      ...base,
      response: { ...base.response!, headers: headersOf({ 'content-type': 'application/json', ...headers }), body: bodyOf(bytes) },
    };
    const parsed = { request: () => undefined, response: () => (what === 'ASCII' ? (JSON.parse(json('Zoe', 3)) as Json) : undefined) };
    const context = () => contextOf(set, exchangeFacts(one, { template: '/a', tags: [] }));
    const anew = evaluateExchange(set, one, context(), 'all');
    t.same(
      anew.acts.map((act) => act.rule),
      rules,
      what,
    );
    t.same(evaluateExchange(set, one, context(), 'all', readExchange(one, classifier, parsed)), anew, `${what}, read before`);
  }
});

t.test('replay says what a set would have done, with samples', async (t) => {
  const set = compilePolicies([source(mixed)]);
  const recorded = [
    exchange({}),
    exchange({ headers: { evil: '1' }, target: '/a?secret=1' }),
    exchange({ headers: { evil: '1' } }),
    exchange({ response: '{"to":"ann@example.org"}' }),
  ];
  const report = replay(set, recorded, { samples: 1 });
  t.match(report, { exchanges: 4, would: { pass: 1, block: 2, redact: 1 }, truncated: 0, errors: 0 });
  t.match(
    report.rules.find((rule) => rule.rule === 'block'),
    { hits: 2, samples: [{ path: '/a', method: 'GET', act: { acted: false } }] },
  );
  t.equal(report.rules.find((rule) => rule.rule === 'block')?.samples.length, 1);
  const redacted = exchange({ response: '{"to":"•••@•••"}' });
  const learned = () => ({
    template: '/a',
    tags: [],
    dataHits: () => [{ type: 'email', confidence: 0.9, count: 3, location: { phase: 'response', in: 'body', path: 'to' } as const }],
  });
  t.match(replay(set, [redacted], { learned }), { would: { redact: 1 } }, 'redacted recordings replay on what was classified');
  t.match(replay(set, [redacted]), { would: { pass: 1 } });
});

t.test('costs and counters of rules', async (t) => {
  const set = compilePolicies([source(mixed)]);
  const costs = benchRules(set, [exchange({ headers: { evil: '1' }, response: '{}' })], 10);
  t.match(
    costs.find((cost) => cost.rule === 'block'),
    { evaluations: 10, hits: 10 },
  );
  t.ok(costs.every((cost) => cost.usPerEvaluation >= 0));
  t.match(
    mergeStats(set.stats(), set.stats()).find((rule) => rule.rule === 'watched'),
    { evaluations: 20, hits: 20, acted: 0, wouldAct: 20 },
  );
});

t.test('modes can be overridden while weir runs', async (t) => {
  const names = (overrides: [string, { mode?: 'enforce' | 'observe' | 'off' }][]) => {
    const set = compilePolicies([source(mixed)], { overrides: new Map(overrides) });
    return set.planned('inline', { service: 's', host: 'h', method: 'GET', template: null, tags: [] }).request.map((rule) => rule.rule);
  };
  t.same(names([]), ['block']);
  t.same(names([['p', { mode: 'observe' }]]), []);
  t.same(names([['p/watched', { mode: 'enforce' }]]), ['block', 'watched']);
  t.same(names([['p', { mode: 'off' }]]), []);
});

const good = (rule: string): string => `policy: p\nrules: [{rule: ${rule}, action: alert}]\n`;
const rulesOf = (folder: PolicyFolder): string[] => folder.set.documents.flatMap(({ document }) => document.rules.map(({ rule }) => rule));

async function openFolder(
  t: { teardown(run: () => void): void },
  files: Record<string, string>,
  more: Partial<PolicyFolderOptions> = {},
): Promise<{ folder: PolicyFolder; at: string; write(name: string, text: string): void }> {
  const at = mkdtempSync(path.join(tmpdir(), 'weir-policies-'));
  const write = (name: string, text: string): void => writeFileSync(path.join(at, name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  const folder = await PolicyFolder.load({ path: at, compile: () => ({}), ...more });
  t.teardown(() => {
    folder.close();
    rmSync(at, { recursive: true, force: true });
  });
  return { folder, at, write };
}

t.test('a folder keeps what last worked, file by file', async (t) => {
  const { folder, at, write } = await openFolder(t, {
    'a.yaml': good('one'),
    'b.yaml': 'policy: q\nrules: [{rule: other, action: alert}]\n',
    'notes.txt': 'x',
  });
  t.same(rulesOf(folder), ['one', 'other']);
  write('a.yaml', 'policy: p\nrules: [{rule: two, action: alrt}]\n');
  write('b.yaml', 'policy: q\nrules: [{rule: changed, action: alert}]\n');
  await folder.reload();
  t.same(rulesOf(folder), ['one', 'changed'], 'the good change is in force, the bad one is not');
  t.match(folder.state.stale.get(path.join(at, 'a.yaml')), [{ line: 2, nearest: 'alert' }]);
  write('a.yaml', good('two'));
  await folder.reload();
  t.same(rulesOf(folder), ['two', 'changed']);
  t.equal(folder.state.stale.size, 0);
  write('c.yaml', `policy: big # ${'x'.repeat(5_000_000)}`);
  await folder.reload();
  t.match([...folder.state.stale.values()], [[{ code: 'POLICY_FILE_TOO_BIG' }]]);
  t.same(rulesOf(folder), ['two', 'changed']);
  rmSync(path.join(at, 'b.yaml'));
  rmSync(path.join(at, 'c.yaml'));
  await folder.reload();
  t.same(rulesOf(folder), ['two'], 'what was taken away is gone');
  rmSync(at, { recursive: true });
  await folder.reload();
  t.same(rulesOf(folder), ['two'], 'a folder that cannot be read changes nothing');
  t.match([...folder.state.stale.values()], [[{ code: 'POLICY_FILE' }]]);
});

t.test('what did not change is taken over, and the thread does other work while the rest is compiled', async (t) => {
  const file = (name: string, more = ''): PolicySource => ({
    file: `${name}.yaml`,
    text: good(name).replace('policy: p', `policy: ${name}`) + more,
    origin: 'folder',
  });
  const many = Array.from({ length: 300 }, (_, index) => file(`r${index}`));
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const first = await compileInTurns(many, {}, null);
  isDone = true;
  t.ok(turns > 1, 'others had their turn');
  const route = { service: 's', host: 'h', method: 'GET', template: null, tags: [] };
  const matches = (set: FullPolicySet) => new Map(set.planned('all', route).request.map((rule) => [rule.policy, rule.matches]));
  const changed = many.map((one, index) => (index === 7 ? file('r7', '# new\n') : one));
  const second = await compileInTurns(changed, {}, first);
  const [before, after] = [matches(first), matches(second)];
  t.equal(after.size, 300);
  t.same(
    [...after].filter(([name, compiled]) => before.get(name) !== compiled).map(([name]) => name),
    ['r7'],
  );
  const other = await compileInTurns(changed, { overrides: new Map([['r9', { mode: 'observe' }]]) }, second);
  t.same(
    [...matches(other)].filter(([name, compiled]) => after.get(name) !== compiled).map(([name]) => name),
    ['r9'],
    'a mode that is set while weir runs',
  );
  const anew = compilePolicies(changed);
  t.same(
    anew.planned('all', route).request.map(({ policy, rule, index }) => [policy, rule, index]),
    second.planned('all', route).request.map(({ policy, rule, index }) => [policy, rule, index]),
    'the same set as one that is compiled at once',
  );
  const bad = await compileInTurns([...changed, file('r3')], {}, second).catch((error: unknown) => error);
  t.match(bad, { problems: [{ code: 'POLICY_DUPLICATE', file: 'r3.yaml' }] });
});

t.test('policies written in the UI are joined, or refused with their own mistakes', async (t) => {
  const { folder, write } = await openFolder(t, { 'a.yaml': good('one') });
  const ui = (text: string) => [{ file: 'ui/x', text, origin: 'ui' as const }];
  await folder.edit(ui('policy: x\nrules: [{rule: mine, action: alert}]\n'));
  t.same(rulesOf(folder), ['one', 'mine']);
  t.match(await folder.edit(ui('policy: x\nrules: [{rule: mine, action: alrt}]\n')).catch((error: unknown) => error), {
    problems: [{ file: 'ui/x', nearest: 'alert' }],
  });
  await t.rejects(folder.edit(ui('policy: p\nrules: [{rule: mine, action: alert}]\n')), PolicyError, 'a name that is taken');
  t.same(rulesOf(folder), ['one', 'mine']);
  write('a.yaml', 'policy: p\n');
  await folder.edit(ui('policy: x\nrules: [{rule: yours, action: alert}]\n'));
  t.same(rulesOf(folder), ['one', 'yours'], 'somebody else’s broken file does not stand in the way');
});

t.test('a change in the folder is noticed', async (t) => {
  const changed: string[] = [];
  let noticed: () => void = () => {};
  const seen = new Promise<void>((resolve) => {
    noticed = resolve;
  });
  const { folder, write } = await openFolder(
    t,
    { 'a.yaml': good('one') },
    {
      debounceMs: 5,
      onChange: (set) => {
        changed.push(...set.documents.flatMap(({ document }) => document.rules.map(({ rule }) => rule)));
        if (changed.includes('two')) noticed();
      },
    },
  ); // prettier-ignore
  folder.watch();
  write('a.yaml', good('two'));
  await seen;
  t.equal(changed.at(-1), 'two');
  const { version } = folder.set;
  await folder.reload();
  t.equal(folder.set.version, version);
  t.equal(changed.length, 2, 'nothing new, nobody is told');
});
