/** What it means to be shown something: a list that shows each of its objects to few has chosen whom it shows them to. */
import t from 'tap';
import { BOTH, buyers, NEVER, type Refused, shop } from './shop.fixture.js';

type Ask = ReturnType<typeof shop>;
const isLandlord = (user: number): boolean => user % 3 === 0;
const tenants = buyers.filter((user) => !isLandlord(user));
const landlordOf = (tenant: number): number => tenant - (tenant % 3);
const ticketOf = (of: number, n: number) => ({ id: `t-${of}-${n}`, reporterId: of, title: 'leak' });
const open = (ask: Ask, by: number, of: number, n: number): Refused => ask(by, `/tickets/t-${of}-${n}`, '/tickets/{id}', ticketOf(of, n));
const list = (ask: Ask, by: number, n: number, query = '', more = {}): Refused => {
  const shown = isLandlord(by) ? tenants.filter((one) => landlordOf(one) === by) : [by];
  return ask(by, `/tickets${query}`, '/tickets', { tickets: shown.map((of) => ticketOf(of, n)) }, null, 'GET', more);
};

t.test('a third of all are shown the tickets of their tenants: that opens them to nobody else', async (t) => {
  const ask = shop();
  const refused: Refused[] = [];
  for (let n = 0; n < 6; n++)
    for (const user of buyers) {
      ask(user, `/homes/h-${user}`, '/homes/{id}', { id: `h-${user}`, ownerId: user });
      refused.push(list(ask, user, n));
      for (const of of isLandlord(user) ? tenants.filter((one) => landlordOf(one) === user) : [user]) refused.push(open(ask, user, of, n));
    }
  t.notOk(refused.some(({ request, response }) => request || response));
  const [tenant, other] = [tenants[0], tenants[5]];
  t.same(open(ask, tenant, other, 2), BOTH, 'another tenant');
});

t.test('a list is refused only where the request chose whose it is', async (t) => {
  const ask = shop();
  const mail = (user: number): string => `u${user}@mail.test`;
  const paymentsOf = (payer: number) => ({ payments: [1, 2].map((n) => ({ id: `p-${payer}-${n}`, payerEmail: mail(payer) })) });
  for (const user of buyers) ask(user, '/me', '/me', { id: user, email: mail(user) });
  for (let round = 0; round < 3; round++)
    for (const user of buyers) {
      ask(user, '/payments', '/payments', paymentsOf(user));
      ask(user, `/payments?payer=${encodeURIComponent(mail(user))}`, '/payments', paymentsOf(user));
      ask(user, `/payments/p-${user}-1`, '/payments/{id}', paymentsOf(user).payments[0]);
    }
  const [caller, victim] = [buyers[4], buyers[5]];
  t.same(ask(caller, '/payments?page=2', '/payments', paymentsOf(victim)), NEVER, 'what the server lists nobody has reached for');
  t.ok(ask(caller, `/payments?payer=${encodeURIComponent(mail(victim))}`, '/payments', paymentsOf(victim)).response);
});

t.test('whose list somebody asked for says nothing of who they are, also where the list leaves it out and answers had told', async (t) => {
  const staff = 9000;
  const ask = shop((user) => (user === staff ? { sub: 'hd_9x7k2m' } : {}));
  const visit = (of: number, n: number) => `v-${of}-${n}`;
  const open = (by: number, of: number, n: number): Refused =>
    ask(by, `/visits/${visit(of, n)}`, '/visits/{id}', { id: visit(of, n), patientNo: of });
  const briefOf = (of: number) => ({ visits: [0, 1, 2, 3].map((n) => ({ id: visit(of, n), state: 'booked' })) });
  for (const user of buyers) {
    for (const n of [0, 1, 2, 3]) open(user, user, n);
    ask(user, '/visits', '/visits', briefOf(user));
  }
  t.same(open(buyers[3], buyers[4], 0), BOTH);
  for (let round = 0; round < 2; round++) ask(staff, `/visits?patientNo=${buyers[3]}`, '/visits', briefOf(buyers[3]));
  const seen = [open(staff, buyers[3], 0), open(staff, buyers[3], 1), open(staff, buyers[5], 0), open(staff, buyers[6], 0)];
  t.same(seen, [NEVER, NEVER, NEVER, NEVER]);
});

t.test('what a list showed somebody before anybody could tell whose it is stays shown to them', async (t) => {
  const driver = 9000;
  const ask = shop();
  const trip = (rider: number, n: number) => ({ id: `trip-${rider}-${n}`, riderId: rider });
  const open = (by: number, rider: number, n: number): Refused => ask(by, `/trips/trip-${rider}-${n}`, '/trips/{id}', trip(rider, n));
  for (const user of buyers) ask(user, `/cars/car-u${user}`, '/cars/{id}', { id: `car-u${user}`, ownerId: user });
  for (const n of [1, 2]) ask(driver, `/cars/car-${n}`, '/cars/{id}', { id: `car-${n}`, ownerId: driver });
  const [first, second, other] = [buyers[20], buyers[21], buyers[22]];
  ask(driver, '/trips?role=driver', '/trips', { trips: [trip(first, 0), trip(second, 0)] });
  for (const user of buyers) for (const n of [0, 1, 2]) open(user, user, n);
  t.same([open(driver, first, 0), open(driver, second, 0)], [NEVER, NEVER]);
  t.same([open(driver, other, 0), open(driver, first, 1)], [BOTH, BOTH], 'those that it did not show');
});

t.test('who was only listed what nobody is known to own owns nothing yet, and is not refused', async (t) => {
  const staff = [9000, 9001, 9002, 9003, 9004, 9005];
  const guest = 9010;
  const ask = shop();
  const open = (by: number, of: number, n: number): Refused =>
    ask(by, `/visits/v-${of}-${n}`, '/visits/{id}', { id: `v-${of}-${n}`, patientNo: of });
  for (const user of [...buyers, guest]) for (const n of [0, 1, 2]) open(user, user, n);
  // Each of them happens to look at other pages of the same list.
  for (let round = 0; round < 2; round++)
    for (const [page, user] of staff.entries()) {
      const claims = [1, 2, 3].map((n) => ({ id: `c-${page}${n}`, state: 'open' }));
      ask(user, `/claims?page=${page}`, '/claims', { claims });
      for (const claim of claims) ask(user, `/claims/${claim.id}`, '/claims/{id}', claim);
    }
  t.same(
    staff.map((user) => open(user, buyers[5], 0)),
    staff.map(() => NEVER),
  );
  t.same(open(guest, buyers[5], 0), BOTH);
});
