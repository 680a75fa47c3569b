import { jwt, type Resource, type World } from '../world.js';
import { bearer } from './shared.js';

const node = (kind: string, n: number): string => Buffer.from(`${kind}:${n}`).toString('base64');

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
