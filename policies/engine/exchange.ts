import { type Act, type Exchange, isTruncated } from '../../exchange/index.js';
import type { Decision, EvaluationContext } from '../types.js';
import { STRENGTH } from './actions.js';
import type { Part } from './plan.js';
import type { ExchangeReading } from './reading.js';
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
 * With `part` given, exactly that part is run and nothing is left out: `all` for replay. `read`: what was read of the exchange before.
 */
export function evaluateExchange(
  set: FullPolicySet,
  exchange: Exchange,
  context: EvaluationContext,
  given?: Part,
  read: ExchangeReading | null = null,
): ExchangeVerdict {
  const part = given ?? partFor(exchange);
  // What a blocked client got is weir's own answer, not the upstream's.
  const own = exchange.outcome.phase === 'request' || exchange.outcome.phase === 'connection';
  const decisions = set.look(part, exchange.request, own ? null : exchange.response, context, read);
  const truncated = isTruncated(exchange.request.body) || (exchange.response !== null && isTruncated(exchange.response.body));
  if (decisions.length === 0) return truncated ? NOTHING_IN_PART : NOTHING;
  const known = new Set(given === undefined ? exchange.outcome.acts.map(nameOf) : []);
  return {
    acts: decisions.flatMap((decision) => decision.acts).filter((act) => !known.has(nameOf(act))),
    tags: [...new Set(decisions.flatMap((decision) => decision.tags))],
    wouldAction: decisions.map((decision) => decision.wouldAction).reduce((a, b) => (STRENGTH[b] > STRENGTH[a] ? b : a)),
    blockActor: decisions.find((decision) => decision.blockActor !== null)?.blockActor ?? null,
    truncated,
  };
}

const NOTHING: ExchangeVerdict = { acts: [], tags: [], wouldAction: 'pass', blockActor: null, truncated: false };
const NOTHING_IN_PART: ExchangeVerdict = { ...NOTHING, truncated: true };

const nameOf = (act: Act): string => `${act.phase}\0${act.policy}\0${act.rule}`;

/** Which rules of an exchange are still to be run. */
function partFor(exchange: Exchange): Part {
  const { kind } = exchange.observer;
  return (kind === 'gateway' || kind === 'plugin') && exchange.outcome.mode !== 'mirror' ? 'rest' : 'all';
}
