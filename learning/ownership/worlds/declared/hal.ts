import type { Stage } from '../kit.js';
import { hex, type Resource, type Thing, type User, type World } from '../world.js';
import { body } from './shared.js';

const isCourier = (user: User): boolean => user.serial % 12 === 0;

/** Couriers look at what is to be carried, take one job, carry it and are done. */
function* deliver(stage: Stage, user: User): Generator<void> {
  if (!isCourier(user)) return;
  const orders = stage.things.get('orders') ?? [];
  const open = stage.dice.sample(
    orders.slice(-150).filter((one) => one.grants.size === 0 && one.owner !== user),
    4,
  );
  stage.sendList(user, '/jobs', open, 'couriers');
  yield;
  const [job] = open;
  if (job === undefined || job.grants.size > 0) return;
  job.grants.add(user);
  stage.sendForm(user, { method: 'POST', template: '/orders/{id}/pickup' }, job, 'couriers', null);
  yield;
  for (let n = stage.dice.range(1, 3); n > 0; n--) {
    stage.sendForm(user, { method: 'GET', template: '/orders/{id}' }, job, 'couriers', null);
    yield;
  }
  stage.sendForm(
    user,
    { method: 'PUT', template: '/orders/{id}/position', body: () => ({ lat: 1, lon: 2 }), answers: 'ack' },
    job,
    'couriers',
    null,
  );
  yield;
}

const link = (path: string): { href: string } => ({ href: path });
const courierOf = (thing: Thing): User | undefined => [...thing.grants].find(isCourier);

/** Hypermedia: no ids but in links; buyer, seller and courier all touch one order; session cookies; sign-in by form. */
export const hal: World = {
  name: 'hal',
  users: 110,
  groups: 1,
  staff: 2,
  userId: (n) => String(2000 + n * 3),
  groupId: () => 'g',
  token: (u, n, s) => hex(`${s}${u.id}sess${n}`, 40),
  credential: (token) => ({ cookie: `lang=en; SESSION=${token}` }),
  signIn: {
    template: '/session',
    share: 0.2,
    body: (u) => ({ username: u.name, password: 'x' }),
    answer: (_, token) => ({ body: { ok: true }, headers: { 'set-cookie': `SESSION=${token}; Path=/; HttpOnly` } }),
  },
  me: { template: '/', answer: (u) => ({ _links: { self: link('/'), account: link(`/people/${u.id}`), orders: link('/orders') } }) },
  signUps: {
    share: 0.02,
    template: '/people',
    handsOut: false,
    answer: (u) => ({ name: u.name, _links: { self: link(`/people/${u.id}`) } }),
  },
  errands: { share: 0.12, run: deliver },
  also: (user, thing, write) => write && (thing.other === user || thing.grants.has(user)),
  one: (_, one) => one,
  many: (name, all) => ({ _links: { self: link(`/${name}`) }, _embedded: { [name]: all } }),
  resources: [
    {
      name: 'orders',
      id: (n) => String(n),
      per: [2, 5],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({
        total: 12,
        state: t.status,
        _links: {
          self: link(`/orders/${t.id}`),
          buyer: link(`/people/${t.owner.id}`),
          seller: link(`/people/${t.other?.id}`),
          ...(courierOf(t) === undefined ? {} : { courier: link(`/people/${courierOf(t)?.id}`) }),
        },
      }),
      list: '/orders',
      listAll: '/desk/orders',
      open: [
        { method: 'GET', template: '/orders/{id}' },
        { method: 'GET', template: '/orders/{id}/receipt', answers: 'ack' },
      ],
      write: [{ method: 'PATCH', template: '/orders/{id}', body: body('note') }],
      create: { method: 'POST', template: '/orders' },
    },
    {
      name: 'addresses',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ street: 's', _links: { self: link(`/people/${t.owner.id}/addresses/${t.id}`) } }),
      list: '/people/{owner}/addresses',
      open: [{ method: 'GET', template: '/people/{owner}/addresses/{id}' }],
      write: [{ method: 'PUT', template: '/people/{owner}/addresses/{id}', body: body('street') }],
    },
    {
      name: 'messages',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({
        text: 'm',
        _links: { self: link(`/messages/${t.id}`), from: link(`/people/${t.owner.id}`), to: link(`/people/${t.other?.id}`) },
      }),
      list: '/messages',
      open: [{ method: 'GET', template: '/messages/{id}' }],
      write: [{ method: 'DELETE', template: '/messages/{id}', answers: 'nothing' }],
      create: { method: 'POST', template: '/messages' },
    },
  ] satisfies Resource[],
};
