import { readCondition } from './condition.js';
import { OPERATIONS, STEP_WORDS, URL_FORMS } from './names.js';
import { compilePattern } from './pattern.js';
import type { Source } from './source.js';
import type { Condition, Mutation, Step, Value } from './types.js';

const NEXT = /^(x\d+|vulnerable|exit)$/;

/** Reads what stands below one `req`. @throws ScanTestError */
export function readStep(source: Source, node: unknown): Step {
  const mutations: Mutation[] = [];
  const flow = { validate: null as Condition | null, success: null as string | null, failure: null as string | null, waitMs: 0 };
  const items = source.value(node) === null ? [] : (source.items(node) ?? [node]);
  for (const item of items) {
    if (source.value(item) === null) continue;
    for (const [word, at, value] of source.entries(item, 'an operation')) {
      if (word === 'validate') flow.validate = source.value(value) === null ? null : readCondition(source, value);
      else if (word === 'success' || word === 'failure') {
        const next = source.text(value, word);
        if (!NEXT.test(next)) source.fail(`"${word}" must be xN, vulnerable or exit`, value);
        flow[word] = next;
      } else if (word === 'wait') {
        const seconds = Number(source.text(value, 'wait'));
        if (!Number.isFinite(seconds) || seconds < 0) source.fail('wait must be a number of seconds', value);
        flow.waitMs = seconds * 1000;
      } else mutations.push(readMutation(source, word, at, value));
    }
  }
  return { mutations, ...flow };
}

const scalar = (value: Value) => value !== null && typeof value !== 'object';
const map = (value: Value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function readMutation(source: Source, operation: string, at: unknown, node: unknown): Mutation {
  const argument = source.value(node);
  if (operation.startsWith('${')) return { operation, argument, inner: readInner(source, node, true) };
  const shape = OPERATIONS[operation];
  if (shape === undefined || !Object.hasOwn(OPERATIONS, operation))
    return source.unknown('request operation', operation, at, [...Object.keys(OPERATIONS), ...STEP_WORDS]);
  const need = (fits: boolean, what: string) => (fits ? undefined : source.fail(`"${operation}" needs ${what}`, node ?? at));
  switch (shape) {
    case 'map':
      need(map(argument), 'a map of names and values');
      if (operation === 'send_ssrf_req')
        for (const [key, place] of source.entries(node, operation))
          if (key !== 'url' && key !== 'redirect_url') source.unknown(`key of ${operation}`, key, place, ['url', 'redirect_url']);
      break;
    case 'text':
    case 'scalar':
      need(scalar(argument), 'a text');
      break;
    case 'boolean':
      need(scalar(argument) && (typeof argument === 'boolean' || /^(true|false|\$\{.*\})$/.test(String(argument))), 'true or false');
      break;
    case 'texts':
      need(scalar(argument) || Array.isArray(argument) || map(argument), 'a name or a list of names');
      break;
    case 'url':
    case 'body':
      if (map(argument)) readForm(source, operation, node);
      else need(scalar(argument) || Array.isArray(argument), 'a text');
      break;
    case 'text-or-map':
      need(argument !== null, 'a text or a map');
      break;
    case 'inner':
      return { operation, argument, inner: readInner(source, node, false) };
    case 'any':
      break;
  }
  return { operation, argument };
}

/** Operations that are repeated. In a `${var}` block other names are parameters to change where they occur. */
function readInner(source: Source, node: unknown, names: boolean): readonly Mutation[] {
  const items = source.items(node) ?? (source.isMap(node) ? [node] : []);
  return items.flatMap((item) =>
    source.isMap(item)
      ? source.entries(item, 'operations').map(([word, at, value]) => {
          const known = Object.hasOwn(OPERATIONS, word) || word.startsWith('${');
          return names && !known
            ? { operation: 'modify_param', argument: { [word]: source.value(value) } }
            : readMutation(source, word, at, value);
        })
      : [],
  );
}

function readForm(source: Source, operation: string, node: unknown): void {
  const forms: readonly string[] = operation === 'replace_body' ? ['regex_replace'] : URL_FORMS;
  for (const [form, at, value] of source.entries(node, operation)) {
    if (!forms.includes(form)) source.unknown(`form of ${operation}`, form, at, forms);
    const known = form === 'regex_replace' ? ['regex', 'replace_with'] : ['location', 'replace_with'];
    for (const [key, place, part] of source.entries(value, form)) {
      if (!known.includes(key)) source.unknown(`key of ${form}`, key, place, known);
      if (key !== 'regex' || String(source.value(part)).includes('${')) continue;
      const problem = compilePattern(source.text(part, 'regex'));
      if (typeof problem === 'string') source.warn(`the pattern cannot be used: ${problem}`, part);
    }
  }
}
