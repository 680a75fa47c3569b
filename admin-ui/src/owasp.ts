/** OWASP API Security Top 10, 2023 edition: names, and in a sentence why it matters. https://owasp.org/API-Security/editions/2023/en/ */
export const OWASP: Readonly<Record<string, { readonly name: string; readonly why: string; readonly page: string }>> = {
  'API1:2023': {
    name: 'Broken object level authorization',
    why: "Whoever can name an object can have it: one account is enough to read, change or delete other people's data, one id after the other.",
    page: '0xa1-broken-object-level-authorization',
  },
  'API2:2023': {
    name: 'Broken authentication',
    why: 'Somebody else can act as a user, and all that the user may do is theirs.',
    page: '0xa2-broken-authentication',
  },
  'API3:2023': {
    name: 'Broken object property level authorization',
    why: 'Fields leave the server, or are accepted by it, that this caller has no right to: data leaks without any trace in the application.',
    page: '0xa3-broken-object-property-level-authorization',
  },
  'API4:2023': {
    name: 'Unrestricted resource consumption',
    why: 'A few clients can make the service slow, dear or unreachable for all others.',
    page: '0xa4-unrestricted-resource-consumption',
  },
  'API5:2023': {
    name: 'Broken function level authorization',
    why: 'Ordinary users reach what is meant for administrators; often that is the whole system.',
    page: '0xa5-broken-function-level-authorization',
  },
  'API6:2023': {
    name: 'Unrestricted access to sensitive business flows',
    why: 'What is harmless once does damage when a machine does it a thousand times: buying up stock, guessing codes, spamming.',
    page: '0xa6-unrestricted-access-to-sensitive-business-flows',
  },
  'API7:2023': {
    name: 'Server side request forgery',
    why: 'The server can be made to call addresses of the inside network that the attacker cannot reach, and to hand over what they answer.',
    page: '0xa7-server-side-request-forgery',
  },
  'API8:2023': {
    name: 'Security misconfiguration',
    why: 'It tells an attacker where to look next, or is the way in by itself.',
    page: '0xa8-security-misconfiguration',
  },
  'API9:2023': {
    name: 'Improper inventory management',
    why: 'What nobody knows of is not patched, not watched and not protected like the rest.',
    page: '0xa9-improper-inventory-management',
  },
  'API10:2023': {
    name: 'Unsafe consumption of APIs',
    why: 'What another API sends is trusted more than what users send, so an attack on it comes through unchecked.',
    page: '0xaa-unsafe-consumption-of-apis',
  },
};

export const owaspAddress = (page: string) => `https://owasp.org/API-Security/editions/2023/en/${page}/`;

/** Why it matters, for causes that say more than their category. */
const BY_CWE: Readonly<Record<string, string>> = {
  'CWE-22': 'The server hands over files that were never meant to leave it: sources, keys, passwords.',
  'CWE-78': 'An attacker runs commands on the server, and from there reaches whatever it can reach.',
  'CWE-79': "Script of an attacker runs in other people's browsers, with their sessions.",
  'CWE-89': 'An attacker can read and change everything in the database through this one value.',
  'CWE-94': 'An attacker runs code of their own on the server.',
  'CWE-200': 'What is sent out by mistake cannot be taken back; whoever saw it may use it.',
  'CWE-287': 'Somebody else can act as a user, and all that the user may do is theirs.',
  'CWE-306': 'Anybody on the network can do this, without being anyone.',
  'CWE-307': 'Passwords can be guessed at the speed of a machine.',
  'CWE-611': 'The XML parser can be made to read files of the server and to call addresses inside the network.',
  'CWE-639': "Whoever can name an object can have it: one account is enough to go through other people's data, one id after the other.",
  'CWE-862': 'Ordinary users reach what is meant for others; often that is the whole system.',
  'CWE-918': 'The server can be made to call addresses of the inside network and to hand over what they answer.',
  'CWE-943': 'An attacker can make the database find what it should not, and log in without a password.',
};

/** Null where nothing sure can be said. */
export function whyItMatters(issue: { readonly cwe: string; readonly owasp: string }): string | null {
  return BY_CWE[issue.cwe] ?? OWASP[issue.owasp]?.why ?? null;
}
