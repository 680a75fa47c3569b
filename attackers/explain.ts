import { type AllowEntry, type Block, covers, makerOf, type Scope, scopeText } from './block.js';
import type { BlockTable } from './block-table.js';
import { plainBlock } from './compiled.js';
import { readPrefix } from './network.js';

/** Who is asked about: a client as a request shows it, or an entry as people write it. Service null: any. */
export interface Subject {
  readonly scope: Scope;
  /** Of a client that is known. */
  readonly principalKey: string | null;
  readonly service: string | null;
}

/** Why a client is or is not blocked. */
export interface Explanation {
  readonly blocked: boolean;
  /** The entry that decides. */
  readonly block: Block | null;
  /** The allowlist entry that lets it through. */
  readonly allowedBy: Scope | null;
  /** Other entries that match and did not decide. */
  readonly others: readonly Block[];
  /** One sentence for a person. */
  readonly text: string;
}

/** Pure: `blocks` are all entries of the blocklist, `table` the same with feeds, `allowed` the allowlist. */
export function explainSubject(
  subject: Subject,
  blocks: readonly Block[],
  allowed: readonly AllowEntry[],
  table: BlockTable,
  nowMs: number,
): Explanation {
  const { scope, principalKey } = subject;
  const matching = blocks.filter((one) => (one.expiresAtMs === null || one.expiresAtMs > nowMs) && touches(one.scope, scope, principalKey));
  const allow = allowOf(subject, allowed, table);
  const block = allow === null ? deciding(subject, matching, table, nowMs) : null;
  const others = matching.filter((one) => one.id !== block?.id);
  return { blocked: block !== null, block, allowedBy: allow, others, text: sentence(subject, block, allow, others, nowMs) };
}

/** What a person needs to find the entry again: what it says, who made it, when and why, its id. */
export function describeBlock(block: Block): string {
  const { scope, createdAtMs, reason, id } = block;
  const when = new Date(createdAtMs).toISOString().slice(0, 19).replace('T', ' ');
  const who = block.unauthenticatedOnly ? ' (only who is not signed in)' : '';
  return `${scope.kind} ${scopeText(scope)}${who}, made by ${makerOf(block)} at ${when} UTC: ${reason === '' ? 'no reason given' : reason} (entry ${id})`;
}

function allowOf({ scope, principalKey }: Subject, allowed: readonly AllowEntry[], table: BlockTable): Scope | null {
  if (scope.kind === 'address') return table.allowedBy(scope.value, principalKey)?.scope ?? null;
  const entries = allowed.filter((entry) => entry.feed === null);
  const found = entries.find((entry) =>
    scope.kind === 'cidr' ? covers(entry.scope.value, scope.value) : entry.scope.kind === scope.kind && entry.scope.value === scope.value,
  );
  return found?.scope ?? null;
}

function deciding({ scope, principalKey, service }: Subject, matching: readonly Block[], table: BlockTable, nowMs: number): Block | null {
  if (scope.kind === 'country' || scope.kind === 'asn')
    return matching.find((one) => service === null || one.service === null || one.service === service) ?? null;
  const [ip, principal] = scope.kind === 'principal' ? ['', scope.value] : [addressIn(scope), principalKey];
  const services = service === null ? ['', ...new Set(matching.flatMap((one) => one.service ?? []))] : [service];
  for (const one of services) {
    const found = table.check(ip, principal, one, nowMs);
    if (found === null) continue;
    const isWhole =
      scope.kind !== 'cidr' || (found.scope.kind !== 'address' && (found.scope.kind !== 'cidr' || covers(found.scope.value, scope.value)));
    if (isWhole) return plainBlock(found);
  }
  if (scope.kind !== 'cidr') return null;
  const whole = matching.filter(
    (one) => covers(one.scope.value, scope.value) && (service === null || (one.service ?? service) === service),
  );
  return whole.sort((a, b) => (readPrefix(b.scope.value)?.length ?? 0) - (readPrefix(a.scope.value)?.length ?? 0))[0] ?? null;
}

const addressIn = ({ value }: Scope): string => value.split('/')[0];

function touches(one: Scope, asked: Scope, principalKey: string | null): boolean {
  if (one.kind === 'principal') return one.value === (asked.kind === 'principal' ? asked.value : principalKey);
  const isNetwork = one.kind === 'address' || one.kind === 'cidr';
  if (asked.kind === 'address') return isNetwork && covers(one.value, asked.value);
  if (asked.kind === 'cidr') return isNetwork && (covers(one.value, asked.value) || covers(asked.value, one.value));
  return one.kind === asked.kind && one.value === asked.value;
}

const DONE: Readonly<Record<NonNullable<Block['action']> | 'block', string>> = {
  block: 'blocked',
  throttle: 'throttled',
  tarpit: 'held back and refused',
  close: 'cut off',
};

const entries = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`);

function sentence(
  { scope, service }: Subject,
  block: Block | null,
  allowed: Scope | null,
  others: readonly Block[],
  nowMs: number,
): string {
  const who = scopeText(scope);
  if (allowed !== null)
    return `${who} is let through: the allowlist entry ${allowed.value} wins over every block (${others.length === 0 ? 'none matches' : `of ${entries(others.length)} that would match`}).`;
  if (block === null) {
    if (others.length === 0) return `${who} is not blocked.`;
    const [lie, match] = others.length === 1 ? ['lies', 'matches'] : ['lie', 'match'];
    const how =
      scope.kind === 'cidr'
        ? `${lie} inside it`
        : service === null
          ? `${match} it, but not every request`
          : `${match} it, but not on ${service} or not this user`;
    return `${who} is not blocked as a whole: ${entries(others.length)} ${how}: ${others.slice(0, 3).map(describeBlock).join('; ')}.`;
  }
  const until = block.expiresAtMs === null ? 'until it is removed' : `for another ${timeLeft(block.expiresAtMs - nowMs)}`;
  const where = block.service === null ? 'on every service' : `on ${block.service}`;
  const much =
    block.action === 'throttle' && block.perMinute !== undefined ? ` to ${block.perMinute} requests a minute on each endpoint` : '';
  const more = others.length === 0 || scope.kind === 'cidr' ? '' : ` Without it ${entries(others.length)} more would match.`;
  return `${who} is ${DONE[block.action ?? 'block']}${much} ${where} ${until}: ${describeBlock(block)}.${more}`;
}

function timeLeft(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : minutes < 2 * 24 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}
