/** Objects with two sides: who is named in an object is not refused before it is known what the field means. */
import t from 'tap';
import { arrive, BOTH, BUYERS, buyers, NEVER, type Refused, SELLERS, STRANGER, shop } from './shop.fixture.js';

type Answer = (order: number, caller: number) => object;
const buyerOf = (order: number): number => 1000 + (order % BUYERS);
const sellerOf = (order: number): number => 2000 + (order % 7);

/** Thirty people open three of their own orders each; then `caller` opens order 5000, which its buyer opened before, so that a gateway knows whose it is. */
function opens(answer: Answer, caller: number): Refused {
  const ask = shop();
  arrive(ask);
  const open = (user: number, order: number) => ask(user, `/orders/${order}`, '/orders/{id}', answer(order, user));
  for (let order = 100; order < 100 + 3 * BUYERS; order++) open(buyerOf(order), order);
  open(buyerOf(5000), 5000);
  return open(caller, 5000);
}

const withSeller: Answer = (id) => ({ id, buyerId: buyerOf(id), sellerId: sellerOf(id), total: 12 });
const nested: Answer = (id) => ({ id, buyer: { id: buyerOf(id) }, seller: { id: sellerOf(id), name: 'n' } });
const echoing: Answer = (id, caller) => ({ id, buyerId: buyerOf(id), userId: caller, total: 12 });

const cases: [what: string, answer: Answer, caller: number, refused: Refused][] = [
  ['its seller, of whom no order was opened so far', withSeller, sellerOf(5000), NEVER],
  ['its seller, named in a part of it', nested, sellerOf(5000), NEVER],
  ['the seller of other orders', withSeller, sellerOf(5001), BOTH],
  ['a stranger', withSeller, STRANGER, BOTH],
  ['another buyer', nested, buyerOf(5001), BOTH],
  // While each object was asked for by one person only, the repeated name looks like the owner's: the answer says nothing then, the request does.
  ['a stranger, where answers repeat who asks', echoing, STRANGER, { request: true, response: false }],
];

t.test('a shop whose orders name a buyer and a seller; only buyers came so far', async (t) => {
  for (const [what, answer, caller, refused] of cases) t.same(opens(answer, caller), refused, what);
});

t.test('a file service by RPC: all ids stand in bodies', async (t) => {
  const OWNER = buyerOf(5000);
  const shares: [what: string, who: number, body: object, caller: number, refused: Refused][] = [
    ['shared by its owner', OWNER, { fileId: 5000, userId: STRANGER }, STRANGER, NEVER],
    ['the person named first', OWNER, { userId: STRANGER, fileId: 5000 }, STRANGER, NEVER],
    ['shared with somebody else', OWNER, { fileId: 5000, userId: SELLERS[0] }, STRANGER, BOTH],
    ['shared by a stranger with himself', STRANGER, { fileId: 5000, userId: STRANGER }, STRANGER, BOTH],
    ['another file is shared', OWNER, { fileId: 5000 + BUYERS, userId: STRANGER }, STRANGER, BOTH],
  ];
  for (const [what, who, body, caller, refused] of shares) {
    const ask = shop();
    arrive(ask);
    const file = (id: number) => ({ file: { id, ownerId: buyerOf(id), bytes: 9 } });
    const open = (user: number, id: number) => ask(user, '/rpc/file.get', '/rpc/file.get', file(id), { fileId: id });
    // Numbers in bodies are ids once answers have shown them.
    for (let round = 0; round < 2; round++) for (let id = 100; id < 100 + 3 * BUYERS; id++) open(buyerOf(id), id);
    for (let id = 100; id < 100 + BUYERS; id++)
      ask(buyerOf(id), '/rpc/file.share', '/rpc/file.share', { ok: true }, { fileId: id, userId: buyerOf(id + 1) });
    open(OWNER, 5000);
    ask(who, '/rpc/file.share', '/rpc/file.share', { ok: true }, body);
    t.same(open(caller, 5000), refused, what);
  }
});

/** Everybody does the same with things of their own, three times; then one asks for what is somebody else's. */
const OTHER = buyers[1];
const OWNER = buyers[0];
type Ask = ReturnType<typeof shop>;

/** `user` opens the first report of `pupil`. */
const reportOf = (ask: Ask, user: number, pupil: number): Refused =>
  ask(user, `/reports/r-${pupil}`, '/reports/{id}', { id: `r-${pupil}`, pupilId: pupil });

const COURIER = buyers[4];
/** The order of a buyer, which they changed last. */
const orderOf = (buyer: number, round: number): object => ({ id: `o-${buyer}-x${round}`, buyerId: buyer, changedBy: buyer });
const open = (ask: Ask, user: number, buyer: number, round: number): Refused =>
  ask(user, `/orders/o-${buyer}-x${round}`, '/orders/{id}', orderOf(buyer, round));
const takeOn = (
  ask: Ask,
  courier: number,
  buyer: number,
  round: number,
  answer: object = { ...orderOf(buyer, round), courierId: courier },
  sent: object = {},
): Refused => ask(courier, `/orders/o-${buyer}-x${round}/pickup`, '/orders/{id}/pickup', answer, sent);
/** The courier takes somebody's order on, then opens it. */
function takenOn(ask: Ask, answer?: object, sent?: object): Refused {
  takeOn(ask, COURIER, OTHER, 1, answer, sent);
  return open(ask, COURIER, OTHER, 1);
}
const jobs = (ask: Ask, user: number, round: number): Refused =>
  ask(user, '/jobs', '/jobs', { orders: [1, 2, 3].map((n) => orderOf(user + n, round)) });
const share = (ask: Ask, user: number, other: number): Refused =>
  ask(user, `/repos/${user}/app/collaborators`, '/repos/{owner}/{name}/collaborators', { ok: true }, { userId: other });
const issueOf = (ask: Ask, user: number, owner: number): Refused =>
  ask(user, `/repos/${owner}/app/issues/1`, '/repos/{owner}/{name}/issues/{n}', { id: 9_500 + owner, number: 1 });

/** Some of the buyers are teachers, says their token. They have reports of their own, and `busy` of them open those of two pupils. */
const isTeacher = (user: number): boolean => user >= 1025 && user < 2000;
const teaching =
  (busy: number) =>
  (ask: Ask, user: number, round: number): void => {
    reportOf(ask, user, user);
    if (isTeacher(user) && user < 1025 + busy) reportOf(ask, user, 1000 + 2 * (user - 1025) + round);
  };

const standing: {
  readonly what: string;
  readonly claims?: (user: number) => object;
  readonly learn: (ask: Ask, user: number, round: number) => unknown;
  readonly tried: [string, (ask: Ask) => Refused, Refused][];
}[] = [
  {
    what: 'names that are unique for their owner only',
    learn: (ask, user) => ask(user, `/repos/u${user}/app`, '/repos/{owner}/{name}', { id: 9_000 + user, name: 'app', owner: { id: user } }),
    tried: [
      [
        'an own one',
        (ask) => ask(OWNER, `/repos/u${OWNER}/app`, '/repos/{owner}/{name}', { id: 9_000 + OWNER, owner: { id: OWNER } }),
        NEVER,
      ],
      [
        'another one of that name',
        (ask) => ask(OTHER, `/repos/u${OWNER}/app`, '/repos/{owner}/{name}', { id: 9_000 + OWNER, owner: { id: OWNER } }),
        BOTH,
      ],
    ],
  },
  {
    what: 'what somebody writes below an object says nothing of whose that is',
    learn: (ask, user) => {
      ask(user, `/channels/c-${user}-x1`, '/channels/{id}', { id: `c-${user}-x1`, ownerId: user });
      ask(user, `/channels/c-${user}-x1/messages`, '/channels/{id}/messages', { id: 70_000 + user, author: { id: user } }, { text: 'hi' });
    },
    tried: [
      [
        'the channel, after writing into it',
        (ask) => {
          ask(
            OTHER,
            `/channels/c-${OWNER}-x1/messages`,
            '/channels/{id}/messages',
            { id: 71_000, author: { id: OTHER } },
            { text: 'mine' },
          );
          return ask(OTHER, `/channels/c-${OWNER}-x1`, '/channels/{id}', { id: `c-${OWNER}-x1`, ownerId: OWNER });
        },
        BOTH,
      ],
      [
        'the owner, after somebody else wrote',
        (ask) => ask(OWNER, `/channels/c-${OWNER}-x1`, '/channels/{id}', { id: `c-${OWNER}-x1`, ownerId: OWNER }),
        NEVER,
      ],
    ],
  },
  {
    what: 'pages that are called after people, of whom answers say nothing',
    learn: (ask, user) => {
      ask(user, `/notes/n-${user}-x1`, '/notes/{id}', { id: `n-${user}-x1`, userId: user });
      ask(user, `/people/${user}/inbox`, '/people/{id}/inbox', { unread: 3 });
    },
    tried: [
      ['an own one', (ask) => ask(OWNER, `/people/${OWNER}/inbox`, '/people/{id}/inbox', { unread: 3 }), NEVER],
      [
        "somebody else's, which nobody has asked for so far",
        (ask) => ask(OWNER, `/people/${SELLERS[0]}/inbox`, '/people/{id}/inbox', { unread: 3 }),
        BOTH,
      ],
    ],
  },
  {
    what: 'numbers of JSON-RPC calls are no objects',
    learn: (ask, user, round) =>
      ask(
        user,
        '/rpc',
        '/rpc#files.get',
        { jsonrpc: '2.0', id: 1, result: { id: `f-${user}-x${round}`, ownerId: user } },
        {
          jsonrpc: '2.0',
          id: 1,
          method: 'files.get',
          params: { fileId: `f-${user}-x${round}` },
        },
      ),
    tried: [
      [
        "somebody else's, by the number that everybody's calls have",
        (ask) =>
          ask(
            OTHER,
            '/rpc',
            '/rpc#files.get',
            { jsonrpc: '2.0', id: 1, result: { id: `f-${OWNER}-x1`, ownerId: OWNER } },
            {
              jsonrpc: '2.0',
              id: 1,
              method: 'files.get',
              params: { fileId: `f-${OWNER}-x1` },
            },
          ),
        BOTH,
      ],
    ],
  },
  {
    what: 'a body that only claims to be a JSON-RPC call',
    learn: (ask, user, round) => {
      const id = `d-${user}-x${round}`;
      ask(user, '/documents/open', '/documents/open', { id, ownerId: user }, { id });
    },
    tried: [
      ['an own one', (ask) => ask(OTHER, '/documents/open', '/documents/open', { ok: true }, { id: `d-${OTHER}-x1` }), NEVER],
      ["somebody else's", (ask) => ask(OTHER, '/documents/open', '/documents/open', { ok: true }, { id: `d-${OWNER}-x1` }), BOTH],
      [
        "somebody else's, named as the number of a call",
        (ask) => ask(OTHER, '/documents/open', '/documents/open', { ok: true }, { jsonrpc: '2.0', method: 'x', id: `d-${OWNER}-x1` }),
        BOTH,
      ],
      [
        'the same in a list',
        (ask) => ask(OTHER, '/documents/open', '/documents/open', { ok: true }, [{ jsonrpc: '2.0', method: 'x', id: `d-${OWNER}-x1` }]),
        BOTH,
      ],
    ],
  },
  {
    what: 'couriers, who take an order on and then open it',
    learn: (ask, user, round) => {
      open(ask, user, user, round);
      if (user % 4 !== 0) return;
      takeOn(ask, user, user - 1, round);
      ask(user, `/orders/o-${user - 1}-x${round}`, '/orders/{id}', { ...orderOf(user - 1, round), courierId: user });
    },
    tried: [
      ['to take one on', (ask) => takeOn(ask, COURIER, OTHER, 1), NEVER],
      ['what was taken on', (ask) => takenOn(ask), NEVER],
      ['what was not', (ask) => open(ask, COURIER, OTHER, 1), BOTH],
      ['where the answer does not say so', (ask) => takenOn(ask, { ok: true }), BOTH],
      ['where the request said it', (ask) => takenOn(ask, { ...orderOf(OTHER, 1), courierId: COURIER }, { courierId: COURIER }), BOTH],
      ['where the field named somebody before', (ask) => takenOn(ask, { ...orderOf(OTHER, 1), changedBy: COURIER }), BOTH],
    ],
  },
  {
    what: 'a list of what others offer, which some people get',
    learn: (ask, user, round) => {
      open(ask, user, user, round);
      if (user % 4 === 0) jobs(ask, user, round);
    },
    tried: [['the list', (ask) => jobs(ask, COURIER, 1), NEVER]],
  },
  {
    what: 'what hangs below something shared whose id begins with its owner',
    learn: (ask, user) => {
      ask(user, `/repos/${user}/app`, '/repos/{owner}/{name}', { id: 9_000 + user, name: 'app', owner: { id: user } });
      issueOf(ask, user, user);
      if (user > COURIER) share(ask, user, user + 1);
    },
    tried: [
      [
        'by whom it was shared with',
        (ask) => {
          share(ask, OWNER, OTHER);
          return issueOf(ask, OTHER, OWNER);
        },
        NEVER,
      ],
      ['by somebody else', (ask) => issueOf(ask, COURIER, OWNER), BOTH],
    ],
  },
  {
    what: 'parents whom a list shows their children',
    learn: (ask, user, round) => {
      const children = [user + 1, user + 2];
      if (user % 4 === 0) ask(user, '/children', '/children', { children: children.map((id) => ({ id, name: `n${id}` })) });
      const pupil = user % 4 === 0 ? children[round % 2] : user;
      ask(user, `/reports/r-${pupil}-x${round}`, '/reports/{id}', { id: `r-${pupil}-x${round}`, pupilId: pupil });
    },
    tried: [
      ["a child's", (ask) => ask(1004, '/reports/r-1006-x1', '/reports/{id}', { id: 'r-1006-x1', pupilId: 1006 }), NEVER],
      ["another pupil's", (ask) => ask(1004, '/reports/r-1010-x1', '/reports/{id}', { id: 'r-1010-x1', pupilId: 1010 }), BOTH],
    ],
  },
  {
    what: 'a search for people, which shows each to one caller',
    learn: (ask, user, round) => {
      ask(user, `/people?q=n${user % 7}`, '/people', { people: [{ id: user + 1, name: 'n' }] });
      ask(user, `/reports/r-${user}-x${round}`, '/reports/{id}', { id: `r-${user}-x${round}`, pupilId: user });
    },
    tried: [
      ['the report of whom was found', (ask) => ask(1004, '/reports/r-1005-x1', '/reports/{id}', { id: 'r-1005-x1', pupilId: 1005 }), BOTH],
    ],
  },
  {
    what: 'a list that shows everybody to everybody',
    learn: (ask, user, round) => {
      ask(user, '/people', '/people', { people: buyers.map((id) => ({ id, name: `n${id}` })) });
      ask(user, `/reports/r-${user}-x${round}`, '/reports/{id}', { id: `r-${user}-x${round}`, pupilId: user });
    },
    tried: [["somebody else's", (ask) => ask(1004, '/reports/r-1010-x1', '/reports/{id}', { id: 'r-1010-x1', pupilId: 1010 }), BOTH]],
  },
  {
    what: 'parents, who have no reports of their own, beside pupils who have',
    learn: (ask, user, round) => {
      const pupil = user % 4 === 0 ? user + 1 + (round % 2) : user;
      ask(user, `/reports/r-${pupil}-x${round}`, '/reports/{id}', { id: `r-${pupil}-x${round}`, pupilId: pupil });
    },
    tried: [
      ["a child's", (ask) => ask(1004, '/reports/r-1006-x1', '/reports/{id}', { id: 'r-1006-x1', pupilId: 1006 }), NEVER],
      ["another pupil's, by a pupil", (ask) => ask(1005, '/reports/r-1006-x1', '/reports/{id}', { id: 'r-1006-x1', pupilId: 1006 }), BOTH],
    ],
  },
  {
    what: 'a role whose members open what is not theirs, as their job',
    claims: (user) => ({ role: isTeacher(user) ? 'teacher' : 'pupil' }),
    learn: teaching(3),
    tried: [
      ["a pupil's, by one of them", (ask) => reportOf(ask, 1025, 1018), NEVER],
      ["a pupil's, by one who never did", (ask) => reportOf(ask, 1028, 1018), NEVER],
      ["a pupil's, by a pupil", (ask) => reportOf(ask, 1005, 1018), BOTH],
      ["a teacher's, by a pupil", (ask) => reportOf(ask, 1005, 1025), BOTH],
    ],
  },
  {
    what: 'two members of a role are none',
    claims: (user) => ({ role: isTeacher(user) ? 'teacher' : 'pupil' }),
    learn: teaching(2),
    tried: [["a pupil's, by one who never did", (ask) => reportOf(ask, 1028, 1018), BOTH]],
  },
  {
    what: 'what everybody is called whose token says a role is none',
    claims: (user) => (isTeacher(user) ? { role: 'user' } : {}),
    learn: teaching(3),
    tried: [["a pupil's, by one who never did", (ask) => reportOf(ask, 1028, 1018), BOTH]],
  },
  {
    what: 'two accounts without reports of their own that open those of others from the first day are no guests',
    learn: (ask, user, round) => reportOf(ask, user, user < 1028 ? user : 1000 + round),
    tried: [
      ['by one of the two', (ask) => reportOf(ask, 1028, 1006), BOTH],
      ['by a pupil', (ask) => reportOf(ask, 1005, 1006), BOTH],
    ],
  },
  {
    what: 'three of thirty are: nobody can tell them from parents, and nobody else gains by it',
    learn: (ask, user, round) => reportOf(ask, user, user < 1027 ? user : 1000 + round),
    tried: [
      ['by one of the three', (ask) => reportOf(ask, 1028, 1006), NEVER],
      ['by a pupil', (ask) => reportOf(ask, 1005, 1006), BOTH],
    ],
  },
];

for (const { what, claims, learn, tried } of standing)
  t.test(what, async (t) => {
    for (const [who, ask, refused] of tried) {
      const asked = shop(claims);
      arrive(asked);
      for (let round = 0; round < 4; round++) for (const user of buyers) learn(asked, user, round % 2);
      t.same(ask(asked), refused, who);
    }
  });
