import t from 'tap';
import { ScanTestError } from './errors.js';
import { runCases } from './language/cases.js';
import { compileTest } from './language/compile.js';
import { compilePattern } from './language/pattern.js';

const HEAD = 'id: one\ninfo:\n  name: One\n  category: { name: BOLA }\n  severity: HIGH\n';

t.test('what is wrong is refused at its line, with the nearest word', (t) => {
  const table: [text: string, line: number, message: RegExp][] = [
    ['info:\n  name: x\n  category: { name: a }\n  severity: LOW\n', 1, /id is missing/],
    ['id: x\nexecute: { type: single, requests: [] }\n', 1, /info is missing/],
    [`${HEAD}executes: {}\n`, 6, /did you mean "execute"/],
    [`${HEAD}execute: { type: sideways, requests: [] }\n`, 6, /unknown execute type "sideways"/],
    [`${HEAD}api_selection_filters:\n  response_code: { gtee: 200 }\nexecute: { type: single, requests: [] }\n`, 7, /did you mean "gte"/],
    [`${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - add_heder: { a: b }\n`, 10, /did you mean "add_header"/],
    [
      `${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - modify_url: { regex_replce: {} }\n`,
      10,
      /did you mean "regex_replace"/,
    ],
    [`${HEAD}execute:\n  type: single\n  requests: [1, 2\n`, 9, /./],
    [`${HEAD}wordLists:\n  a: { sauce: sample_data }\nexecute: { type: single, requests: [] }\n`, 7, /did you mean "source"/],
    [`${HEAD}validate: { same_answer: first }\nexecute: { type: single, requests: [] }\n`, 6, /such as x1/],
    [
      `${HEAD}wordLists:\n  a: { source: sample_data, location: cookie_name }\nexecute: { type: single, requests: [] }\n`,
      7,
      /did you mean "cookie_names"/,
    ],
    [`${HEAD}strategy: { runOnce: "/" }\nexecute: { type: single, requests: [] }\n`, 6, /did you mean "run_once"/],
    [`${HEAD}attributes: { nature: INTRUSIV }\nexecute: { type: single, requests: [] }\n`, 6, /did you mean "INTRUSIVE"/],
    [
      `${HEAD}api_selection_filters:\n  private_variable_contxt: { gt: 0 }\nexecute: { type: single, requests: [] }\n`,
      7,
      /private_variable_context/,
    ],
    [
      `${HEAD}api_selection_filters:\n  request_payload:\n    for_one:\n      keys: { eq: a }\nexecute: { type: single, requests: [] }\n`,
      9,
      /did you mean "key"/,
    ],
    [`${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - remove_auth_header: maybe\n`, 10, /needs true or false/],
    [`${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - send_ssrf_req: { uri: x }\n`, 10, /did you mean "url"/],
    [`${HEAD}execute:\n  type: multiple\n  requests:\n    - req:\n        - success: vulnerabel\n`, 10, /xN, vulnerable or exit/],
    [`${HEAD}execute:\n  type: single\n  requests:\n    - rek: []\n`, 9, /did you mean "req"/],
    [
      `${HEAD}dynamic_severity:\n  - check: { response_code: { eq: 200 } }\n    return: SEVERE\nexecute: { type: single, requests: [] }\n`,
      8,
      /unknown severity/,
    ],
    [`${HEAD}api_selection_filters:\n  response_code: { gte: many }\nexecute: { type: single, requests: [] }\n`, 7, /needs a number/],
    [`${HEAD}validate: { compare_greater: [1] }\nexecute: { type: single, requests: [] }\n`, 6, /needs two values/],
  ];
  for (const [text, line, message] of table) {
    try {
      compileTest(text, 'one.yaml');
      t.fail(`accepted: ${text}`);
    } catch (cause) {
      t.ok(cause instanceof ScanTestError);
      if (cause instanceof ScanTestError)
        t.match({ line: cause.line, message: cause.message }, { line, message }, text.split('\n').at(-2) ?? '');
    }
  }
  t.end();
});

t.test('what can be run, but not as meant, is a warning with its place', (t) => {
  const table: [text: string, warning: RegExp][] = [
    [
      `${HEAD}execute:\n  type: multiple\n  requests:\n    - req:\n        - success: x3\n`,
      /^9:\d+ x3 does not exist: there are 1 requests$/,
    ],
    [
      `${HEAD}validate: { response_payload: { regex: "(a" } }\nexecute: { type: single, requests: [] }\n`,
      /^6:\d+ the pattern cannot be used/,
    ],
    [
      `${HEAD}auth: { authenticated: true, authenticated: false }\nexecute: { type: single, requests: [] }\n`,
      /^6:\d+ "authenticated" stands twice/,
    ],
  ];
  for (const [text, warning] of table) t.match(compileTest(text, 'one.yaml').warnings, [warning]);
  t.end();
});

t.test('patterns run in bounded time', (t) => {
  const test = (pattern: string, text: string) => {
    const made = compilePattern(pattern);
    return typeof made === 'string' ? made : made.test(text);
  };
  t.equal(test('^(a+)+$', `${'a'.repeat(5_000)}!`), false);
  t.equal(test('^(?!.*admin).*$', 'user'), true);
  t.equal(test('^(?!.*admin).*$', 'an admin'), false);
  t.equal(test('(?i)(?s)^(?!.*admin).*$', 'an\nADMIN'), false, 'flags before a pattern that runs natively');
  t.match(test('(?=x)(a+)+b', 'a'), /nested repetition/);
  t.type(test('[', ''), 'string');
  t.end();
});

/** One change to the request beside what is sent then. */
const SAMPLE = `
    method: POST
    url: /api/v2/orders/7?limit=5&q=a
    identity: alice
    ownValues: ["7"]
    headers: { authorization: Bearer a.b.c, content-type: application/json }
    body: '{"user":{"id":7,"name":"x"},"n":1}'
    response: { status: 200, body: '{"id":7}' }
`;
const BODY = '{"user":{"id":7,"name":"x"},"n":1}';
const URL_ = '/api/v2/orders/7?limit=5&q=a';

t.test('each change of a request', (t) => {
  const table: [operation: string, sent: string | null][] = [
    ['modify_query_param: { limit: 9 }', `POST /api/v2/orders/7?limit=9&q=a ${BODY}`],
    [`add_query_param: { x: "\${not_bound}" }`, null],
    ['add_query_param: { x: 1 }', `POST ${URL_}&x=1 ${BODY}`],
    ['delete_query_param: q', `POST /api/v2/orders/7?limit=5 ${BODY}`],
    ['modify_query_param: { absent: 9 }', null],
    ['modify_body_param: { name: z }', `POST ${URL_} {"user":{"id":7,"name":"z"},"n":1}`],
    ['modify_body_param: { user.id: "8" }', `POST ${URL_} {"user":{"id":8,"name":"x"},"n":1}`],
    ['add_body_param: { admin: true }', `POST ${URL_} {"user":{"id":7,"name":"x"},"n":1,"admin":true}`],
    ['delete_body_param: user', `POST ${URL_} {"n":1}`],
    ['replace_body: "{}"', `POST ${URL_} {}`],
    ['replace_body: { regex_replace: { regex: "[0-9]", replace_with: "0" } }', `POST ${URL_} {"user":{"id":0,"name":"x"},"n":0}`],
    ['modify_url: /health', `POST /health ${BODY}`],
    ['modify_url: { regex_replace: { regex: "v([0-9]+)/", replace_with: v1/ } }', `POST /api/v1/orders/7?limit=5&q=a ${BODY}`],
    ['modify_url: { token_replace: { location: 4, replace_with: "8" } }', `POST /api/v2/orders/8?limit=5&q=a ${BODY}`],
    ['modify_url: { token_insert: { location: 1, replace_with: admin } }', `POST /admin/api/v2/orders/7?limit=5&q=a ${BODY}`],
    ['modify_method: GET', `GET ${URL_}`],
    ['modify_header: { x-absent: 1 }', null],
    ['add_header: { x-new: "1" }', `POST ${URL_} ${BODY}`],
    ['replace_auth_header: true', `POST ${URL_} ${BODY}`],
    [`modify_header: { "\${roles_access_context.MEMBER}": 1 }`, `POST ${URL_} ${BODY}`],
    [`modify_header: { "\${roles_access_context.NOBODY}": 1 }`, null],
  ];
  for (const [operation, sent] of table) {
    const test = compileTest(
      `${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - ${operation}\nvalidate: { response_code: { gte: 200 } }\n`,
      'one.yaml',
    );
    const [result] = runCases(
      test,
      `- name: one\n  expect: vulnerable\n  sample:${SAMPLE}  answers: [{ status: 200 }]\n`,
      'one.cases.yaml',
    );
    t.strictSame(result!.sent, sent === null ? [] : [sent], operation);
  }
  t.end();
});

t.test('each condition on an answer', (t) => {
  const table: [condition: string, holds: boolean][] = [
    ['response_code: { gte: 200, lt: 300 }', true],
    ['response_code: { neq: 200 }', false],
    ['response_payload: { contains_all: [alpha, BETA] }', true],
    ['response_payload: { contains_either: [gamma, delta] }', false],
    ['response_payload: { not_contains: [error] }', true],
    ['response_payload: { regex: "alp.a" }', true],
    ['response_payload: { length: { gt: 1000 } }', false],
    ['response_payload: { percentage_match: { lt: 50 } }', true],
    ['response_payload: { percentage_match_schema: { eq: 100 } }', false],
    ['response_payload: { for_one: { key: { eq: word }, value: { eq: alpha } } }', true],
    ['response_payload: { for_one: { key: { eq: word }, value: { eq: beta } } }', false],
    ['response_payload: { for_one: { key: { regex: ^n }, value: { datatype: number, gt: 3 } } }', true],
    ['response_headers: { for_all: { key: { neq: x-frame-options } } }', true],
    ['response_headers: { for_one: { key: { eq: server }, value: { contains_either: nginx } } }', true],
    [`compare_greater: ["\${x1.response.status_code} * 2", 399]`, true],
    ['compare_greater: [1, 2]', false],
    ['or: [{ response_code: { eq: 500 } }, { response_payload: { contains_either: beta } }]', true],
    ['and: [{ response_code: { eq: 500 } }, { response_payload: { contains_either: beta } }]', false],
    ['response_payload: { magic_validate: { a: b } }', false],
    ['url: { endpoint_in_traffic_context: false }', false],
    [`ssrf_url_hit: "\${x}"`, false],
  ];
  for (const [condition, holds] of table) {
    const test = compileTest(
      `${HEAD}execute:\n  type: single\n  requests:\n    - req:\n        - add_header: { a: b }\nvalidate:\n  ${condition}\n`,
      'one.yaml',
    );
    const answer = `{ status: 200, headers: { server: nginx }, body: '{"word":"alpha","other":"beta","n":4}' }`;
    const [result] = runCases(test, `- name: one\n  expect: safe\n  sample:${SAMPLE}  answers: [${answer}]\n`, 'one.cases.yaml');
    t.equal(result!.got, holds ? 'vulnerable' : 'safe', condition);
  }
  t.end();
});
