import type { Sign } from './sql.js';

const MAX_ROUNDS = 6;
const INNER = /\$\{(?:lower|upper):([^${}]{0,40})\}|\$\{[^${}]{0,60}?:?:-([^${}]{0,40})\}/gi;

/** Lookups of logging libraries: nested ones such as `${lower:j}` and `${::-n}` are worked out first. */
export function findLookups(lower: string, sign: Sign): void {
  let text = lower;
  let wasNested = false;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = text.replace(INNER, (_, changed: string | undefined, fallback: string | undefined) => changed ?? fallback ?? '');
    if (next === text) break;
    wasNested = true;
    text = next;
  }
  const at = Math.max(0, lower.indexOf('${'));
  if (/\$\{\s*jndi\s*:/.test(text) || /\$\{\s*[^}]{0,20}(?:ldaps?|rmi|iiop|nis|corba):\/?\/?/.test(text)) sign('lookup-remote', at);
  else if (wasNested && /\$\{[^}]{0,40}(?:jndi|\w+:)/.test(text)) sign('lookup-nested', at);
  else if (/\$\{(?:env|sys|java|ctx|main|bundle|docker|k8s|spring|log4j|script|dns|url|base64decoder|hostname)(?::|\})/.test(text))
    sign(/\$\{(?:script|dns|url):/.test(text) ? 'lookup-nested' : 'lookup-plain', at);
}
