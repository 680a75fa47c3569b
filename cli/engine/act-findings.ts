import { type Act, type EndpointRef, type Exchange, type Finding, findingOf, KINDS, kindOf } from '../../exchange/index.js';

/** Kind of the finding that an act of a policy makes: by what it found, so that one flaw seen by a policy and by a detector reads alike. */
function kindOfAct(act: Act): string {
  const types = act.evidence.map((one) => one.type ?? '');
  for (const type of types) if (Object.hasOwn(KINDS, `attack.${type}`)) return `attack.${type}`;
  if (act.policy.startsWith('object-access')) return act.rule === 'guessed-object' ? 'bola.enumeration' : 'bola.foreign-object';
  if (act.phase === 'response' && act.evidence.some((one) => one.location.in === 'body' && one.type !== undefined))
    return act.policy.includes('secret') ? 'data.secret-exposed' : 'data.exposed';
  return act.phase === 'response' ? 'policy.response' : 'policy.violation';
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
        ...(kind.startsWith('policy.') ? { title: act.message } : {}),
        perService: kind === 'policy.response' && act.evidence.length > 0 && act.evidence.every((one) => one.location.in === 'header'),
        ...(act.owasp === undefined ? {} : { owasp: act.owasp }),
        ...(act.cwe === undefined ? {} : { cwe: act.cwe }),
        evidence: act.evidence,
        effect: act.acted ? 'acted' : act.action === 'alert' ? 'none' : 'would-act',
        subject: kind.startsWith('data.') ? places.join(',') : '',
      });
    });
}

const EFFECT = { acted: 2, 'would-act': 1, none: 0 } as const;
const stronger = (a: Finding, b: Finding): Finding['effect'] => (EFFECT[a.effect] >= EFFECT[b.effect] ? a.effect : b.effect);

/** The finding that says more of one flaw, else the detector's. */
const leads = (finding: Finding, before: Finding): boolean =>
  kindOf(before.kind).lessThan === finding.kind ||
  (kindOf(finding.kind).lessThan !== before.kind && before.source.kind === 'policy' && finding.source.kind === 'detector');

/**
 * A detector and a policy may see the same flaw in one exchange: one finding is kept for each cause, with the strongest effect and all evidence. What
 * the object-access policy says is the verdict of learned ownership, so it joins the detector's finding where there is one.
 */
export function onePerCause(findings: readonly Finding[]): Finding[] {
  const byDetector = findings.find((finding) => finding.kind.startsWith('bola.') && finding.source.kind === 'detector');
  const kept = new Map<string, Finding>();
  for (const finding of findings) {
    const cause =
      byDetector !== undefined && finding.kind.startsWith('bola.') && finding.source.kind === 'policy'
        ? byDetector.fingerprint
        : finding.fingerprint;
    const before = kept.get(cause);
    if (before === undefined) kept.set(cause, finding);
    else {
      const [first, second] = leads(finding, before) ? [finding, before] : [before, finding];
      kept.set(cause, { ...first, effect: stronger(first, second), evidence: [...first.evidence, ...second.evidence] });
    }
  }
  return [...kept.values()];
}
