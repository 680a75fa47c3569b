/** Ports that keep everything in memory: small, but they do what the ports promise. For the tests of this folder. */
import { shortHash, WeirError } from '../../exchange/index.js';
import type { AllowView, BlockView, FeedView, PolicyView, Ports, SelfTestView, SensorSettingView, ServiceMode } from '../index.js';

export interface MemoryPorts extends Required<Omit<Ports, 'unmask'>> {
  readonly published: Map<string, unknown>;
  readonly templateCalls: string[];
  woken: number;
  importsCancelled: number;
}

export function memoryPorts(): MemoryPorts {
  const modes = new Map<string, ServiceMode>();
  const blocks = new Map<string, BlockView>();
  const allows = new Map<string, AllowView>();
  const feeds = new Map<string, FeedView>();
  const published = new Map<string, unknown>();
  const templateCalls: string[] = [];
  const selfTests = new Map<string, SelfTestView>();
  const sensor: { now: SensorSettingView } = { now: { sources: [] } };
  const overrides = new Map<string, Pick<PolicyView, 'mode' | 'percentage'>>();
  const note =
    (name: string) =>
    async (...args: readonly unknown[]) => {
      templateCalls.push(`${name} ${args.join(' ')}`);
    };
  const uiPolicies = () => (published.get('policies') ?? []) as readonly { readonly name: string; readonly text: string }[];
  const ports: MemoryPorts = {
    published,
    templateCalls,
    woken: 0,
    importsCancelled: 0,
    services: {
      list: () => [{ name: 'shop', upstreams: ['http://127.0.0.1:9000'], hosts: ['shop.test'] }],
      mode: (service) => modes.get(service) ?? { request: 'observe', response: 'observe' },
      async setMode(service, mode) {
        modes.set(service, mode);
      },
    },
    blocks: {
      list: () => blocks.values(),
      hits: (id) => blocks.get(id)?.hits ?? 0,
      view: (entry) => blocks.get(entry.id) ?? { action: 'block', ...entry, hits: 0, lastHitMs: null, tried: [] },
      get: (id) => blocks.get(id) ?? null,
      stateOf({ value }) {
        if ([...allows.values()].some((one) => one.scope.value === value)) return 'allowed';
        return [...blocks.values()].some((one) => one.scope.value === value && one.action === 'block') ? 'blocked' : null;
      },
      async add(wanted, by) {
        if (wanted.value === by.callerAddress && !wanted.force)
          throw new WeirError('BLOCK_PROTECTED', 'that is your own address', { status: 409 });
        const scope = { kind: wanted.kind ?? ('address' as const), value: wanted.value };
        const expiresAtMs = wanted.expiresAtMs ?? (wanted.forMs === null ? null : by.nowMs + (wanted.forMs ?? 14_400_000));
        const { reason } = wanted;
        const block: BlockView = {
          id: shortHash(wanted.value),
          scope,
          service: wanted.service ?? null,
          action: wanted.action ?? 'block',
          reason,
          origin: 'person',
          createdBy: by.name,
          createdAtMs: by.nowMs,
          expiresAtMs,
          hits: 0,
          lastHitMs: null,
          tried: [],
        };
        blocks.set(block.id, block);
        return block;
      },
      remove: async (id) => blocks.delete(id),
      allowlist: () => [...allows.values()],
      async allow(wanted, by) {
        const entry: AllowView = {
          id: shortHash('allow', wanted.value),
          scope: { kind: wanted.kind ?? 'address', value: wanted.value },
          reason: wanted.reason,
          createdBy: by.name,
          createdAtMs: by.nowMs,
          expiresAtMs: wanted.forMs === null ? null : by.nowMs + wanted.forMs,
          feed: wanted.feed,
        };
        allows.set(entry.id, entry);
        return entry;
      },
      disallow: async (id) => allows.delete(id),
      explain(subject) {
        const hit = [...blocks.values()].filter((block) => block.scope.value === subject || block.id === subject);
        return {
          subject,
          verdict: hit.length > 0 ? 'blocked' : 'not-blocked',
          text: hit[0]?.reason ?? 'no entry',
          blocks: hit,
          allows: [...allows.values()].filter((one) => one.scope.value === subject),
          incident: null,
        };
      },
      describe: (name, { ip }) => `${ip} was stopped by ${blocks.get(name)?.reason ?? name}`,
      export: (format, withFeeds) => ({
        text: `${withFeeds ? '# with feeds\n' : ''}# ${format}\n${[...blocks.values()].map((block) => block.scope.value).join('\n')}\n`,
        mediaType: 'text/plain',
      }),
      feeds: () => [...feeds.values()],
      async addFeed(wanted) {
        const feed: FeedView = {
          id: shortHash(wanted.name),
          ...wanted,
          entries: 0,
          refused: 0,
          duplicates: 0,
          checkedAtMs: null,
          overridden: 0,
          hits: 0,
          loadedAtMs: null,
          error: null,
          errors: [],
        };
        feeds.set(feed.id, feed);
        return feed;
      },
      removeFeed: async (id) => feeds.delete(id),
      async refreshFeed(id) {
        return feeds.get(id)!;
      },
    },
    policies: {
      list: () => [
        { ...policyView('forbidden-data', 'library', 'policies/library/forbidden-data.yaml'), ...overrides.get('forbidden-data') },
        ...uiPolicies().map((one) => policyView(one.name, 'ui', '')),
      ],
      text: (name) =>
        name === 'forbidden-data' ? 'policy: forbidden-data\n' : (uiPolicies().find((one) => one.name === name)?.text ?? null),
      check(text) {
        const name = /^policy: (\S+)$/m.exec(text)?.[1] ?? null;
        const wrong = text.split('\n').findIndex((line) => line.startsWith('ruls:'));
        const problems =
          wrong < 0
            ? []
            : [
                {
                  severity: 'error' as const,
                  code: 'POLICY_UNKNOWN_KEY',
                  message: 'unknown key "ruls", did you mean "rules"?',
                  line: wrong + 1,
                  column: 1,
                },
              ];
        const cases = [...text.matchAll(/^# case (\w+) (ok|fails)$/gm)].map((match) => ({
          name: match[1]!,
          ok: match[2] === 'ok',
          expected: 'block',
          actual: match[2] === 'ok' ? 'block' : 'pass',
        }));
        return { ok: problems.length === 0 && cases.every((one) => one.ok), name, problems, cases };
      },
      schema: () => ({ type: 'object' }),
      withMode: (text, mode) => `${text.replace(/^mode: .*\n/m, '')}mode: ${mode}\n`,
      async overrideMode(name, override) {
        if (override === null) overrides.delete(name);
        else overrides.set(name, override);
      },
      async publish(texts) {
        published.set('policies', texts);
      },
      settled: async () => undefined,
      async replay(_text, exchanges) {
        let examined = 0;
        for await (const _exchange of exchanges) examined += 1;
        return { examined, wouldAct: 0, alerts: 0, rules: [], hits: [] };
      },
    },
    templates: {
      pin: note('pin'),
      unpin: note('unpin'),
      split: note('split'),
      unsplit: note('unsplit'),
      importDocument: async (_service, text) => ({ imported: (text.match(/"\//g) ?? []).length, format: 'openapi', warnings: [] }),
    },
    scans: {
      tests: async () => [
        {
          id: 'bola-swap',
          name: 'BOLA by swapped id',
          category: 'BOLA',
          subCategory: '',
          severity: 'high',
          owasp: 'API1:2023',
          cwe: 'CWE-639',
          description: '',
          remediation: '',
          references: [],
          tags: [],
          intrusive: false,
          origin: 'library',
          file: 'scans/library/bola/swap.yaml',
          enabled: true,
          problem: null,
        },
      ],
      testText: async () => 'id: bola-swap\n',
      checkTest: async (text) => ({
        ok: text.startsWith('id:'),
        problems: text.startsWith('id:') ? [] : [{ severity: 'error', code: 'TEST_NO_ID', message: 'no id', line: 1, column: 1 }],
      }),
      async publishTests(tests) {
        published.set('scan-tests', tests);
      },
      wake() {
        ports.woken += 1;
      },
      checkAuthContext: async () => ({ ok: true, text: 'answered 200' }),
    },
    sources: {
      list: () => [
        {
          id: 'gateway-1',
          kind: 'gateway',
          host: 'here',
          version: '1',
          state: 'ok',
          startedAtMs: 0,
          seenAtMs: 0,
          requestsPerSecond: 1,
          lagMs: 200,
          dropped: 3,
          droppedBy: { full: 3 },
          counters: {},
          problem: null,
          detail: {},
        },
      ],
      sensor: () => sensor.now,
      async setSensor(setting) {
        sensor.now = setting;
      },
      async startSelfTest() {
        const test: SelfTestView = {
          id: 'test-1',
          startedAtMs: 0,
          state: 'running',
          steps: [{ name: 'sent', state: 'ok', tookMs: 1, text: '' }],
        };
        selfTests.set(test.id, test);
        return test;
      },
      selfTest: (id) => selfTests.get(id) ?? null,
      /** One row is a recording that takes for ever. */
      async importTraffic(_service, _type, bytes, signal) {
        const rows = Buffer.from(bytes).toString().split('\n').filter(Boolean);
        if (rows[0] === 'endless') {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          ports.importsCancelled += 1;
        }
        return { exchanges: rows.length, refused: 0, problems: [] };
      },
    },
    dataTypes: {
      builtIn: () => [
        {
          id: 'email',
          title: 'E-mail address',
          sensitivity: 'medium',
          fieldNames: ['email'],
          examples: { match: ['a@b.cd'], ignore: ['a@'] },
        },
      ],
      test: (text, own) =>
        own.flatMap((type) =>
          type.pattern !== null && new RegExp(type.pattern).test(text)
            ? [{ type: type.id, path: '', confidence: 1, excerpt: '•••', count: 1 }]
            : [],
        ),
      async publish(own, disabled) {
        published.set('data-types', { own, disabled });
      },
    },
    integrations: {
      kinds: () => [{ kind: 'webhook', title: 'Webhook', description: '', schema: { type: 'object' } }],
      secrets: () => ['secret'],
      validate(_kind, config) {
        if (typeof config.url !== 'string') throw new WeirError('INTEGRATION_CONFIG', 'url is missing', { status: 400 });
      },
      test: async (_kind, config) => ({ ok: config.secret === 'hunter2', text: String(config.url) }),
    },
  };
  return ports;
}

function policyView(name: string, origin: 'library' | 'ui', file: string) {
  return {
    name,
    title: name,
    description: '',
    origin,
    file,
    readOnly: origin !== 'ui',
    mode: 'inherit' as const,
    percentage: null,
    severity: 'high',
    rules: [],
    hits: 0,
    acted: 0,
    wouldAct: 0,
    version: 0,
    changedAtMs: null,
    changedBy: '',
    problem: null,
  };
}
