/** Whose a request with several credentials is. */
import t from 'tap';
import type { CredentialKind, Principal } from '../../exchange/index.js';
import { Credentials, type Standing } from './credentials.js';
import { viewOfKnownCaller } from './known-caller.fixture.js';
import type { AccessRequest } from './view.js';

/** `who@carrier`. */
const principal = (spelled: string): Principal => {
  const [who, carrier] = spelled.split('@');
  const kind: CredentialKind = carrier.startsWith('cookie') ? 'session-cookie' : 'bearer';
  return { key: who, kind, carrier, label: '' };
};

const STANDINGS: Readonly<Record<string, Standing>> = { ann: 'established', victim: 'established', named: 'named', seen: 'seen' };
const standingOf = (key: string): Standing => STANDINGS[key] ?? (/^user\d+$/.test(key) ? 'established' : 'unknown');

/** People of the service who came before, by what they sent: `user0@cookie:sid`, …. */
type Before = (n: number) => readonly string[];
const byCookie: Before = (n) => [`user${n}@cookie:sid`];
const byToken: Before = (n) => [`user${n}@header:authorization`];
const byBoth: Before = (n) => [`user${n}@header:authorization`, `user${100 + n}@cookie:sid`];
const junkAlone: Before = (n) => [`junk${n}@header:authorization`];

const ROWS: readonly {
  readonly what: string;
  readonly before?: readonly Before[];
  readonly presented: readonly string[];
  readonly chosen: string | null;
  readonly beside?: readonly string[];
}[] = [
  { what: 'nobody', presented: [], chosen: null },
  { what: 'one credential', presented: ['junk@header:authorization'], chosen: 'junk' },
  { what: 'nothing known of either: the strongest', presented: ['a@header:authorization', 'b@cookie:sid'], chosen: 'a' },
  { what: 'a made-up token beside a session', presented: ['junk@header:authorization', 'ann@cookie:sid'], chosen: 'ann' },
  {
    what: 'two made-up keys beside it',
    presented: ['junk@header:authorization', 'junk2@header:x-api-key', 'ann@cookie:sid'],
    chosen: 'ann',
  },
  { what: 'a made-up session before the real one', presented: ['junk@cookie:a_session', 'seen@cookie:sid'], chosen: 'seen' },
  {
    what: 'a made-up token beside a session of somebody new, where people come with sessions',
    before: [byCookie],
    presented: ['junk@header:authorization', 'new@cookie:sid'],
    chosen: 'new',
  },
  {
    what: 'made-up tokens alone are no way in which people come',
    before: [byCookie, junkAlone],
    presented: ['junk@header:authorization', 'new@cookie:sid'],
    chosen: 'new',
  },
  {
    what: 'a token that names somebody else, beside a session',
    presented: ['victim@header:authorization', 'ann@cookie:sid'],
    chosen: 'victim',
    beside: ['ann'],
  },
  {
    what: 'the same where people come with sessions',
    before: [byCookie],
    presented: ['victim@header:authorization', 'ann@cookie:sid'],
    chosen: 'ann',
    beside: ['victim'],
  },
  {
    what: 'the same where people come with either',
    before: [byCookie, byToken],
    presented: ['victim@header:authorization', 'ann@cookie:sid'],
    chosen: 'victim',
    beside: ['ann'],
  },
  {
    what: 'where many send both, both are of one of them',
    before: [byBoth],
    presented: ['victim@header:authorization', 'ann@cookie:sid'],
    chosen: 'victim',
  },
];

for (const { what, before = [], presented, chosen, beside = [] } of ROWS)
  t.test(what, async (t) => {
    const credentials = new Credentials(standingOf);
    for (const came of before)
      for (let n = 0; n < 12; n++) for (let times = 0; times < 16; times++) credentials.choose('shop', came(n).map(principal));
    const caller = credentials.choose('shop', presented.map(principal));
    t.equal(caller.principal?.key ?? null, chosen);
    t.same(
      caller.beside.map(({ key }) => key),
      beside,
    );
    t.same(
      credentials.choose('another', presented.map(principal)).principal?.key ?? null,
      new Credentials(standingOf).choose('shop', presented.map(principal)).principal?.key ?? null,
      'of another service nothing is known',
    );
  });

t.test('what one of them may not do is refused', async (t) => {
  const view = viewOfKnownCaller(
    [{ route: 'GET /orders/{}', resource: 'order', is: 'deny' }],
    [
      ['order', '10', '77'],
      ['order', '11', '5'],
    ],
  );
  const asked = (id: number, principalKey: string, besideKeys?: readonly string[]): AccessRequest => ({
    service: 's',
    method: 'GET',
    template: '/orders/{id}',
    path: `/orders/${id}`,
    target: `/orders/${id}`,
    headers: [],
    parameters: [String(id)],
    body: null,
    principalKey,
    ...(besideKeys === undefined ? {} : { besideKeys }),
  });
  t.equal(view.judgeRequest(asked(10, 'p_stranger'))?.enforceable, false);
  t.match(view.judgeRequest(asked(10, 'p_stranger', ['p_caller'])), { enforceable: true, relation: 'foreign' });
  t.match(view.judgeRequest(asked(10, 'p_caller', ['p_stranger'])), { enforceable: true, relation: 'foreign' });
  t.equal(view.judgeRequest(asked(11, 'p_caller', ['p_stranger']))?.enforceable, false);
  t.equal(view.judgeRequest(asked(11, 'p_caller'))?.relation, 'own');
  t.equal(view.standingOf('p_caller'), 'established');
  t.equal(view.standingOf('p_stranger'), 'unknown');
});
