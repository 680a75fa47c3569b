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

/**
 * Adds up what actors did between two commits and joins it with the book's view of them: what was learned and what second looks found, each apart, since
 * they are taken at different moments.
 */
export class ActorDeltas {
  private readonly learned = new Map<string, Delta>();
  private readonly found = new Map<string, Delta>();
  private readonly sent = new WeakSet<object>();

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
      const delta = deltaOf(this.learned, ref);
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
    const delta = deltaOf(this.learned, ref);
    delta.requests++;
    delta.blocked++;
  }

  reported(finding: Finding): void {
    if (finding.actor !== null) deltaOf(this.found, finding.actor).findings++;
  }

  /** What was learned, as writes for the store; the book has been told of everything already. */
  takeLearned(nowMs: number): ActorWrite[] {
    return this.take(this.learned, nowMs);
  }

  /** The same of what second looks found. */
  takeFound(nowMs: number): ActorWrite[] {
    return this.take(this.found, nowMs);
  }

  private take(open: Map<string, Delta>, nowMs: number): ActorWrite[] {
    const writes: ActorWrite[] = [];
    for (const delta of open.values()) {
      const view = this.book.view(delta.ref, nowMs);
      if (view === null) continue;
      const fresh = view.moments.filter((moment) => !this.sent.has(moment));
      for (const moment of fresh) this.sent.add(moment);
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
    open.clear();
    return writes;
  }
}

function deltaOf(open: Map<string, Delta>, ref: ActorRef): Delta {
  const id = actorId(ref);
  let delta = open.get(id);
  if (delta === undefined) {
    delta = { ref, requests: 0, errors: 0, blocked: 0, findings: 0, links: new Map() };
    open.set(id, delta);
  }
  return delta;
}

function methodAndTemplate(name: string): { method: string; template: string } {
  const space = name.indexOf(' ');
  return { method: name.slice(0, space), template: name.slice(space + 1) };
}
