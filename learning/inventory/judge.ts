import type { Exchange, Finding } from '../../exchange/index.js';
import type { EndpointChange } from '../../store/index.js';
import type { ExchangeBodies } from './bodies.js';
import { dayOf, deprecatedFinding, newDataFinding, newParameterFinding, strangerFinding, weakAuthFinding } from './changes.js';
import { announcesEnd } from './credentials.js';
import { documentFindings } from './documented.js';
import type { EndpointState } from './endpoint.js';
import type { News } from './learn.js';
import { holdsSensitive } from './row.js';
import type { ServiceState } from './service.js';
import { countDistinct } from './sketch.js';
import { Strangers } from './strangers.js';

const SETTLED_CALLS = 50;
const PARAMETER_FINDINGS_AN_HOUR = 3;
/** A new version that was called less often is on trial. */
const ESTABLISHED_CALLS = 20;

export interface Circumstances {
  /** The endpoint answered below 400 and nothing was blocked. */
  readonly good: boolean;
  /** The service is known well enough for a change to be a finding. */
  readonly warm: boolean;
  readonly bodies: ExchangeBodies;
}

/** Decides what is worth saying about what an exchange brought. Says each thing once, or once a day. */
export class ChangeJudge {
  private readonly parameterFindings = new Map<string, { hour: number; count: number }>();
  private readonly strangers: Strangers;

  /** `say` takes findings, `note` lines for the history of an endpoint. */
  constructor(
    scanningAt: number,
    private readonly say: (finding: Finding) => void,
    private readonly note: (change: Omit<EndpointChange, 'id'>) => void,
  ) {
    this.strangers = new Strangers(scanningAt);
  }

  /** What one learned exchange says that was not so before. `warm`: the service is known well enough for changes to be findings. */
  judge(service: ServiceState, state: EndpointState, exchange: Exchange, news: News, circumstances: Circumstances): void {
    const { good, warm, bodies } = circumstances;
    const nowMs = exchange.startedAtMs;
    const { counts } = state;
    const settled = warm && counts.requests > SETTLED_CALLS;
    const status = exchange.response?.status ?? 0;
    const { method } = exchange.request;
    if (news.anonymous && status >= 200 && status < 300 && method !== 'OPTIONS' && method !== 'HEAD') this.judgeAnonymous(state, exchange);
    if (!good) return;
    if (state.raised.has('zombie')) this.awake(state, nowMs);
    if (news.strange.length > 0) {
      const stranger = this.strangers.see(state, exchange, news.strange, counts.requests > SETTLED_CALLS);
      if (stranger !== null) this.say(strangerFinding(exchange, stranger));
    }
    for (const { in: place, name } of news.parameters) {
      if (counts.requests <= SETTLED_CALLS) continue;
      if (!this.mayReport(state, nowMs)) break;
      this.change(state, nowMs, 'new-parameter', `${place} parameter ${name} was first seen`, null, name);
      if (settled) this.say(newParameterFinding(exchange, state, place, name));
    }
    for (const hit of news.data) {
      const { path } = hit.location;
      this.change(state, nowMs, 'new-data', `answers hold ${hit.type} at ${path}`, null, `${hit.type} at ${path}`);
      if (!settled || hit.confidence < 0.6) continue;
      const before = [...state.data]
        .filter(([key, one]) => key.startsWith('response|') && one.firstSeenMs < nowMs)
        .map(([key]) => `${key.split('|')[3]} at ${key.split('|')[2]}`);
      this.say(newDataFinding(exchange, state, hit, counts.requests - 1, before.slice(0, 5)));
    }
    if (!state.deprecated && announcesEnd(exchange)) {
      state.deprecated = true;
      state.revision++;
    }
    if (state.deprecated && !this.raisedWithin(state, 'deprecated', nowMs, 86_400_000))
      this.say(
        deprecatedFinding(
          exchange,
          state,
          state.documented ? 'its description calls it deprecated' : 'its answers announce the end of its life',
        ),
      );
    else if (counts.requests % 64 === 2) this.judgeVersion(service, state, exchange);
    if (service.document === null) return;
    const lately = (kind: string, everyMs: number): boolean => this.raisedWithin(state, kind, nowMs, everyMs);
    for (const finding of documentFindings(service.document, state, exchange, bodies, lately)) this.say(finding);
  }

  /** Who was called dead is called again. */
  private awake(state: EndpointState, nowMs: number): void {
    const calledDeadAtMs = state.raised.get('zombie') ?? nowMs;
    if (nowMs <= calledDeadAtMs) return;
    state.raised.delete('zombie');
    state.revision++;
    this.change(state, nowMs, 'active-again', 'is called again', `silent on ${dayOf(calledDeadAtMs)}`, 'in use');
  }

  private judgeAnonymous(state: EndpointState, exchange: Exchange): void {
    const { counts } = state;
    if (
      counts.authenticatedOk < 10 ||
      counts.anonymousOk > Math.max(1, counts.authenticatedOk * 0.05) ||
      countDistinct(state.principals) < 2
    )
      return;
    const sensitive = holdsSensitive(state, 'response|');
    const confidence = counts.anonymousRefused > 0 ? 0.95 : sensitive ? 0.8 : 0.55;
    if (counts.anonymousOk === 1)
      this.change(
        state,
        exchange.startedAtMs,
        'auth-weakened',
        'authentication became optional: a request without credentials was answered',
        true,
        false,
      );
    if (confidence > 0.6 || !this.raisedWithin(state, 'auth', exchange.startedAtMs, 86_400_000))
      this.say(weakAuthFinding(exchange, state, confidence));
  }

  /** `/v1/orders` in use while `/v2/orders` exists and carries more. */
  private judgeVersion(service: ServiceState, state: EndpointState, exchange: Exchange): void {
    const version = /\/v(\d+)(?=\/)/.exec(state.ref.template);
    if (version === null) return;
    for (let next = Number(version[1]) + 1; next <= Number(version[1]) + 3; next++) {
      const newer = service.endpoints.get(`${state.ref.method} ${state.ref.template.replace(version[0], `/v${next}`)}`);
      if (newer === undefined || newer.counts.requests < Math.max(ESTABLISHED_CALLS, state.counts.requests)) continue;
      if (this.raisedWithin(state, 'deprecated', exchange.startedAtMs, 86_400_000)) return;
      this.say(deprecatedFinding(exchange, state, `v${next} of it answered ${newer.counts.requests} requests`));
      return;
    }
  }

  private mayReport(state: EndpointState, nowMs: number): boolean {
    const hour = Math.floor(nowMs / 3_600_000);
    const known = this.parameterFindings.get(state.ref.id);
    if (known === undefined || known.hour !== hour) {
      if (this.parameterFindings.size > 50_000) this.parameterFindings.clear();
      this.parameterFindings.set(state.ref.id, { hour, count: 1 });
      return true;
    }
    return ++known.count <= PARAMETER_FINDINGS_AN_HOUR;
  }

  /** True when that kind was said of the endpoint less than `everyMs` ago; else notes that it is said now. */
  raisedWithin(state: EndpointState, kind: string, nowMs: number, everyMs: number): boolean {
    const last = state.raised.get(kind);
    if (last !== undefined && nowMs - last < everyMs) return true;
    state.raised.set(kind, nowMs);
    state.revision++;
    return false;
  }

  private change(
    state: EndpointState,
    atMs: number,
    kind: string,
    text: string,
    before: string | boolean | null,
    after: string | boolean | null,
  ): void {
    this.note({ endpointId: state.ref.id, service: state.ref.service, atMs, kind, text, before, after });
  }
}
