import { actorAddress } from './address.js';
import { newId, shortHash } from './ids.js';
import { KINDS, kindOf } from './kinds.js';
import type { ActorRef, EndpointRef, Evidence, Exchange, Finding, Principal, Severity } from './types.js';

/** The actor of a request: its principal, else its address (IPv6 by /64). */
export function actorOf(principal: Principal | null, clientIp: string): ActorRef {
  if (principal !== null)
    return { kind: 'principal', value: principal.key, label: principal.label === '' ? principal.key : principal.label };
  const value = actorAddress(clientIp);
  return { kind: 'address', value, label: value };
}

export interface FindingInput {
  readonly kind: string;
  readonly source: Finding['source'];
  /** The exchange it is about; gives service, actor, client, time and request ids. */
  readonly exchange: Exchange;
  readonly endpoint: EndpointRef | null;
  readonly explanation: string;
  readonly confidence: number;
  readonly evidence?: readonly Evidence[];
  /** Overrides what the catalogue says for the kind. */
  readonly severity?: Severity;
  readonly title?: string;
  readonly remediation?: string;
  readonly owasp?: string;
  readonly cwe?: string;
  readonly effect?: Finding['effect'];
  /** Further exchanges it is about, oldest first. */
  readonly also?: readonly Pick<Exchange, 'id' | 'requestId'>[];
  /** The cause is one for the whole service (a header that every answer has), not one an endpoint. */
  readonly perService?: boolean;
  /** What a person would fix, beyond kind and endpoint: a field path, a parameter. Part of the fingerprint. */
  readonly subject?: string;
}

/** Kinds that say nothing of the flaw by themselves: there the rule or test is what a person would fix. */
const isNamedBySource = (kind: string): boolean =>
  kind.startsWith('policy.') || kind === 'scan.vulnerability' || !Object.hasOwn(KINDS, kind);

/**
 * A finding with id, texts from the catalogue, and the fingerprint that makes findings of one cause one issue: kind (or the one that says more of the
 * same flaw), service, endpoint and subject. Who noticed it does not matter: a detector and a policy that see one flaw make one issue.
 */
export function findingOf(input: FindingInput): Finding {
  const { exchange } = input;
  const kind = kindOf(input.kind);
  const about = [...(input.also ?? []), exchange];
  const status = exchange.response?.status;
  return {
    id: newId(exchange.startedAtMs),
    kind: input.kind,
    atMs: exchange.startedAtMs,
    service: exchange.service,
    endpoint: input.endpoint,
    actor: actorOf(exchange.principal, exchange.client.ip),
    client: exchange.client.ip,
    severity: input.severity ?? kind.severity,
    confidence: Math.min(1, Math.max(0, input.confidence)),
    title: (input.title ?? kind.title).replace(/(?<!\.)\.$/, ''),
    explanation: input.explanation.charAt(0).toUpperCase() + input.explanation.slice(1),
    owasp: input.owasp ?? kind.owasp,
    cwe: input.cwe ?? kind.cwe,
    source: input.source,
    effect: input.effect ?? 'none',
    succeeded: status === undefined ? null : exchange.outcome.action !== 'blocked' && status >= 200 && status < 300,
    exchangeIds: about.map((one) => one.id),
    requestIds: about.map((one) => one.requestId),
    ...(exchange.outcome.incidentId === undefined ? {} : { incidentId: exchange.outcome.incidentId }),
    evidence: input.evidence ?? [],
    remediation: input.remediation ?? kind.remediation,
    fingerprint: shortHash(
      kind.lessThan ?? input.kind,
      exchange.service,
      input.perService ? '' : (input.endpoint?.id ?? ''),
      isNamedBySource(input.kind) ? input.source.id : '',
      input.subject ?? '',
    ),
  };
}

/** Number of a severity for sorting and sums: info 0 … critical 4. */
export function severityRank(severity: Severity): number {
  return { info: 0, low: 1, medium: 2, high: 3, critical: 4 }[severity];
}
