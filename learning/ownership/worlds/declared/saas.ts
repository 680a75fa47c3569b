import { base62, hex, type Resource, uuid, type World } from '../world.js';
import { body, opaque } from './shared.js';

/** Multi-tenant SaaS: session cookies, slugs for tenants, projects shared within a tenant, snake case, owners named by id in nested objects. */
export const saas: World = {
  name: 'saas',
  users: 90,
  groups: 12,
  staff: 3,
  userId: (n, seed) => `usr_${base62(`${seed}u${n}`, 14)}`,
  groupId: (n) => `acme-${['north', 'south', 'east', 'west', 'hill', 'lake', 'wood', 'rock', 'moor', 'glen', 'dale', 'fen', 'bay'][n]}`,
  token: opaque('', 40),
  credential: (token) => ({ cookie: `lang=en; sid=${token}` }),
  signIn: {
    template: '/auth/session',
    share: 0.3,
    body: (user) => ({ email: user.email, password: 'pw' }),
    answer: (user, token) => ({
      body: { ok: true, user: { id: user.id, display_name: user.name, workspace: user.group } },
      headers: { 'set-cookie': `sid=${token}; Path=/; HttpOnly` },
    }),
  },
  me: { template: '/api/whoami', answer: (user) => ({ user: { id: user.id, email: user.email, workspace: { slug: user.group } } }) },
  one: (_, one) => ({ data: one, meta: { version: 3 } }),
  many: (_, all) => ({ data: all, meta: { count: all.length, next: null } }),
  resources: [
    {
      name: 'projects',
      id: (n, _, seed) => uuid(`${seed}prj${n}`),
      per: [1, 3],
      reads: 'group',
      view: (t) => ({ id: t.id, title: 'p', created_by: { id: t.owner.id, name: t.owner.name }, workspace_slug: t.group }),
      list: '/api/workspaces/{group}/projects?mine=yes',
      listGroup: '/api/workspaces/{group}/projects',
      listAll: '/api/admin/projects',
      open: [
        { method: 'GET', template: '/api/workspaces/{group}/projects/{id}' },
        { method: 'GET', template: '/api/projects/{id}' },
      ],
      write: [
        { method: 'PATCH', template: '/api/projects/{id}', body: body('title') },
        { method: 'DELETE', template: '/api/projects/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/api/projects' },
    },
    {
      name: 'drafts',
      id: (n) => String(40_000 + n),
      per: [3, 7],
      reads: 'owner',
      view: (t) => ({ id: Number(t.id), text: 'd', author_id: t.owner.id }),
      list: '/api/drafts',
      listAll: '/api/admin/drafts',
      open: [
        { method: 'GET', template: '/api/drafts/{id}' },
        { method: 'GET', template: '/api/drafts/{id}/preview', answers: 'ack' },
      ],
      write: [{ method: 'PUT', template: '/api/drafts/{id}', body: body('text') }],
      create: { method: 'POST', template: '/api/drafts' },
      share: { method: 'POST', template: '/api/drafts/{id}/collaborators', answers: 'ack' },
    },
    {
      name: 'exports',
      id: (n, _, seed) => hex(`${seed}ex${n}`, 24),
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ export_id: t.id, requested_by: t.owner.email, state: t.status }),
      list: '/api/exports',
      open: [{ method: 'GET', template: '/api/export', in: 'query', name: 'export_id' }],
      write: [],
    },
  ] satisfies Resource[],
};
