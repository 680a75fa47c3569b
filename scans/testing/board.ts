import { randomBytes } from 'node:crypto';
import { type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface Member {
  readonly id: string;
  readonly email: string;
  password: string;
  readonly name: string;
  readonly admin: boolean;
}

interface Task {
  readonly id: string;
  readonly projectId: string;
  readonly owner: string;
  title: string;
  archived: boolean;
}

const API = '/api/v2';

/**
 * A board of projects in the habits of Rails and NestJS: JSON:API documents (`data`, `attributes`, `relationships`), HAL links that alone tell an id, a token in a header of
 * its own, ids inside a segment and in lists, `Location` for what was made, an old version beside the new. `secure` is the same without its flaws.
 */
export async function startBoard({ secure }: { readonly secure: boolean }): Promise<Application> {
  const members: Member[] = ['ines', 'juri', 'boss'].map((name, index) => ({
    id: `mbr_${['Qw8', 'Zk3', 'Pa1'][index]}${index}t`,
    email: `${name}@board.test`,
    password: `${name}:Board!77`,
    name,
    admin: name === 'boss',
  }));
  let nextId = 310;
  const projects = members.flatMap(({ id, name }) =>
    [0, 1].map((round) => ({ id: String(nextId++), owner: id, title: `${name} plan ${round}`, budget: 1000 + nextId })),
  );
  let nextTask = 8000;
  const tasks: Task[] = projects.flatMap((project) =>
    [0, 1].map((round) => ({
      id: String(nextTask++),
      projectId: project.id,
      owner: project.owner,
      title: `${project.title} task ${round}`,
      archived: false,
    })),
  );
  const invoices = members.map(({ id, name }, index) => ({
    code: `2026-00${17 + index * 4}`,
    owner: id,
    total: 250 + index,
    address: `${index} ${name} road`,
  }));
  const reports = members.map(({ id, name }, index) => ({
    number: 5100 + index * 7,
    owner: id,
    text: `day;hours\n1;${index + 5}\n2;${index + 6}\nname;${name}\n`,
  }));
  const sessions = new Map<string, Member>();
  const failures = new Map<string, number>();

  const fail = (status: number, title: string): never => {
    throw new Refused({
      status,
      headers: { 'content-type': 'application/vnd.api+json' },
      body: { errors: [{ status: String(status), title }] },
    });
  };
  const caller = (ask: Ask): Member => sessions.get(String(ask.headers['x-auth-token'])) ?? fail(401, 'Unauthorized');
  const mine = <T extends { readonly owner: string }>(ask: Ask, one: T | undefined): T => {
    const member = caller(ask);
    if (one === undefined || (secure && one.owner !== member.id)) return fail(404, 'Record not found');
    return one;
  };
  const document = (type: string, id: string, attributes: object, owner: string) => ({
    type,
    id,
    attributes,
    relationships: { owner: { data: { type: 'members', id: owner } } },
    links: { self: `${API}/${type}/${id}` },
  });
  const projectOf = ({ id, owner, title, budget }: (typeof projects)[number]) => document('projects', id, { title, budget }, owner);
  const taskOf = ({ id, owner, title, archived }: Task) =>
    document('tasks', id, { title, archived, updated_at: new Date().toISOString() }, owner);
  const attributesOf = (ask: Ask) => (ask.body.data as { attributes?: { [name: string]: unknown } } | undefined)?.attributes ?? {};

  return serve({
    always: () => (secure ? HARDENED : { 'x-powered-by': 'Phusion Passenger 6.0.4' }),
    broken: (error) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { errors: [{ status: '500', title: 'Internal Server Error' }] } }
        : {
            status: 500,
            body: {
              status: 500,
              error: 'Internal Server Error',
              exception: `#<NoMethodError: ${error.message}>`,
              traces: { 'Application Trace': [{ id: 0, trace: "app/controllers/tasks_controller.rb:14:in `update'" }] },
            },
          },
    routes: [
      [
        `POST ${API}/sessions`,
        (ask) => {
          const { email, password } = attributesOf(ask);
          const key = String(email);
          failures.set(key, (failures.get(key) ?? 0) + 1);
          if (secure && failures.get(key)! > 5) fail(429, 'Too many attempts');
          const member = members.find((one) => one.email === email && one.password === password) ?? fail(401, 'Invalid email or password');
          failures.delete(key);
          const token = randomBytes(24).toString('base64url');
          sessions.set(token, member);
          return { status: 201, headers: { 'x-auth-token': token }, body: { data: { type: 'sessions', id: member.id } } };
        },
      ],
      [
        `GET ${API}/members/me`,
        (ask) => {
          const { id, email, name } = caller(ask);
          return { body: { data: document('members', id, { email, name }, id) } };
        },
      ],
      [
        `GET ${API}/members`,
        (ask) => {
          caller(ask);
          return {
            body: {
              data: members.map(({ id, email, name, password }) =>
                document(
                  'members',
                  id,
                  secure ? { name } : { name, email, password_digest: `$2a$10$${Buffer.from(password).toString('base64').slice(0, 20)}` },
                  id,
                ),
              ),
            },
          };
        },
      ],
      [
        `PUT ${API}/members/me/password`,
        (ask) => {
          const member = caller(ask);
          const { current_password, new_password } = ask.body;
          if ((secure || current_password !== undefined) && current_password !== member.password) fail(422, 'Current password is wrong');
          member.password =
            typeof new_password === 'string' && new_password.length > 8 ? new_password : fail(422, 'New password is too short');
          return { status: 204 };
        },
      ],
      [`GET ${API}/projects`, (ask) => ({ body: { data: projects.filter(({ owner }) => owner === caller(ask).id).map(projectOf) } })],
      [
        `POST ${API}/projects`,
        (ask) => {
          const { id: owner } = caller(ask);
          const project = { id: String(nextId++), owner, title: String(attributesOf(ask).title), budget: 0 };
          projects.push(project);
          return { status: 201, headers: { location: `${API}/projects/${project.id}` } };
        },
      ],
      [
        `GET ${API}/projects/:`,
        (ask) => ({
          body: {
            data: projectOf(
              mine(
                ask,
                projects.find(({ id }) => id === ask.at[0]),
              ),
            ),
          },
        }),
      ],
      [
        `DELETE ${API}/projects/:`,
        (ask) => {
          projects.splice(
            projects.indexOf(
              mine(
                ask,
                projects.find(({ id }) => id === ask.at[0]),
              ),
            ),
            1,
          );
          return { status: 204 };
        },
      ],
      [
        `GET ${API}/projects/:/tasks`,
        (ask) => {
          // The list is guarded, the single task is not.
          const member = caller(ask);
          const project = projects.find(({ id, owner }) => id === ask.at[0] && owner === member.id) ?? fail(404, 'Record not found');
          return { body: { data: tasks.filter(({ projectId }) => projectId === project.id).map(taskOf) } };
        },
      ],
      [
        `PATCH ${API}/projects/:/tasks/:`,
        (ask) => {
          const task = mine(
            ask,
            tasks.find(({ id, projectId }) => id === ask.at[1] && projectId === ask.at[0]),
          );
          task.title = String(attributesOf(ask).title);
          return { body: { data: taskOf(task) } };
        },
      ],
      [
        `POST ${API}/tasks/bulk-archive`,
        (ask) => {
          const wanted = Array.isArray(ask.body.ids) ? (ask.body.ids as unknown[]).map(String) : fail(422, 'ids');
          const found = wanted.map((one) =>
            mine(
              ask,
              tasks.find(({ id }) => id === one),
            ),
          );
          for (const task of found) task.archived = true;
          return { body: { data: found.map(taskOf) } };
        },
      ],
      [
        `GET ${API}/invoices`,
        (ask) => ({
          body: {
            _embedded: {
              invoices: invoices
                .filter(({ owner }) => owner === caller(ask).id)
                .map(({ code, total }) => ({ total, _links: { self: { href: `${API}/invoices/${code}` } } })),
            },
          },
        }),
      ],
      [
        `GET ${API}/invoices/:`,
        (ask) => {
          const { code, total, address } = mine(
            ask,
            invoices.find((one) => one.code === ask.at[0]),
          );
          return { body: { total, address, _links: { self: { href: `${API}/invoices/${code}` } } } };
        },
      ],
      [
        `GET ${API}/reports`,
        (ask) => ({
          body: reports.filter(({ owner }) => owner === caller(ask).id).map(({ number }) => ({ report_number: number, format: 'csv' })),
        }),
      ],
      [
        `GET ${API}/exports/:`,
        (ask) => {
          const number = /^report-(\d+)\.csv$/.exec(ask.at[0]!)?.[1];
          return {
            headers: { 'content-type': 'text/csv' },
            body: mine(
              ask,
              reports.find((one) => String(one.number) === number),
            ).text,
          };
        },
      ],
      [
        `GET ${API}/search`,
        (ask) => {
          const member = caller(ask);
          const owner = ask.query.get('filter[owner]') ?? member.id;
          if (secure && owner !== member.id) fail(403, 'Forbidden');
          return { body: { data: projects.filter((one) => one.owner === owner).map(projectOf) } };
        },
      ],
      [
        `POST ${API}/webhooks`,
        (ask) => {
          caller(ask);
          const url = String(ask.body.target_url);
          if (!URL.canParse(url)) fail(422, 'target_url');
          if (secure && !/\.board\.test$/.test(new URL(url).hostname)) fail(422, 'target_url is not allowed');
          // Nothing of what comes back is told: only a call that arrives shows it.
          if (!secure) void fetch(url, { method: 'POST', signal: AbortSignal.timeout(1500) }).catch(() => null);
          return { status: 202, body: { queued: true } };
        },
      ],
      [
        `GET ${API}/greeting`,
        (ask) => {
          const { name } = caller(ask);
          const pattern = ask.query.get('template') ?? 'Hello {{name}}';
          const text = pattern.replace(/\{\{(.*?)\}\}/g, (_, inner: string) => {
            const product = /^\s*(\d+)\s*\*\s*(\d+)\s*$/.exec(inner);
            return inner.trim() === 'name' ? name : !secure && product !== null ? String(Number(product[1]) * Number(product[2])) : '';
          });
          return { body: { text } };
        },
      ],
      [
        `GET ${API}/admin/stats`,
        (ask) => {
          const member = caller(ask);
          if (!member.admin && (secure || ask.headers['x-role'] !== 'admin')) fail(403, 'Forbidden');
          return { body: { members: members.length, revenue: 99_120 } };
        },
      ],
      ...(secure
        ? []
        : ([
            [
              'GET /api/v1/projects/:',
              (ask: Ask) => ({ body: { data: projectOf(projects.find(({ id }) => id === ask.at[0]) ?? fail(404, 'Record not found')) } }),
            ],
          ] as const)),
    ],
  });
}

const at = (place: 'path' | 'query', name: string, schema: object) => [{ name, in: place, required: true, schema }];
const text = { type: 'string' };
const json = (schema: object) => ({ requestBody: { content: { 'application/vnd.api+json': { schema } } } });
const resource = (attributes: object) => ({
  type: 'object',
  properties: { data: { type: 'object', properties: { type: text, attributes: { type: 'object', properties: attributes } } } },
});

export const BOARD_DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'Board', version: '2' },
  servers: [{ url: API }],
  components: { securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } } },
  security: [{ token: [] }],
  paths: {
    '/sessions': { post: { security: [], ...json(resource({ email: { type: 'string', format: 'email' }, password: text })) } },
    '/members/me': { get: {} },
    '/members': { get: {} },
    '/members/me/password': {
      put: {
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { current_password: text, new_password: text } } } },
        },
      },
    },
    '/projects': { get: {}, post: json(resource({ title: text })) },
    '/projects/{project_id}': {
      parameters: at('path', 'project_id', text),
      get: {},
      delete: {},
    },
    '/projects/{project_id}/tasks': { get: { parameters: at('path', 'project_id', text) } },
    '/projects/{project_id}/tasks/{task_id}': {
      patch: { parameters: [...at('path', 'project_id', text), ...at('path', 'task_id', text)], ...json(resource({ title: text })) },
    },
    '/tasks/bulk-archive': {
      post: {
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { ids: { type: 'array', items: text } } } } },
        },
      },
    },
    '/invoices': { get: {} },
    '/invoices/{invoice}': { get: { parameters: at('path', 'invoice', text) } },
    '/reports': { get: {} },
    '/exports/report-{report_number}.csv': { get: { parameters: at('path', 'report_number', { type: 'integer' }) } },
    '/search': { get: { parameters: [{ name: 'filter[owner]', in: 'query', schema: text }] } },
    '/webhooks': {
      post: {
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { target_url: { type: 'string', format: 'uri' } } } } },
        },
      },
    },
    '/greeting': { get: { parameters: [{ name: 'template', in: 'query', schema: { type: 'string', default: 'Hello {{name}}' } }] } },
    '/admin/stats': { get: {} },
  },
};

export const BOARD_PEOPLE = ['ines', 'juri'].map((name) => ({
  name,
  role: 'user',
  kind: 'login' as const,
  config: {
    path: `${API}/sessions`,
    headers: { 'content-type': 'application/vnd.api+json' },
    body: { data: { type: 'sessions', attributes: { email: `${name}@board.test`, password: `${name}:Board!77` } } },
  },
}));
