import type { KnownEndpoint } from './endpoints.js';
import type { LoggedIn } from './identities.js';
import { parametersOf } from './paths.js';
import type { ScanRequest, ScanResponse } from './types.js';

/** How a token goes with a request. A `cookie` has its name, with `=`, as prefix. */
export interface Carriage {
  readonly header: string;
  readonly prefix: string;
}

type Send = (request: ScanRequest) => Promise<ScanResponse>;

const PROBES = 6;
const REFUSED_TRIED = 2;
const inHeader = (header: string): Carriage => ({ header, prefix: '' });

/** Where APIs want their tokens that do not want `Authorization: Bearer`, the most usual first. */
const USUAL: readonly Carriage[] = [
  ...['Token ', 'JWT ', ''].map((prefix) => ({ header: 'authorization', prefix })),
  ...['x-access-token', 'x-auth-token', 'authorization-token', 'x-api-key', 'x-token', 'auth-token', 'access-token', 'token'].map(inHeader),
  ...['token', 'access_token', 'jwt', 'session'].map((name) => ({ header: 'cookie', prefix: `${name}=` })),
];

/**
 * Finds how the target takes tokens where nobody said so: where `Bearer` is refused by what asks for credentials, first what the document or the recording
 * shows, then the usual ways, until one is let in. One identity finds it for all.
 */
export async function agreeOnCarriage(
  identities: readonly LoggedIn[],
  endpoints: readonly KnownEndpoint[],
  targetUrl: string,
  send: Send,
): Promise<void> {
  const bearers = identities.filter((one) => one.bearer !== null);
  const [first] = bearers;
  if (first === undefined) return;
  const probes = endpoints
    .filter(({ method, template, isSecured }) => method === 'GET' && parametersOf(template).length === 0 && isSecured !== false)
    .sort((a, b) => a.query.length - b.query.length)
    .slice(0, PROBES);
  const ask = async ({ template }: KnownEndpoint, headers: { readonly [name: string]: string }) => {
    const url = new URL(`${targetUrl.replace(/\/$/, '')}${template}`).href;
    const request = { method: 'GET', url, headers: { accept: 'application/json, */*', ...headers }, body: '', followRedirects: false };
    return (await send(request).catch(() => null))?.status ?? 0;
  };
  const refused: KnownEndpoint[] = [];
  for (const probe of probes) {
    const status = await ask(probe, first.headers);
    if (status >= 200 && status < 300 && !isOpen(await ask(probe, {}))) return;
    if (status === 400 || status === 401 || status === 403) refused.push(probe);
  }
  const shown = endpoints.flatMap(({ carriage }) => (carriage === undefined ? [] : [carriage]));
  const ways = new Map([...shown, ...USUAL].map((way) => [`${way.header} ${way.prefix}`, way]));
  for (const way of refused.length === 0 ? [] : ways.values())
    for (const probe of refused.slice(0, REFUSED_TRIED))
      if (isOpen(await ask(probe, { [way.header]: `${way.prefix}${first.bearer}` }))) {
        for (const one of bearers) one.carryAs(way);
        return;
      }
}

const isOpen = (status: number): boolean => status >= 200 && status < 300;

/** Of a header as it was recorded, or as a document names it. */
export function carriageOf(header: string, value: string): Carriage | null {
  const name = header.toLowerCase();
  if (name === 'authorization') {
    const word = /^([A-Za-z]+) \S+$/.exec(value)?.[1];
    return word === 'Basic' || word === 'Digest' ? null : { header: name, prefix: word === undefined ? '' : `${word} ` };
  }
  return /token|auth|jwt|api-?key|session/.test(name) && !/csrf|xsrf/.test(name) ? inHeader(name) : null;
}
