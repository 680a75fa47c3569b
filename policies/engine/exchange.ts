import { type Act, type Exchange, isTruncated, type RequestMessage, type ResponseMessage } from '../../exchange/index.js';
import type { Decision, EvaluationContext, RequestView, ResponseView } from '../types.js';
import { STRENGTH } from './actions.js';
import type { Part } from './plan.js';
import type { FullPolicySet } from './set.js';

/** What the rules say about a recorded exchange. */
export interface ExchangeVerdict {
  readonly acts: readonly Act[];
  readonly tags: readonly string[];
  /** Strongest action that enforce would have taken, over both phases. */
  readonly wouldAction: Decision['action'];
  readonly blockActor: Decision['blockActor'];
  /** A body was not captured whole, so rules on bodies saw only its beginning. */
  readonly truncated: boolean;
}

/**
 * Runs on a recorded exchange every rule that did not run inline: all of them for sensors, imports and services out of the path; for a gateway, in
 * enforce and in observe, those which cannot act on the traffic. A rule that already stands in the outcome is left out, so nothing is reported or
 * counted twice.
 *
 * With `part` given, exactly that part is run and nothing is left out: `all` for replay.
 */
export function evaluateExchange(set: FullPolicySet, exchange: Exchange, context: EvaluationContext, given?: Part): ExchangeVerdict {
  const part = given ?? partFor(exchange);
  const known = new Set(given === undefined ? exchange.outcome.acts.map(nameOf) : []);
  const request = requestView(exchange.request);
  const first = set.evaluate(part, request, null, context);
  // What a blocked client got is weir's own answer, not the upstream's.
  const own = exchange.outcome.phase === 'request' || exchange.outcome.phase === 'connection';
  const second = exchange.response === null || own ? null : set.evaluate(part, request, responseView(exchange.response), context);
  const decisions = second === null ? [first] : [first, second];
  return {
    acts: decisions.flatMap((decision) => decision.acts).filter((act) => !known.has(nameOf(act))),
    tags: [...new Set(decisions.flatMap((decision) => decision.tags))],
    wouldAction: decisions.map((decision) => decision.wouldAction).reduce((a, b) => (STRENGTH[b] > STRENGTH[a] ? b : a)),
    blockActor: first.blockActor ?? second?.blockActor ?? null,
    truncated: isTruncated(exchange.request.body) || (exchange.response !== null && isTruncated(exchange.response.body)),
  };
}

const nameOf = (act: Act): string => `${act.phase}\0${act.policy}\0${act.rule}`;

/** Which rules of an exchange are still to be run. */
function partFor(exchange: Exchange): Part {
  const { kind } = exchange.observer;
  return (kind === 'gateway' || kind === 'plugin') && exchange.outcome.mode !== 'mirror' ? 'rest' : 'all';
}

export function requestView(message: RequestMessage): RequestView {
  const { method, scheme, host, target, headers, body } = message;
  return { method, scheme, host, target, headers, body };
}

export function responseView(message: ResponseMessage): ResponseView {
  const { status, headers, body } = message;
  return { status, headers, body };
}
