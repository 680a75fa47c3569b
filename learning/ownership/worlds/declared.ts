/**
 * Test support: worlds of unlike structure. `TUNING` are the ones thresholds were chosen on; `KEPT_BACK` were only run afterwards.
 */
import { base62, hex, type Json, jwt, type Resource, uuid, type World } from './world.js';

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const opaque =
  (prefix: string, n = 32) =>
  (user: { id: string }, i: number, seed: string): string =>
    prefix + hex(`${seed}${user.id}token${i}`, n);
const body = (name: string) => (): Json => ({ [name]: 'changed' });

/** Multi-tenant SaaS: session cookies, slugs for tenants, projects shared within a tenant, snake case, owners named by id in nested objects. */
const saas: World = {
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

/** Messaging: bearer tokens that rotate, conversations with members, posts public to read, camel case, owner as @handle or member arrays. */
const social: World = {
  name: 'social',
  users: 110,
  groups: 1,
  staff: 2,
  userId: (n) => String(7_000 + n * 3),
  groupId: (n) => `g${n}`,
  token: opaque('tk.', 36),
  credential: bearer,
  signIn: {
    template: '/v2/login',
    share: 0.35,
    body: (user) => ({ handle: user.name, secret: 'x' }),
    answer: (user, token) => ({ body: { accessToken: token, expiresIn: 900, profile: { userId: Number(user.id), handle: user.name } } }),
  },
  refresh: { template: '/v2/token/refresh', answer: (token) => ({ accessToken: token, expiresIn: 900 }) },
  one: (name, one) => ({ [name.replace(/s$/, '')]: one }),
  many: (name, all) => ({ [name]: all, cursor: null }),
  resources: [
    {
      name: 'conversations',
      id: (n, _, seed) => base62(`${seed}c${n}`, 16),
      per: [2, 4],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({ id: t.id, participants: [{ userId: Number(t.owner.id) }, { userId: Number(t.other?.id) }], lastText: 'hi' }),
      list: '/v2/conversations',
      open: [
        { method: 'GET', template: '/v2/conversations/{id}' },
        { method: 'POST', template: '/v2/messages/search', in: 'body', name: 'conversationId' },
      ],
      write: [{ method: 'POST', template: '/v2/conversations/{id}/messages', body: body('text'), answers: 'ack' }],
    },
    {
      name: 'posts',
      id: (n) => String(880_000 + n),
      per: [2, 5],
      reads: 'public',
      view: (t) => ({ postId: Number(t.id), text: 't', author: { userId: Number(t.owner.id), handle: t.owner.name } }),
      listPublic: '/v2/feed',
      open: [{ method: 'GET', template: '/v2/posts/{id}' }],
      write: [
        { method: 'PATCH', template: '/v2/posts/{id}', body: body('text') },
        { method: 'DELETE', template: '/v2/posts/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/v2/posts' },
    },
    {
      name: 'albums',
      id: (n, _, seed) => base62(`${seed}al${n}`, 11),
      per: [2, 4],
      reads: 'owner',
      view: (t) => ({ id: t.id, ownerHandle: t.owner.name, ownerId: Number(t.owner.id), count: 4 }),
      list: '/v2/me/albums',
      listShared: '/v2/me/albums/shared',
      listAll: '/v2/moderation/albums',
      open: [{ method: 'GET', template: '/v2/albums/{id}' }],
      write: [{ method: 'PUT', template: '/v2/albums/{id}', body: body('title') }],
      share: { method: 'POST', template: '/v2/albums/{id}/viewers', answers: 'ack' },
      create: { method: 'POST', template: '/v2/albums' },
    },
  ],
};

/** Bank: API keys in a header, accounts named in headers, bodies and queries, answers that seldom name a customer, numbers with check digits. */
const bank: World = {
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

/** Marketplace: JWTs with an unlike subject, sellers and buyers on one object, JSON:API, public listings, transfers, integers everywhere. */
const market: World = {
  name: 'market',
  users: 120,
  groups: 1,
  staff: 2,
  userId: (n) => String(300 + n),
  groupId: (n) => `r${n}`,
  token: (user) =>
    jwt({ iss: 'idp', sub: `auth0|${hex(user.id, 12)}`, uid: Number(user.id), scope: user.role === 'staff' ? 'ops' : 'shop' }),
  credential: bearer,
  signIn: {
    template: '/api/login',
    share: 0.15,
    body: (user) => ({ email: user.email, password: 'x' }),
    answer: (user, token) => ({
      body: {
        data: {
          type: 'sessions',
          id: hex(token, 10),
          attributes: { token },
          relationships: { user: { data: { type: 'users', id: user.id } } },
        },
      },
    }),
  },
  one: (_, one) => ({ data: one }),
  many: (_, all) => ({ data: all, links: { next: null } }),
  resources: [
    {
      name: 'orders',
      id: (n) => String(n),
      per: [3, 6],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({
        type: 'orders',
        id: t.id,
        attributes: { state: t.status, total: 12 },
        relationships: { buyer: { data: { type: 'users', id: t.owner.id } }, seller: { data: { type: 'users', id: String(t.other?.id) } } },
      }),
      list: '/api/orders',
      listAll: '/api/ops/orders',
      open: [{ method: 'GET', template: '/api/orders/{id}' }],
      write: [{ method: 'PATCH', template: '/api/orders/{id}', body: body('note') }],
      create: { method: 'POST', template: '/api/orders' },
    },
    {
      name: 'listings',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'public',
      view: (t) => ({
        type: 'listings',
        id: t.id,
        attributes: { price: 3 },
        relationships: { seller: { data: { type: 'users', id: t.owner.id } } },
      }),
      listPublic: '/api/listings',
      open: [{ method: 'GET', template: '/api/listings/{id}' }],
      write: [
        { method: 'PATCH', template: '/api/listings/{id}', body: body('price') },
        { method: 'DELETE', template: '/api/listings/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/api/listings' },
      transfer: { method: 'POST', template: '/api/listings/{id}/transfer' },
    },
    {
      name: 'addresses',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ type: 'addresses', id: t.id, attributes: { street: 's', userId: Number(t.owner.id) } }),
      list: '/api/users/{owner}/addresses',
      open: [{ method: 'GET', template: '/api/users/{owner}/addresses/{id}' }],
      write: [{ method: 'PATCH', template: '/api/users/{owner}/addresses/{id}', body: body('street') }],
    },
  ],
};

/** Clinic: staff roles, patients under practices, HAL links as the only owner, kebab case, JWT in a custom header, tenant reads. */
const clinic: World = {
  name: 'clinic',
  users: 100,
  groups: 8,
  staff: 6,
  userId: (n, seed) => uuid(`${seed}patient${n}`),
  groupId: (n) => `practice-${10 + n}`,
  token: (user) => jwt({ sub: user.id, practice: user.group, role: user.role === 'staff' ? 'clinician' : 'patient' }),
  credential: (token) => ({ 'x-access-token': token }),
  signIn: { template: '/sessions', share: 0.1, body: (user) => ({ login: user.email }), answer: (_, token) => ({ body: { token } }) },
  me: { template: '/patients/current', answer: (user) => ({ 'patient-id': user.id, practice: user.group }) },
  one: (_, one) => one,
  many: (name, all) => ({ _embedded: { [name]: all }, total: all.length }),
  resources: [
    {
      name: 'appointments',
      id: (n, _, seed) => `APT-${hex(`${seed}${n}`, 8).toUpperCase()}`,
      per: [2, 4],
      reads: 'owner',
      view: (t) => ({
        'appointment-id': t.id,
        slot: 'am',
        _links: { self: { href: `/appointments/${t.id}` }, patient: { href: `/patients/${t.owner.id}` } },
      }),
      list: '/appointments',
      listAll: '/appointments?scope=practice',
      open: [{ method: 'GET', template: '/appointments/{id}' }],
      write: [
        { method: 'PUT', template: '/appointments/{id}', body: body('slot') },
        { method: 'DELETE', template: '/appointments/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/appointments' },
    },
    {
      name: 'results',
      id: (n, owner) => `${owner.serial}-${n}`,
      per: [2, 5],
      reads: 'owner',
      view: (t) => ({ ref: t.id, value: 4, practice: t.group }),
      list: '/patients/{owner}/results',
      open: [{ method: 'GET', template: '/patients/{owner}/results/{id}' }],
      write: [],
      share: { method: 'POST', template: '/patients/{owner}/results/{id}/share', answers: 'ack' },
    },
    {
      name: 'notices',
      id: (n) => String(n),
      per: [1, 2],
      reads: 'group',
      view: (t) => ({ id: Number(t.id), practice: t.group, text: 'n' }),
      listGroup: '/practices/{group}/notices',
      open: [{ method: 'GET', template: '/notices', in: 'query', name: 'notice-id' }],
      write: [],
    },
  ],
};

/** Files: GraphQL-ish bodies, base64 ids, several ids at once, owners by e-mail, opaque keys in a query parameter, no sign-in seen, no me. */
const files: World = {
  name: 'files',
  users: 90,
  groups: 10,
  staff: 2,
  userId: (n) => `person${n}@corp.test`,
  groupId: (n) => `dept${n}`,
  token: (user, _, seed) => base62(`${seed}${user.id}pat`, 30),
  credential: (token) => ({ 'x-auth-token': token }),
  signIn: {
    template: '/oauth/token',
    share: 0.02,
    body: (user) => ({ code: hex(user.id, 20) }),
    answer: (_, token) => ({ body: { access_token: token, token_type: 'x' } }),
  },
  one: (name, one) => ({ response: { [name]: one }, status: 'success' }),
  many: (name, all) => ({ response: { [name]: all }, status: 'success' }),
  resources: [
    {
      name: 'files',
      id: (n) => Buffer.from(`file:${n}`).toString('base64url'),
      per: [4, 8],
      reads: 'owner',
      view: (t) => ({ fid: t.id, id: t.id, owner: t.owner.id, bytes: 99 }),
      list: '/rpc/files.list',
      listShared: '/rpc/files.shared',
      listAll: '/rpc/audit.files',
      open: [
        { method: 'POST', template: '/rpc/files.get', in: 'body', name: 'fid' },
        { method: 'GET', template: '/download/{id}', answers: 'ack' },
      ],
      write: [
        { method: 'POST', template: '/rpc/files.rename', in: 'body', name: 'fid', body: body('name'), answers: 'one' },
        { method: 'POST', template: '/rpc/files.trash', in: 'body', name: 'fid', answers: 'ack' },
      ],
      share: { method: 'POST', template: '/rpc/files.share', in: 'body', name: 'fid', answers: 'ack' },
    },
    {
      name: 'folders',
      id: (n) => `f${n}x`,
      per: [1, 2],
      reads: 'group',
      view: (t) => ({ id: t.id, department: t.group, made_by: t.owner.id }),
      listGroup: '/rpc/folders.list',
      open: [{ method: 'GET', template: '/rpc/folders.get', in: 'query', name: 'folder' }],
      write: [{ method: 'POST', template: '/rpc/folders.rename', in: 'body', name: 'folder', body: body('name') }],
    },
  ],
};

const node = (kind: string, n: number): string => Buffer.from(`${kind}:${n}`).toString('base64');

/** GraphQL behind one path, some documents known to the server by name; ids are global nodes in base64; JWTs without roles. */
const graph: World = {
  name: 'graph',
  users: 100,
  groups: 9,
  staff: 3,
  userId: (n) => node('User', n),
  groupId: (n) => node('Team', n),
  token: (u) => jwt({ sub: u.id, org: u.group }),
  credential: bearer,
  signIn: { template: '/login', share: 0.1, body: (u) => ({ email: u.email }), answer: (_, token) => ({ body: { token } }) },
  one: (name, one) => ({ data: { [name.replace(/s$/, '')]: one } }),
  many: (name, all) => ({ data: { [name]: { edges: all.map((node) => ({ node, cursor: 'x' })), pageInfo: { hasNextPage: false } } } }),
  resources: [
    {
      name: 'invoices',
      id: (n) => node('Invoice', n),
      per: [2, 5],
      reads: 'owner',
      view: (t) => ({ __typename: 'Invoice', id: t.id, total: 5, customer: { __typename: 'User', id: t.owner.id } }),
      list: '/lists/myInvoices',
      listAll: '/lists/allInvoices',
      open: [
        {
          method: 'POST',
          template: '/graphql#query Invoice',
          in: 'body',
          name: 'variables.id',
          body: () => ({ operationName: 'Invoice', query: 'query Invoice($id: ID!){invoice(id:$id){id total customer{id}}}' }),
        },
      ],
      write: [
        {
          method: 'POST',
          template: '/graphql#mutation PayInvoice',
          in: 'body',
          name: 'variables.input.invoiceId',
          body: () => ({ operationName: 'PayInvoice', query: 'mutation PayInvoice($input: PayInput!){pay(input:$input){id}}' }),
          answers: 'ack',
        },
      ],
    },
    {
      name: 'boards',
      id: (n) => node('Board', n),
      per: [1, 2],
      reads: 'group',
      view: (t) => ({ __typename: 'Board', id: t.id, team: { id: t.group }, title: 'b' }),
      listGroup: '/lists/boards',
      open: [
        {
          method: 'POST',
          template: '/graphql#query Board',
          in: 'body',
          name: 'variables.boardId',
          body: () => ({ operationName: 'Board', query: 'query Board($boardId: ID!){board(id:$boardId){id}}' }),
        },
      ],
      write: [
        {
          method: 'POST',
          template: '/graphql#RenameBoard',
          in: 'body',
          name: 'variables.id',
          body: () => ({ operationName: 'RenameBoard' }),
        },
      ],
    },
    {
      name: 'notes',
      id: (n) => node('Note', n),
      per: [3, 6],
      reads: 'owner',
      view: (t) => ({ __typename: 'Note', id: t.id, author: { id: t.owner.id, name: t.owner.name }, text: 'n' }),
      list: '/lists/notes',
      listShared: '/lists/sharedNotes',
      open: [{ method: 'POST', template: '/graphql#Note', in: 'body', name: 'variables.id', body: () => ({ operationName: 'Note' }) }],
      write: [
        {
          method: 'POST',
          template: '/graphql#DeleteNote',
          in: 'body',
          name: 'variables.id',
          body: () => ({ operationName: 'DeleteNote' }),
          answers: 'ack',
        },
      ],
      share: {
        method: 'POST',
        template: '/graphql#ShareNote',
        in: 'body',
        name: 'variables.noteId',
        body: (thing) => ({ operationName: 'ShareNote', userId: thing?.owner.id ?? null }),
        answers: 'ack',
      },
    },
  ] satisfies Resource[],
};

/** Households: objects name an account only, people belong to small accounts; basic auth; events under devices name no owner at all. */
const iot: World = {
  name: 'iot',
  users: 100,
  groups: 40,
  staff: 2,
  userId: (n) => `user${n}`,
  groupId: (n) => String(5_000_000 + n * 11),
  token: (user) => Buffer.from(`${user.id}:secret`).toString('base64'),
  credential: (token) => ({ authorization: `Basic ${token}` }),
  signIn: { template: '/v1/sessions', share: 0.02, body: (u) => ({ user: u.id }), answer: () => ({ body: { ok: true } }) },
  me: { template: '/v1/profile', answer: (u) => ({ login: u.id, accountId: Number(u.group), locale: 'de' }) },
  one: (_, one) => one,
  many: (_, all) => all,
  resources: [
    {
      name: 'devices',
      id: (n, _, s) => `DEV${hex(`${s}d${n}`, 12).toUpperCase()}`,
      per: [1, 4],
      reads: 'group',
      view: (t) => ({ deviceId: t.id, accountId: Number(t.group), model: 'X1', online: true }),
      list: '/v1/devices?mine=1',
      listGroup: '/v1/devices',
      listAll: '/v1/fleet',
      open: [
        { method: 'GET', template: '/v1/devices/{id}' },
        { method: 'GET', template: '/v1/telemetry', in: 'query', name: 'deviceId', answers: 'ack' },
      ],
      write: [{ method: 'POST', template: '/v1/devices/{id}/commands', body: body('command'), answers: 'ack' }],
      create: { method: 'POST', template: '/v1/devices' },
    },
    {
      name: 'scenes',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'group',
      view: (t) => ({ id: Number(t.id), account: { id: Number(t.group) }, name: 's' }),
      listGroup: '/v1/scenes',
      open: [{ method: 'GET', template: '/v1/scenes/{id}' }],
      write: [
        { method: 'PUT', template: '/v1/scenes/{id}', body: body('name') },
        { method: 'DELETE', template: '/v1/scenes/{id}', answers: 'nothing' },
      ],
    },
    {
      name: 'recordings',
      id: (n, _, s) => uuid(`${s}r${n}`),
      per: [2, 6],
      reads: 'group',
      view: (t) => ({ recording: t.id, id: t.id, seconds: 12 }),
      listGroup: '/v1/accounts/{group}/recordings',
      open: [
        { method: 'GET', template: '/v1/recordings/{id}' },
        { method: 'GET', template: '/v1/accounts/{group}/recordings/{id}' },
      ],
      write: [{ method: 'DELETE', template: '/v1/recordings/{id}', answers: 'nothing' }],
    },
  ] satisfies Resource[],
};

/** Care: few carers look after many people; objects name both; some name the carer only by e-mail; api key in the query. */
const care: World = {
  name: 'care',
  users: 110,
  groups: 7,
  staff: 3,
  userId: (n, s) => hex(`${s}person${n}`, 24),
  groupId: (n) => `station-${n}`,
  token: (user, i, s) => base62(`${s}${user.id}k${i}`, 26),
  credential: (token) => ({ 'x-session': token }),
  signIn: {
    template: '/api/login',
    share: 0.25,
    body: (u) => ({ email: u.email, password: 'p' }),
    answer: (u, token) => ({ body: { session: token, person: { id: u.id, email: u.email } } }),
  },
  one: (_, one) => ({ result: one, ok: true }),
  many: (_, all) => ({ result: all, ok: true }),
  resources: [
    {
      name: 'plans',
      id: (n, _, s) => hex(`${s}plan${n}`, 24),
      per: [1, 3],
      reads: 'owner',
      hasOther: true,
      fewOthers: 9,
      view: (t) => ({ _id: t.id, client: t.owner.id, carer: t.other?.id ?? null, station: t.group }),
      list: '/api/plans',
      listAll: '/api/admin/plans',
      open: [
        { method: 'GET', template: '/api/plans/{id}' },
        { method: 'POST', template: '/api/plans/print', in: 'body', name: 'plan', answers: 'ack' },
      ],
      write: [{ method: 'PATCH', template: '/api/plans/{id}', body: body('goal') }],
      create: { method: 'POST', template: '/api/plans' },
    },
    {
      name: 'visits',
      id: (n) => String(100 + n),
      per: [2, 5],
      reads: 'owner',
      hasOther: true,
      fewOthers: 9,
      view: (t) => ({ _id: Number(t.id), clientEmail: t.owner.email, assignedTo: t.other?.email ?? '', at: '2024-01-01' }),
      list: '/api/visits',
      open: [
        { method: 'GET', template: '/api/visits/{id}' },
        { method: 'GET', template: '/api/visit', in: 'query', name: 'visit' },
      ],
      write: [{ method: 'POST', template: '/api/visits/{id}/confirm', answers: 'ack' }],
    },
    {
      name: 'documents',
      id: (n, _, s) => base62(`${s}doc${n}`, 20),
      per: [1, 4],
      reads: 'owner',
      view: (t) => ({ docId: t.id, belongsTo: t.owner.id, pages: 2 }),
      list: '/api/people/{owner}/documents',
      listShared: '/api/documents/shared',
      open: [{ method: 'GET', template: '/api/people/{owner}/documents/{id}' }],
      write: [{ method: 'DELETE', template: '/api/documents/{id}', answers: 'nothing' }],
      share: { method: 'POST', template: '/api/documents/{id}/shares', answers: 'ack' },
    },
  ] satisfies Resource[],
};

export const TUNING: readonly World[] = [saas, social, bank, market, graph, iot, care];
export const KEPT_BACK: readonly World[] = [clinic, files];
