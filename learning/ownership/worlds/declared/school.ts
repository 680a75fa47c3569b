import type { Stage } from '../kit.js';
import { jwt, type Resource, type Thing, type User, uuid, type World } from '../world.js';
import { bearer, body } from './shared.js';

type Role = 'pupil' | 'parent' | 'teacher';
const roleOf = (user: User): Role => (user.serial % 10 === 0 ? 'teacher' : user.serial % 10 >= 7 ? 'parent' : 'pupil');
/** Two children each; some have one parent here, some two. */
const isParentOf = (user: User, child: User): boolean =>
  roleOf(user) === 'parent' && roleOf(child) === 'pupil' && [1, 2, 3].some((n) => child.serial === ((user.serial * 7 + n * 31) % 90) + 1);
const teaches = (user: User, group: string): boolean =>
  roleOf(user) === 'teacher' && (user.group === group || `k${(Number(user.group.slice(1)) % 6) + 1}` === group);

function* lookAfter(stage: Stage, user: User): Generator<void> {
  if (roleOf(user) === 'parent') {
    const children = stage.users.filter((one) => isParentOf(user, one));
    if (stage.dice.chance(0.5)) {
      stage.send(user, 'GET', '/api/children', '/api/children', { label: null, cls: 'parents' }, 200, {
        children: children.map((one) => ({ id: one.id, name: one.name, class: one.group })),
      });
      yield;
    }
    for (const child of stage.dice.sample(children, 1)) yield* lookAt(stage, user, 'parents', (thing) => thing.owner === child);
  } else if (roleOf(user) === 'teacher') {
    yield* lookAt(stage, user, 'teachers', (thing) => teaches(user, thing.group));
  }
}

function* lookAt(stage: Stage, user: User, cls: string, pick: (thing: Thing) => boolean): Generator<void> {
  const resource = stage.dice.pick(stage.world.resources.filter((one) => one.name !== 'lessons'));
  const some = stage.dice.sample((stage.things.get(resource.name) ?? []).filter(pick), 5);
  const list = cls === 'parents' ? `/api/pupils/${some[0]?.owner.id}/${resource.name}` : `/api/classes/${some[0]?.group}/${resource.name}`;
  const same = some.filter((one) => (cls === 'parents' ? one.owner === some[0].owner : one.group === some[0].group));
  if (same.length > 0 && stage.dice.chance(0.6))
    stage.send(
      user,
      'GET',
      cls === 'parents' ? `/api/pupils/{id}/${resource.name}` : `/api/classes/{class}/${resource.name}`,
      list,
      { label: null, cls },
      200,
      stage.world.many(
        resource.name,
        same.map((one) => stage.view(one)),
      ),
    );
  yield;
  for (const thing of stage.dice.sample(same, 2)) {
    stage.sendForm(user, stage.dice.pick(resource.open), thing, cls, null);
    yield;
  }
  const write = resource.name === 'submissions' ? resource.write.filter((one) => one.template.endsWith('/grade')) : [];
  if (cls === 'teachers' && same.length > 0 && write.length > 0) stage.sendForm(user, write[0], same[0], cls, null);
  yield;
}

const isPupil = (user: User): boolean => roleOf(user) === 'pupil';

/** School: pupils own; parents look after their children's things and teachers after those of their classes, with roles in tokens; nobody of them is staff. */
export const school: World = {
  name: 'school',
  users: 120,
  groups: 6,
  staff: 2,
  userId: (n, s) => uuid(`${s}school${n}`),
  groupId: (n) => `k${n}`,
  token: (u, n) => jwt({ sub: u.id, role: u.role === 'staff' ? 'head' : roleOf(u), iat: 1_700_000_000 + n }),
  credential: bearer,
  signIn: { template: '/api/login', share: 0.15, body: (u) => ({ email: u.email }), answer: (_, token) => ({ body: { jwt: token } }) },
  me: { template: '/api/me', answer: (u) => ({ id: u.id, name: u.name, role: roleOf(u) }) },
  also: (user, thing) => isParentOf(user, thing.owner) || teaches(user, thing.group),
  errands: { share: 0.35, run: lookAfter },
  one: (name, one) => ({ [name.replace(/s$/, '')]: one }),
  many: (name, all) => ({ [name]: all, total: all.length }),
  resources: [
    {
      name: 'submissions',
      id: (n) => String(n),
      per: [2, 5],
      reads: 'owner',
      owners: isPupil,
      view: (t) => ({ id: Number(t.id), pupil_id: t.owner.id, class: t.group, grade: null }),
      list: '/api/submissions',
      listAll: '/api/head/submissions',
      open: [
        { method: 'GET', template: '/api/submissions/{id}' },
        { method: 'GET', template: '/api/submissions/{id}/file', answers: 'ack' },
      ],
      write: [{ method: 'PUT', template: '/api/submissions/{id}', body: body('text') }],
      create: { method: 'POST', template: '/api/submissions' },
    },
    {
      name: 'reports',
      id: (n, _, s) => uuid(`${s}report${n}`),
      per: [1, 3],
      reads: 'owner',
      owners: isPupil,
      view: (t) => ({ id: t.id, pupil: { id: t.owner.id, name: t.owner.name }, teacher: `${t.group}-t`, class: t.group }),
      list: '/api/reports',
      listAll: '/api/head/reports',
      open: [{ method: 'GET', template: '/api/reports/{id}' }],
      write: [],
    },
    {
      name: 'absences',
      id: (n) => String(50_000 + n),
      per: [0, 2],
      reads: 'owner',
      owners: isPupil,
      view: (t) => ({ id: Number(t.id), pupil_id: t.owner.id, from: '2024-02-01', reason: 'ill' }),
      list: '/api/absences',
      open: [{ method: 'GET', template: '/api/pupils/{owner}/absences/{id}' }],
      write: [{ method: 'DELETE', template: '/api/pupils/{owner}/absences/{id}', answers: 'nothing' }],
    },
    {
      name: 'lessons',
      id: (n) => String(70_000 + n),
      per: [4, 6],
      reads: 'group',
      owners: (user) => roleOf(user) === 'teacher',
      view: (t) => ({ id: Number(t.id), class: t.group, teacher_id: t.owner.id, topic: 'x' }),
      listGroup: '/api/classes/{group}/lessons',
      open: [{ method: 'GET', template: '/api/lessons/{id}' }],
      write: [{ method: 'PUT', template: '/api/lessons/{id}', body: body('topic') }],
    },
  ] satisfies Resource[],
};
