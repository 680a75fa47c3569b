import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { packageRoot } from '../../exchange/index.js';
import { compilePolicies, loadLibrary, PolicyError, type PolicyProblem, policyJsonSchema, policyReference } from '../index.js';

const problems = (...texts: string[]): readonly PolicyProblem[] => {
  try {
    compilePolicies(texts.map((text, index) => ({ file: `f${index}.yaml`, text, origin: 'ui' })));
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
};

const rules = (lines: string): string => `policy: p\nrules:\n  - rule: r\n    action: block\n${lines}`;

t.test('mistakes are named at line and column, with what was expected and the nearest name', async (t) => {
  const table: [what: string, text: string, problem: Partial<PolicyProblem>][] = [
    [
      'unknown key',
      rules('    wen: {header: x}\n'),
      { code: 'POLICY_UNKNOWN_KEY', line: 5, column: 5, path: 'rules[0].wen', nearest: 'when' },
    ],
    [
      'unknown key deep inside',
      rules('    when:\n      all:\n        - any: [{heder: x}]\n'),
      { line: 7, column: 18, path: 'rules[0].when.all[0].any[0].heder', nearest: 'header' },
    ],
    ['unknown key of a selector', rules('    when:\n      body: {path: $.a, equal: 1}\n'), { line: 6, column: 25, nearest: 'equals' }],
    ['unknown word', rules('    phase: responce\n'), { line: 5, column: 12, expected: 'one of request, response', nearest: 'response' }],
    ['unknown action', 'policy: p\nrules:\n  - rule: r\n    action: blok\n', { line: 4, column: 13, nearest: 'block' }],
    ['wrong type', rules('    severity: 3\n'), { line: 5, column: 15 }],
    ['missing key', 'policy: p\nrules:\n  - rule: r\n', { line: 3, column: 5, message: '"action" is missing' }],
    ['missing rules', 'policy: p\n', { line: 1, message: '"rules" is missing' }],
    ['a name that is none', 'policy: My Policy\nrules: [{rule: r, action: alert}]\n', { line: 1, column: 9 }],
    [
      'unknown data type',
      rules('    when: {data: {types: [us_ssn, us_snn]}}\n'),
      { code: 'POLICY_UNKNOWN_TYPE', line: 5, column: 35, nearest: 'us_ssn' },
    ],
    ['unknown class', rules('    when: {data: {classes: paymnt}}\n'), { code: 'POLICY_UNKNOWN_TYPE', nearest: 'payment' }],
    ['back-reference', rules('    when: {target: {matches: "(a)\\\\1"}}\n'), { code: 'POLICY_REGEX', line: 5, column: 30 }],
    ['look-around', rules('    when: {target: {matches: "(?=a)"}}\n'), { code: 'POLICY_REGEX' }],
    ['exploding repetition', rules('    when: {target: {matches: "((a{100}){100}){100}"}}\n'), { code: 'POLICY_REGEX' }],
    ['bad CIDR', rules('    match: {client: [10.0.0.0/8, 10.0.0.0/33]}\n'), { code: 'POLICY_VALUE', line: 5 }],
    ['bad JSONPath', rules('    when: {body: {path: "$.a[?(@.b)]", exists: true}}\n'), { code: 'POLICY_VALUE', line: 5, column: 25 }],
    ['relative path', rules('    match: {path: users}\n'), { code: 'POLICY_VALUE', expected: 'a path that begins with / or **' }],
    ['bad time zone', rules('    match: {time: {zone: Mars/Olympus}}\n'), { code: 'POLICY_VALUE' }],
    ['status in a request', rules('    match: {status: 404}\n'), { code: 'POLICY_VALUE', expected: 'phase: response' }],
    ['unknown key set', rules('    when: {jwt: {invalidSignature: main}}\n'), { code: 'POLICY_VALUE' }],
    ['duration', 'policy: p\nrules:\n  - rule: r\n    action: {block-actor: {for: 4 hours}}\n', { line: 4, column: 33 }],
    ['body too large', `maxBody: 1GiB\n${rules('')}`, { code: 'POLICY_VALUE', line: 1, expected: 'at most 10MiB' }],
    [
      'exception without a reason',
      'policy: p\nrules:\n  - rule: r\n    action: {allow: {until: never}}\n',
      { line: 4, message: '"reason" is missing' },
    ],
    [
      'exception beside a block',
      'policy: p\nrules:\n  - rule: r\n    action: {block: {}, allow: {until: never, reason: why not}}\n',
      { code: 'POLICY_VALUE', line: 4 },
    ],
    [
      'two rules of one name',
      'policy: p\nrules:\n  - {rule: r, action: alert}\n  - {rule: r, action: alert}\n',
      { code: 'POLICY_DUPLICATE', line: 4 },
    ],
    ['two policies of one name', `${rules('')}---\n${rules('')}`, { code: 'POLICY_DUPLICATE', line: 6, column: 9 }],
    ['a case of an unknown rule', `${rules('')}cases: [{case: x, fires: [q]}]\n`, { code: 'POLICY_VALUE', expected: 'one of r' }],
    [
      'a policy that includes itself',
      'policy: p\ninclude: p.yaml\nrules: [{rule: r, action: alert}]\n',
      { code: 'POLICY_UNKNOWN_KEY', line: 2, column: 1 },
    ],
    [
      'conditions that contain themselves',
      rules('    when: &w\n      any: [{header: x}, *w]\n'),
      { code: 'POLICY_YAML', line: 6, column: 26, message: 'the anchor "w" is used inside itself' },
    ],
    [
      'an alias of nothing',
      rules('    when: *w\n'),
      { code: 'POLICY_YAML', line: 5, column: 11, message: 'there is no anchor "w" before this' },
    ],
    ...[150, 2000].map((levels): [string, string, object] => [
      `${levels} levels`,
      rules(`    when: ${'{not: '.repeat(levels)}{header: x}${'}'.repeat(levels)}\n`),
      { code: 'POLICY_YAML', line: 5, message: 'the document is nested too deeply' },
    ]),
    ['a mapping for a list', 'policy: p\nrules:\n  rule: r\n', { line: 3, message: 'a mapping is not accepted', expected: 'a list' }],
    [
      'an action that needs more said',
      'policy: p\nrules:\n  - rule: r\n    action: throttle\n',
      { line: 4, expected: /^\{throttle: …\}, or one of / },
    ],
    ['not YAML', 'policy: p\nrules: [\n', { code: 'POLICY_YAML', line: 3 }],
    ['a key twice', 'policy: p\npolicy: q\nrules: []\n', { code: 'POLICY_YAML', line: 2 }],
    ['a tab', 'policy: p\nrules:\n\t- a\n', { code: 'POLICY_YAML', line: 3 }],
    ['a list', '- a\n', { line: 1 }],
    ['five megabytes', `policy: p # ${'x'.repeat(5_000_000)}`, { code: 'POLICY_FILE_TOO_BIG', expected: 'at most 1 MB; split it' }],
    [
      'alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((name, at) => `${name}: &${name} [${new Array(9).fill(`*${'abcdefghi'[at]}`).join()}]`)
        .join('\n')}`,
      { code: 'POLICY_YAML', expected: 'at most 100 expansions of anchors' },
    ],
  ]; // prettier-ignore
  for (const [what, text, problem] of table) {
    const [first] = problems(text);
    t.match(first ?? {}, problem, what);
    t.equal(first?.file, 'f0.yaml', what);
  }
});

t.test('all mistakes of all files are reported, in order', async (t) => {
  const found = problems(rules('    wen: 1\n    phase: x\n'), 'policy: q\nrules: [{rule: r, action: blok}]\n', rules(''));
  t.same(
    found.map((problem) => `${problem.file}:${problem.line}`),
    ['f0.yaml:5', 'f0.yaml:6', 'f1.yaml:2'],
  ); // prettier-ignore
  try {
    compilePolicies([{ file: 'a.yaml', text: rules('    wen: 1\n'), origin: 'ui' }]);
  } catch (error) {
    t.equal(String(error), 'a.yaml:5:5 rules[0].wen: "wen" is not a key here; did you mean "when"?');
  }
  t.match(problems('policy: p\nrules: [{rule: r, action: alert}]\n', 'policy: p\nrules: [{rule: r, action: alert}]\n'), [
    { code: 'POLICY_DUPLICATE', file: 'f1.yaml', message: /f0\.yaml/ },
  ]);
});

t.test('empty documents and files are no mistake', async (t) => {
  t.same(problems('', '# only a remark\n', `${rules('')}---\n`), []);
});

t.test('the JSON Schema accepts what the engine accepts', async (t) => {
  const validate = new Ajv2020({ strict: false }).compile(policyJsonSchema());
  for (const { file, text } of loadLibrary()) {
    for (const document of parseAllDocuments(text)) t.ok(validate(document.toJS()), `${file} ${JSON.stringify(validate.errors)}`);
  }
  t.notOk(validate({ policy: 'p', rules: [{ rule: 'r', action: 'blok' }] }));
  t.notOk(validate({ policy: 'p', rules: [{ rule: 'r', action: 'block', when: { all: [{ heder: 'x' }] } }] }));
});

t.test('the reference is made from the schema', async (t) => {
  const file = path.join(packageRoot(), 'docs', 'policy-reference.md');
  if (process.env.UPDATE_DOCS !== undefined) writeFileSync(file, policyReference());
  t.equal(readFileSync(file, 'utf8'), policyReference(), 'run: UPDATE_DOCS=1 npx tap policies/language/language.test.ts');
  const example = /```yaml\n([\s\S]*?)```/.exec(policyReference())?.[1] ?? '';
  t.same(problems(example), [], 'its example compiles');
});
