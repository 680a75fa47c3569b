import type { z } from 'zod';
import { type SchemaProblem, schemaProblems } from '../exchange/index.js';
import type { Role } from '../store/index.js';
import type { Context } from './context.js';

/** Who calls. `name` is what the audit log shows: `user:ann`, `token:ci`, `local`. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
  readonly userId: string | null;
  /** Empty: everything that the role may do. */
  readonly scopes: readonly string[];
  readonly sessionHash: string | null;
  readonly csrf: string | null;
}

/** One call of an operation, beside its validated input. */
export interface Call {
  readonly caller: Caller;
  readonly nowMs: number;
  /** Client address as the admin server sees it. */
  readonly address: string;
  readonly agent: string;
  /** Version from If-Match; undefined when none was sent. */
  readonly ifMatch: number | undefined;
  readonly contentType: string;
  /** Aborted once the answer is sent, or nobody waits for it any more: long work stops. */
  readonly signal: AbortSignal;
  /** What the audit log says the write was about; set by the handler where the path does not. */
  target(target: string): void;
}

/** Anything but JSON with the default status. */
export class Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array | null;

  constructor(
    body: string | Uint8Array | null,
    options: {
      readonly status?: number;
      readonly type?: string;
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
    } = {},
  ) {
    this.body = body;
    this.status = options.status ?? 200;
    this.headers = { ...(options.type === undefined ? {} : { 'content-type': options.type }), ...options.headers };
  }
}

type Frozen<T> = T extends readonly (infer U)[] ? readonly Frozen<U>[] : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One operation of the API: everything the server, the OpenAPI document, the role table and the audit log need to know. */
export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  /** Operation id, `resource.verb`. */
  readonly id: string;
  readonly method: Method;
  /** Below /api/v1, Fastify style: `/endpoints/:id`. */
  readonly path: string;
  readonly summary: string;
  /** Least role; `anyone` needs no sign-in. */
  readonly role: Role | 'anyone';
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Media types of a body that is text instead of JSON. */
  readonly textBody?: readonly string[];
  /** Shape of the JSON answer; absent: 204, or a `Reply` of the given `produces`. */
  readonly answer?: A;
  readonly produces?: string;
  /** Reading that has to be POST because of its size: no audit entry, no idempotency key. */
  readonly reads?: boolean;
  readonly handle: (
    input: { readonly params: z.output<P>; readonly query: z.output<Q>; readonly body: z.output<B> },
    call: Call,
    context: Context,
  ) => Promise<Frozen<z.output<A>> | Reply>;
}

/** A route whose types are closed over. */
export interface Route {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly role: Role | 'anyone';
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly textBody?: readonly string[];
  readonly answer?: z.ZodType;
  readonly produces?: string;
  readonly reads: boolean;
  /** Lists can be had as files too; long ones come in pages, short ones whole. */
  readonly list: 'pages' | 'whole' | null;
  run(raw: { readonly params: unknown; readonly query: unknown; readonly body: unknown }, call: Call, context: Context): Promise<unknown>;
}

/** Closes a spec over its types. `run` validates the input first; `invalid` of problems.ts turns a ZodError into an answer. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>(
  spec: RouteSpec<P, Q, B, A>,
): Route {
  const { handle, ...rest } = spec;
  return {
    ...rest,
    reads: spec.reads ?? spec.method === 'GET',
    list: (spec.answer && lists.get(spec.answer)) ?? null,
    async run(raw, call, context) {
      const input = {
        params: parse('path', spec.params, raw.params),
        query: parse('query', spec.query, raw.query),
        body: parse('body', spec.body, raw.body),
      };
      return handle(input, call, context);
    },
  };
}

/** Thrown for input that does not fit; `part` says which. */
export class BadInput extends Error {
  readonly part: string;
  readonly problems: readonly SchemaProblem[];
  constructor(part: string, problems: readonly SchemaProblem[]) {
    super(`invalid ${part}`);
    this.part = part;
    this.problems = problems;
  }
}

function parse<S extends z.ZodType>(part: string, schema: S | undefined, raw: unknown): z.output<S> {
  if (schema === undefined) return undefined as z.output<S>;
  const result = schema.safeParse(raw ?? {});
  if (!result.success) throw new BadInput(part, schemaProblems(schema, raw ?? {}, result.error.issues));
  return result.data;
}

const lists = new WeakMap<z.ZodType, 'pages' | 'whole'>();

/** Marks the answer of a list. */
export function markList<S extends z.ZodType>(schema: S, kind: 'pages' | 'whole'): S {
  lists.set(schema, kind);
  return schema;
}
