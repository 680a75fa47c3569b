/** What was given is taken back: who is named in the path or in the body of a write may no longer what they might; who leaves neither. */
import t from 'tap';
import { readRequest } from './references.js';
import { revocationOf } from './revoking.js';
import { BOTH, buyers, NEVER, shop } from './shop.fixture.js';

t.test('which writes take something back, of what and from whom', async (t) => {
  const rows: readonly [method: string, template: string, target: string, body: object | null, expected: string | null][] = [
    ['DELETE', '/files/{id}/shares/{userId}', '/files/f1/shares/17', null, 'path:0 from path:1'],
    ['POST', '/plans/{id}:revoke', '/plans/p1:revoke', { granteeNo: 17 }, 'path:0 from body:granteeno'],
    ['POST', '/groups/{id}/members/remove', '/groups/g1/members/remove', { handle: 'ada.l' }, 'path:0 from body:handle'],
    ['DELETE', '/files/{id}/shares', '/files/f1/shares', { userId: 17 }, 'path:0 from body:userid'],
    ['POST', '/groups/{id}/leave', '/groups/g1/leave', {}, 'path:0 from the caller'],
    ['POST', '/plans/{id}:grant', '/plans/p1:grant', { granteeNo: 17 }, null],
    ['POST', '/files/{id}/shares', '/files/f1/shares', { userId: 17 }, null],
    ['DELETE', '/files/{id}', '/files/f1', null, null],
    ['GET', '/groups/{id}/leave', '/groups/g1/leave', null, null],
    ['POST', '/carts/remove', '/carts/remove', {}, null],
  ];
  for (const [method, template, target, body, expected] of rows) {
    const headers = ['content-type', 'application/json'];
    const reading = readRequest({ method, template, target, headers, bodyText: body === null ? null : JSON.stringify(body) }, '');
    const told = revocationOf(reading, () => undefined);
    const from = told?.isLeaving === true ? 'the caller' : told?.named.map(({ slot }) => slot).join();
    t.equal(told === null ? null : `${told.subject.slot} from ${from}`, expected, `${method} ${target}`);
  }
});

function files() {
  const ask = shop();
  const open = (by: number, of: number) => ask(by, `/files/f-${of}`, '/files/{id}', { id: `f-${of}`, ownerId: of, title: 'x' });
  for (let round = 0; round < 3; round++) for (const user of buyers) open(user, user);
  const done = { ok: true };
  const share = (of: number, to: number) => ask(of, `/files/f-${of}/shares`, '/files/{id}/shares', done, { userId: to });
  return { ask, open, share, done };
}
const [owner, guest] = [buyers[4], buyers[5]];

t.test('whom an owner takes it back from is a stranger again, also at gateways that just saw it shared', async (t) => {
  const { ask, open, share, done } = files();
  t.same(open(guest, owner), BOTH);
  share(owner, guest);
  t.same(open(guest, owner), NEVER);
  ask(owner, `/files/f-${owner}/shares/${guest}`, '/files/{id}/shares/{userId}', done, null, 'DELETE');
  t.same(open(guest, owner), BOTH);
  share(owner, guest);
  t.same(open(guest, owner), NEVER);
  ask(owner, `/files/f-${owner}:unshare`, '/files/{id}:unshare', done, { userId: guest });
  t.same(open(guest, owner), BOTH);
});

t.test('who leaves has left', async (t) => {
  const { ask, open, share, done } = files();
  share(owner, guest);
  t.same(open(guest, owner), NEVER);
  ask(guest, `/files/f-${owner}/leave`, '/files/{id}/leave', done, {});
  t.same(open(guest, owner), BOTH);
});

t.test('a stranger takes nothing back', async (t) => {
  const { ask, open, share, done } = files();
  share(owner, guest);
  ask(buyers[6], `/files/f-${owner}/shares/${guest}`, '/files/{id}/shares/{userId}', done, null, 'DELETE');
  t.same(open(guest, owner), NEVER);
});
