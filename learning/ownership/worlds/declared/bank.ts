import { hex, type World } from '../world.js';
import { opaque } from './shared.js';

/** Bank: API keys in a header, accounts named in headers, bodies and queries, answers that seldom name a customer, numbers with check digits. */
export const bank: World = {
  name: 'bank',
  users: 80,
  groups: 6,
  staff: 3,
  userId: (n) => `C${String(100_000 + n * 37)}`,
  groupId: (n) => `branch-${n}`,
  token: opaque('key_', 28),
  credential: (token) => ({ 'x-api-key': token }),
  signIn: {
    template: '/onboarding/keys',
    share: 0.12,
    body: (user) => ({ customer: user.id, pin: '0000' }),
    answer: (user, token) => ({ body: { apiKey: token, customerNo: user.id } }),
  },
  me: { template: '/customer', answer: (user) => ({ customerNo: user.id, branch: user.group, name: user.name }) },
  one: (_, one) => one,
  many: (_, all) => ({ items: all, total: all.length }),
  resources: [
    {
      name: 'accounts',
      id: (n, owner) => `DE${20 + (n % 70)}5001${String(owner.serial).padStart(4, '0')}${String(n).padStart(6, '0')}`,
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ iban: t.id, id: t.id, holder: t.owner.id, balance: 10 }),
      list: '/accounts',
      listAll: '/backoffice/accounts',
      open: [
        { method: 'GET', template: '/accounts/{id}' },
        { method: 'GET', template: '/statements', in: 'header', name: 'x-account', answers: 'ack' },
        { method: 'GET', template: '/balance', in: 'query', name: 'account', answers: 'ack' },
      ],
      write: [
        {
          method: 'POST',
          template: '/payments',
          in: 'body',
          name: 'debtorAccount',
          body: (_, dice) => ({ amount: dice.int(900), creditorIban: `DE99000${dice.int(99999)}` }),
          answers: 'ack',
        },
      ],
    },
    {
      name: 'cards',
      id: (n, _, seed) => `crd-${hex(`${seed}card${n}`, 10)}`,
      per: [1, 2],
      reads: 'owner',
      view: (t) => ({ cardRef: t.id, status: t.status, customer: { number: t.owner.id } }),
      list: '/cards',
      open: [
        { method: 'GET', template: '/cards/{id}' },
        { method: 'POST', template: '/cards/reveal', in: 'body', name: 'cardRef' },
      ],
      write: [{ method: 'POST', template: '/cards/{id}/freeze', answers: 'ack' }],
    },
    {
      name: 'letters',
      id: (n) => String(n * 7),
      per: [3, 8],
      reads: 'owner',
      view: (t) => ({ id: Number(t.id), subject: 's', pages: 2 }),
      list: '/letters',
      open: [{ method: 'GET', template: '/letters/{id}' }],
      write: [{ method: 'DELETE', template: '/letters/{id}', answers: 'nothing' }],
    },
  ],
};
