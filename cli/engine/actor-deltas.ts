import type { ActorBook } from '../../attackers/index.js';
import { type ActorRef, actorOf, type Exchange, type Finding, type Observation } from '../../exchange/index.js';
import type { ActorLink, ActorWrite, Json } from '../../store/index.js';

interface Delta {
  readonly ref: ActorRef;
  requests: number;
  errors: number;
  blocked: number;
  findings: number;
  /** Of a principal: where it came from, by address. */
  links: Map<string, Link> | null;
}

type Link = { -readonly [Key in keyof ActorLink]: ActorLink[Key] };

/** By value of the actor. */
type Open = Readonly<Record<ActorRef['kind'], Map<string, Delta>>>;

const NO_LINKS: readonly ActorLink[] = [];

/**
 * Adds up what actors did between two commits and joins it with the book's view of them: what was learned and what second looks found, each apart, since
 * they are taken at different moments.
 */
export class ActorDeltas {
  private readonly learned: Open = { principal: new Map(), address: new Map() };
  private readonly found: Open = { principal: new Map(), address: new Map() };
  private readonly sent = new WeakSet<object>();

  /** `isAllowed`: the allowlist has this actor. */
  constructor(
    private readonly book: ActorBook,
    private readonly isAllowed: (ref: ActorRef) => boolean,
  ) {}

  observed({ exchange }: Observation): void {
    const { principal, client, startedAtMs } = exchange;
    const address = actorOf(null, client.ip);
    count(deltaOf(this.learned, address), exchange);
    if (principal === null) return;
    const delta = deltaOf(this.learned, actorOf(principal, client.ip));
    count(delta, exchange);
    delta.links ??= new Map();
    const link = delta.links.get(address.value);
    if (link === undefined)
      delta.links.set(address.value, {
        principal: principal.key,
        address: address.value,
        firstSeenMs: startedAtMs,
        lastSeenMs: startedAtMs,
        count: 1,
      });
    else {
      link.lastSeenMs = startedAtMs;
      link.count++;
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

  private take(open: Open, nowMs: number): ActorWrite[] {
    const writes: ActorWrite[] = [];
    for (const delta of [...open.principal.values(), ...open.address.values()]) {
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
        links: delta.links === null ? NO_LINKS : [...delta.links.values()],
      });
    }
    open.principal.clear();
    open.address.clear();
    return writes;
  }
}

function deltaOf(open: Open, ref: ActorRef): Delta {
  const ofKind = open[ref.kind];
  let delta = ofKind.get(ref.value);
  if (delta === undefined) {
    delta = { ref, requests: 0, errors: 0, blocked: 0, findings: 0, links: null };
    ofKind.set(ref.value, delta);
  }
  return delta;
}

function count(delta: Delta, { response, outcome }: Exchange): void {
  delta.requests++;
  if ((response?.status ?? 599) >= 400) delta.errors++;
  if (outcome.action === 'blocked') delta.blocked++;
}

function methodAndTemplate(name: string): { method: string; template: string } {
  const space = name.indexOf(' ');
  return { method: name.slice(0, space), template: name.slice(space + 1) };
}
