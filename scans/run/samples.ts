/**
 * A request of each endpoint that the target answers well, to start tests from: who asks, with which values, in which order. One room: what one answer gives away
 * (ids, names, links) decides what the next request asks.
 */
import { randomBytes } from 'node:crypto';
import { isOwnHeader, type KnownEndpoint, PLAIN_TEXT } from './endpoints.js';
import { fieldsOf, formOf, type Json, parseBody } from './fields.js';
import {
  collectionsOf,
  FORMAT,
  Harvest,
  linksIn,
  type Meaning,
  nobody,
  personalLeaves,
  resourcesOf,
  type Self,
  singular,
  thingOf,
} from './harvest.js';
import type { LoggedIn } from './identities.js';
import { askedBy, parametersOf, pathBefore, pathValuesOf } from './paths.js';
import type { Sample, ScanRequest, ScanResponse } from './types.js';
import {
  bare,
  ENDS_SESSION,
  hasForm,
  IS_ID,
  isAddress,
  LOGIN_NAME,
  LOGS_IN,
  mayStandFor,
  NAMES_OBJECT,
  NAMES_ONE,
  PASSWORD,
  PROFILE,
  READS_BY_POST,
  registers,
  SAYS_HOW,
  SAYS_HOW_IN_HEADER,
  singularId,
} from './wording.js';

type Send = (request: ScanRequest) => Promise<ScanResponse>;

export interface SampleOptions {
  readonly targetUrl: string;
  readonly service: string;
  /** Also requests that change something; deletes only of objects that were made for it. */
  readonly intrusive: boolean;
  /** Ids of the endpoints that will be tested: no other is written to. */
  readonly only?: ReadonlySet<string> | undefined;
  readonly onProblem: (endpoint: KnownEndpoint, reason: string) => void;
  /** Sent with every other endpoint at once, at most. */
  readonly concurrency?: number;
}

const OTHER_VALUES_TRIED = 2;
const TELLING_LENGTH = 6;
/** A list, alone or wrapped, that holds nothing. */
const EMPTY_LIST = /^\s*(\{[^{}[\]]*)?\[\s*\][^{}[\]]*\}?\s*$/;
const FIRST_IDS = ['1', '2'];

/** Who asks: an identity, or nobody. */
interface Person {
  readonly name: string;
  readonly headers: { readonly [name: string]: string };
  readonly self: Self;
  readonly password: string;
  learn?(profile: object, isTop: boolean): void;
}

interface Tried {
  readonly endpoint: KnownEndpoint;
  readonly person: Person;
  readonly request: ScanRequest;
  readonly response: ScanResponse;
  /** Id of an object that the person made for this request. */
  readonly made?: string;
}

const isSafe = ({ method }: KnownEndpoint): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
const isRegistration = ({ method, template, body }: KnownEndpoint): boolean =>
  registers(
    method,
    template,
    fieldsOf(body).map(({ name }) => name),
  );
/** A login is asked for by those who have not logged in yet; `GET /session` and `GET /auth` tell who is signed in. */
const isForNobody = (endpoint: KnownEndpoint): boolean =>
  !isSafe(endpoint) && (LOGS_IN.test(endpoint.template) || isRegistration(endpoint));
const worked = ({ response }: Tried): boolean => response.status < 300;

/**
 * Makes working requests of the endpoints: lists are read as each identity, ids of its own objects are harvested from the answers, and put into
 * the parameters of the others. So tests have real ids and real answers, and nothing of it is kept after the run.
 */
export async function makeSamples(
  endpoints: readonly KnownEndpoint[],
  identities: readonly LoggedIn[],
  send: Send,
  options: SampleOptions,
): Promise<readonly Sample[]> {
  const anonymous: Person = { name: '', headers: {}, self: nobody(), password: '' };
  const people: readonly Person[] = identities.length > 0 ? identities : [anonymous];
  const harvest = new Harvest(
    endpoints.flatMap((one) => [...namesOf(one), ...(one.references ?? [])]),
    endpoints.map(({ template }) => template),
  );
  for (const one of identities) for (const [word, value] of one.givenIds) harvest.give(one.name, word, value);
  const pathNames = new Set(endpoints.flatMap(({ template }) => parametersOf(template)));
  const collections = new Set(endpoints.flatMap(({ template }) => collectionsOf(template)).map(singular));
  const referred = new Set(endpoints.flatMap(({ references = [] }) => references));
  /** Named after a collection (`fromAccount`), or seen to name an object where traffic was recorded. */
  const refers = (name: string): boolean =>
    referred.has(name) || (!SAYS_HOW.test(name) && collections.has(thingOf(name) ?? '') && thingOf(name) !== '');
  /** Does a parameter of this name say which object is meant? */
  const identifies = (name: string): boolean =>
    NAMES_OBJECT.test(bare(name)) ||
    pathNames.has(name) ||
    queryNames.has(name) ||
    headerNames.has(name.replace(/^x-/i, '')) ||
    refers(bare(name)) ||
    referred.has(name);
  const headerNames = new Set(endpoints.flatMap(headersThatName));
  const queryNames = new Set(endpoints.flatMap(({ query }) => query.map(({ name }) => name)).filter((name) => NAMES_ONE.test(name)));
  const depthOf = ({ template, query, headers = [], body }: KnownEndpoint): number =>
    parametersOf(template).length +
    query.filter(({ name }) => identifies(name)).length +
    headers.filter(({ name }) => identifies(name)).length +
    fieldsOf(body).filter(({ name }) => identifies(singularId(name))).length;
  const isWanted = ({ id }: KnownEndpoint): boolean => options.only === undefined || options.only.has(id);
  /** Reads, and POST requests that are called like one: everybody sends them, so that it is known who is shown what. */
  const isRead = (endpoint: KnownEndpoint): boolean =>
    isSafe(endpoint) ||
    (options.intrusive &&
      isWanted(endpoint) &&
      endpoint.method === 'POST' &&
      READS_BY_POST.test(endpoint.template) &&
      !LOGS_IN.test(endpoint.template));
  const tried = new Map<string, Tried[]>();
  const usable = endpoints.filter((endpoint) => !ENDS_SESSION.test(endpoint.template));

  const attempt = async (
    endpoint: KnownEndpoint,
    person: Person,
    fixed: { readonly [name: string]: string } = {},
  ): Promise<Tried | null> => {
    const request = requestOf(endpoint, options.targetUrl, person, fixed);
    try {
      const response = await send(request);
      const one = { endpoint, person, request, response };
      if (response.status < 300) {
        harvest.gather(person.name, person.self, endpoint.template, response.body, askedBy(endpoint, request));
        harvest.gatherLinks(person.name, person.self, linksIn(response.body, response.headers.location));
      }
      return one;
    } catch (cause) {
      options.onProblem(endpoint, cause instanceof Error ? cause.message : String(cause));
      return null;
    }
  };
  /** As `attempt`; where nothing is found, or only an empty list, other values that would fit are tried too. */
  const persistent = async (endpoint: KnownEndpoint, person: Person): Promise<Tried | null> => {
    const first = await attempt(endpoint, person);
    const isEmpty = first !== null && worked(first) && isSafe(endpoint) && EMPTY_LIST.test(first.response.body);
    if (first === null || (first.response.status !== 404 && first.response.status !== 400 && !isEmpty)) return first;
    // A filter of which nothing is known finds nothing: what there is without it gives ids.
    const query = endpoint.query.filter(({ example }) => example !== PLAIN_TEXT);
    if (isEmpty && query.length < endpoint.query.length) await attempt({ ...endpoint, query }, person);
    const name = parametersOf(endpoint.template).at(-1) ?? endpoint.query.find((one) => identifies(one.name))?.name;
    if (name === undefined) return first;
    const before = pathBefore(endpoint.template, name) || endpoint.template;
    const fitting = harvest.candidates(person.name, person.self, name, before).slice(1);
    const example = endpoint.path[name] ?? '';
    const others = isEmpty ? [example, ...fitting] : [...fitting, example];
    // Where nothing is known, what the first objects are called almost everywhere.
    const tried = others.filter((one) => one !== '').slice(0, OTHER_VALUES_TRIED);
    for (const value of tried.length > 0 || !isSafe(endpoint) ? tried : FIRST_IDS) {
      const one = await attempt(endpoint, person, { [name]: value });
      if (one !== null && worked(one) && !EMPTY_LIST.test(one.response.body)) return one;
    }
    return first;
  };
  const keep = (one: Tried | null): void => {
    if (one !== null) tried.set(one.endpoint.id, [...(tried.get(one.endpoint.id) ?? []), one]);
  };
  const inTurn = (all: readonly KnownEndpoint[], work: (endpoint: KnownEndpoint) => Promise<void>) =>
    eachOf(all, options.concurrency ?? 1, work);

  // Reads, from collections to what lies below them: each level gives the ids of the next. Everybody reads, so that it is known whose ids are whose.
  const reads = usable.filter(isRead);
  const depths = [...new Set(reads.map(depthOf))].sort((a, b) => a - b);
  for (const depth of depths) {
    const level = reads.filter((endpoint) => depthOf(endpoint) === depth);
    const profiles = level.filter(({ template }) => depth === 0 && PROFILE.test(template));
    for (const part of [profiles, level.filter((one) => !profiles.includes(one))])
      await inTurn(part, async (endpoint) => {
        for (const person of people) {
          const one = await persistent(endpoint, person);
          keep(one);
          if (one !== null && worked(one) && PROFILE.test(endpoint.template)) learnSelf(person, one.response.body);
        }
      });
  }
  // A login changes nothing; other writes need consent.
  const writes = usable.filter(
    (endpoint) =>
      !isRead(endpoint) && endpoint.method !== 'DELETE' && ((options.intrusive && isWanted(endpoint)) || LOGS_IN.test(endpoint.template)),
  );
  for (const method of ['POST', 'PUT', 'PATCH'])
    for (const endpoint of writes.filter((one) => one.method === method).sort((a, b) => depthOf(a) - depthOf(b)))
      for (const person of people) {
        const one = await attempt(endpoint, person);
        keep(one);
        if (one !== null && worked(one)) break;
      }
  if (options.intrusive) {
    // Is what was made just now in the lists of all, or of its maker alone?
    const made = new Set(
      writes.filter((one) => one.method === 'POST' && (tried.get(one.id) ?? []).some(worked)).map(({ template }) => template),
    );
    await inTurn(
      reads.filter((one) => made.has(one.template)),
      async (endpoint) => {
        for (const person of people) await persistent(endpoint, person);
      },
    );
    // What was made just now may be what reads and changes were missing.
    for (const endpoint of usable.filter(
      (one) => one.method !== 'DELETE' && isWanted(one) && depthOf(one) > 0 && !(tried.get(one.id) ?? []).some(worked),
    ))
      for (const person of people) keep(await attempt(endpoint, person));
    for (const endpoint of usable.filter((one) => one.method === 'DELETE' && isWanted(one))) keep(await deletable(endpoint));
  }
  const samples = [...tried.values()].map(best).map(sampleOf);
  for (const identity of identities) learnValues(identity);
  // Requests that change something may have changed what was read before them: the usual answer is the one of now.
  if (options.intrusive)
    for (const [index, sample] of samples.entries())
      if (sample.request.method === 'GET') {
        const response = await send(sample.request).catch(() => null);
        if (response !== null) samples[index] = { ...sample, response };
      }
  return [...samples, ...endpoints.filter((endpoint) => !usable.includes(endpoint)).map(unsent)];

  function unsent(endpoint: KnownEndpoint): Sample {
    const request = requestOf(endpoint, options.targetUrl, people[0]!, {});
    const response = { status: 0, headers: {}, body: '', durationMs: 0 };
    const person = people[0]!;
    return { ...sampleOf({ endpoint, person, request, response }), ownValues: [], isUnsent: true };
  }

  /** What an identity would put into each parameter: by name, and by path up to it, where one name stands for several things. */
  function learnValues(identity: LoggedIn): void {
    for (const { template } of endpoints)
      for (const name of parametersOf(template)) {
        const before = pathBefore(template, name);
        const value = valueFor(identity, name, before);
        if (value === null) continue;
        identity.values[name] ??= value;
        identity.values[`${before}{${name}}`] ??= value;
      }
    for (const name of [...queryNames, ...referred]) {
      const value = valueFor(identity, name, '');
      if (value !== null) identity.values[name] ??= value;
    }
  }

  /** What worked on an object of one's own is worth most. */
  function best(all: readonly Tried[]): Tried {
    const worth = (one: Tried) => (worked(one) ? 2 : 0) + (worked(one) && ownValuesOf(one).length > 0 ? 1 : 0);
    return all.reduce((winner, one) => (worth(one) > worth(winner) ? one : winner));
  }

  function sampleOf(one: Tried): Sample {
    return {
      request: one.request,
      response: one.response,
      endpointId: one.endpoint.id,
      service: options.service,
      template: one.endpoint.template,
      isSecured: one.endpoint.isSecured ?? null,
      setsLogin: setsLogin(one),
      identity:
        one.person.name === '' ||
        isForNobody(one.endpoint) ||
        Object.keys(one.request.headers).every((name) => !(name in one.person.headers))
          ? null
          : one.person.name,
      ownValues: ownValuesOf(one),
      pathValues: pathValuesOf(one),
    };
  }

  /** Values in the request that belong to its identity and to nobody else. A claim needs something personal in the answer that no other saw. */
  function ownValuesOf({ person, request, response, endpoint, made }: Tried): readonly string[] {
    if (person.name === '' || people.length < 2) return [];
    const url = new URL(request.url);
    const used = new Map<string, Meaning>();
    const uses = (name: string, value: string, before: string) => {
      if (!used.has(value)) used.set(value, { name: bare(name), resources: resourcesOf(bare(name), before) });
    };
    const collection = (name: string) => (IS_ID.test(name) ? endpoint.template : '');
    for (const { name, value } of pathValuesOf({ request, endpoint })) uses(name, value, pathBefore(endpoint.template, name));
    for (const [name, value] of url.searchParams) if (identifies(name)) uses(name, value, collection(name));
    for (const [name, value] of Object.entries(request.headers))
      if (!(name in person.headers) && identifies(name)) uses(name.replace(/^x-/i, ''), value, collection(name));
    for (const { name, value } of leavesOf(request.body))
      if (identifies(singularId(name))) uses(singularId(name), String(value), collection(singularId(name)));
    let isPersonal: boolean | null = null;
    const found = [...used.keys()].filter((value) => {
      if (value === '') return false;
      if (value === made) return true;
      const ownership = harvest.ownership(person.name, person.self, value, used.get(value));
      if (ownership !== 'claimed') return ownership === 'exclusive';
      // What others list too is there for all: to comment on it is no attack, to change it is one.
      const isShared = harvest.othersList(person.name, person.self, value, used.get(value));
      if (!isRead(endpoint))
        return !LOGS_IN.test(endpoint.template) && !isRegistration(endpoint) && !(isShared && endpoint.method === 'POST');
      isPersonal ??=
        (!isShared && harvest.holdsOwn(person.name, person.self, endpoint.template, response.body)) ||
        personalLeaves(response.body).some((leaf) => !harvest.othersSaw(person.name, leaf.name, leaf.value));
      return isPersonal;
    });
    // Ids in the path before those elsewhere: tests look at the first.
    return found.sort(
      (a, b) => Number(!url.pathname.includes(encodeURIComponent(a))) - Number(!url.pathname.includes(encodeURIComponent(b))),
    );
  }

  function setsLogin({ endpoint, person, request }: Tried): boolean {
    if (isSafe(endpoint) || LOGS_IN.test(endpoint.template) || isRegistration(endpoint)) return false;
    const login = identities.find(({ name }) => name === person.name)?.loginRequest ?? null;
    const used = new Set(
      [
        person.password,
        // `remember=1` and `next=/` say nothing of who logs in.
        ...leavesOf(login?.body ?? '')
          .filter(({ name, value }) => LOGIN_NAME.test(name) || PASSWORD.test(name) || String(value).length >= TELLING_LENGTH)
          .map(({ value }) => String(value)),
      ].filter((value) => value !== ''),
    );
    return leavesOf(request.body).some(({ name, value }) => PASSWORD.test(name) || used.has(String(value)));
  }

  /** Of what fits, rather what looks like the example. */
  function valueFor(person: Person, name: string, before: string, example = ''): string | null {
    const all = harvest.candidates(person.name, person.self, bare(name), before).filter((one) => !isAddress(one) || isAddress(example));
    return all.find((one) => hasForm(one, example)) ?? all[0] ?? null;
  }

  function requestOf(endpoint: KnownEndpoint, targetUrl: string, person: Person, fixed: { readonly [name: string]: string }): ScanRequest {
    const { template } = endpoint;
    const names = parametersOf(template);
    // What the last one lies below comes with it: a child of another parent is not found.
    const last = names.at(-1);
    const child = names.length < 2 || last === undefined ? null : (fixed[last] ?? valueFor(person, last, pathBefore(template, last)));
    const chain = child === null ? [] : harvest.under(person.name, child);
    const above = (name: string) => (chain.length === names.length - 1 && name !== last ? chain[names.indexOf(name)] : undefined);
    const path = template.replace(/\{([^}]+)\}/g, (_, name: string) =>
      encodeURIComponent(
        fixed[name] ?? above(name) ?? valueFor(person, name, pathBefore(template, name), endpoint.path[name]) ?? endpoint.path[name] ?? '1',
      ),
    );
    const url = new URL(`${targetUrl.replace(/\/$/, '')}${path}`);
    const collection = (name: string) => (IS_ID.test(name) ? template : '');
    const known = (name: string, example: string) => {
      const value = identifies(name) ? valueFor(person, name, collection(name), example) : null;
      return value === null || !mayStandFor(value, example) ? example : value;
    };
    for (const { name, example } of endpoint.query) url.searchParams.set(name, fixed[name] ?? known(name, example));
    const extra = Object.fromEntries((endpoint.headers ?? []).map(({ name, example }) => [name, known(name.replace(/^x-/i, ''), example)]));
    const asLogin = isForNobody(endpoint) ? loginOf(endpoint) : null;
    const hasBody = endpoint.body !== null && endpoint.method !== 'GET' && endpoint.method !== 'HEAD';
    const contentType = asLogin?.contentType ?? endpoint.contentType;
    const isForm = /x-www-form-urlencoded|multipart\/form-data/.test(contentType);
    const filled = hasBody ? filledBody(endpoint, person) : null;
    const body = asLogin !== null ? asLogin.body : !hasBody ? '' : isForm ? formOf(filled) : JSON.stringify(filled);
    return {
      method: endpoint.method,
      url: url.href,
      headers: {
        accept: 'application/json, */*',
        ...(body === ''
          ? {}
          : {
              'content-type': isForm
                ? 'application/x-www-form-urlencoded'
                : contentType.includes('json')
                  ? contentType
                  : 'application/json',
            }),
        ...extra,
        ...(isForNobody(endpoint) ? (asLogin?.headers ?? {}) : person.headers),
      },
      body,
      followRedirects: false,
    };
  }

  /** The login request of an identity, where this endpoint is what it logs in at. */
  function loginOf({ method, template }: KnownEndpoint) {
    return (
      identities
        .map((one) => one.loginRequest)
        .find((one) => one !== null && one.method === method && withoutSlash(one.path.split('?')[0]!) === withoutSlash(template)) ?? null
    );
  }

  /** The example body, with ids of the identity's own objects, its own names and password, and new names where somebody registers. */
  function filledBody(endpoint: KnownEndpoint, person: Person): Json {
    const { body, template } = endpoint;
    const collection = (name: string) => (IS_ID.test(name) ? template : '');
    const isNew = isRegistration(endpoint);
    const fresh = `weir${randomBytes(4).toString('hex')}`;
    const fill = (value: Json, name: string): Json => {
      if (Array.isArray(value)) return value.map((item) => fill(item, singularId(name)));
      if (value !== null && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, key)]));
      if (isNew && typeof value === 'string') {
        if (/e?mail/i.test(name)) return `${fresh}@example.com`;
        if (/(user_?name|login|handle|nick_?name)/i.test(name)) return fresh;
        if (/(phone|mobile|number)/i.test(name)) return `9${randomBytes(4).readUInt32BE().toString().padStart(10, '0').slice(0, 9)}`;
        return value;
      }
      // A change of the password to what it is leaves the identity able to log in again.
      if (PASSWORD.test(name) && person.password !== '' && typeof value === 'string') return person.password;
      if (typeof value === 'boolean' || typeof value === 'object' || !identifies(name)) return value;
      // A new object must not take the name of one that exists.
      if (pathNames.has(name) && !NAMES_OBJECT.test(name) && depthOf(endpoint) === 0) return `${String(value)}-${fresh}`;
      const own = valueFor(person, name, collection(name), String(value));
      if (own === null || !mayStandFor(own, String(value))) return value;
      return typeof value === 'number' && Number.isFinite(Number(own)) ? Number(own) : own;
    };
    return fill(body, '');
  }

  /** Two objects are made: one is deleted to learn the usual answer, the other is what tests may try on. Without a maker: an id that does not exist. */
  async function deletable(endpoint: KnownEndpoint): Promise<Tried | null> {
    const name = parametersOf(endpoint.template).at(-1);
    if (name === undefined) return null;
    const parent = endpoint.template.replace(/\/\{[^}]+\}(\.[a-z]{2,6})?\/?$/i, '');
    const resources = resourcesOf(name, pathBefore(endpoint.template, name));
    const maker = usable.find((one) => one.method === 'POST' && withoutSlash(one.template).replace(FORMAT, '') === parent);
    const person = people[0]!;
    const ids: string[] = [];
    for (let round = 0; maker !== undefined && round < 2; round++) {
      const made = await attempt(maker, person);
      if (made === null || !worked(made)) break;
      const answered = fieldsOf(parseBody(made.response.body)).find(
        (field) =>
          /^_?(id|uuid|guid)$/i.test(field.name) || resources.some((one) => field.name.toLowerCase().replace(/[-_]/g, '') === `${one}id`),
      );
      const at = made.response.headers.location
        ?.replace(/[?#].*$/, '')
        .replace(/\/$/, '')
        .split('/')
        .at(-1);
      const id = answered !== undefined && typeof answered.value !== 'object' ? String(answered.value) : at;
      if (id === undefined || id === '') break;
      ids.push(id);
    }
    if (ids.length < 2) return attempt(endpoint, person, { [name]: NO_SUCH_ID });
    const done = await attempt(endpoint, person, { [name]: ids[0]! });
    return done === null ? null : { ...done, request: requestOf(endpoint, options.targetUrl, person, { [name]: ids[1]! }), made: ids[1]! };
  }
}

const withoutSlash = (path: string) => path.replace(/\/$/, '');

const leavesOf = (body: string) => fieldsOf(parseBody(body)).filter(({ value }) => value === null || typeof value !== 'object');

/** A number and a text at once, that nothing has. */
export const NO_SUCH_ID = '99999999';

function namesOf({ template, query, headers = [], body }: KnownEndpoint): readonly string[] {
  return [
    ...parametersOf(template),
    ...query.map(({ name }) => name),
    ...headers.map(({ name }) => name.replace(/^x-/i, '')),
    ...fieldsOf(body).map(({ name }) => name),
    ...headersThatName({ headers }),
  ].filter(
    (name) =>
      NAMES_OBJECT.test(name) ||
      NAMES_ONE.test(name) ||
      parametersOf(template).includes(name) ||
      headersThatName({ headers }).includes(name),
  );
}

/** A header of an application's own says whose data is meant (`X-Organization`), unless it says how. */
const headersThatName = ({ headers = [] }: Pick<KnownEndpoint, 'headers'>): readonly string[] =>
  headers.filter(({ name }) => isOwnHeader(name) && !SAYS_HOW_IN_HEADER.test(name)).map(({ name }) => name.replace(/^x-/i, ''));

function learnSelf(person: Person, body: string): void {
  const answer = parseBody(body);
  if (answer !== null && typeof answer === 'object' && !Array.isArray(answer)) person.learn?.(answer, true);
}

async function eachOf<T>(all: readonly T[], concurrency: number, work: (one: T) => Promise<void>): Promise<void> {
  const queue = all[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: Math.min(concurrency, all.length) }, async () => {
      for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value);
    }),
  );
}
