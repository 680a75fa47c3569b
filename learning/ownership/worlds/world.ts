/** Test support: how a world is declared (users, credentials, resources, shapes of answers), and the seeded dice and ids that worlds are made with. */
import { createHash, createHmac } from 'node:crypto';
import type { Stage } from './kit.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export class Dice {
  #state: number;
  constructor(seed: string) {
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  }
  /** Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  int(n: number): number {
    return Math.floor(this.next() * n);
  }
  range(a: number, b: number): number {
    return a + this.int(b - a + 1);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)];
  }
  sample<T>(list: readonly T[], n: number): T[] {
    const rest = [...list];
    const out: T[] = [];
    while (out.length < n && rest.length > 0) out.push(rest.splice(this.int(rest.length), 1)[0]);
    return out;
  }
}

export const hex = (text: string, n: number): string => createHash('sha256').update(text).digest('hex').slice(0, n);
export const uuid = (text: string): string => hex(text, 32).replace(/^(.{8})(.{4}).(.{3})(.{4})(.{12}).*$/, '$1-$2-4$3-$4-$5');
export const base62 = (text: string, n: number): string =>
  [...createHash('sha256').update(text).digest()]
    .map((byte) => '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'[byte % 62])
    .join('')
    .slice(0, n);
export const jwt = (claims: Json): string => {
  const head = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${head}.${createHmac('sha256', 'world').update(head).digest('base64url')}`;
};

export interface User {
  readonly serial: number;
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly group: string;
  readonly role: 'user' | 'staff';
  readonly ip: string;
  token: string;
  tokens: number;
  /** Credential of a second device; empty without one. */
  spare: string;
  /** Things made so far, for names that are unique for their owner only. */
  made: number;
}

export interface Thing {
  readonly id: string;
  readonly resource: string;
  owner: User;
  /** Second party: seller, recipient, doctor. */
  readonly other: User | null;
  readonly group: string;
  readonly grants: Set<User>;
  readonly serial: number;
  status: string;
  /** What it hangs below (the channel of a message); null without. */
  readonly parent: Thing | null;
  /** Anybody may read it, although others of its sort are private. */
  readonly isPublic: boolean;
  /** Things below it so far. */
  children: number;
}

/** One request form: template (with `#operation` where one path stands for many) with `{id}` for the object, `{owner}` for its owner's (or `{group}` for its group's) id, `{parent}` for what it hangs below and `{root}` for whose that is; other places by `in`. */
export interface Form {
  readonly method: string;
  readonly template: string;
  readonly in?: 'path' | 'query' | 'header' | 'body';
  /** In bodies with a point for each level: `variables.id`. */
  readonly name?: string;
  readonly body?: (thing: Thing | null, dice: Dice) => Json;
  /** The whole body and what the answer is, where `name` cannot say where the id stands. */
  readonly whole?: (id: string, dice: Dice) => { readonly body: Json; readonly answer?: (one: Json) => Json };
  /** Answer: the object, a list, `{}`-like acknowledgement, or nothing. */
  readonly answers?: 'one' | 'ack' | 'nothing';
  /** Several ids at once: `ids=a,b` or `{ ids: [a, b] }`. */
  readonly many?: boolean;
}

export interface Resource {
  readonly name: string;
  readonly id: (serial: number, owner: User, seed: string, parent: Thing | null) => string;
  readonly per: readonly [number, number];
  /** Who may read besides owner and grantees; `parent`: whoever may read what it hangs below. */
  readonly reads: 'owner' | 'group' | 'public' | 'parent';
  /** The resource that things of this one hang below, of which their maker may read them. */
  readonly below?: string;
  /** Who makes such things; everybody without it. */
  readonly owners?: (user: User) => boolean;
  /** Share of the things that anybody may read. */
  readonly publicShare?: number;
  /** The list of one's own shows what was shared with one as well. */
  readonly listsShared?: boolean;
  readonly hasOther?: boolean;
  /** Second parties are this many people only, who look after many each. */
  readonly fewOthers?: number;
  readonly view: (thing: Thing) => Json;
  readonly list?: string;
  readonly listGroup?: string;
  readonly listShared?: string;
  readonly listAll?: string;
  readonly listPublic?: string;
  readonly listBelow?: string;
  readonly open: readonly Form[];
  readonly write: readonly Form[];
  readonly create?: Form;
  readonly share?: Form;
  readonly transfer?: Form;
  readonly numericId?: boolean;
  /** The world's disguises fit it. */
  readonly disguisable?: boolean;
}

export interface World {
  readonly name: string;
  readonly users: number;
  readonly groups: number;
  readonly staff: number;
  readonly userId: (serial: number, seed: string) => string;
  readonly groupId: (n: number) => string;
  readonly token: (user: User, n: number, seed: string) => string;
  readonly credential: (token: string) => Record<string, string>;
  /** Share of sessions that begin with a sign-in. */
  readonly signIn: {
    readonly template: string;
    readonly share: number;
    readonly body: (user: User) => Json;
    readonly answer: (user: User, token: string) => { readonly body: Json; readonly headers?: Record<string, string> };
  };
  readonly refresh?: { readonly template: string; readonly answer: (token: string) => Json };
  readonly me?: { readonly template: string; readonly answer: (user: User) => Json };
  readonly one: (resource: string, body: Json) => Json;
  readonly many: (resource: string, body: readonly Json[]) => Json;
  /** Who else may read a thing (`write`: change it): guardians, teachers, couriers. */
  readonly also?: (user: User, thing: Thing, write: boolean) => boolean;
  /** What people do besides the usual visits, in this share of the visits. */
  readonly errands?: { readonly share: number; readonly run: (stage: Stage, user: User) => Generator<void> };
  /** Headers of every request, by who asks for what. */
  readonly about?: (user: User, thing: Thing | null) => Record<string, string>;
  /** What is sent to a path that many operations share (`/rpc#files.list`), where no form says it. */
  readonly asks?: (operation: string) => Json;
  /** Share of the visits by somebody who has just signed up, and how. */
  readonly signUps?: {
    readonly share: number;
    readonly template: string;
    readonly answer: (user: User, token: string) => Json;
    readonly handsOut: boolean;
  };
  /** Share of the visits that begin on the other of two devices. */
  readonly devices?: number;
  /** Share of the visits by crawlers without a credential, of public things. */
  readonly crawlers?: number;
  /** Ways to ask for an object of a resource that nobody used before, with `own` ones beside it. */
  readonly disguises?: readonly ((resource: string, id: string, own: readonly string[], dice: Dice) => Disguise)[];
  readonly resources: readonly Resource[];
}

export interface Disguise {
  readonly form: Form;
  readonly body: Json;
  readonly answer: (one: Json, own: readonly Json[]) => Json;
}
