import type { Principal } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import type { Habits } from './habits.js';
import { PERSON, roleOf } from './knowledge.js';
import { pathName } from './paths.js';
import { namesFirst, type People } from './people.js';
import type { Person } from './person.js';
import type { Reading } from './reading.js';
import type { Roles } from './roles.js';
import { canonicalId, foldName } from './shape.js';
import type { Field, Handed, SignIns, Told } from './signin.js';

/** Claims that never name anybody; roles are shared by many and may change. */
const PLAIN_CLAIM = /^(?:exp|iat|nbf|jti|alg|sid|iss|aud)$/;
const ROLE_CLAIM = /role|permission|scope|scp|authorit/i;
const MAX_FIELDS = 60;
const MAX_OPEN = 20_000;

/** Who a caller is: what claims, sign-ins and `/me`-like answers say goes to {@link People}. */
export class Identify {
  /** Routes that were answered to somebody who was not signed in. */
  readonly #open = new Set<string>();

  constructor(
    private readonly people: People,
    private readonly signIns: SignIns,
    private readonly roles: Roles,
    private readonly habits: Habits,
  ) {}

  /** The person behind a principal. */
  personOf(principal: Principal, nowMs: number): Person {
    const person = this.people.find(principal.key) ?? this.#welcome(principal, nowMs);
    this.people.used(principal.key, person);
    person.lastSeenMs = nowMs;
    person.requests++;
    return person;
  }

  #welcome(principal: Principal, nowMs: number): Person {
    const pending = this.signIns.claim(principal.key);
    const by = pending === undefined || pending.by === 0 ? undefined : this.people.get(pending.by);
    if (by !== undefined) this.people.bind(principal.key, by);
    let person = by ?? this.people.add(principal.key, nowMs);
    if (pending !== undefined) {
      for (const told of namesFirst(pending.told, ({ path }) => path))
        person = this.people.tell(told.source, told.path, person, told.text, true);
      if (pending.registered) this.people.setFlags(person, PERSON.established);
    }
    const isName = principal.label !== '' && principal.kind !== 'jwt' && !principal.label.includes('…');
    return isName ? this.people.tell(`name:${principal.kind}`, 'username', person, principal.label, true) : person;
  }

  /**
   * What a token says of whoever has it. Nobody checks its signature here: the server does, which took it if it showed objects, unless it shows them on that route to those who
   * are not signed in, too. (GraphQL answers 200 to everybody, and says in the body that it took nothing.)
   */
  #readClaims({ objects, observation, person, reading, service }: Reading): void {
    if (!objects.some(({ id }) => id !== null)) return;
    const route = `${service} ${reading.route}`;
    const { principal } = observation.exchange;
    if (principal === null || person === null) {
      if (this.#open.size < MAX_OPEN) this.#open.add(route);
      return;
    }
    const { claims } = principal;
    if (claims === undefined || (person.hasClaims && roleOf(person.flags) !== 0) || this.#open.has(route)) return;
    let at = person;
    if (!person.hasClaims) at = this.#tellClaims(claims, person, service);
    at.hasClaims = true;
    if (roleOf(at.flags) === 0) this.roles.note(service, at, claims);
  }

  #tellClaims(claims: NonNullable<Principal['claims']>, person: Person, service: string): Person {
    let at = person;
    for (const [name, claim] of namesFirst(Object.entries(claims), ([name]) => foldName(name))) {
      if (PLAIN_CLAIM.test(name) || ROLE_CLAIM.test(name)) continue;
      if (typeof claim === 'string' || typeof claim === 'number')
        at = this.people.tell(`claim:${service}:${name}`, foldName(name), at, String(claim), true);
    }
    return at;
  }

  /** Credentials that the answer hands out, and what a `/me`-like answer says of the caller. */
  learn(read: Reading): void {
    const { exchange } = read.observation;
    const { response } = exchange;
    if (response === null) return;
    this.#readClaims(read);
    const outer = read.objects.filter((object) => !object.inList);
    const fields = fieldsOf(outer);
    const handed = this.signIns.credentials(exchange.request, response.headers, fields);
    const isSafe = exchange.request.method === 'GET' || exchange.request.method === 'HEAD';
    const setsSession = handed.some(({ isCookie }) => isCookie);
    const isSignIn = this.signIns.isSignIn(`${read.service} ${read.reading.route}`, isSafe, setsSession);
    if (handed.length > 0) this.#expect(read, handed, fields, isSignIn);
    if (read.person !== null) this.habits.note(read.person.id, read.service, read.reading.references);
    if (read.person !== null && read.reading.method === 'GET') this.#readMe(read, read.person);
  }

  #expect(read: Reading, handed: readonly Handed[], fields: readonly Field[], isSignIn: boolean): void {
    const { service, reading } = read;
    const told: Told[] = [];
    const tell = (place: string, path: string, text: string): void => {
      if (text.length <= 100 && !/token|key|secret|pass|expire|type$/i.test(path))
        told.push({ source: `${place}:${service}:${reading.route}:${path}`, path, text });
    };
    const asked = reading.references.filter(({ place }) => place === 'body');
    const usual = this.signIns.usual(`${service} ${reading.route}`, asked);
    // What hardly anybody writes, the server hardly reads: it makes nobody somebody else.
    const isMade = (value: string): boolean => {
      const id = canonicalId(value);
      return asked.some((one) => one.value === id) && !usual.some((one) => one.value === id);
    };
    for (const field of fields) if (!field.path.startsWith('^') && !isMade(field.value)) tell('answer', field.path, field.value);
    for (const { name, value } of usual) tell('asked', name.toLowerCase(), value);
    for (const { principal, isCookie, isSure } of handed) {
      if (read.observation.exchange.principal?.key === principal.key || this.people.find(principal.key) !== undefined) continue;
      this.signIns.expect(principal.key, {
        told: isCookie && !isSignIn ? [] : told,
        by: read.person?.id ?? 0,
        registered: /regist|sign-?up|join|enrol|create-?account|\/(?:users|accounts|members|customers)$/.test(reading.route),
      });
      // Gateways know whose it is before it is used for the first time.
      if (isSure && (isSignIn || read.person !== null)) this.#welcome(principal, read.observation.exchange.startedAtMs);
    }
  }

  #readMe(read: Reading, caller: Person): void {
    const { service, reading } = read;
    // With anything to choose or page by, it is a search and not `/me`.
    if (read.observation.exchange.request.target.includes('?') || reading.pathRoute.includes('{}')) return;
    // Nor where a header says whose it is to be, which other requests do without.
    if (reading.references.some((one) => one.place === 'header' && !this.habits.isAlways(service, one))) return;
    const roots = read.objects.filter((object) => object.isRoot);
    if (roots.length !== 1) return;
    // A page about the caller may list more (their children, their teams); what only counts a list is none.
    if (roots[0].id === null && read.objects.some((object) => object.inList)) return;
    let person = caller;
    for (const { path, value } of namesFirst(fieldsOf(roots), ({ path }) => path)) {
      if (path.includes('[]') || path.startsWith('^') || depthOf(path) > 2) continue;
      if (this.habits.isChosen(caller.id, reading.references, value)) continue;
      person = this.people.tell(`me:${service}:${reading.route}:${path}`, path, person, value, true);
    }
  }
}

/** The link to something (HAL: `_links.account.href`) is no deeper than its id would be. */
function depthOf(path: string): number {
  return path.split('.').length - (path.startsWith('link.') && path.endsWith('.href') ? 2 : 0);
}

function fieldsOf(objects: readonly AnswerObject[]): Field[] {
  const fields: Field[] = [];
  for (const { all, from, to } of objects)
    for (let i = from; i < to && fields.length < MAX_FIELDS; i++) fields.push({ path: pathName(all.paths[i]), value: all.values[i] });
  return fields;
}
