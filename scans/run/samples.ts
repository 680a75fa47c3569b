import type { KnownEndpoint } from './endpoints.js';
import { fieldsOf, type Json, parseBody } from './fields.js';
import type { LoggedIn } from './identities.js';
import type { Sample, ScanRequest, ScanResponse } from './types.js';

type Send = (request: ScanRequest) => Promise<ScanResponse>;

export interface SampleOptions {
  readonly targetUrl: string;
  readonly service: string;
  /** Also requests that change something; deletes only of objects that were made for it. */
  readonly intrusive: boolean;
  readonly onProblem: (endpoint: KnownEndpoint, reason: string) => void;
}

/** Requests that end a session would end the scan's own. */
const ENDS_SESSION = /log-?out|sign-?out|revoke|deactivate|unregister/i;
const VALUES_KEPT = 200;

/** Ids by resource name, by identity: what each may see in its own lists. */
class Harvest {
  readonly #byIdentity = new Map<string, Map<string, string[]>>();

  add(identity: string, resource: string, value: string): void {
    const resources = this.#byIdentity.get(identity) ?? new Map<string, string[]>();
    this.#byIdentity.set(identity, resources);
    const values = resources.get(singular(resource)) ?? [];
    if (values.length < VALUES_KEPT && !values.includes(value)) values.push(value);
    resources.set(singular(resource), values);
  }

  /** Newest last. */
  of(identity: string, resource: string): readonly string[] {
    return this.#byIdentity.get(identity)?.get(singular(resource)) ?? [];
  }

  ownOf(identity: string, resource: string): readonly string[] {
    const others = [...this.#byIdentity.keys()].filter((name) => name !== identity);
    return this.of(identity, resource).filter((value) => others.every((name) => !this.of(name, resource).includes(value)));
  }

  resources(identity: string): readonly string[] {
    return [...(this.#byIdentity.get(identity)?.keys() ?? [])];
  }
}

const singular = (name: string): string => name.toLowerCase().replace(/[-_]/g, '').replace(/ies$/, 'y').replace(/s$/, '');
const parametersOf = (template: string): readonly string[] => [...template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!);

/** The resource that a parameter names: of `/orders/{id}` and of `{orderId}` it is the order. */
function resourceOf(template: string, parameter: string): string {
  const named = /^(.+?)[-_]?(?:id|uuid|key|no|number)$/i.exec(parameter)?.[1];
  if (named !== undefined && named !== '') return named;
  const before = template
    .slice(0, template.indexOf(`{${parameter}}`))
    .split('/')
    .filter((part) => part !== '' && !part.includes('{'));
  return before.at(-1) ?? parameter;
}

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
  const harvest = new Harvest();
  const people = identities.length > 0 ? identities : [{ name: '', role: '', headers: {}, values: {}, self: [] }];
  for (const one of people) for (const id of one.self) harvest.add(one.name, 'user', id);
  const usable = endpoints.filter((endpoint) => !ENDS_SESSION.test(endpoint.template));
  const sendAs = async (endpoint: KnownEndpoint, person: LoggedIn, values: { readonly [name: string]: string }) => {
    const request = requestOf(endpoint, options.targetUrl, person, values);
    try {
      return { request, response: await send(request) };
    } catch (cause) {
      options.onProblem(endpoint, cause instanceof Error ? cause.message : String(cause));
      return null;
    }
  };
  const gather = (endpoint: KnownEndpoint, person: LoggedIn, response: ScanResponse) => {
    if (response.status >= 300) return;
    const last =
      endpoint.template
        .split('/')
        .filter((part) => part !== '' && !part.includes('{'))
        .at(-1) ?? '';
    for (const field of fieldsOf(parseBody(response.body))) {
      if (typeof field.value === 'object' || typeof field.value === 'boolean' || String(field.value).length > 64) continue;
      const owner = /^(.+?)[-_]?(?:id|uuid)$/i.exec(field.name)?.[1];
      const parts = field.path.split('.');
      // `orders.id` and `id` of GET /orders are orders; `order.id` is an order wherever it stands.
      if (/^_?(id|uuid)$/i.test(field.name)) harvest.add(person.name, parts.length > 1 ? parts.at(-2)! : last, String(field.value));
      else if (owner !== undefined) harvest.add(person.name, owner, String(field.value));
    }
  };
  const tried = new Map<string, Sample>();
  const isPlain = (endpoint: KnownEndpoint) => parametersOf(endpoint.template).length === 0;
  const order = (endpoint: KnownEndpoint) =>
    (endpoint.method === 'GET' ? 0 : endpoint.method === 'POST' ? 1 : 2) +
    (isPlain(endpoint) ? 0 : 3) +
    (endpoint.method === 'DELETE' ? 9 : 0);
  for (const endpoint of [...usable].sort((a, b) => order(a) - order(b))) {
    const isSafe = endpoint.method === 'GET' || endpoint.method === 'HEAD';
    if (!isSafe && !options.intrusive) continue;
    if (endpoint.method === 'DELETE') {
      const made = await deleteSample(endpoint);
      if (made !== null) tried.set(endpoint.id, made);
      continue;
    }
    for (const person of people) {
      // Every identity reads the lists, so that it is known whose ids are whose; one working sample is enough for the rest.
      if (tried.has(endpoint.id) && tried.get(endpoint.id)!.response.status < 300 && !(isSafe && isPlain(endpoint))) break;
      const values = valuesFor(endpoint, person.name);
      const exchange = await sendAs(endpoint, person, values);
      if (exchange === null) continue;
      gather(endpoint, person, exchange.response);
      const before = tried.get(endpoint.id);
      if (before === undefined || (before.response.status >= 300 && exchange.response.status < 300))
        tried.set(endpoint.id, sampleOf(endpoint, person, exchange));
    }
  }
  // Requests that change something may have changed what was read before them: the usual answer is the one of now.
  if (options.intrusive)
    for (const [id, sample] of tried)
      if (sample.request.method === 'GET') {
        const response = await send(sample.request).catch(() => null);
        if (response !== null) tried.set(id, { ...sample, response });
      }
  // Whose a value is can be told only after everybody's lists were read.
  return [...tried.values()].map((sample) => ({ ...sample, ownValues: ownValuesOf(sample) }));

  function valuesFor(endpoint: KnownEndpoint, person: string): { readonly [name: string]: string } {
    return Object.fromEntries(
      parametersOf(endpoint.template).map((name) => {
        const resource = resourceOf(endpoint.template, name);
        const value = harvest.ownOf(person, resource).at(-1) ?? harvest.of(person, resource)[0] ?? endpoint.path[name] ?? '1';
        return [name, value];
      }),
    );
  }

  function ownValuesOf(sample: Sample): readonly string[] {
    if (sample.identity === null || people.length < 2) return [];
    const text = new URL(sample.request.url);
    const used = new Set([
      ...text.pathname.split('/').map(decodeURIComponent),
      ...text.searchParams.values(),
      ...fieldsOf(parseBody(sample.request.body)).map((field) => String(field.value)),
    ]);
    return harvest
      .resources(sample.identity)
      .flatMap((resource) => harvest.ownOf(sample.identity!, resource).filter((value) => used.has(value)));
  }

  /** Two objects are made: one is deleted to learn the usual answer, the other is what tests may try on. */
  async function deleteSample(endpoint: KnownEndpoint): Promise<Sample | null> {
    const parent = endpoint.template.replace(/\/\{[^}]+\}$/, '');
    const maker = usable.find((one) => one.method === 'POST' && one.template === parent);
    const person = people[0]!;
    if (maker === undefined) return null;
    const ids: string[] = [];
    for (let round = 0; round < 2; round++) {
      const made = await sendAs(maker, person, valuesFor(maker, person.name));
      const id =
        made === null || made.response.status >= 300
          ? undefined
          : fieldsOf(parseBody(made.response.body)).find((field) => /^_?(id|uuid)$/i.test(field.name))?.value;
      if (id === undefined) return null;
      ids.push(String(id));
      harvest.add(person.name, parent.split('/').at(-1) ?? '', String(id));
    }
    const name = parametersOf(endpoint.template).at(-1)!;
    const values = { ...valuesFor(endpoint, person.name) };
    const done = await sendAs(endpoint, person, { ...values, [name]: ids[0]! });
    if (done === null) return null;
    const second = { ...values, [name]: ids[1]! };
    return sampleOf(endpoint, person, { request: requestOf(endpoint, options.targetUrl, person, second), response: done.response });
  }

  function sampleOf(endpoint: KnownEndpoint, person: LoggedIn, exchange: { request: ScanRequest; response: ScanResponse }): Sample {
    return {
      ...exchange,
      endpointId: endpoint.id,
      service: options.service,
      template: endpoint.template,
      identity: person.name === '' ? null : person.name,
      ownValues: [],
    };
  }
}

function requestOf(endpoint: KnownEndpoint, targetUrl: string, person: LoggedIn, values: { readonly [name: string]: string }): ScanRequest {
  const path = endpoint.template.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? '1'));
  const url = new URL(`${targetUrl.replace(/\/$/, '')}${path}`);
  for (const { name, example } of endpoint.query) url.searchParams.set(name, example);
  const hasBody = endpoint.body !== null && endpoint.method !== 'GET' && endpoint.method !== 'HEAD';
  const isForm = endpoint.contentType.includes('x-www-form-urlencoded');
  const body = !hasBody
    ? ''
    : isForm
      ? new URLSearchParams(
          Object.entries(endpoint.body as { [key: string]: Json }).map(([key, value]): [string, string] => [key, String(value)]),
        ).toString()
      : JSON.stringify(endpoint.body);
  return {
    method: endpoint.method,
    url: url.href,
    headers: {
      accept: 'application/json, */*',
      ...(hasBody ? { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' } : {}),
      ...person.headers,
    },
    body,
    followRedirects: false,
  };
}
