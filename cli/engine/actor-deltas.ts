import type { ActorBook } from '../../attackers/index.js';
import { type ActorRef, actorOf, type Finding, type Observation } from '../../exchange/index.js';
import { type ActorLink, type ActorWrite, actorId, type Json } from '../../store/index.js';

interface Delta {
  readonly ref: ActorRef;
  requests: number;
  errors: number;
  blocked: number;
  findings: number;
  readonly links: Map<string, ActorLink>;
}

/** Adds up what actors did between two commits and joins it with the book's view of them. */
export class ActorDeltas {
  private readonly open = new Map<string, Delta>();
  private readonly momentsSent = new Map<string, number>();

  /** `isAllowed`: the allowlist has this actor. */
  constructor(
    private readonly book: ActorBook,
    private readonly isAllowed: (ref: ActorRef) => boolean,
  ) {}

  observed(observation: Observation): void {
    const { principal, client, response, startedAtMs, outcome } = observation.exchange;
    const address = actorOf(null, client.ip);
    const refs = principal === null ? [address] : [actorOf(principal, client.ip), address];
    for (const ref of refs) {
      const delta = this.of(ref);
      delta.requests++;
      if ((response?.status ?? 599) >= 400) delta.errors++;
      if (outcome.action === 'blocked') delta.blocked++;
      if (principal === null) continue;
      const link = { principal: principal.key, address: address.value, firstSeenMs: startedAtMs, lastSeenMs: startedAtMs, count: 1 };
      const known = delta.links.get(address.value);
      if (ref.kind === 'principal')
        delta.links.set(address.value, known === undefined ? link : { ...known, lastSeenMs: startedAtMs, count: known.count + 1 });
    }
  }

  stopped(ref: ActorRef): void {
    const delta = this.of(ref);
    delta.requests++;
    delta.blocked++;
  }

  reported(finding: Finding): void {
    if (finding.actor !== null) this.of(finding.actor).findings++;
  }

  /** Writes for the store; the book has been told of everything already. */
  take(nowMs: number): ActorWrite[] {
    const writes: ActorWrite[] = [];
    for (const delta of this.open.values()) {
      const view = this.book.view(delta.ref, nowMs);
      if (view === null) continue;
      const id = actorId(delta.ref);
      const sent = this.momentsSent.get(id) ?? 0;
      const fresh = view.moments.filter((moment) => moment.atMs > sent);
      if (fresh.length > 0) this.momentsSent.set(id, fresh[fresh.length - 1].atMs);
      writes.push({
        ref: { kind: delta.ref.kind, value: delta.ref.value, label: view.label },
        firstSeenMs: view.firstMs,
        lastSeenMs: view.lastMs,
        score: view.score,
        state: this.isAllowed(delta.ref) ? 'allowed' : view.state,
        requests: delta.requests,
        errors: delta.errors,
        blocked: delta.blocked,
        findings: delta.findings,
        detail: {
          reasons: view.reasons.map((reason) => ({ text: reason.text, points: reason.points, kind: reason.kind })),
          endpoints: view.endpoints.map((endpoint) => ({
            endpointId: endpoint.id,
            ...methodAndTemplate(endpoint.name),
            count: endpoint.count,
          })),
          records: view.data,
          statuses: view.statuses,
        },
        events: fresh.map((moment) => ({
          atMs: moment.atMs,
          kind: moment.what,
          body: { text: moment.text, ...(moment.findingId === undefined ? {} : { findingId: moment.findingId }) } as Json,
        })),
        links: [...delta.links.values()],
      });
    }
    this.open.clear();
    if (this.momentsSent.size > 100_000) this.momentsSent.clear();
    return writes;
  }

  private of(ref: ActorRef): Delta {
    const id = actorId(ref);
    let delta = this.open.get(id);
    if (delta === undefined) {
      delta = { ref, requests: 0, errors: 0, blocked: 0, findings: 0, links: new Map() };
      this.open.set(id, delta);
    }
    return delta;
  }
}

function methodAndTemplate(name: string): { method: string; template: string } {
  const space = name.indexOf(' ');
  return { method: name.slice(0, space), template: name.slice(space + 1) };
}
