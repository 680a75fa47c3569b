import { type DataHit, type Exchange, endpointRef, type Finding, type Observation, splitTarget } from '../../exchange/index.js';
import { bareTemplate } from '../import/index.js';
import { type OperationFacts, operationOf, splitOperation } from '../operations.js';
import { cleanSegments, segmentKey } from '../templating/index.js';
import { answerKeys, bodiesOf, type ExchangeBodies } from './bodies.js';
import { Catalogue } from './catalogue.js';
import { CatchAllWatch } from './catch-all.js';
import { dayOf, newEndpointFinding, scanningFinding, silenceFinding, silentFor, wandererFinding } from './changes.js';
import { Checkpoints } from './checkpoint.js';
import { rulesOfDocument, rulesOfTraffic, type ServiceRules } from './conformance.js';
import { type EndpointState, MAX_SIGHTS } from './endpoint.js';
import { ChangeJudge } from './judge.js';
import { learnExchange } from './learn.js';
import { endpointWrite, tagsOf } from './row.js';
import { ScanningWatch } from './scanning.js';
import type { ServiceState } from './service.js';
import { TemplateEdits } from './template-edits.js';
import type { CheckpointEntry, InventoryDelta, InventoryOptions, InventoryStats, TemplateForGateway } from './types.js';

/** Operations of one path that are endpoints of their own; the others are calls of the path. */
const MAX_OPERATIONS = 1_000;
const MAX_COUNTED = 10_000;

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
/** Rows of endpoints whose shape changed that one drain writes at most. */
const CHANGED_ROWS = 1_000;
/** Rows of others: so many a second of traffic, so many that were saved up, and so many when there is nothing else to do. */
const REFRESHED_A_SECOND = 100;
const REFRESHED_AT_ONCE = 200;
const QUIET_ROWS = 2_000;

/**
 * Learns, one exchange at a time, which endpoints there are and what is normal for each. Values in, values out: `observe` never waits; `drain` says what to
 * store, `checkpoint` what to keep for a restart; both belong in one transaction with the stream position.
 *
 * An endpoint exists once something answered it below 400. Refused and unknown paths are counted, and many of them from one client are a finding.
 */
export class Inventory {
  /** What people and descriptions say about templates. */
  readonly edits: TemplateEdits;
  private readonly options: Required<InventoryOptions>;
  private readonly catalogue: Catalogue;
  private readonly checkpoints: Checkpoints;
  private findings: Finding[] = [];
  /** Revision and time of the row of an endpoint that was last handed out. */
  private readonly written = new WeakMap<EndpointState, { readonly revision: number; readonly atMs: number }>();
  private readonly scanners: ScanningWatch;
  private readonly catchAll: CatchAllWatch;
  private readonly judge: ChangeJudge;
  private exchanges = 0;
  private unmatched = 0;
  private sampledOut = 0;
  private isQuiet = false;
  /** Rows that may be refreshed, and when that was last reckoned. */
  private refreshes = REFRESHED_AT_ONCE;
  private drainedAtMs = 0;
  /** Service and path → operations that are endpoints of their own. */
  private readonly operations = new Map<string, number>();
  private readonly unreadable = new Map<string, number>();

  constructor(options: InventoryOptions = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.catalogue = new Catalogue(this.options.maxEndpoints);
    this.checkpoints = new Checkpoints(this.catalogue);
    this.edits = new TemplateEdits(this.catalogue);
    this.scanners = new ScanningWatch(this.options.scanningAt);
    this.catchAll = new CatchAllWatch(this.options.scanningAt);
    this.judge = new ChangeJudge(
      this.options.scanningAt,
      (finding) => this.findings.push(finding),
      (change) => this.catalogue.note(change),
    );
  }

  /** Learns one exchange. `bodies` is shared with whoever else parses them. */
  observe(exchange: Exchange, dataHits: readonly DataHit[] = [], bodies: ExchangeBodies = bodiesOf(exchange)): Observation {
    this.exchanges++;
    const { catalogue } = this;
    const { pending } = catalogue;
    const service = catalogue.visited(exchange);
    const { path, query } = splitTarget(exchange.request.target);
    const status = exchange.response?.status ?? 0;
    const good = status >= 100 && status < 400 && exchange.outcome.action !== 'blocked' && exchange.request.method !== 'TRACE';
    const method = exchange.kind === 'websocket' ? 'GET' : exchange.request.method;
    const operation = exchange.kind === 'websocket' ? null : operationOf(callIn(exchange, path, query, bodies));
    const placed = good
      ? service.templates.observe(method, path, exchange.kind === 'websocket' ? null : () => answerKeys(bodies.response()))
      : service.templates.match(method, path);
    const state = placed === null ? null : this.endpoint(service, exchange, method, placed, operation, path, good);
    pending.count(exchange, state?.ref.id ?? null);
    if (placed === null || state === null) return this.nowhere(exchange, good, path, placed?.parameters ?? [], dataHits);
    const { id } = state.ref;
    const { news, learned } = learnExchange(state, exchange, query, dataHits, placed.parameters, bodies, this.options);
    if (!learned) this.sampledOut++;
    for (const problem of bodies.problems) this.unreadable.set(problem, (this.unreadable.get(problem) ?? 0) + 1);
    // What the endpoint has no room for is not stored either: names in paths may be anything.
    for (const { location, type, count } of dataHits)
      if (state.data.size < MAX_SIGHTS || state.data.has(`${location.phase}|${location.in}|${location.path}|${type}`))
        pending.sighting(id, service.name, location.phase, location.in, location.path, type, exchange.startedAtMs, count);
    catalogue.touch(id);
    if (good || news.anonymous) {
      const warm = this.warm(service, exchange.startedAtMs);
      const wanderer = good ? this.catchAll.see(service, state, exchange, path, warm) : null;
      if (wanderer !== null) this.findings.push(wandererFinding(exchange, wanderer));
      this.judge.judge(service, state, exchange, news, { good, bodies, warm });
    }
    if (service.templates.due && service.templates.resolve()) catalogue.rehome(service);
    return { exchange, endpoint: catalogue.successor(service, state).ref, pathParameters: placed.parameters, dataHits };
  }

  private endpoint(
    service: ServiceState,
    exchange: Exchange,
    method: string,
    placed: { readonly template: string; readonly key: string },
    operation: string | null,
    path: string,
    good: boolean,
  ): EndpointState | null {
    const known = service.endpoints.get(operation === null ? placed.key : `${placed.key}#${operation}`);
    if (known !== undefined) return known;
    if (!good) return null;
    if (operation !== null && !this.mayName(service, placed.key)) {
      const scanning = this.scanners.miss(exchange, [`#${operation}`], 'operation');
      if (scanning !== null) this.findings.push(scanningFinding(exchange, 'abuse.learner', 'operations that nobody else names', scanning));
      return this.endpoint(service, exchange, method, placed, null, path, good);
    }
    const template = operation === null ? placed.template : `${placed.template}#${operation}`;
    return this.catalogue.found(service, exchange, method, template, path, this.warm(service, exchange.startedAtMs));
  }

  /** May one more operation of a path be an endpoint of its own? What they are called is up to the client. */
  private mayName(service: ServiceState, key: string): boolean {
    const name = `${service.name} ${key}`;
    let count = this.operations.get(name);
    if (count === undefined) {
      count = 0;
      for (const one of service.endpoints.keys()) if (one.startsWith(`${key}#`)) count++;
      if (this.operations.size >= MAX_COUNTED) this.operations.clear();
    }
    const may = count < MAX_OPERATIONS;
    this.operations.set(name, may ? count + 1 : count);
    return may;
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
    const scanning = this.scanners.miss(exchange, [path], good ? 'answered' : 'missing');
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

  /** What to store since the last call. `nowMs` is the engine's clock. Call `settle` first for templates that are final for now. */
  drain(nowMs: number = this.catalogue.lastMs): InventoryDelta {
    const { catalogue } = this;
    for (const [id, { exchange, known, calls }] of catalogue.newcomers) {
      const state = catalogue.byId.get(id);
      if (state !== undefined) this.findings.push(newEndpointFinding(exchange, state, known, calls));
    }
    catalogue.newcomers.clear();
    const endpoints = this.rows(nowMs);
    const pending = catalogue.take();
    const { findings } = this;
    this.findings = [];
    const services = [];
    for (const service of catalogue.services.values()) {
      if (service.lastSeenMs === service.writtenMs && !service.dirty) continue;
      service.writtenMs = service.lastSeenMs;
      services.push({
        name: service.name,
        firstSeenMs: service.firstSeenMs,
        lastSeenMs: service.lastSeenMs,
        about: { hosts: [...service.hosts], document: service.document?.name ?? null },
      });
    }
    return {
      services,
      folds: pending.folds,
      endpoints,
      counters: pending.counters(),
      dataSightings: [...pending.sightings.values()],
      history: pending.history,
      findings,
      renamed: pending.renamed,
    };
  }

  /** Endpoints whose row the next drains will write: of many, each writes some. */
  get rowsWaiting(): number {
    return this.catalogue.dirty.size;
  }

  /** Rows whose shape changed come first; the others are written again at times, or all traffic would end in writing rows. */
  private rows(nowMs: number): InventoryDelta['endpoints'][number][] {
    const { dirty, byId } = this.catalogue;
    const rows: InventoryDelta['endpoints'][number][] = [];
    const saved = this.refreshes + Math.max(0, ((nowMs - this.drainedAtMs) / 1000) * REFRESHED_A_SECOND);
    const { isQuiet } = this;
    this.refreshes = isQuiet ? QUIET_ROWS : Math.min(REFRESHED_AT_ONCE, saved);
    this.drainedAtMs = nowMs;
    this.isQuiet = false;
    for (const id of dirty) {
      const state = byId.get(id);
      const last = state === undefined ? undefined : this.written.get(state);
      if (state !== undefined && last !== undefined && last.revision === state.revision) {
        // When nothing arrives, no later drain is sure to come that would write what this one leaves.
        if (this.refreshes < 1 || (!isQuiet && nowMs - last.atMs < this.options.rowEveryMs)) continue;
        this.refreshes--;
      } else if (rows.length >= CHANGED_ROWS) continue;
      dirty.delete(id);
      if (state === undefined) continue;
      this.written.set(state, { revision: state.revision, atMs: nowMs });
      rows.push(this.row(state));
    }
    return rows;
  }

  private row(state: EndpointState): InventoryDelta['endpoints'][number] {
    const service = this.catalogue.services.get(state.ref.service)!;
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
    this.isQuiet = true;
    for (const service of this.catalogue.services.values()) if (service.templates.resolve()) this.catalogue.rehome(service);
  }

  /** Endpoints that fell silent and documented ones that were never seen; once a day is enough. */
  review(nowMs: number): void {
    for (const service of this.catalogue.services.values()) {
      for (const state of service.endpoints.values()) {
        const silentMs = nowMs - state.counts.lastSeenMs;
        if (
          silentMs < this.options.zombieAfterMs ||
          state.counts.requests < 20 ||
          this.judge.raisedWithin(state, 'zombie', nowMs, this.options.zombieAfterMs)
        )
          continue;
        const text = `${state.ref.method} ${state.ref.template} was called ${state.counts.requests} times and then not at all for ${silentFor(silentMs)}.`;
        const before = `${state.counts.requests} requests until ${dayOf(state.counts.lastSeenMs)}`;
        this.findings.push(silenceFinding('inventory.zombie', state.ref, nowMs, text, before, `none for ${silentFor(silentMs)}`));
        this.catalogue.touch(state.ref.id);
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
            `in ${service.document.name}`,
            `not called in ${service.calls} exchanges`,
          ),
        );
      }
    }
  }

  /** All templates, for gateways; operations behind one path count once. Changes whenever `templatesVersion` does. */
  templates(): TemplateForGateway[] {
    const list = new Map<string, TemplateForGateway>();
    for (const service of this.catalogue.services.values()) {
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
    return this.catalogue.version;
  }

  /** Every endpoint as it stands. */
  endpoints(): readonly EndpointState[] {
    return [...this.catalogue.byId.values()];
  }

  /** What requests to each service may hold: as its description says, else as its well-known endpoints have been used. */
  rules(leastCalls = 1_000): ServiceRules[] {
    return [...this.catalogue.services.values()].map(({ name, document, endpoints }) =>
      document === null ? rulesOfTraffic(name, endpoints.values(), leastCalls) : rulesOfDocument(name, document),
    );
  }

  /** Learned state that changed since the last call. Together with `drain` of the same moment it loses nothing and counts nothing twice. */
  checkpoint(): CheckpointEntry[] {
    return this.checkpoints.take();
  }

  /** Puts back what checkpoints kept. Throws INVENTORY_BAD_CHECKPOINT when an entry cannot be read. */
  restore(entries: Iterable<CheckpointEntry>): void {
    this.checkpoints.restore(entries);
    for (const service of this.catalogue.services.values()) this.catalogue.lastMs = Math.max(this.catalogue.lastMs, service.lastSeenMs);
    this.catalogue.version++;
  }

  stats(): InventoryStats {
    let collapsedPaths = 0;
    for (const service of this.catalogue.services.values()) collapsedPaths += service.templates.trie.collapsed;
    let droppedParameters = 0;
    for (const state of this.catalogue.byId.values()) droppedParameters += state.droppedParameters;
    return {
      endpoints: this.catalogue.byId.size,
      exchanges: this.exchanges,
      unmatched: this.unmatched,
      droppedEndpoints: this.catalogue.droppedEndpoints,
      droppedParameters,
      sampledOut: this.sampledOut,
      unreadable: Object.fromEntries(this.unreadable),
      collapsedPaths,
    };
  }
}

/** What of an exchange tells its operation. */
function callIn({ request }: Exchange, path: string, query: string, bodies: ExchangeBodies): OperationFacts {
  const { bytes } = request.body;
  return {
    method: request.method,
    headers: request.headers,
    path,
    query,
    bodyStart: () => Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096)).toString('latin1'),
    json: bodies.request,
  };
}
