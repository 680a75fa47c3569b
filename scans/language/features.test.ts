import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { packageRoot } from '../../exchange/index.js';
import { runCases } from './cases.js';
import { testFiles } from './check.js';
import { compileTest } from './compile.js';
import { CONDITION_WORDS, EXECUTE_TYPES, OPERATIONS, STEP_WORDS, TOP_LEVEL, URL_FORMS } from './names.js';

const folder = join(packageRoot(), 'scans', 'language', 'features');

/** What asks a vendor's service, or is about traffic that was not a scan's: it compiles and never holds. */
const NEVER = [
  'magic_validate',
  'not_magic_validate',
  'nlp_classification',
  'conform_schema',
  'belongs_to_collections',
  'confidence',
  'action',
  'replacement_string',
  'api_collection_id',
  'source_ip',
  'destination_ip',
  'country_code',
  'test_type',
];
/** Parts of threat policies, and what only describes. */
const SAYS_NOTHING = ['attributes', 'estimatedTokens', 'filter', 'ignore', 'success_filter', 'failure_filter', 'aggregation_rules'];
/** Words of variables and lists. */
const VARIABLES = [
  'random_uuid',
  'random_id',
  'current_epoch_seconds',
  'current_epoch_millis',
  'self',
  'url_webhook',
  'iteratorKey',
  'sample_request_payload',
  'sample_request_headers',
  'sample_response_headers',
  'sample_response_payload',
  'sample_cookie',
  'other_context',
  'roles_access_context',
  'none_algo_token',
  'invalid_signature_token',
  'jku_added_token',
  'jwk_added_token',
  'kid_added_token',
  'modify_jwt',
  'sample_data',
  'header',
  'payload',
  'query_param',
  'terminal_keys',
  'endpoint',
  'cookie_names',
  'all_apis',
  'also',
  'median_response_time',
  'min_response_time',
  'max_response_time',
  'average_response_time',
  'last_response_time',
  'response.body',
  'response.status_code',
  'response.headers',
];

t.test('every word of the language finds what it must and not what it must not', async (t) => {
  const wrong: string[] = [];
  const proven = new Set<string>();
  for (const file of await testFiles(folder)) {
    const text = await readFile(join(folder, file), 'utf8');
    const definition = compileTest(text, file);
    const results = runCases(definition, await readFile(join(folder, file.replace(/\.yaml$/, '.cases.yaml')), 'utf8'), file);
    for (const one of results)
      if (one.got !== one.expected)
        wrong.push(`${file}: ${one.name}: expected ${one.expected}, got ${one.got} (${one.explanation}) after ${one.sent.join(' | ')}`);
    const isFound = results.some(({ expected }) => expected.startsWith('vulnerable'));
    const isMissed = results.some(({ expected }) => !expected.startsWith('vulnerable'));
    if (definition.warnings.length > 0 || !isMissed || (!isFound && !file.startsWith('never-')))
      wrong.push(`${file}: needs both kinds of cases`);
    for (const word of wordsOf(parse(text))) if (isFound || NEVER.includes(word)) proven.add(word);
  }
  t.strictSame(wrong, []);
  const known = [...TOP_LEVEL, ...CONDITION_WORDS, ...Object.keys(OPERATIONS), ...STEP_WORDS, ...URL_FORMS, ...EXECUTE_TYPES, ...VARIABLES];
  t.strictSame(
    known.filter((word) => !proven.has(word) && !SAYS_NOTHING.includes(word)),
    [],
    'words without a case',
  );
});

/** Keys, and the words of texts: names of variables and of their members among them. */
function* wordsOf(value: unknown): Iterable<string> {
  if (typeof value === 'string') {
    yield value;
    yield* value.match(/\w+/g) ?? [];
    for (const part of ['response.body', 'response.status_code', 'response.headers']) if (value.includes(part)) yield part;
  } else if (Array.isArray(value)) for (const one of value) yield* wordsOf(one);
  else if (value !== null && typeof value === 'object')
    for (const [key, one] of Object.entries(value)) {
      yield key;
      yield* wordsOf(key);
      yield* wordsOf(one);
    }
}
