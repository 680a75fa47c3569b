import { stringify } from 'yaml';
import type { Issue } from '../../store/index.js';

/** YAML of a policy made from an issue, and what it does in a sentence. */
export interface Draft {
  readonly name: string;
  readonly text: string;
  readonly explanation: string;
}

type Rule = Readonly<Record<string, unknown>>;

/** A policy that would stop what the issue reports, as narrow as the issue is. It starts in observe: the person looks at the replay, then enforces. */
export function virtualPatch(issue: Issue): Draft {
  const { rules, explanation } = patchRules(issue);
  return draft(issue, `patch-${slug(issue)}`, `Virtual patch: ${issue.title}`, rules, explanation);
}

/** A policy that takes this endpoint out of what raised the issue, for 90 days from its last sighting. */
export function exceptionDraft(issue: Issue): Draft {
  const until = new Date(issue.lastSeenMs + 90 * 86_400_000).toISOString().slice(0, 10);
  const [sourceKind, source] = [issue.source.slice(0, issue.source.indexOf(':')), issue.source.slice(issue.source.indexOf(':') + 1)];
  const policies = sourceKind === 'policy' ? [source.split('/')[0]!] : ['*'];
  const rule = {
    rule: 'exception',
    phase: phaseOf(issue),
    action: { allow: { reason: `Accepted: ${issue.title}`, until, policies } },
  };
  const which = policies[0] === '*' ? 'No policy acts' : `The policy ${policies[0]} does not act`;
  return draft(issue, `exception-${slug(issue)}`, `Exception: ${issue.title}`, [rule], `${which} on ${place(issue)} until ${until}.`);
}

function draft(issue: Issue, name: string, title: string, rules: readonly Rule[], explanation: string): Draft {
  const match = {
    service: issue.service,
    ...(issue.template === '' ? {} : { path: issue.template, method: issue.method }),
  };
  const document = {
    policy: name,
    title,
    description: `Made from issue ${issue.id}: ${issue.explanation}`,
    mode: 'observe',
    severity: issue.severity,
    ...(issue.owasp === '' ? {} : { owasp: issue.owasp }),
    ...(/^CWE-\d+$/.test(issue.cwe) ? { cwe: issue.cwe } : {}),
    ...(issue.remediation === '' ? {} : { remediation: issue.remediation }),
    match,
    rules,
  };
  return { name, text: stringify(document, { lineWidth: 120 }), explanation };
}

function patchRules(issue: Issue): { readonly rules: readonly Rule[]; readonly explanation: string } {
  const family = issue.kind === 'scan.vulnerability' ? familyOfCwe(issue.cwe) : issue.kind.split('.')[0];
  const where = place(issue);
  if (family === 'bola') {
    const rule = {
      rule: 'foreign-object',
      message: 'The object belongs to somebody else.',
      when: { access: { relation: ['foreign', 'enumeration'], confidence: 0.5 } },
      action: 'block',
    };
    return {
      rules: [rule, { ...rule, rule: 'foreign-object-answered', phase: 'response' }],
      explanation: `Blocks requests on ${where} for objects that learned ownership gives to somebody else, also where learning is not certain.`,
    };
  }
  if (family === 'data') {
    const types = [
      ...new Set(
        evidenceOf(issue)
          .map((one) => one.type)
          .filter((type) => type !== undefined),
      ),
    ];
    const fields = [
      ...new Set(
        evidenceOf(issue)
          .filter((one) => one.location.in === 'body')
          // A name that is a value stands for all of them.
          .map((one) => one.location.path.replaceAll('{key}', '*')),
      ),
    ];
    const reported = types.length > 0 ? { data: { types } } : { any: fields.map((path) => ({ body: { path: `$.${path}` } })) };
    const when = types.length + fields.length > 0 ? reported : { data: { sensitivity: ['high', 'critical'] } };
    const only = types.length === 0 && fields.length > 0 ? { fields: fields.map((path) => `$.${path}`) } : {};
    return {
      rules: [{ rule: 'redact', phase: 'response', when, action: { redact: { style: 'shape', ...only } } }],
      explanation: `Hides ${types.length > 0 ? types.join(', ') : fields.length > 0 ? 'the reported fields' : 'highly sensitive data'} in answers of ${where}; the shape stays, so clients go on working.`,
    };
  }
  if (family === 'attack') {
    return {
      rules: [{ rule: 'attack', when: { attack: { score: 5 } }, action: 'block' }],
      explanation: `Blocks requests with injection attacks on ${where}.`,
    };
  }
  if (family === 'auth') {
    return {
      rules: [{ rule: 'credentials', match: { principal: 'absent' }, action: { block: { status: 401 } } }],
      explanation: `Refuses requests on ${where} that carry no credentials.`,
    };
  }
  if (family === 'abuse') {
    return {
      rules: [{ rule: 'rate', when: { rate: { by: 'client', above: 60, window: '1m' } }, action: { throttle: { retryAfter: '30s' } } }],
      explanation: `Slows clients down that call ${where} more than 60 times a minute; change the number to what is normal there.`,
    };
  }
  const client = issue.actorId?.startsWith('address:') ? { client: issue.actorId.slice('address:'.length) } : {};
  return {
    rules: [{ rule: 'block', ...(Object.keys(client).length > 0 ? { match: client } : {}), action: 'block' }],
    explanation: `Blocks ${Object.keys(client).length > 0 ? 'this client' : 'everybody'} on ${where}: the evidence names nothing narrower, so narrow it before you enforce it.`,
  };
}

/** What kind of patch holds back what a scan proved. */
function familyOfCwe(cwe: string): string {
  switch (cwe) {
    case 'CWE-639':
      return 'bola';
    case 'CWE-200':
    case 'CWE-213':
    case 'CWE-359':
      return 'data';
    case 'CWE-306':
      return 'auth';
    case 'CWE-307':
    case 'CWE-770':
      return 'abuse';
    case 'CWE-22':
    case 'CWE-78':
    case 'CWE-89':
    case 'CWE-90':
    case 'CWE-93':
    case 'CWE-611':
    case 'CWE-643':
    case 'CWE-918':
    case 'CWE-943':
    case 'CWE-1336':
      return 'attack';
    default:
      return '';
  }
}

const evidenceOf = (issue: Issue) => issue.evidence.flatMap((proof) => proof.evidence);
const phaseOf = (issue: Issue) => evidenceOf(issue)[0]?.location.phase ?? 'request';
const place = (issue: Issue) =>
  issue.template === '' ? `service ${issue.service}` : `${issue.method} ${issue.template} of ${issue.service}`;

function slug(issue: Issue): string {
  const words = `${issue.kind} ${issue.template}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${words.slice(0, 60).replace(/^-+|-+$/g, '')}-${issue.fingerprint.slice(0, 6).toLowerCase()}`;
}
