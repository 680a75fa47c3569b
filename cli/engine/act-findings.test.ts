import t from 'tap';
import { type Act, endpointRef, findingOf } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { findingsOfActs, onePerCause } from './act-findings.js';

const exchange = exchangeOf();
const endpoint = endpointRef('s', 'GET', '/o/{id}');
const act = (more: Partial<Act>): Act => ({
  policy: 'p',
  rule: 'r',
  phase: 'request',
  action: 'block',
  acted: false,
  severity: 'high',
  confidence: 1,
  message: 'why',
  evidence: [],
  ...more,
});
const at = (place: 'header' | 'body', path: string, type?: string) => ({
  location: { phase: 'response' as const, in: place, path },
  excerpt: '•',
  ...(type === undefined ? {} : { type }),
});

t.test('what an act of a policy is called', async (t) => {
  const rows: [Partial<Act>, string, string][] = [
    [{}, 'policy.violation', 'would-act'],
    [{ acted: true }, 'policy.violation', 'acted'],
    [{ action: 'alert' }, 'policy.violation', 'none'],
    [{ evidence: [at('body', 'q', 'sql')] }, 'attack.sql', 'would-act'],
    [{ phase: 'response', evidence: [at('body', 'user.ssn', 'us_ssn')] }, 'data.exposed', 'would-act'],
    [{ phase: 'response', policy: 'secrets-out', evidence: [at('body', 'key', 'aws_key')] }, 'data.secret-exposed', 'would-act'],
    [{ phase: 'response', evidence: [at('header', 'x-powered-by')] }, 'policy.response', 'would-act'],
    [{ policy: 'object-access' }, 'bola.foreign-object', 'would-act'],
    [{ policy: 'object-access', rule: 'guessed-object' }, 'bola.enumeration', 'would-act'],
  ];
  for (const [more, kind, effect] of rows)
    t.match(findingsOfActs([act(more)], exchange, endpoint), [{ kind, effect }], JSON.stringify(more));
  t.same(findingsOfActs([act({ action: 'allow' }), act({ action: 'tag' })], exchange, endpoint), []);
});

t.test('one cause is one issue', async (t) => {
  const fingerprint = (more: Partial<Act>, where = endpoint) => findingsOfActs([act(more)], exchange, where)[0].fingerprint;
  const header = { phase: 'response' as const, evidence: [at('header', 'x-powered-by')] };
  const other = endpointRef('s', 'GET', '/other');
  t.equal(fingerprint(header), fingerprint(header, other), 'a header of every answer is one thing to fix');
  t.not(fingerprint({}), fingerprint({}, other));
  const data = (path: string) => fingerprint({ phase: 'response', evidence: [at('body', path, 'us_ssn')] });
  t.not(data('a'), data('b'), 'two fields are two things to fix');
});

t.test('a detector and a policy that see one flaw make one finding', async (t) => {
  const detected = findingOf({
    kind: 'bola.foreign-object',
    source: { kind: 'detector', id: 'ownership' },
    exchange,
    endpoint,
    explanation: 'because',
    confidence: 0.9,
    subject: 'order',
  });
  const acted = findingsOfActs([act({ policy: 'object-access', acted: true, action: 'block' })], exchange, endpoint);
  for (const order of [
    [detected, ...acted],
    [...acted, detected],
  ])
    t.match(onePerCause(order), [{ explanation: 'Because', effect: 'acted', fingerprint: detected.fingerprint }]);
  t.equal(onePerCause([...acted, ...findingsOfActs([act({})], exchange, endpoint)]).length, 2, 'other causes stay apart');
});

t.test('of two findings of one flaw in one exchange, the one that says more is kept', async (t) => {
  const found = (kind: string) =>
    findingOf({ kind, source: { kind: 'detector', id: kind }, exchange, endpoint, explanation: kind, confidence: 0.9 });
  for (const order of [
    [found('auth.missing'), found('auth.weakened')],
    [found('auth.weakened'), found('auth.missing')],
  ]) {
    const kept = onePerCause(order);
    t.equal(kept.length, 1);
    t.match(kept, [{ kind: 'auth.weakened', explanation: 'Auth.weakened' }]);
  }
});
