import { type Disguise, type Form, type Json, jwt, type Resource, type World } from '../world.js';
import { bearer } from './shared.js';

const node = (kind: string, n: number): string => Buffer.from(`${kind}:${n}`).toString('base64');

const viewer = 'query Viewer{viewer{id}}';
const INVOICE = 'query Invoice($id: ID!){invoice(id:$id){id total customer{id}}}';

/** What else the apps of this API call the same fields by: other operations, literals instead of variables, several in one request. */
const byOtherNames = (field: string, selection: string): Form[] => [
  {
    method: 'POST',
    template: `/graphql#query ${field}Page`,
    in: 'body',
    name: 'variables.key',
    body: () => ({
      operationName: `${field}Page`,
      query: `query ${field}Page($key: ID!){page:${field}(id:$key){...All}} fragment All on ${field} {${selection}}`,
    }),
  },
  { method: 'POST', template: `/graphql#query ${field}`, whole: (id) => ({ body: { query: `{${field}(id:"${id}"){${selection}}}` } }) },
  {
    method: 'POST',
    template: '/graphql#query Viewer',
    whole: (id): ReturnType<NonNullable<Form['whole']>> => ({
      body: [{ query: viewer }, { query: `query($id:ID!){${field}(id:$id){${selection}}}`, variables: { id } }],
      answer: (one): Json => [{ data: { viewer: { __typename: 'Viewer', theme: 'dark' } } }, { data: { [field]: one } }],
    }),
  },
];

const SELECTIONS: Readonly<Record<string, string>> = { invoices: 'id total customer{id}', boards: 'id title team{id}' };

/** Operations that only an attacker sends. */
const disguises: NonNullable<World['disguises']> = [
  (resource, id, _, dice) => {
    const name = `Z${dice.int(1e6)}`;
    return asked(
      resource,
      `query ${name}`,
      { operationName: name, query: `query ${name}($v: ID!){${fieldOf(resource)}(id:$v){${SELECTIONS[resource]}}}`, variables: { v: id } },
      'plain',
    );
  },
  (resource, id) =>
    asked(resource, `query ${fieldOf(resource)}`, { query: `{ x: ${fieldOf(resource)}(id: "${id}") {${SELECTIONS[resource]}} }` }, 'x'),
  (resource, id, own, dice) => {
    const name = `A${dice.int(1e6)}`;
    const all = [...own, id].map((one, at) => `a${at}: ${fieldOf(resource)}(id: "${one}") {${SELECTIONS[resource]}}`).join(' ');
    return asked(resource, `query ${name}`, { query: `query ${name}{${all}}` }, 'aliases');
  },
  (resource, id, own, dice) => {
    const name = `B${dice.int(1e6)}`;
    const one = (of: string): Json => ({
      query: `query ${name}($id: ID!){${fieldOf(resource)}(id:$id){${SELECTIONS[resource]}}}`,
      variables: { id: of },
    });
    return asked(resource, `query ${name}`, [...own.map(one), one(id)], 'batch');
  },
  (resource, id, _, dice) => {
    const name = `F${dice.int(1e6)}`;
    return asked(
      resource,
      `query ${name}`,
      { query: `fragment Q on Query{${fieldOf(resource)}(id:"${id}"){${SELECTIONS[resource]}}} query ${name}{viewer{id} ...Q}` },
      'plain',
    );
  },
  (resource, id, _, dice) => {
    const name = `D${dice.int(1e6)}`;
    return asked(
      resource,
      `query ${name}`,
      { query: `query ${name}($id: ID = "${id}"){ ... on Query { ${fieldOf(resource)}(id:$id){${SELECTIONS[resource]}} } }` },
      'plain',
    );
  },
];

const fieldOf = (resource: string): string => resource.replace(/s$/, '');

function asked(resource: string, operation: string, body: Json, shape: 'plain' | 'x' | 'aliases' | 'batch'): Disguise {
  const field = fieldOf(resource);
  return {
    form: { method: 'POST', template: `/graphql#${operation}`, in: 'body' },
    body,
    answer: (one, own) => {
      if (shape === 'batch') return [...own, one].map((each) => ({ data: { [field]: each } }));
      if (shape === 'aliases') return { data: Object.fromEntries([...own, one].map((each, at) => [`a${at}`, each])) };
      return { data: { [shape === 'x' ? 'x' : field]: one } };
    },
  };
}

/** GraphQL behind one path, some documents known to the server by name; ids are global nodes in base64; JWTs without roles. */
export const graph: World = {
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
  disguises,
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
          body: () => ({ operationName: 'Invoice', query: INVOICE }),
        },
        ...byOtherNames('invoice', SELECTIONS.invoices),
      ],
      disguisable: true,
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
        ...byOtherNames('board', SELECTIONS.boards),
      ],
      disguisable: true,
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
