import {
  type DataHit,
  type Exchange,
  endpointRef,
  type Finding,
  type Observation,
  splitTarget,
  templateParameters,
} from '../../exchange/index.js';
import { type ApiDocument, bareTemplate } from '../import/index.js';
import type { Explanation, Pin } from '../templating/index.js';
import { cleanSegments, segmentKey } from '../templating/index.js';
import { answerKeys, bodiesOf, type ExchangeBodies } from './bodies.js';
import { newEndpointFinding, scanningFinding, silenceFinding, silentFor } from './changes.js';
import { checkpointOf, restoreInto } from './checkpoint.js';
import { rulesOfDocument, rulesOfTraffic, type ServiceRules } from './conformance.js';
import { documentedEndpoints } from './documented.js';
import { checkTemplate, mergedTemplate, splitTemplate } from './edits.js';
import { type EndpointState, mergeEndpoints, newEndpoint } from './endpoint.js';
import { inventoryError } from './errors.js';
import { ChangeJudge } from './judge.js';
import { learnExchange } from './learn.js';
import { operationOf } from './operations.js';
import { Pending } from './pending.js';
import { endpointWrite, tagsOf } from './row.js';
import { ScanningWatch } from './scanning.js';
import { newService, type ServiceState } from './service.js';
import type { CheckpointEntry, InventoryDelta, InventoryOptions, InventoryStats, TemplateForGateway } from './types.js';

/** Lines of history that one drain hands out at most. */
const HISTORY_AT_ONCE = 5000;
const DEFAULTS = {
  warmUpCalls: 500,
  warmUpMs: 3_600_000,
  learnAll: 20,
  sampleEvery: 16,
  maxEndpoints: 25_000,
  zombieAfterMs: 30 * 86_400_000,
  rowEveryMs: 5_000,
  scanningAt: 60,
};

/**
 * Learns, one exchange at a time, which endpoints there are and what is normal for each. Values in, values out: `observe` never waits; `drain` says what to
 * store, `checkpoint` what to keep for a restart; both belong in one transaction with the stream position.
 *
 * An endpoint exists once something answered it below 400. Refused and unknown paths are counted, and many of them from one client are a finding.
 */
export class Inventory {
  private readonly options: Required<InventoryOptions>;
  private readonly services = new Map<string, ServiceState>();
  private readonly byId = new Map<string, EndpointState>();
  private pending = new Pending();
  private findings: Finding[] = [];
  /** Endpoint id to revision and time of the row that was last handed out. */
  private readonly written = new Map<string, { revision: number; atMs: number }>();
  private readonly dirty = new Set<string>();
  /** New endpoints wait for the next decision of the templates before they are called new. */
  private readonly newcomers = new Map<string, { exchange: Exchange; known: number; calls: number }>();
  private readonly scanners: ScanningWatch;
  private readonly judge: ChangeJudge;
  private readonly removed = new Set<string>();
  private version = 0;
  private exchanges = 0;
  private unmatched = 0;
  private droppedEndpoints = 0;
  private sampledOut = 0;
  private readonly unreadable = new Map<string, number>();
  private lastMs = 0;

  constructor(options: InventoryOptions = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.scanners = new ScanningWatch(this.options.scanningAt);
    this.judge = new ChangeJudge(
      this.options.scanningAt,
      (finding) => this.findings.push(finding),
      (change) => this.note(change),
    );
  }

  /** Learns one exchange. `bodies` is shared with whoever else parses them. */
  observe(exchange: Exchange, dataHits: readonly DataHit[] = [], bodies: ExchangeBodies = bodiesOf(exchange)): Observation {
    this.exchanges++;
    const service = this.service(exchange);
    const { path } = splitTarget(exchange.request.target);
    const status = exchange.response?.status ?? 0;
    const good = status >= 100 && status < 400 && exchange.outcome.action !== 'blocked' && exchange.request.method !== 'TRACE';
    const method = exchange.kind === 'websocket' ? 'GET' : exchange.request.method;
    const operation = operationOf(exchange, path, () => bodies.request());
    const placed = good
      ? service.templates.observe(method, path, () => (exchange.kind === 'websocket' ? null : answerKeys(bodies.response())))
      : service.templates.match(method, path);
    const template = placed === null ? null : placed.template + (operation === null ? '' : `#${operation}`);
    const state = template === null ? null : this.endpoint(service, exchange, method, template, path, good);
    this.pending.count(exchange, state?.ref.id ?? null);
    if (state === null) return this.nowhere(exchange, good, path, placed?.parameters ?? [], dataHits);
    const { news, learned } = learnExchange(
      state,
      exchange,
      dataHits,
      placed!.parameters,
      templateParameters(state.ref.template),
      bodies,
      this.options,
    );
    if (!learned) this.sampledOut++;
    for (const problem of bodies.problems) this.unreadable.set(problem, (this.unreadable.get(problem) ?? 0) + 1);
    for (const hit of dataHits)
      this.pending.sighting(
        state.ref.id,
        service.name,
        hit.location.phase,
        hit.location.in,
        hit.location.path,
        hit.type,
        exchange.startedAtMs,
        hit.count,
      );
    this.dirty.add(state.ref.id);
    if (good || news.anonymous)
      this.judge.judge(service, state, exchange, news, { good, bodies, warm: this.warm(service, exchange.startedAtMs) });
    if (service.templates.due) this.decide(service);
    return {
      exchange,
      endpoint: (this.byId.get(state.ref.id) ?? this.successor(service, state)).ref,
      pathParameters: placed!.parameters,
      dataHits,
    };
  }

  private service(exchange: Exchange): ServiceState {
    let service = this.services.get(exchange.service);
    if (service === undefined) {
      service = newService(exchange.service, exchange.startedAtMs);
      this.services.set(exchange.service, service);
    }
    service.calls++;
    service.lastSeenMs = Math.max(service.lastSeenMs, exchange.startedAtMs);
    if (service.hosts.size < 50 && !service.hosts.has(exchange.request.host)) {
      service.hosts.add(exchange.request.host);
      service.dirty = true;
    }
    this.lastMs = Math.max(this.lastMs, exchange.startedAtMs);
    return service;
  }

  private endpoint(
    service: ServiceState,
    exchange: Exchange,
    method: string,
    template: string,
    path: string,
    good: boolean,
  ): EndpointState | null {
    const key = `${method} ${template}`;
    const known = service.endpoints.get(key);
    if (known !== undefined) return known;
    if (!good) return null;
    if (this.byId.size >= this.options.maxEndpoints) {
      this.droppedEndpoints++;
      return null;
    }
    const state = newEndpoint(endpointRef(service.name, method, template), exchange.request.host, path, exchange.startedAtMs);
    this.add(service, state);
    if (this.warm(service, exchange.startedAtMs) && this.newcomers.size < 500)
      this.newcomers.set(state.ref.id, { exchange, known: service.endpoints.size - 1, calls: service.calls - 1 });
    this.note({
      endpointId: state.ref.id,
      service: service.name,
      atMs: exchange.startedAtMs,
      kind: 'new-endpoint',
      text: `${method} ${template} was first seen`,
      before: null,
      after: template,
    });
    return state;
  }

  private add(service: ServiceState, state: EndpointState): void {
    service.endpoints.set(`${state.ref.method} ${state.ref.template}`, state);
    this.byId.set(state.ref.id, state);
    this.removed.delete(state.ref.id);
    this.dirty.add(state.ref.id);
    this.version++;
    if (service.document !== null) documentedEndpoints(service.document, [state]);
  }

  private note(change: InventoryDelta['history'][number]): void {
    if (this.pending.history.length < HISTORY_AT_ONCE) this.pending.history.push(change);
  }

  private warm(service: ServiceState, nowMs: number): boolean {
    return service.calls > this.options.warmUpCalls && nowMs - service.firstSeenMs >= this.options.warmUpMs;
  }

  private nowhere(
    exchange: Exchange,
    good: boolean,
    path: string,
    parameters: readonly string[],
    dataHits: readonly DataHit[],
  ): Observation {
    this.unmatched++;
    const scanning = this.scanners.miss(exchange, path);
    if (scanning !== null) {
      const [kind, what] = good
        ? (['abuse.learner', 'paths that are answered whatever they are'] as const)
        : (['abuse.scanner', 'paths that do not exist'] as const);
      this.findings.push(scanningFinding(exchange, kind, what, scanning));
    }
    const shape = cleanSegments(path)
      .slice(0, 40)
      .map((segment) => (segmentKey(segment).shape === null ? segment.slice(0, 120) : '{id}'))
      .join('/');
    return {
      exchange,
      endpoint: endpointRef(exchange.service, exchange.request.method, `/${shape}`),
      pathParameters: parameters,
      dataHits,
    };
  }

  /** Decides the templates of a service again and lets endpoints follow. */
  private decide(service: ServiceState): void {
    service.templates.resolve();
    this.rehome(service);
  }

  private rehome(service: ServiceState): void {
    const present = new Set(service.templates.templates().map((one) => `${one.method} ${one.template}`));
    for (const [key, state] of [...service.endpoints]) {
      const [base, operation] = splitOperation(state.ref.template);
      if (present.has(`${state.ref.method} ${base}`)) continue;
      const placed = service.templates.match(state.ref.method, state.samplePath);
      if (placed === null) continue;
      const template = operation === null ? placed.template : `${placed.template}#${operation}`;
      if (template === state.ref.template) continue;
      service.endpoints.delete(key);
      this.move(service, state, template);
    }
    this.version++;
  }

  private move(service: ServiceState, state: EndpointState, template: string): void {
    const ref = endpointRef(service.name, state.ref.method, template);
    let target = service.endpoints.get(`${ref.method} ${template}`);
    if (target === undefined) {
      target = newEndpoint(ref, state.host, state.samplePath, state.firstSeenMs);
      target.origin = state.origin;
      this.add(service, target);
    }
    mergeEndpoints(target, state);
    this.byId.delete(state.ref.id);
    this.dirty.delete(state.ref.id);
    this.written.delete(state.ref.id);
    this.removed.add(state.ref.id);
    this.dirty.add(ref.id);
    this.pending.fold(state.ref, ref);
    const newcomer = this.newcomers.get(state.ref.id);
    this.newcomers.delete(state.ref.id);
    // Only what became a new endpoint as a whole is still news; what joined a known one never was.
    if (newcomer !== undefined && target.counts.requests === state.counts.requests) this.newcomers.set(ref.id, newcomer);
  }

  private successor(service: ServiceState, state: EndpointState): EndpointState {
    const [, operation] = splitOperation(state.ref.template);
    const placed = service.templates.match(state.ref.method, state.samplePath);
    return (
      (placed === null
        ? undefined
        : service.endpoints.get(`${state.ref.method} ${placed.template}${operation === null ? '' : `#${operation}`}`)) ?? state
    );
  }

  /** What to store since the last call. `nowMs` is the engine's clock. Call `settle` first for templates that are final for now. */
  drain(nowMs: number = this.lastMs): InventoryDelta {
    for (const [id, { exchange, known, calls }] of this.newcomers) {
      const state = this.byId.get(id);
      if (state !== undefined) this.findings.push(newEndpointFinding(exchange, state, known, calls));
    }
    this.newcomers.clear();
    const endpoints = [];
    for (const id of this.dirty) {
      const state = this.byId.get(id);
      if (state === undefined) {
        this.dirty.delete(id);
        continue;
      }
      const last = this.written.get(id);
      if (last !== undefined && last.revision === state.revision && nowMs - last.atMs < this.options.rowEveryMs) continue;
      this.dirty.delete(id);
      this.written.set(id, { revision: state.revision, atMs: nowMs });
      endpoints.push(this.row(state));
    }
    const { pending, findings } = this;
    this.pending = new Pending();
    this.findings = [];
    const services = [...this.services.values()].map((service) => ({
      name: service.name,
      firstSeenMs: service.firstSeenMs,
      lastSeenMs: service.lastSeenMs,
      about: { hosts: [...service.hosts], document: service.document?.name ?? null },
    }));
    return {
      services,
      folds: pending.folds,
      endpoints,
      counters: [...pending.counters.values()],
      dataSightings: [...pending.sightings.values()],
      history: pending.history,
      findings,
      renamed: pending.renamed,
    };
  }

  private row(state: EndpointState): InventoryDelta['endpoints'][number] {
    const service = this.services.get(state.ref.service)!;
    const [base] = splitOperation(state.ref.template);
    const why = service.templates.explain(base).map((one) => `${one.segment}: ${one.text}`);
    return endpointWrite(
      state,
      why,
      service.pins.some((pin) => bareTemplate(pin.template) === bareTemplate(base)),
    );
  }

  /** Decides every service's templates now; for the end of input, before an export, or after a quiet second. */
  settle(): void {
    for (const service of this.services.values()) if (service.templates.resolve()) this.rehome(service);
  }

  /** Endpoints that fell silent and documented ones that were never seen; once a day is enough. */
  review(nowMs: number): void {
    for (const service of this.services.values()) {
      for (const state of service.endpoints.values()) {
        const silentMs = nowMs - state.counts.lastSeenMs;
        if (
          silentMs < this.options.zombieAfterMs ||
          state.counts.requests < 20 ||
          this.judge.raisedWithin(state, 'zombie', nowMs, this.options.zombieAfterMs)
        )
          continue;
        const text = `${state.ref.method} ${state.ref.template} was called ${state.counts.requests} times and then not at all for ${silentFor(silentMs)}.`;
        this.findings.push(silenceFinding('inventory.zombie', state.ref, nowMs, text));
        this.dirty.add(state.ref.id);
      }
      if (service.document === null || nowMs - service.firstSeenMs < this.options.warmUpMs || service.calls < this.options.warmUpCalls)
        continue;
      for (const operation of service.document.operations) {
        const ref = endpointRef(service.name, operation.method, operation.template);
        if (service.endpoints.has(`${operation.method} ${operation.template}`)) continue;
        this.findings.push(
          silenceFinding(
            'inventory.orphan',
            ref,
            nowMs,
            `${operation.method} ${operation.template} is in ${service.document.name} and was not called once in ${service.calls} exchanges.`,
          ),
        );
      }
    }
  }

  /** All templates, for gateways; operations behind one path count once. Changes whenever `templatesVersion` does. */
  templates(): TemplateForGateway[] {
    const list = new Map<string, TemplateForGateway>();
    for (const service of this.services.values()) {
      for (const { method, template } of service.templates.templates()) {
        const state = service.endpoints.get(`${method} ${template}`);
        list.set(`${service.name} ${method} ${template}`, {
          service: service.name,
          method,
          template,
          tags: state === undefined ? [] : tagsOf(state),
        });
      }
    }
    return [...list.values()];
  }

  get templatesVersion(): number {
    return this.version;
  }

  /** Every endpoint as it stands. */
  endpoints(): readonly EndpointState[] {
    return [...this.byId.values()];
  }

  /** Why an endpoint's template is what it is, segment by segment. Throws INVENTORY_NO_ENDPOINT. */
  explain(endpointId: string): Explanation[] {
    const state = this.byId.get(endpointId);
    if (state === undefined) throw inventoryError('INVENTORY_NO_ENDPOINT', `there is no endpoint ${endpointId}`);
    return this.services.get(state.ref.service)!.templates.explain(splitOperation(state.ref.template)[0]);
  }

  /** Fixes a template. Other paths of its shape join it; text that is static in it stays static. */
  pin(service: string, template: string, source: string, method: string | null = null): void {
    checkTemplate(template);
    this.repin(this.known(service), (pins) => [...pins, { template, method, source }]);
  }

  /** Makes one value of a parameter an endpoint of its own: `split('shop', '/users/{userId}', 1, 'export', 'user:ada')`. Segments count from 0. */
  split(service: string, template: string, segment: number, value: string, source: string): void {
    this.pin(service, splitTemplate(template, segment, value), source);
  }

  /** Makes endpoints one: segments in which they differ become parameters. Returns the template. */
  merge(service: string, templates: readonly string[], source: string): string {
    const template = mergedTemplate(templates);
    this.pin(service, template, source);
    return template;
  }

  /** Takes back the last pin, split or merge of a person. Returns it. */
  undo(service: string): Pin {
    const state = this.known(service);
    const last = state.pins.findLastIndex((pin) => !pin.source.startsWith('openapi:') && !pin.source.startsWith('postman:'));
    if (last < 0) throw inventoryError('INVENTORY_NOTHING_TO_UNDO', `nothing to undo for ${service}`);
    const [pin] = state.pins.slice(last, last + 1);
    this.repin(state, (pins) => pins.filter((_, index) => index !== last));
    return pin;
  }

  /** Replaces everything that people pinned; pins of imported descriptions stay. */
  usePins(service: string, pins: readonly Pin[], nowMs: number): void {
    for (const pin of pins) checkTemplate(pin.template);
    let state = this.services.get(service);
    if (state === undefined) {
      state = newService(service, nowMs);
      this.services.set(service, state);
    }
    const document = state.document?.name;
    this.repin(state, (before) => [...before.filter((pin) => pin.source === document), ...pins]);
  }

  /** Pins of a service, oldest first. */
  pins(service: string): readonly Pin[] {
    return this.known(service).pins;
  }

  /** Pins the templates of a description and compares traffic with it from now on. Replaces the document the service had. */
  useDocument(service: string, document: ApiDocument, nowMs: number): void {
    let state = this.services.get(service);
    if (state === undefined) {
      state = newService(service, nowMs);
      this.services.set(service, state);
    }
    const before = state.document?.name;
    state.document = document;
    this.repin(state, (pins) => [
      ...pins.filter((pin) => pin.source !== before && pin.source !== document.name),
      ...document.operations.map((operation) => ({ template: operation.template, method: operation.method, source: document.name })),
    ]);
    for (const one of documentedEndpoints(document, state.endpoints.values())) this.dirty.add(one.ref.id);
  }

  /** What requests to each service may hold: as its description says, else as its well-known endpoints have been used. */
  rules(leastCalls = 1_000): ServiceRules[] {
    return [...this.services.values()].map(({ name, document, endpoints }) =>
      document === null ? rulesOfTraffic(name, endpoints.values(), leastCalls) : rulesOfDocument(name, document),
    );
  }

  private known(service: string): ServiceState {
    const state = this.services.get(service);
    if (state === undefined) throw inventoryError('INVENTORY_NO_SERVICE', `there is no service ${service}`);
    return state;
  }

  private repin(service: ServiceState, change: (pins: Pin[]) => Pin[]): void {
    service.pins = change(service.pins);
    service.dirty = true;
    service.templates.setPins(service.pins);
    this.rehome(service);
    for (const state of service.endpoints.values()) this.dirty.add(state.ref.id);
  }

  /** Learned state that changed since the last call. Together with `drain` of the same moment it loses nothing and counts nothing twice. */
  checkpoint(): CheckpointEntry[] {
    return checkpointOf({ services: this.services, byId: this.byId, removed: this.removed });
  }

  /** Puts back what checkpoints kept. Throws INVENTORY_BAD_CHECKPOINT when an entry cannot be read. */
  restore(entries: Iterable<CheckpointEntry>): void {
    restoreInto({ services: this.services, byId: this.byId, removed: this.removed }, entries);
    for (const service of this.services.values()) this.lastMs = Math.max(this.lastMs, service.lastSeenMs);
    this.version++;
  }

  stats(): InventoryStats {
    let collapsedPaths = 0;
    for (const service of this.services.values()) collapsedPaths += service.templates.trie.collapsed;
    let droppedParameters = 0;
    for (const state of this.byId.values()) droppedParameters += state.droppedParameters;
    return {
      endpoints: this.byId.size,
      exchanges: this.exchanges,
      unmatched: this.unmatched,
      droppedEndpoints: this.droppedEndpoints,
      droppedParameters,
      sampledOut: this.sampledOut,
      unreadable: Object.fromEntries(this.unreadable),
      collapsedPaths,
    };
  }
}

/** Template without the operation, and the operation. */
export function splitOperation(template: string): [base: string, operation: string | null] {
  const mark = template.indexOf('#');
  return mark < 0 ? [template, null] : [template.slice(0, mark), template.slice(mark + 1)];
}
