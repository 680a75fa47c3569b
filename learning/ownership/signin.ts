import { type HeaderList, headerAll, LatestMap, type Principal, PrincipalReader, type RequestMessage } from '../../exchange/index.js';
import type { Reference } from './references.js';

/** Something an answer said about the person it handed a credential to. */
export interface Told {
  readonly source: string;
  readonly path: string;
  readonly text: string;
}

/** A credential that an answer hands out. */
export interface Handed {
  readonly principal: Principal;
  readonly isCookie: boolean;
  /** It surely is a credential; else a text that may be one. */
  readonly isSure: boolean;
}

/** A scalar of an answer. */
export interface Field {
  readonly path: string;
  readonly value: string;
}

interface Pending {
  readonly told: readonly Told[];
  /** Person who asked with an earlier credential (refresh); 0 when nobody. */
  readonly by: number;
  /** The answer was to a registration, not a sign-in. */
  readonly registered: boolean;
}

const MAX_PENDING = 20_000;
/** Routes on which credentials were handed out, the latest ones, and what is told apart of what such requests name. */
const MOST_ROUTES = 2_000;
const MOST_NAMED = 40;
/** From so many sign-ins on that name it, and half of all, something is what people sign in with. */
const FEW = 3;
/** What routes of sign-ins, registrations and refreshes are called. */
const SIGN_IN = /log-?[io]n|sign-?[io]n|sign-?up|regist|auth|token|session|oauth|sso|refresh|renew|account|enrol|join|callback|otp|verify/i;
const SURE_NAME = /(?:^|\.)(?:access|id|auth|session|bearer|refresh)?(?:token|jwt)$/;
const TOKEN_NAME = /token|key|session|jwt|secret|auth|ticket|credential|sid|bearer|pass$/;

/**
 * Recognises credentials that answers hand out, before they are used: every token-like text of a sign-in, registration or refresh answer is hashed
 * as the gateway would hash it in a request, and whoever later comes with that key is the person the answer spoke of. No field names needed.
 */
export class SignIns {
  readonly #pending = new Map<string, Pending>();
  readonly #routes = new LatestMap<{ times: number; readonly slots: Map<string, number> }>(MOST_ROUTES);
  readonly #answers = new LatestMap<{ answers: number; setting: number }>(MOST_ROUTES);
  readonly #reader: PrincipalReader;

  constructor(secret: string) {
    this.#reader = new PrincipalReader(secret);
  }

  /** Principals whose credentials stand in this answer, at most eight; not those that the request brought, which the server only repeats. */
  credentials({ body, method }: RequestMessage, headers: HeaderList, fields: readonly Field[]): Handed[] {
    const found: Handed[] = [];
    const seen = new Set<string>();
    const add = (principal: Principal | null, isCookie: boolean, isSure: boolean): void => {
      if (principal === null || seen.has(principal.key) || found.length >= 8) return;
      seen.add(principal.key);
      found.push({ principal, isCookie, isSure });
    };
    this.#reader.noteAnswer(headers);
    for (const line of headerAll(headers, 'set-cookie')) {
      const pair = line.split(';', 1)[0];
      if (pair.length - pair.indexOf('=') > 8) add(this.#reader.read(['cookie', pair], '/'), true, true);
    }
    const sent = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength);
    const unsafe = method !== 'GET' && method !== 'HEAD';
    for (const field of fields) {
      if (field.value.length < 12 || !/^[\w.~:%+/=-]+$/.test(field.value)) continue;
      if (sent.includes(field.value)) continue;
      const isNamed = TOKEN_NAME.test(field.path);
      if (isNamed || (unsafe && field.value.length >= 16))
        add(this.#reader.read(['authorization', `Bearer ${field.value}`], '/'), false, SURE_NAME.test(field.path));
    }
    return found;
  }

  /**
   * Is this a route whose answers set session cookies, so that they speak of whoever gets them? Many servers set a new one with any answer, now and then: what that
   * shows is somebody's order. Counts the answer.
   */
  isSignIn(route: string, isSafe: boolean, setsSession: boolean): boolean {
    if (isSafe && !setsSession) return false;
    const held = this.#answers.get(route) ?? { answers: 0, setting: 0 };
    held.answers++;
    if (setsSession) held.setting++;
    this.#answers.set(route, held);
    const isNamed = SIGN_IN.test(route);
    return setsSession && (isNamed || !isSafe) && held.setting * 2 > held.answers && (isNamed || held.answers >= FEW);
  }

  /** What a sign-in names as most of them on that route do: the name that they sign in with. Counts this one. */
  usual(route: string, named: readonly Reference[]): Reference[] {
    const before = this.#routes.get(route) ?? { times: 0, slots: new Map<string, number>() };
    before.times++;
    this.#routes.set(route, before);
    for (const slot of new Set(named.map((one) => one.slot)))
      if (before.slots.size < MOST_NAMED || before.slots.has(slot)) before.slots.set(slot, (before.slots.get(slot) ?? 0) + 1);
    return named.filter(({ slot }) => {
      const times = before.slots.get(slot) ?? 0;
      return times >= FEW && times * 2 >= before.times;
    });
  }

  expect(key: string, pending: Pending): void {
    this.#pending.delete(key);
    this.#pending.set(key, pending);
    if (this.#pending.size > MAX_PENDING) {
      const oldest = this.#pending.keys().next().value;
      if (oldest !== undefined) this.#pending.delete(oldest);
    }
  }

  /** What was said about the owner of a credential that is used for the first time. */
  claim(key: string): Pending | undefined {
    const pending = this.#pending.get(key);
    if (pending !== undefined) this.#pending.delete(key);
    return pending;
  }

  get size(): number {
    return this.#pending.size;
  }
}
