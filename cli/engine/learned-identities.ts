/** Identities for scans, learned from traffic: credentials of a few principals who have objects of their own, encrypted. Only where it is allowed. */
import type { Seal } from '../../admin/index.js';
import { type Exchange, header, splitTarget } from '../../exchange/index.js';
import type { Store } from '../../store/index.js';
import type { Batch } from '../../traffic/index.js';

/** Objects that nobody else opened, before somebody is worth knowing. */
const OWN_OBJECTS = 3;
const KEPT_PER_SERVICE = 3;
/** Objects looked at per service; what comes later says nothing new. */
const OBJECTS_KEPT = 5_000;
const PRINCIPALS_KEPT = 500;
const WRITE_EVERY_MS = 30_000;
/** Last segments that are ids, not words. */
const ID = /\/(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26})$/i;

interface Known {
  readonly label: string;
  readonly headerName: string;
  readonly headerValue: string;
  own: number;
}

interface Seen {
  /** Path → the one principal who opened it; null: several did. */
  readonly owners: Map<string, string | null>;
  readonly principals: Map<string, Known>;
}

export class LearnedIdentities {
  private readonly services = new Map<string, Seen>();
  private readonly written = new Map<string, string>();
  private dueMs = 0;

  constructor(
    private readonly objects: Store['objects'],
    private readonly seal: Seal,
    private readonly log: (message: string) => void,
  ) {}

  /** Looks at what was answered well; writes from time to time. Never throws. */
  see(batches: readonly Batch[], nowMs: number): void {
    for (const { exchanges } of batches) for (const exchange of exchanges) this.look(exchange);
    if (nowMs < this.dueMs) return;
    this.dueMs = nowMs + WRITE_EVERY_MS;
    void this.write(nowMs).catch((error: unknown) =>
      this.log(`learned identities were not kept: ${error instanceof Error ? error.message : String(error)}`),
    );
  }

  private look(exchange: Exchange): void {
    const { principal, response, request, service } = exchange;
    if (principal === null || response === null || response.status >= 300 || request.method !== 'GET' || exchange.tags.includes('scan'))
      return;
    const { path } = splitTarget(request.target);
    const carrier = carrierHeader(principal.carrier);
    if (carrier === null || !ID.test(path)) return;
    const value = header(request.headers, carrier);
    if (value === null) return;
    const seen = this.services.get(service) ?? { owners: new Map(), principals: new Map() };
    this.services.set(service, seen);
    const before = seen.principals.get(principal.key);
    if (before === undefined && seen.principals.size >= PRINCIPALS_KEPT) return;
    const known: Known = { label: principal.label, headerName: carrier, headerValue: value, own: before?.own ?? 0 };
    seen.principals.set(principal.key, known);
    const owner = seen.owners.get(path);
    if (owner === undefined && seen.owners.size < OBJECTS_KEPT) {
      seen.owners.set(path, principal.key);
      known.own++;
    } else if (owner !== undefined && owner !== null && owner !== principal.key) {
      seen.owners.set(path, null);
      const other = seen.principals.get(owner);
      if (other !== undefined) other.own--;
    }
  }

  private async write(nowMs: number): Promise<void> {
    for (const [service, { principals }] of this.services) {
      const best = [...principals].filter(([, { own }]) => own >= OWN_OBJECTS).sort(([, a], [, b]) => b.own - a.own);
      for (const [key, { label, headerName, headerValue }] of best.slice(0, KEPT_PER_SERVICE)) {
        if (this.written.get(key) === headerValue) continue;
        this.written.set(key, headerValue);
        const config = { name: headerName, value: this.seal.close(headerValue) };
        const body = { name: label === '' ? key : label, service, role: '', kind: 'learned', config };
        await this.objects.put('auth-context', `learned-${service}-${key}`, body, { author: 'engine', atMs: nowMs });
      }
    }
  }
}

/** The header that credentials stood in; null for those in a query or a certificate. */
function carrierHeader(carrier: string): string | null {
  if (carrier.startsWith('cookie:')) return 'cookie';
  return carrier.startsWith('header:') ? carrier.slice('header:'.length) : null;
}
