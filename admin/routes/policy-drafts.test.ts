import t from 'tap';
import { KINDS } from '../../exchange/index.js';
import { compilePolicies } from '../../policies/index.js';
import type { Issue } from '../../store/index.js';
import { exceptionDraft, virtualPatch } from './policy-drafts.js';

const issue: Issue = {
  id: '01M7',
  fingerprint: 'abcdef0123456789',
  kind: 'bola.foreign-object',
  title: 'A user opened another user\'s object: "quoted"',
  severity: 'high',
  confidence: 0.9,
  priority: 68,
  service: 'shop',
  endpointId: 'e1',
  method: 'GET',
  template: '/users/{userId}/orders/{id}',
  actorId: 'address:203.0.113.9',
  source: 'detector:bola',
  owasp: 'API1:2023',
  status: 'open',
  statusAtMs: 0,
  statusBy: '',
  statusReason: '',
  acceptedUntilMs: null,
  assignee: '',
  firstSeenMs: 0,
  lastSeenMs: Date.UTC(2026, 10, 20),
  occurrences: 3,
  acted: 0,
  succeeded: 3,
  version: 1,
  explanation: 'opened 31 orders: 29 belong to others',
  remediation: 'Check who owns it.',
  cwe: 'CWE-639',
  evidence: [
    {
      findingId: 'f1',
      atMs: 0,
      explanation: '',
      actor: null,
      exchangeIds: [],
      requestIds: [],
      beforeIds: [],
      evidence: [{ location: { phase: 'response', in: 'body', path: 'user.ssn' }, excerpt: '•••-••-6789', type: 'us_ssn' }],
    },
  ],
};

/** Of no data type, at a place in an answer. */
const evidenceAt = (path: string): Issue['evidence'][number] => ({
  ...issue.evidence[0],
  evidence: [{ location: { phase: 'response', in: 'body', path }, excerpt: '' }],
});

t.test('every kind of finding gives a draft that the policy compiler takes', async (t) => {
  for (const kind of Object.keys(KINDS)) {
    for (const over of [{}, { template: '', method: '', endpointId: null }, { source: 'policy:forbidden-data/ssn', evidence: [] }]) {
      const about = { ...issue, kind, ...over };
      for (const draft of [virtualPatch(about), exceptionDraft(about)]) {
        const set = compilePolicies([{ file: `${draft.name}.yaml`, text: draft.text, origin: 'ui' }]);
        t.match(set.policies, [{ name: draft.name, mode: 'observe' }], `${kind}: ${draft.explanation}`);
      }
    }
  }
});

t.test('a draft is as narrow as the evidence', async (t) => {
  const cases: readonly [Partial<Issue>, RegExp][] = [
    [{ kind: 'bola.foreign-object' }, /path: \/users\/\{userId\}\/orders\/\{id\}[\s\S]*access:/],
    [{ kind: 'data.exposed' }, /phase: response[\s\S]*types:\s*- us_ssn[\s\S]*redact:/],
    [{ kind: 'data.exposed', evidence: [evidenceAt('items.{key}.note')] }, /path: \$\.items\.\*\.note[\s\S]*redact:/],
    [{ kind: 'attack.sql' }, /attack:\s*score: 5/],
    [{ kind: 'auth.missing' }, /principal: absent[\s\S]*status: 401/],
    [{ kind: 'abuse.scraping' }, /throttle:/],
    [{ kind: 'inventory.shadow' }, /client: 203\.0\.113\.9/],
  ];
  for (const [over, text] of cases) t.match(virtualPatch({ ...issue, ...over }).text, text, String(over.kind));
});
