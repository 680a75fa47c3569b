import type { Mode } from '../exchange/index.js';
import type { Plan, PolicySet, RouteFacts } from '../policies/index.js';
import { gatewayErrors } from './errors.js';
import type { ServiceConfig } from './options.js';
import type { RouteMatch } from './ports.js';
import { UpstreamSet } from './upstreams.js';

/** A route as policies see it, with their plan for it. */
export interface PlannedRoute {
  readonly facts: RouteFacts;
  readonly plan: Plan;
}

const NO_TAGS: readonly string[] = [];
const MOST_PLANS = 20_000;

/** Plans by route for one service: asked on each request, so a policy set is asked once a route. */
export class PlanCache {
  private set: PolicySet | null = null;
  private readonly plans = new Map<string, PlannedRoute>();
  private readonly service: string;

  constructor(service: string) {
    this.service = service;
  }

  get(policies: PolicySet, host: string, method: string, match: RouteMatch | null): PlannedRoute {
    if (policies !== this.set || this.plans.size > MOST_PLANS) {
      this.set = policies;
      this.plans.clear();
    }
    const key = match === null ? `${method} ${host}` : `${method} ${host}${match.endpoint.template}`;
    const known = this.plans.get(key);
    const tags = match?.tags ?? NO_TAGS;
    if (known !== undefined && sameTags(known.facts.tags, tags)) return known;
    const facts: RouteFacts = { service: this.service, host, method, template: match?.endpoint.template ?? null, tags };
    const planned = { facts, plan: policies.plan(facts) };
    this.plans.set(key, planned);
    return planned;
  }
}

function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((tag, index) => tag === other[index]));
}

/** A configured service with its live parts. Rebuilt as a whole when its configuration changes, so a request keeps the one it started with. */
export class Service {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly upstreams: UpstreamSet;
  readonly plans: PlanCache;
  requestMode: Mode = 'observe';
  responseMode: Mode = 'observe';
  private active = 0;
  private retired = false;
  readonly requestHeaders: HeaderChanges | null;
  readonly responseHeaders: HeaderChanges | null;

  constructor(config: ServiceConfig, upstreams: UpstreamSet = new UpstreamSet(config)) {
    this.name = config.name;
    this.config = config;
    this.upstreams = upstreams;
    this.plans = new PlanCache(config.name);
    this.setMode(config.mode);
    this.requestHeaders = headerChanges(config.requestHeaders);
    this.responseHeaders = headerChanges(config.responseHeaders);
  }

  setMode(mode: ServiceConfig['mode']): void {
    this.requestMode = typeof mode === 'string' ? mode : mode.request;
    this.responseMode = typeof mode === 'string' ? mode : mode.response;
  }

  /** A request begins; `left` must follow. */
  entered(): void {
    this.active++;
  }

  left(): void {
    if (--this.active === 0 && this.retired) void this.upstreams.close();
  }

  /** Replaced by a newer configuration: its connections close once its last request has ended. */
  retire(): void {
    this.retired = true;
    if (this.active === 0) void this.upstreams.close();
  }

  /** Path and query for the upstream. */
  onwardPath(basePath: string, target: string): string {
    const { rewrite } = this.config;
    let path = target;
    if (rewrite !== undefined && target.startsWith(rewrite.from)) {
      path = rewrite.to + target.slice(rewrite.from.length);
      if (!path.startsWith('/')) path = `/${path}`;
    }
    return basePath === '' ? path : basePath + path;
  }
}

/** What an operator changes in every message of a service. */
export interface HeaderChanges {
  /** Lower case. */
  readonly gone: ReadonlySet<string>;
  readonly added: readonly string[];
}

function headerChanges(config: ServiceConfig['requestHeaders']): HeaderChanges | null {
  const added = [...Object.entries(config.set), ...Object.entries(config.add)].flat();
  const gone = new Set([...config.remove, ...Object.keys(config.set)].map((name) => name.toLowerCase()));
  return added.length === 0 && gone.size === 0 ? null : { gone, added };
}

/** A header list with the operator's changes made. */
export function changed(list: string[], changes: HeaderChanges | null): string[] {
  if (changes === null) return list;
  const out: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    if (!changes.gone.has(list[index].toLowerCase())) out.push(list[index], list[index + 1]);
  }
  out.push(...changes.added);
  return out;
}

/** Finds the service of a request: exact host before wildcard before any host, then the longest path prefix. */
export class ServiceRouter {
  readonly services: readonly Service[];
  private readonly byHost = new Map<string, Service[]>();
  private readonly wildcards: { readonly suffix: string; readonly services: Service[] }[] = [];
  private readonly anyHost: Service[] = [];

  /** Throws WeirError when two services have one name or claim one place. */
  constructor(services: readonly Service[]) {
    this.services = services;
    const names = new Set<string>();
    for (const service of services) {
      if (names.has(service.name)) throw gatewayErrors.duplicateService(service.name);
      names.add(service.name);
      for (const host of service.config.hosts) this.place(host.toLowerCase(), service);
      if (service.config.hosts.length === 0) insert(this.anyHost, service, '*');
    }
    this.wildcards.sort((one, other) => other.suffix.length - one.suffix.length);
  }

  private place(host: string, service: Service): void {
    if (host === '*') insert(this.anyHost, service, host);
    else if (host.startsWith('*.')) {
      const suffix = host.slice(1);
      let entry = this.wildcards.find((one) => one.suffix === suffix);
      if (entry === undefined) {
        entry = { suffix, services: [] };
        this.wildcards.push(entry);
      }
      insert(entry.services, service, host);
    } else {
      let list = this.byHost.get(host);
      if (list === undefined) {
        list = [];
        this.byHost.set(host, list);
      }
      insert(list, service, host);
    }
  }

  /** `hostname` is lower case and without port; `path` raw. */
  find(hostname: string, path: string): Service | null {
    const exact = this.byHost.get(hostname);
    if (exact !== undefined) {
      const found = longest(exact, path);
      if (found !== null) return found;
    }
    for (const { suffix, services } of this.wildcards) {
      if (!hostname.endsWith(suffix)) continue;
      const found = longest(services, path);
      if (found !== null) return found;
    }
    return longest(this.anyHost, path);
  }
}

function insert(list: Service[], service: Service, where: string): void {
  const twin = list.find((one) => one.config.pathPrefix === service.config.pathPrefix);
  if (twin !== undefined) throw gatewayErrors.duplicateRoute(twin.name, service.name, `${where}${service.config.pathPrefix}`);
  list.push(service);
  list.sort((one, other) => other.config.pathPrefix.length - one.config.pathPrefix.length);
}

function longest(services: readonly Service[], path: string): Service | null {
  for (const service of services) if (underPrefix(path, service.config.pathPrefix)) return service;
  return null;
}

function underPrefix(path: string, prefix: string): boolean {
  if (prefix === '/') return true;
  if (!path.startsWith(prefix)) return false;
  const next = path.charCodeAt(prefix.length);
  return prefix.endsWith('/') || path.length === prefix.length || next === 47 || next === 63;
}

/** Splits an authority into lower-case host name and the form without a default port. The dot of a fully qualified name is no part of either. */
export function authority(host: string, scheme: 'http' | 'https'): { readonly hostname: string; readonly host: string } {
  const lower = host.toLowerCase();
  const colon = lower.lastIndexOf(':');
  if (colon < 0 || lower.endsWith(']')) {
    const name = withoutRoot(lower);
    return { hostname: name, host: name };
  }
  const port = lower.slice(colon + 1);
  const hostname = withoutRoot(lower.slice(0, colon));
  return { hostname, host: port === (scheme === 'https' ? '443' : '80') ? hostname : `${hostname}:${port}` };
}

function withoutRoot(name: string): string {
  return name.charCodeAt(name.length - 1) === 46 ? name.slice(0, -1) : name;
}
