import { SEVERITIES, type Severity } from '../../exchange/index.js';
import { readCondition } from './condition.js';
import { EXECUTE_TYPES, INFO, TOP_LEVEL } from './names.js';
import { Source } from './source.js';
import { readStep } from './step.js';
import type { Condition, TestDefinition, Value, WordList } from './types.js';

const SIZE_LIMIT = 1_000_000;
const NOTHING: Condition = { kind: 'all', of: [] };

/** Category of a test → OWASP API Security Top 10 2023. */
const OWASP: { readonly [category: string]: string } = {
  BOLA: 'API1:2023',
  NO_AUTH: 'API2:2023',
  BOPLA: 'API3:2023',
  EDE: 'API3:2023',
  MA: 'API3:2023',
  RL: 'API4:2023',
  BFLA: 'API5:2023',
  FLOW: 'API6:2023',
  SSRF: 'API7:2023',
  SM: 'API8:2023',
  MHH: 'API8:2023',
  CORS: 'API8:2023',
  VEM: 'API8:2023',
  SVD: 'API8:2023',
  UHM: 'API8:2023',
  INJECT: 'API8:2023',
  INPUT: 'API8:2023',
  COMMAND_INJECTION: 'API8:2023',
  LFI: 'API8:2023',
  XSS: 'API8:2023',
  CRLF: 'API8:2023',
  SSTI: 'API8:2023',
  IIM: 'API9:2023',
  UC: 'API10:2023',
};

/**
 * Compiles one template of the test language (that of Akto's public library, with `info.owasp` and `info.remediation` added). Everything that it does not
 * know is refused at its place, with the nearest word that it knows.
 *
 * @throws ScanTestError
 */
export function compileTest(text: string, file: string): TestDefinition {
  const source = new Source(text.length > SIZE_LIMIT ? '' : text, file);
  if (text.length > SIZE_LIMIT) source.fail(`larger than ${SIZE_LIMIT} characters`, null);
  const top = section(source, source.root, 'a test', TOP_LEVEL);
  const id = top.get('id');
  if (id === undefined || source.value(id) === null) return source.fail('id is missing', source.root);
  if (!top.has('info')) return source.fail('info is missing', source.root);
  const info = readInfo(source, top.get('info'));
  const kind = top.has('execute') ? 'scan' : 'threat';
  if (kind === 'threat' && !top.has('filter')) return source.fail('execute is missing', source.root);
  for (const name of ['ignore', 'success_filter', 'failure_filter'] as const) if (top.has(name)) readCondition(source, top.get(name));
  const condition = (name: string) => {
    const node = top.get(name);
    return node === undefined || source.value(node) === null ? null : readCondition(source, node);
  };
  const attributes = section(source, top.get('attributes') ?? null, 'attributes', ['nature', 'plan', 'duration']);
  const auth = section(source, top.get('auth') ?? null, 'auth', ['authenticated']);
  const strategy = section(source, top.get('strategy') ?? null, 'strategy', ['run_once', 'insertVulnApi', 'insert_vuln_api']);
  const authenticated = source.value(auth.get('authenticated'));
  const nature = source.value(attributes.get('nature'));
  if (nature !== null && nature !== 'INTRUSIVE' && nature !== 'NON_INTRUSIVE')
    source.unknown('nature', String(nature), attributes.get('nature'), ['INTRUSIVE', 'NON_INTRUSIVE']);
  return {
    ...info,
    warnings: source.warnings,
    id: source.text(id, 'id'),
    file,
    intrusive: nature === 'INTRUSIVE',
    slow: source.value(attributes.get('duration')) === 'SLOW',
    kind,
    inactive: source.value(top.get('inactive')) === true,
    authenticated: typeof authenticated === 'boolean' ? authenticated : authenticated === null ? null : String(authenticated) === 'true',
    filter: condition('api_selection_filters') ?? condition('filter') ?? NOTHING,
    wordLists: readWordLists(source, top.get('wordLists') ?? null),
    ...readExecute(source, top.get('execute') ?? null),
    validate: condition('validate'),
    dynamicSeverity: readDynamicSeverity(source, top.get('dynamic_severity') ?? null),
    runOnce: source.value(strategy.get('run_once')) !== null,
    addFoundApi: [strategy.get('insertVulnApi'), strategy.get('insert_vuln_api')].some((node) => source.value(node) === true),
  };
}

function section(source: Source, node: unknown, what: string, known: readonly string[]): Map<string, unknown> {
  if (node === null || source.value(node) === null) return new Map();
  const seen = new Set<string>();
  return new Map(
    source.entries(node, what).map(([key, at, value]) => {
      if (seen.has(key)) source.warn(`"${key}" stands twice; the last counts`, at);
      seen.add(key);
      if (!known.includes(key)) source.unknown(what === 'a test' ? 'key' : `key of ${what}`, key, at, known);
      return [key, value] as const;
    }),
  );
}

const texts = (value: Value): string[] => (Array.isArray(value) ? value : value === null ? [] : [value]).map(String);

function readInfo(source: Source, node: unknown) {
  const info = section(source, node, 'info', INFO);
  for (const name of ['name', 'category', 'severity']) if (!info.has(name)) source.fail(`info.${name} is missing`, node);
  const text = (name: string) => (source.value(info.get(name)) === null ? '' : source.text(info.get(name), `info.${name}`));
  const category = source.isMap(info.get('category'))
    ? section(source, info.get('category'), 'info.category', ['name', 'shortName', 'displayName'])
    : new Map([['name', info.get('category')]]);
  const name = source.text(category.get('name'), 'info.category.name');
  const severity = severityOf(source, info.get('severity'));
  return {
    name: text('name'),
    description: text('description') || text('details'),
    impact: text('impact'),
    remediation: text('remediation'),
    category: name,
    subCategory: text('subCategory'),
    severity,
    owasp: text('owasp') || (OWASP[name.toUpperCase()] ?? 'API8:2023'),
    cwe: texts(source.value(info.get('cwe'))),
    tags: texts(source.value(info.get('tags'))),
    references: texts(source.value(info.get('references'))),
  };
}

function severityOf(source: Source, node: unknown): Severity {
  const word = source.text(node, 'severity');
  // The engine lets dynamic_severity decide; medium until it does.
  if (word === 'dynamic_severity') return 'medium';
  const severity = SEVERITIES.find((one) => one === word.toLowerCase());
  return (
    severity ??
    source.unknown(
      'severity',
      word,
      node,
      SEVERITIES.map((one) => one.toUpperCase()),
    )
  );
}

function readExecute(source: Source, node: unknown): Pick<TestDefinition, 'type' | 'steps'> {
  if (node === null) return { type: 'passive', steps: [] };
  const execute = section(source, node, 'execute', ['type', 'requests']);
  const word = source.text(execute.get('type'), 'execute.type');
  const type = EXECUTE_TYPES.find((one) => one === word) ?? source.unknown('execute type', word, execute.get('type'), EXECUTE_TYPES);
  if (!execute.has('requests') && type !== 'passive') source.fail('execute.requests is missing', node);
  const requests = execute.get('requests');
  const steps = source.value(requests) === null ? [] : (source.items(requests) ?? source.fail('execute.requests must be a list', requests));
  const read = steps.map((step) => {
    const wrapped = source.entries(step, 'a request');
    for (const [key, at] of wrapped) if (key !== 'req') source.unknown('key of a request', key, at, ['req']);
    return readStep(source, wrapped[0]?.[2] ?? null);
  });
  for (const [index, step] of read.entries())
    for (const next of [step.success, step.failure]) {
      const number = next === null ? null : /^x(\d+)$/.exec(next)?.[1];
      if (number !== null && number !== undefined && (Number(number) < 1 || Number(number) > read.length))
        // The vendor's engine ends there; so does this one.
        source.warn(`${next} does not exist: there are ${read.length} requests`, steps[index]);
    }
  return { type, steps: read };
}

function readDynamicSeverity(source: Source, node: unknown): TestDefinition['dynamicSeverity'] {
  if (node === null) return [];
  const items = source.items(node) ?? source.fail('dynamic_severity must be a list', node);
  return items.map((item) => {
    const entry = section(source, item, 'dynamic_severity', ['check', 'return']);
    const check = entry.get('check');
    return {
      check: check === undefined || source.value(check) === null ? NOTHING : readCondition(source, check),
      severity: severityOf(source, entry.get('return')),
    };
  });
}

const listOf = (value: Value): readonly Value[] => (Array.isArray(value) ? value : value === null ? [] : [value]);

function readWordLists(source: Source, node: unknown): readonly WordList[] {
  if (node === null || source.value(node) === null) return [];
  return source.entries(node, 'wordLists').map(([name, _at, value]) => {
    const list = { name, values: [] as readonly Value[], sampled: null, forAll: null };
    if (!source.isMap(value)) {
      return { ...list, values: listOf(source.value(value)) };
    }
    const form = section(source, value, `wordLists.${name}`, ['source', 'key', 'location', 'all_apis', 'also', 'for_all']);
    if (form.has('for_all')) return { ...list, forAll: source.value(form.get('for_all')) };
    const from = source.value(form.get('source'));
    if (from !== null && !['sample_data', 'roles', 'roles_access_context'].includes(String(from)))
      source.unknown('source', String(from), form.get('source'), ['sample_data', 'roles']);
    const location = source.value(form.get('location'));
    const locations = ['header', 'payload', 'query_param', 'url', 'endpoint', 'cookie_names', 'terminal_keys'];
    if (location !== null && !locations.includes(String(location)))
      source.unknown('location', String(location), form.get('location'), locations);
    return {
      ...list,
      values: listOf(source.value(form.get('also'))),
      sampled: {
        key: source.value(form.get('key')),
        location: location === null ? '' : String(location),
        allApis: source.value(form.get('all_apis')) === true,
      },
    };
  });
}
