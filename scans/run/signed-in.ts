import { ScanError } from '../errors.js';
import type { LoggedIn } from './identities.js';
import type { Sample, ScanRequest, ScanResponse } from './types.js';

type Send = (request: ScanRequest) => Promise<ScanResponse>;

/** Credentials that end within this time are renewed before a test begins. */
const AHEAD_MS = 5_000;
const PROOFS_TRIED = 8;
const isRefusal = ({ status, headers }: ScanResponse): boolean =>
  status === 401 || status === 419 || ((status === 302 || status === 303) && /log-?in|sign-?in/i.test(headers.location ?? ''));

/** Keeps identities signed in while a scan runs: tokens that end, and sessions that a test ended. */
export class SignedIn {
  /** By identity: a request that works with its credentials and not without. */
  readonly #proofs = new Map<string, ScanRequest>();

  constructor(
    private readonly identities: readonly LoggedIn[],
    private readonly plainSend: Send,
    private readonly nowMs: () => number,
  ) {}

  /**
   * Finds for each identity a request that proves that its credentials are good.
   *
   * @throws ScanError SCAN_AUTH_FAILED when everything that asks for credentials refuses those of an identity: nothing would be tested
   */
  async prove(samples: readonly Sample[]): Promise<void> {
    const reads = samples
      .filter(({ request, isUnsent }) => request.method === 'GET' && !isUnsent)
      .sort((a, b) => a.pathValues.length - b.pathValues.length || Number(b.response.status < 300) - Number(a.response.status < 300));
    const without = new Map<string, ScanResponse>();
    for (const identity of this.identities) {
      if (Object.keys(identity.headers).length === 0) continue;
      let refusals = 0;
      for (const { request } of reads.slice(0, PROOFS_TRIED)) {
        const bare = withoutCredentials(request, this.identities);
        const key = bare.url;
        const anonymous = without.get(key) ?? (await this.plainSend(bare).catch(() => null));
        if (anonymous === null) continue;
        without.set(key, anonymous);
        if (anonymous.status < 300) continue;
        const mine: ScanRequest = { ...bare, headers: { ...bare.headers, ...identity.headers } };
        const answer = await this.plainSend(mine).catch(() => null);
        if (answer !== null && answer.status < 300) {
          this.#proofs.set(identity.name, mine);
          break;
        }
        // A 403 that says what it says to nobody: the credentials made no difference.
        const isSame = answer?.status === 403 && anonymous.status === 403 && answer.body === anonymous.body;
        if (answer !== null && (isRefusal(answer) || isSame)) refusals++;
      }
      if (refusals > 0 && !this.#proofs.has(identity.name))
        throw new ScanError(
          'SCAN_AUTH_FAILED',
          `the credentials of "${identity.name}" are refused by everything that asks for credentials (${refusals} tried)`,
        );
    }
  }

  /** Sends with credentials of now; a refusal that is the session's end, not the request's fault, is answered by a new login and one more try. */
  async send(request: ScanRequest): Promise<ScanResponse> {
    let one = this.identities.reduce((current, identity) => identity.refreshed(current), request);
    const identity = this.identities.find((person) => person.isOf(one));
    if (identity?.endsBefore(this.nowMs() + AHEAD_MS) && (await identity.renew(this.nowMs()))) one = identity.refreshed(one);
    const response = await this.plainSend(one);
    if (identity === undefined || !isRefusal(response)) return response;
    // On a busy machine a token can be over before the request that carries it arrives.
    const isOver = identity.canRenew && identity.endsBefore(this.nowMs());
    if (!isOver && !(await this.#ended(identity))) return response;
    return (await identity.renew(this.nowMs())) ? this.plainSend(identity.refreshed(one)) : response;
  }

  async #ended(identity: LoggedIn): Promise<boolean> {
    const proof = this.#proofs.get(identity.name);
    if (!identity.canRenew || proof === undefined) return false;
    const answer = await this.plainSend(identity.refreshed(proof)).catch(() => null);
    return answer !== null && isRefusal(answer);
  }

  /** The sample with credentials of now: tests alter tokens, and one that is over proves nothing. */
  async fresh(sample: Sample): Promise<Sample> {
    const identity = this.identities.find((one) => one.name === sample.identity);
    if (identity === undefined) return sample;
    if (identity.endsBefore(this.nowMs() + AHEAD_MS)) await identity.renew(this.nowMs());
    const request = identity.refreshed(sample.request);
    return request === sample.request ? sample : { ...sample, request };
  }
}

function withoutCredentials(request: ScanRequest, identities: readonly LoggedIn[]): ScanRequest {
  const names = new Set(identities.flatMap((one) => Object.keys(one.headers)));
  return { ...request, headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !names.has(name))) };
}
