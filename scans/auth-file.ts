import { nearest } from '../exchange/index.js';
import { ScanError } from './errors.js';
import { AUTH_KINDS, type AuthContext } from './run/identities.js';

/** What each kind cannot do without. */
const NEEDED: { readonly [kind in AuthContext['kind']]: readonly string[] } = {
  none: [],
  header: ['value'],
  login: ['path', 'body'],
  form: ['path', 'username', 'password'],
  oauth2: ['tokenUrl'],
  cookies: ['cookie'],
  basic: ['username', 'password'],
  mtls: ['certificate', 'key'],
  learned: ['value'],
};
const MEMBERS = ['name', 'role', 'kind', 'config'];

/** Auth contexts of a JSON file. @throws ScanError SCAN_OPTIONS that names the file, the context and the member that is wrong */
export function readAuthContexts(text: string, file: string): readonly AuthContext[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw wrong(`${file} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!Array.isArray(given)) throw wrong(`${file} must hold a list of auth contexts`);
  return given.map((one: unknown, index) => contextOf(one, `${file}[${index}]`));
}

function contextOf(given: unknown, place: string): AuthContext {
  if (!isObject(given)) throw wrong(`${place} must be an object with name, kind and config`);
  for (const member of Object.keys(given)) if (!MEMBERS.includes(member)) throw unknown(place, 'member', member, MEMBERS);
  const { name, role = '', kind, config = {} } = given;
  if (typeof name !== 'string' || name === '') throw wrong(`${place} needs a name`);
  if (typeof role !== 'string') throw wrong(`${place}: role must be a text`);
  const known = AUTH_KINDS.find((one) => one === kind);
  if (known === undefined) throw unknown(place, 'kind', String(kind ?? ''), AUTH_KINDS);
  if (!isObject(config)) throw wrong(`${place}: config must be an object`);
  const missing = NEEDED[known].find((member) => (config[member] ?? '') === '' && !(member === 'value' && (config.token ?? '') !== ''));
  if (missing !== undefined) throw wrong(`${place}: a context of kind ${known} needs config.${missing}`);
  return { name, role, kind: known, config };
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const wrong = (message: string): ScanError => new ScanError('SCAN_OPTIONS', message);

function unknown(place: string, what: string, word: string, known: readonly string[]): ScanError {
  const meant = nearest(word, known);
  return wrong(`${place}: unknown ${what} "${word}"${meant === null ? `; there are ${known.join(', ')}` : `: did you mean "${meant}"?`}`);
}
