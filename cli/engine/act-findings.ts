import { type Act, type EndpointRef, type Exchange, type Finding, findingOf, KINDS } from '../../exchange/index.js';

/** Kind of the finding that an act of a policy makes: by what it found, so that one flaw seen by a policy and by a detector reads alike. */
function kindOfAct(act: Act): string {
  const types = act.evidence.map((one) => one.type ?? '');
  for (const type of types) if (Object.hasOwn(KINDS, `attack.${type}`)) return `attack.${type}`;
  if (act.policy.startsWith('object-access')) return 'bola.foreign-object';
  if (act.phase === 'response' && act.evidence.some((one) => one.location.in === 'body' && one.type !== undefined))
    return act.policy.includes('secret') ? 'data.secret-exposed' : 'data.exposed';
  return 'policy.violation';
}

/**
 * One finding for each rule that fired. A rule that fires on every answer of an endpoint makes one issue, because the fingerprint is the rule and
 * the places it saw, not the exchange.
 */
export function findingsOfActs(acts: readonly Act[], exchange: Exchange, endpoint: EndpointRef | null): Finding[] {
  return acts
    .filter((act) => act.action !== 'allow' && act.action !== 'tag')
    .map((act) => {
      const kind = kindOfAct(act);
      const places = [...new Set(act.evidence.map((one) => `${one.location.in}:${one.location.path}`))].sort();
      return findingOf({
        kind,
        source: { kind: 'policy', id: `${act.policy}/${act.rule}` },
        exchange,
        endpoint,
        explanation: act.message,
        confidence: act.confidence,
        severity: act.severity,
        ...(kind === 'policy.violation' ? { title: act.message } : {}),
        ...(act.owasp === undefined ? {} : { owasp: act.owasp }),
        ...(act.cwe === undefined ? {} : { cwe: act.cwe }),
        evidence: act.evidence,
        effect: act.acted ? 'acted' : act.action === 'alert' ? 'none' : 'would-act',
        subject: act.phase === 'response' ? places.join(',') : '',
      });
    });
}

const EFFECT = { acted: 2, 'would-act': 1, none: 0 } as const;

/** A detector and a policy may see the same flaw in one exchange: one finding is kept for each cause, with the strongest effect and all evidence. */
export function onePerCause(findings: readonly Finding[]): Finding[] {
  const kept = new Map<string, Finding>();
  for (const finding of findings) {
    const before = kept.get(finding.fingerprint);
    if (before === undefined) {
      kept.set(finding.fingerprint, finding);
      continue;
    }
    const [first, second] = finding.confidence > before.confidence ? [finding, before] : [before, finding];
    const effect = EFFECT[first.effect] >= EFFECT[second.effect] ? first.effect : second.effect;
    kept.set(finding.fingerprint, { ...first, effect, evidence: [...first.evidence, ...second.evidence] });
  }
  return [...kept.values()];
}
