import {
  actorOf,
  type DataHit,
  type EndpointRef,
  type Exchange,
  encodeExchange,
  type Redactor,
  redactExchange,
} from '../../exchange/index.js';
import { actorId, type SampleWrite } from '../../store/index.js';

/** Kept of ordinary traffic: the first few of each endpoint and status class, then at most this many a second over all. */
const FIRST_PER_ENDPOINT = 3;
const RECENT_PER_SECOND = 20;
const REMEMBERED_ENDPOINTS = 50_000;

/** Decides which exchanges are kept, and makes them safe to keep. */
export class Sampler {
  private readonly seen = new Map<string, number>();
  private second = 0;
  private inSecond = 0;

  /** @param seal keeps the real values of evidence, where an admin wants that; null where not */
  constructor(
    private readonly redactor: Redactor,
    private readonly seal: (bytes: Uint8Array) => Uint8Array | null,
  ) {}

  /** Null: not kept. What an issue shows is always kept. */
  sample(exchange: Exchange, endpoint: EndpointRef | null, hits: readonly DataHit[], isEvidence: boolean): SampleWrite | null {
    if (!isEvidence && !this.wanted(exchange, endpoint)) return null;
    return this.write(exchange, endpoint, hits, isEvidence, isEvidence ? this.seal(encodeExchange(exchange)) : null);
  }

  /** What came before something that an issue shows: kept as long as that, never with its real values. */
  before(exchange: Exchange, endpoint: EndpointRef, hits: readonly DataHit[]): SampleWrite {
    return this.write(exchange, endpoint, hits, true, null);
  }

  private write(
    exchange: Exchange,
    endpoint: EndpointRef | null,
    hits: readonly DataHit[],
    evidence: boolean,
    sealed: Uint8Array | null,
  ): SampleWrite {
    const kept = redactExchange(exchange, hits, this.redactor);
    return {
      id: exchange.id,
      requestId: exchange.requestId,
      incidentId: exchange.outcome.incidentId ?? null,
      endpointId: endpoint?.id ?? null,
      service: exchange.service,
      method: exchange.request.method,
      target: kept.request.target.slice(0, 2_000),
      status: exchange.response?.status ?? 0,
      atMs: exchange.startedAtMs,
      actorId: actorId(actorOf(exchange.principal, exchange.client.ip)),
      client: exchange.client.ip,
      action: exchange.outcome.action,
      evidence,
      content: encodeExchange(kept),
      sealed,
    };
  }

  private wanted(exchange: Exchange, endpoint: EndpointRef | null): boolean {
    const key = `${endpoint?.id ?? exchange.service}\0${Math.floor((exchange.response?.status ?? 0) / 100)}`;
    const count = this.seen.get(key) ?? 0;
    if (count < FIRST_PER_ENDPOINT) {
      if (this.seen.size >= REMEMBERED_ENDPOINTS) this.seen.clear();
      this.seen.set(key, count + 1);
      return true;
    }
    const second = Math.floor(exchange.startedAtMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.inSecond = 0;
    }
    return this.inSecond++ < RECENT_PER_SECOND;
  }
}
