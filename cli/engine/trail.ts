/** What each actor sent last, in case the next thing is found wanting. */
import { bodyOf, type EndpointRef, type Exchange, encodeInto, type Finding, type Observation } from '../../exchange/index.js';

/** Limits of {@link Trail}; tests set their own. */
export interface TrailLimits {
  readonly perActor: number;
  /** Of all actors together; those who were quiet for longest are forgotten first. */
  readonly bytes: number;
  /** An exchange whose bodies are larger is remembered without them. */
  readonly bodyBytes: number;
  /** So long it is told of an issue no more than once for each actor, and no more than `perIssue` times in all. */
  readonly againAfterMs: number;
  readonly perIssue: number;
}

const LIMITS: TrailLimits = { perActor: 4, bytes: 24 * 1024 * 1024, bodyBytes: 16_384, againAfterMs: 3_600_000, perIssue: 5 };
/** Issues of which it is remembered to whom they were told. */
const MAX_TOLD = 5_000;
/** What a step takes besides its record. */
const FIXED_BYTES = 200;

/** What an actor sent before: as bytes, since nearly none of it is ever looked at, and as objects it would outlive collections of the young generation. */
export interface Step {
  readonly endpoint: EndpointRef;
  /** A record of the exchange, see `encodeExchange`; without bodies where they were too large. */
  readonly record: Uint8Array;
}

interface Steps {
  readonly before: readonly Step[];
  readonly bytes: number;
}

const NOTHING: readonly Step[] = [];

/**
 * A short memory of every actor's last exchanges, so that evidence can show what came before. In memory only and with real values: what is kept is redacted when it
 * is kept. Bounded in bytes; what is told of one issue is bounded as well, since a busy attacker raises thousands of findings.
 */
export class Trail {
  /** Who sent something lately, and who did before: when the first are half of all bytes, the others, who were quiet for longest, are forgotten. */
  #lately = new Map<string, Steps>();
  #earlier = new Map<string, Steps>();
  #latelyBytes = 0;
  #earlierBytes = 0;
  readonly #told = new Map<string, { sinceMs: number; readonly actors: Set<string> }>();

  constructor(private readonly limits: TrailLimits = LIMITS) {}

  get bytes(): number {
    return this.#latelyBytes + this.#earlierBytes;
  }

  get actors(): number {
    return this.#lately.size + this.#earlier.size;
  }

  /** Remembers an exchange; gives those that the actor sent before, oldest first. */
  follow(actor: string, { exchange, endpoint }: Observation): readonly Step[] {
    const { perActor, bytes } = this.limits;
    const lately = this.#lately.get(actor);
    const earlier = lately === undefined ? this.#earlier.get(actor) : undefined;
    const before = (lately ?? earlier)?.before ?? NOTHING;
    const kept = [...before.slice(before.length >= perActor ? 1 : 0), { endpoint, record: this.#recordOf(exchange) }];
    let size = 0;
    for (const { record } of kept) size += FIXED_BYTES + record.length;
    if (earlier !== undefined) {
      this.#earlier.delete(actor);
      this.#earlierBytes -= earlier.bytes;
    }
    this.#lately.set(actor, { before: kept, bytes: size });
    this.#latelyBytes += size - (lately?.bytes ?? 0);
    if (this.#latelyBytes * 2 > bytes || this.bytes > bytes) {
      this.#earlier = this.#lately;
      this.#earlierBytes = this.#latelyBytes;
      this.#lately = new Map();
      this.#latelyBytes = 0;
    }
    return before;
  }

  /** Is what came before worth keeping with this finding, or was enough of it kept with its issue? */
  isWanted({ fingerprint, actor, atMs }: Finding): boolean {
    if (actor === null) return false;
    const { againAfterMs, perIssue } = this.limits;
    let told = this.#told.get(fingerprint);
    if (told === undefined || atMs - told.sinceMs >= againAfterMs) {
      told = { sinceMs: atMs, actors: new Set() };
      if (this.#told.size >= MAX_TOLD) this.#told.clear();
      this.#told.set(fingerprint, told);
    }
    const name = `${actor.kind} ${actor.value}`;
    if (told.actors.size >= perIssue || told.actors.has(name)) return false;
    told.actors.add(name);
    return true;
  }

  #recordOf(exchange: Exchange): Uint8Array {
    const { request, response } = exchange;
    const fits = request.body.bytes.length + (response?.body.bytes.length ?? 0) <= this.limits.bodyBytes;
    const size = encodeScratch(fits ? exchange : withoutBodies(exchange));
    // In memory of its own: what is shared with others stays as long as the last of them.
    const record = Buffer.allocUnsafeSlow(size);
    record.set(scratch.subarray(0, size));
    return record;
  }
}

let scratch = Buffer.allocUnsafeSlow(65_536);

function encodeScratch(exchange: Exchange): number {
  for (;;) {
    const size = encodeInto(exchange, scratch, 0);
    if (size >= 0) return size;
    scratch = Buffer.allocUnsafeSlow(scratch.length * 2);
  }
}

function withoutBodies(exchange: Exchange): Exchange {
  const { request, response } = exchange;
  const none = (body: Exchange['request']['body']) => bodyOf(new Uint8Array(0), body.totalLength);
  return {
    ...exchange,
    request: { ...request, body: none(request.body) },
    response: response === null ? null : { ...response, body: none(response.body) },
  };
}
