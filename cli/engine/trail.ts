/** What each actor sent last, in case the next thing is found wanting. */
import { bodyOf, type Exchange, type Finding, type Observation } from '../../exchange/index.js';

/** Limits of {@link Trail}; tests set their own. */
export interface TrailLimits {
  readonly perActor: number;
  /** Of all actors together, estimated; the actor who was quiet for longest is forgotten first. */
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
/** What an exchange takes besides its headers and bodies. */
const FIXED_BYTES = 1_000;

interface Steps {
  readonly before: readonly Observation[];
  readonly bytes: number;
}

const NOTHING: readonly Observation[] = [];

/**
 * A short memory of every actor's last exchanges, so that evidence can show what came before. In memory only and with real values: what is kept is redacted when it
 * is kept. Bounded in bytes; what is told of one issue is bounded as well, since a busy attacker raises thousands of findings.
 */
export class Trail {
  readonly #actors = new Map<string, Steps>();
  readonly #told = new Map<string, { sinceMs: number; readonly actors: Set<string> }>();
  #bytes = 0;

  constructor(private readonly limits: TrailLimits = LIMITS) {}

  get bytes(): number {
    return this.#bytes;
  }

  get actors(): number {
    return this.#actors.size;
  }

  /** Remembers an exchange; gives those that the actor sent before, oldest first. */
  follow(actor: string, observation: Observation): readonly Observation[] {
    const { perActor, bytes } = this.limits;
    const steps = this.#actors.get(actor);
    const before = steps?.before ?? NOTHING;
    const kept = [...before.slice(before.length >= perActor ? 1 : 0), this.#light(observation)];
    const size = kept.reduce((sum, one) => sum + sizeOf(one.exchange), 0);
    // Last in order: whoever is first was quiet for longest.
    this.#actors.delete(actor);
    this.#actors.set(actor, { before: kept, bytes: size });
    this.#bytes += size - (steps?.bytes ?? 0);
    for (const [oldest, gone] of this.#actors) {
      if (this.#bytes <= bytes) break;
      this.#actors.delete(oldest);
      this.#bytes -= gone.bytes;
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

  /** With bodies of its own: those of a batch are views that would keep all of it in memory. */
  #light(observation: Observation): Observation {
    const { exchange } = observation;
    const { request, response } = exchange;
    const fits = request.body.bytes.length + (response?.body.bytes.length ?? 0) <= this.limits.bodyBytes;
    const own = (body: Exchange['request']['body']) =>
      fits ? { ...body, bytes: new Uint8Array(body.bytes) } : bodyOf(new Uint8Array(0), body.totalLength);
    return {
      ...observation,
      exchange: {
        ...exchange,
        request: { ...request, body: own(request.body) },
        response: response === null ? null : { ...response, body: own(response.body) },
      },
    };
  }
}

function sizeOf({ request, response }: Exchange): number {
  let size = FIXED_BYTES + 2 * request.target.length + request.body.bytes.length + (response?.body.bytes.length ?? 0);
  for (const text of request.headers) size += text.length;
  for (const text of response?.headers ?? []) size += text.length;
  return size;
}
