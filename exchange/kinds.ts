import type { Severity } from './types.js';

export interface Kind {
  readonly title: string;
  readonly severity: Severity;
  /** OWASP API Security Top 10 2023. */
  readonly owasp?: string;
  readonly cwe?: string;
  /** What a developer should do. */
  readonly remediation: string;
  /** The kind that says more of the same flaw: findings of both make one issue, which has its name from the first finding that says more. */
  readonly lessThan?: string;
}

const AUTHORIZE_OBJECT =
  'Check on the server, for every object that a request names, that the caller may act on it; do not rely on ids being hard to guess.';
const AUTHORIZE_FUNCTION = 'Check the role of the caller on the server for this operation, and deny by default.';
const PARAMETERISE = 'Pass the value as a parameter or encode it for where it goes; accept only the shape the field needs.';
const MINIMISE = 'Return only the fields that this client needs; mask or leave out the sensitive ones.';

/**
 * The catalogue of what a finding can be. The first word is the family: `bola`, `bfla`, `auth`, `data`, `attack`, `abuse`, `inventory`, `policy`, `scan`, `error`.
 */
export const KINDS = {
  'bola.foreign-object': {
    title: "A user opened another user's object",
    severity: 'high',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: AUTHORIZE_OBJECT,
  },
  'bola.foreign-write': {
    title: "A user changed or deleted another user's object",
    severity: 'critical',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: AUTHORIZE_OBJECT,
  },
  'bola.nested-mismatch': {
    title: "A user reached another user's object below their own",
    severity: 'high',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: AUTHORIZE_OBJECT,
  },
  'bola.swapped-id': {
    title: "A request names another user's object in body, query or header",
    severity: 'high',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: AUTHORIZE_OBJECT,
  },
  'bola.enumeration': {
    title: 'Object ids are being enumerated',
    severity: 'high',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: `${AUTHORIZE_OBJECT} Limit the rate per caller.`,
  },
  'bola.unlisted-id': {
    title: 'A user used an id that was never handed to them',
    severity: 'medium',
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    remediation: AUTHORIZE_OBJECT,
  },
  'bola.polluted-id': {
    title: 'An id was repeated, wrapped or hidden to slip past a check',
    severity: 'high',
    owasp: 'API1:2023',
    cwe: 'CWE-235',
    remediation: 'Refuse repeated parameters, unexpected types for ids and bodies of unexpected length before authorization is checked.',
  },
  'bfla.unusual-function': {
    title: 'A role used an operation that it never uses',
    severity: 'high',
    owasp: 'API5:2023',
    cwe: 'CWE-285',
    remediation: AUTHORIZE_FUNCTION,
  },
  'bopla.mass-assignment': {
    title: 'A request set a field that clients do not set',
    severity: 'high',
    owasp: 'API3:2023',
    cwe: 'CWE-915',
    remediation: 'Bind only the fields that this operation may change; ignore or refuse the rest.',
  },
  'auth.missing': {
    title: 'An endpoint answers without authentication',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-306',
    remediation: 'Require authentication on this endpoint, or mark it as public.',
    lessThan: 'auth.weakened',
  },
  'auth.weakened': {
    title: 'Authentication became optional',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-306',
    remediation: 'Restore the authentication check on this endpoint.',
  },
  'auth.credential-stuffing': {
    title: 'Many failed sign-ins',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-307',
    remediation: 'Throttle sign-in per account and address, and require a second factor.',
  },
  'auth.token-guessing': {
    title: 'Credentials are being guessed',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-307',
    remediation: 'Throttle and block the source; use long random tokens.',
  },
  'auth.token-misuse': {
    title: 'A credential is used in an impossible way',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-294',
    remediation: 'Revoke the credential; bind sessions to clients where possible.',
  },
  'auth.jwt-weak': {
    title: 'A token that must not be accepted',
    severity: 'high',
    owasp: 'API2:2023',
    cwe: 'CWE-347',
    remediation: 'Pin the algorithm, verify signature, issuer, audience and expiry.',
  },
  'data.exposed': { title: 'Sensitive data in a response', severity: 'high', owasp: 'API3:2023', cwe: 'CWE-213', remediation: MINIMISE },
  'data.new-in-response': {
    title: 'A response leaks what it did not leak before',
    severity: 'high',
    owasp: 'API3:2023',
    cwe: 'CWE-213',
    remediation: MINIMISE,
  },
  'data.secret-exposed': {
    title: 'A secret in a response',
    severity: 'critical',
    owasp: 'API3:2023',
    cwe: 'CWE-522',
    remediation: 'Remove the secret from the response and rotate it.',
  },
  'data.excessive': {
    title: 'Far more records than usual',
    severity: 'medium',
    owasp: 'API4:2023',
    cwe: 'CWE-770',
    remediation: 'Cap page sizes and the records one caller may fetch.',
  },
  'error.leak': {
    title: 'An error reveals internals',
    severity: 'medium',
    owasp: 'API8:2023',
    cwe: 'CWE-209',
    remediation: 'Answer errors with a generic body; log the details on the server.',
  },
  'attack.sql': { title: 'SQL injection attempt', severity: 'high', owasp: 'API8:2023', cwe: 'CWE-89', remediation: PARAMETERISE },
  'attack.nosql': { title: 'NoSQL injection attempt', severity: 'high', owasp: 'API8:2023', cwe: 'CWE-943', remediation: PARAMETERISE },
  'attack.command': {
    title: 'Command injection attempt',
    severity: 'critical',
    owasp: 'API8:2023',
    cwe: 'CWE-78',
    remediation: PARAMETERISE,
  },
  'attack.path-traversal': {
    title: 'Path traversal attempt',
    severity: 'high',
    owasp: 'API8:2023',
    cwe: 'CWE-22',
    remediation: 'Resolve the path and check that it stays below the folder it must stay in.',
  },
  'attack.ssrf': {
    title: 'Server-side request forgery attempt',
    severity: 'high',
    owasp: 'API7:2023',
    cwe: 'CWE-918',
    remediation: 'Fetch only allow-listed hosts, after resolving the name.',
  },
  'attack.xxe': {
    title: 'XML external entity attempt',
    severity: 'high',
    owasp: 'API8:2023',
    cwe: 'CWE-611',
    remediation: 'Disable document types and external entities in the XML parser.',
  },
  'attack.template': {
    title: 'Template injection attempt',
    severity: 'high',
    owasp: 'API8:2023',
    cwe: 'CWE-1336',
    remediation: PARAMETERISE,
  },
  'attack.xss': { title: 'Cross-site scripting attempt', severity: 'medium', owasp: 'API8:2023', cwe: 'CWE-79', remediation: PARAMETERISE },
  'attack.ldap': { title: 'LDAP injection attempt', severity: 'high', owasp: 'API8:2023', cwe: 'CWE-90', remediation: PARAMETERISE },
  'attack.crlf': { title: 'Header injection attempt', severity: 'medium', owasp: 'API8:2023', cwe: 'CWE-113', remediation: PARAMETERISE },
  'attack.lookup': {
    title: 'Lookup injection attempt (Log4Shell family)',
    severity: 'critical',
    owasp: 'API8:2023',
    cwe: 'CWE-917',
    remediation: 'Update the logging library and disable lookups.',
  },
  'attack.prototype-pollution': {
    title: 'Prototype pollution attempt',
    severity: 'high',
    owasp: 'API8:2023',
    cwe: 'CWE-1321',
    remediation: 'Refuse __proto__, constructor and prototype as keys.',
  },
  'attack.deserialisation': {
    title: 'Serialised object attempt',
    severity: 'high',
    owasp: 'API8:2023',
    cwe: 'CWE-502',
    remediation: 'Do not deserialise what a client sends into objects.',
  },
  'attack.other': { title: 'Attack attempt', severity: 'medium', owasp: 'API8:2023', remediation: PARAMETERISE },
  'abuse.scanner': { title: 'A scanner is probing the API', severity: 'medium', owasp: 'API8:2023', remediation: 'Block the source.' },
  'abuse.scraping': {
    title: 'Records are being harvested',
    severity: 'high',
    owasp: 'API6:2023',
    cwe: 'CWE-799',
    remediation: 'Limit records per caller and time; watch for accounts that only read.',
  },
  'abuse.graphql': {
    title: 'Abusive GraphQL query',
    severity: 'medium',
    owasp: 'API4:2023',
    cwe: 'CWE-770',
    remediation: 'Limit depth, aliases, batch size and cost of queries.',
  },
  'abuse.rate': {
    title: 'Far more requests than usual',
    severity: 'medium',
    owasp: 'API4:2023',
    cwe: 'CWE-770',
    remediation: 'Limit the rate per caller.',
  },
  'abuse.call-order': {
    title: 'Steps of a flow were skipped',
    severity: 'medium',
    owasp: 'API6:2023',
    cwe: 'CWE-841',
    remediation: 'Check on the server that the earlier steps of the flow were done.',
  },
  'abuse.size': {
    title: 'A message far larger than usual',
    severity: 'low',
    owasp: 'API4:2023',
    cwe: 'CWE-770',
    remediation: 'Limit body and page sizes.',
  },
  'abuse.learner': {
    title: 'Traffic made of random names',
    severity: 'medium',
    owasp: 'API8:2023',
    remediation: 'Block the source; weir has collapsed what it learned from it.',
  },
  'inventory.new-endpoint': {
    title: 'A new endpoint',
    severity: 'info',
    owasp: 'API9:2023',
    remediation: 'Check that it is meant to be public and documented.',
  },
  'inventory.new-parameter': {
    title: 'A new parameter',
    severity: 'info',
    owasp: 'API9:2023',
    remediation: 'Check that it is meant to be accepted.',
  },
  'inventory.shadow': {
    title: 'An undocumented endpoint is in use',
    severity: 'medium',
    owasp: 'API9:2023',
    remediation: 'Document it or remove it.',
  },
  'inventory.zombie': {
    title: 'A documented or formerly active endpoint is silent',
    severity: 'low',
    owasp: 'API9:2023',
    remediation: 'Retire it if nobody needs it.',
  },
  'inventory.orphan': {
    title: 'A documented endpoint was never seen',
    severity: 'info',
    owasp: 'API9:2023',
    remediation: 'Remove it from the document, or find out why nobody uses it.',
  },
  'inventory.deprecated': {
    title: 'A deprecated version is still used',
    severity: 'low',
    owasp: 'API9:2023',
    remediation: 'Move clients to the current version and switch the old one off.',
  },
  'inventory.drift': {
    title: 'Traffic differs from the document',
    severity: 'low',
    owasp: 'API9:2023',
    remediation: 'Correct the document or the implementation.',
  },
  'policy.violation': { title: 'A policy was violated', severity: 'medium', remediation: 'See the policy.' },
  'policy.response': { title: 'An answer violates a policy', severity: 'medium', owasp: 'API8:2023', remediation: 'See the policy.' },
  'scan.vulnerability': { title: 'A scan test found a flaw', severity: 'high', remediation: 'See the test.' },
} as const satisfies Record<string, Kind>;

export type KindId = keyof typeof KINDS;

/** Facts of a kind; unknown kinds (own policies) read as a policy violation. */
export function kindOf(id: string): Kind {
  return Object.hasOwn(KINDS, id) ? KINDS[id as KindId] : KINDS['policy.violation'];
}
