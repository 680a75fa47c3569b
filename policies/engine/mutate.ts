import { header, type Phase } from '../../exchange/index.js';
import { type BodyRedaction, redactText, shape } from '../body/redact.js';
import type { Selector } from '../body/select.js';
import type { Mutation } from '../types.js';
import type { CompiledActions, CompiledRedaction } from './actions.js';
import type { Facts } from './facts.js';
import type { Span } from './hit.js';
import { always, type Predicate } from './values.js';

/** What one rule wants redacted: its order, and what its conditions matched. */
export interface RedactionOrder {
  readonly order: CompiledRedaction;
  readonly spans: readonly Span[];
  readonly fields: readonly { readonly selector: Selector; readonly test: Predicate<unknown> }[];
  readonly headers: readonly string[];
}

/** Fields that describe the bytes of a body which no longer is what it was (RFC 9110 §8, RFC 9530). */
const BODY_HEADERS = [
  'content-encoding',
  'etag',
  'last-modified',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'accept-ranges',
];

/** The changes of all rules that act, joined; null when they change nothing. */
export function mutationOf(
  phase: Phase,
  rules: readonly { readonly actions: CompiledActions; readonly redaction: RedactionOrder | null }[],
  facts: Facts,
  maxDepth: number,
): Mutation | null {
  const remove = new Set<string>();
  const set: (readonly [string, string])[] = [];
  const bodies: BodyRedaction[] = [];
  for (const { actions, redaction } of rules) {
    if (actions.challenge !== null) set.push(actions.challenge);
    if (actions.requireHeader?.value != null && phase === 'response') set.push([actions.requireHeader.name, actions.requireHeader.value]);
    if (redaction === null) continue;
    const { order } = redaction;
    redactHeaders(redaction, facts, remove, set);
    const fields = order.fields === null ? redaction.fields : order.fields.map((selector) => ({ selector, test: always }));
    const spans = order.fields === null ? redaction.spans : [];
    if (fields.length > 0 || spans.length > 0) bodies.push({ style: order.style, keep: order.keep, spans, fields });
  }
  const text = bodies.length === 0 ? null : redactText(facts.content, bodies, facts.tools.redactor, maxDepth);
  if (text !== null) {
    for (const name of BODY_HEADERS) if (header(facts.headers, name) !== null) remove.add(name);
    const type = header(facts.headers, 'content-type');
    if (type !== null && /charset/i.test(type) && !/charset\s*=\s*"?utf-?8/i.test(type))
      set.push(['content-type', type.replace(/charset\s*=\s*"?[\w.:-]+"?/i, 'charset=utf-8')]);
  }
  if (text === null && remove.size === 0 && set.length === 0) return null;
  return { setHeaders: set, removeHeaders: [...remove], body: text === null ? null : Buffer.from(text, 'utf8') };
}

function redactHeaders(redaction: RedactionOrder, facts: Facts, remove: Set<string>, set: (readonly [string, string])[]): void {
  const { order, headers } = redaction;
  const matched = order.fields === null && order.headers === null ? new Set(headers) : null;
  const { headers: list } = facts;
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index].toLowerCase();
    if (!(order.headers?.(name) ?? matched?.has(name) ?? false)) continue;
    remove.add(name);
    if (order.style === 'hash') set.push([name, facts.tools.redactor.hash(list[index + 1])]);
    else if (order.style !== 'drop') set.push([name, shape(list[index + 1], order.style, order.keep)]);
  }
}
