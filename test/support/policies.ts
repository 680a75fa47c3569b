/** What tests of the gateway and the plugin share: policies that do as they are told. */
import { type Act, bodyText } from '../../exchange/index.js';
import type { Decision, Plan, PolicySet } from '../../policies/index.js';
import { noPolicies } from '../../proxy/index.js';

/** A decision as a policy set would return it. */
export function decide(action: Decision['action'], mode: string, more: Partial<Decision> = {}): Decision {
  const act: Act = {
    policy: 'test',
    rule: action,
    phase: 'request',
    action: action === 'pass' ? 'alert' : action,
    acted: mode === 'enforce',
    severity: 'high',
    confidence: 1,
    message: 'A secret was seen.',
    evidence: [],
  };
  return {
    action: mode === 'enforce' ? action : 'pass',
    wouldAction: action,
    acts: [act],
    tags: ['seen'],
    mutation: null,
    status: 403,
    template: null,
    retryAfterS: 0,
    delayMs: 0,
    blockActor: null,
    ...more,
  };
}

export const NEEDS_ALL: Plan = {
  request: true,
  response: true,
  requestBodyBytes: 1000,
  responseBodyBytes: 1000,
  requestOverflow: 'block',
  responseOverflow: 'block',
  ownership: false,
};

/** Acts on what it is told in headers and bodies, so that each test says what should happen in the request itself. */
export function obedient(plan: Partial<Plan>, mode?: string): PolicySet {
  const nothing = noPolicies.onRequest({} as never, {} as never);
  return {
    ...noPolicies,
    plan: () => ({ ...NEEDS_ALL, ...plan }),
    onRequest: (request, context) => {
      const text = request.body === null ? '' : bodyText(request.headers, request.body, 10_000);
      const now = mode ?? context.mode;
      if (request.target.includes('throw')) throw new Error('a rule failed');
      if (request.target.includes('close-me')) return decide('close', now);
      if (request.target.includes('throttle-me')) return decide('throttle', now, { status: 429, retryAfterS: 7 });
      if (request.target.includes('tarpit-me')) return decide('tarpit', now, { delayMs: 60 });
      if (request.target.includes('rewrite-me'))
        return decide('redact', now, {
          mutation: { setHeaders: [['x-set', 'by policy']], removeHeaders: ['x-drop'], body: Buffer.from('replaced') },
        });
      if (text.includes('attack'))
        return decide('block', now, {
          blockActor: { durationMs: 1000, escalate: false, reason: 'attack', policy: 'test', acted: now === 'enforce' },
        });
      return nothing;
    },
    onResponse: (_request, response, context) => {
      const text = response.body === null ? '' : bodyText(response.headers, response.body, 10_000);
      const now = mode ?? context.mode;
      if (context.access('response')?.enforceable === true) return decide('block', now, { status: 404 });
      if (text.includes('secret')) return decide('block', now);
      if (text.includes('ssn')) return decide('redact', now, { mutation: { body: Buffer.from(text.replace(/\d{3}-\d\d-\d{4}/g, '•••')) } });
      if (response.headers.includes('x-powered-by')) return decide('redact', now, { mutation: { removeHeaders: ['x-powered-by'] } });
      return nothing;
    },
  };
}
