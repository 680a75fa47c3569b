import type { Exchange } from '../../exchange/index.js';
import { cleanSegments, segmentKey } from '../templating/index.js';
import type { EndpointState } from './endpoint.js';
import { type Scanning, ScanningWatch, WINDOW_MS } from './scanning.js';
import type { ServiceState } from './service.js';
import { addDistinct, countDistinct, type Distinct, hash32, newDistinct } from './sketch.js';

/** Requests of others on the service before anything is said: a client that is alone is what is usual. */
const OTHERS = 50;
/** Share of the paths that get the same answer. */
const SAME = 0.8;
/** Templates, or first segments, that a client alone has found, from which on it does not go through one collection. */
const SCATTERED = 40;
const CLIENTS = 5_000;
const LOOKED_AT_BYTES = 1_024;

/** What one client was answered at paths where nobody else goes. */
interface Answers {
  readonly sinceMs: number;
  /** The answer that most of them were (Boyer and Moore's majority vote), and how far it is ahead. */
  hash: number;
  ahead: number;
  total: number;
  same: number;
  readonly templates: Distinct;
  readonly roots: Distinct;
}

/** A client that asks for whatever paths, and what it was answered. */
export interface Wanderer extends Scanning {
  /** Percentage of the answers that were the same one. */
  readonly samePercent: number;
}

/**
 * Finds clients that ask a service for paths which it answers whatever they are. A crawler of a catalogue asks for many paths as well, but others go
 * there, too, or each answer is another one; whoever polls many things does so below one template. Bounded: 5,000 clients.
 */
export class CatchAllWatch {
  private readonly suspects: ScanningWatch;
  private readonly answers = new Map<string, Answers>();

  constructor(threshold: number) {
    this.suspects = new ScanningWatch(threshold);
  }

  /** `state`: the endpoint that took the path; `isWarm`: the service is known well enough for a new endpoint to be news. */
  see(service: ServiceState, state: EndpointState, exchange: Exchange, path: string, isWarm: boolean): Wanderer | null {
    const { method } = exchange.request;
    const { few } = state.addresses;
    if (few === null || few.size !== 1 || service.calls <= OTHERS || method === 'HEAD' || method === 'OPTIONS') return null;
    const answers = this.answered(state, exchange, path);
    const scanning = this.suspects.miss(exchange, [path], '', undefined, ({ sinceMs }) => {
      if (answers.same < answers.total * SAME || othersCalls(service, hash32(exchange.client.ip)) < OTHERS) return true;
      if (countDistinct(answers.roots) >= SCATTERED || state.ref.template.startsWith('/{')) return false;
      // Nothing is the same answer everywhere: it takes words to say that a path made no difference.
      if ((exchange.response?.body.totalLength ?? 0) === 0) return true;
      if (countDistinct(answers.templates) >= SCATTERED) return false;
      // A new endpoint may well be somebody's who asks for many things by their ids.
      return (
        !isWarm || method !== 'GET' || state.firstSeenMs < sinceMs || cleanSegments(path).some((one) => segmentKey(one).shape !== null)
      );
    });
    return scanning === null ? null : { ...scanning, samePercent: Math.round((100 * answers.same) / answers.total) };
  }

  private answered({ ref }: EndpointState, exchange: Exchange, path: string): Answers {
    const { ip } = exchange.client;
    let answers = this.answers.get(ip);
    if (answers === undefined || exchange.startedAtMs - answers.sinceMs > WINDOW_MS) {
      answers = { sinceMs: exchange.startedAtMs, hash: 0, ahead: 0, total: 0, same: 0, templates: newDistinct(), roots: newDistinct() };
      this.answers.delete(ip);
      if (this.answers.size >= CLIENTS) this.answers.delete(this.answers.keys().next().value!);
      this.answers.set(ip, answers);
    }
    const hash = hashOf(exchange.response);
    if (answers.ahead === 0 && hash !== answers.hash) {
      answers.hash = hash;
      answers.same = 0;
    }
    const isSame = hash === answers.hash;
    answers.ahead += isSame ? 1 : -1;
    answers.total++;
    if (isSame) answers.same++;
    addDistinct(answers.templates, ref.template);
    const end = path.indexOf('/', 1);
    addDistinct(answers.roots, end < 0 ? path : path.slice(0, end));
    return answers;
  }
}

function hashOf(response: Exchange['response']): number {
  if (response === null) return 0;
  const { bytes, totalLength } = response.body;
  let hash = 0x811c9dc5 ^ response.status ^ Math.imul(totalLength, 0x9e3779b1);
  const end = Math.min(bytes.length, LOOKED_AT_BYTES);
  for (let index = 0; index < end; index++) hash = Math.imul(hash ^ bytes[index], 0x01000193);
  return hash >>> 0;
}

/** Requests to endpoints where others than this client (its hash) have been. */
function othersCalls({ endpoints }: ServiceState, client: number): number {
  let calls = 0;
  for (const { addresses, counts } of endpoints.values())
    if (addresses.few === null || addresses.few.size > 1 || !addresses.few.has(client)) calls += counts.requests;
  return calls;
}
