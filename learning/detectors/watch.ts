import type { AccessVerdict, EndpointRef, Finding, Observation } from '../../exchange/index.js';
import type { CheckpointEntry } from '../inventory/index.js';
import { pack, unpack } from '../pack.js';
import { type Remembered, Subjects } from './subjects.js';
import { type Detector, type Subject, succeeded, type Watched } from './types.js';

/** Overrides of one detector: `enabled: false` leaves it out; other numbers replace its defaults. */
export type DetectorOverride = { readonly enabled?: boolean } & { readonly [setting: string]: number | boolean | undefined };

interface Running {
  readonly id: string;
  readonly of: Subject;
  readonly concerns: (watched: Watched) => boolean;
  /** Looks at one exchange; `keep` hears that the subject's state is worth keeping. */
  readonly observe: (watched: Watched, subject: Remembered) => Finding | null;
  readonly rename: ((state: unknown, from: string, to: string) => void) | null;
  readonly commonKeepAt: (() => number) | null;
  readonly common: () => unknown;
  readonly restoreCommon: (saved: unknown) => void;
  keptCommonAt: number;
}

const MAX_SUBJECTS = 50_000;
const TRAIL = 12;
const MAX_ENDPOINTS = 25_000;

/**
 * Runs detectors. Keeps what they remember of at most 50,000 actors, endpoints, actors at endpoints and addresses each, forgetting the least recently
 * used (counted). `checkpoint` and `restore` carry it over restarts, in the transaction of the exchanges it comes from:
 *
 * - `s|detector|subject`: the state of one subject;
 * - `c|detector`: what its subjects share.
 */
export class DetectorWatch {
  readonly #running: Running[] = [];
  readonly #subjects: Readonly<Record<Subject, Subjects>>;
  /** Number of the detector and subject, to be kept. */
  readonly #due = new Map<string, { readonly detector: number; readonly subject: Remembered }>();
  readonly #gone = new Set<string>();
  readonly #endpoints = new Map<string, EndpointRef>();
  readonly #nameOf = (id: string): string | null => {
    const known = this.#endpoints.get(id);
    return known === undefined ? null : `${known.method} ${known.template}`;
  };
  forgotten = 0;
  /** Detectors that threw; the exchange is not lost for the others. */
  failures = 0;

  constructor(maxSubjects = MAX_SUBJECTS) {
    const subjects = (of: Subject): Subjects =>
      new Subjects(maxSubjects, (one) => {
        this.forgotten++;
        this.#forget(of, one);
      });
    this.#subjects = {
      actor: subjects('actor'),
      endpoint: subjects('endpoint'),
      'actor-at-endpoint': subjects('actor-at-endpoint'),
      address: subjects('address'),
    };
  }

  /** Takes any list of detectors; each keeps its own type of state. */
  add<S, C>(detector: Detector<S, C>, override: DetectorOverride = {}): this {
    if (override.enabled === false) return this;
    const numbers = Object.entries(override).filter((one): one is [string, number] => typeof one[1] === 'number');
    const settings = Object.freeze({ ...detector.settings, ...Object.fromEntries(numbers) });
    const number = this.#running.length;
    const { keepAt, rename } = detector;
    const { keepAt: commonKeepAt } = detector.common;
    let common = detector.common.start();
    this.#running.push({
      id: detector.id,
      of: detector.of,
      concerns: (watched) => detector.concerns(watched),
      observe: (watched, subject) => {
        // What stands at this number was made here.
        subject.states[number] ??= detector.start();
        const state = subject.states[number] as S;
        const finding = detector.observe(state, watched, settings, common);
        if (keepAt !== undefined) {
          const mark = keepAt(state, settings);
          if (mark !== (subject.kept?.[number] ?? 0)) {
            subject.kept ??= [];
            subject.kept[number] = mark;
            this.#due.set(keyOf(detector.id, subject.key), { detector: number, subject });
          }
        }
        return finding;
      },
      rename: rename === undefined ? null : (state, from, to) => rename(state as S, from, to),
      commonKeepAt: commonKeepAt === undefined ? null : () => commonKeepAt(common),
      common: () => common,
      restoreCommon: (saved) => {
        common = saved as C;
      },
      keptCommonAt: 0,
    });
    return this;
  }

  /** `access`: what the ownership model said of the same exchange. */
  observe({ exchange, endpoint, pathParameters, dataHits }: Observation, access: AccessVerdict | null): Finding[] {
    const actor = exchange.principal?.key ?? exchange.client.ip;
    const subjects = this.#subjects;
    const ofActor = subjects.actor.of(actor);
    ofActor.trail ??= [];
    const { trail } = ofActor;
    const watched: Watched = { exchange, endpoint, pathParameters, dataHits, access, actor, before: trail, nameOf: this.#nameOf };
    const found: Finding[] = [];
    for (const one of this.#running) {
      try {
        if (!one.concerns(watched)) continue;
        const finding = one.observe(watched, one.of === 'actor' ? ofActor : subjects[one.of].of(subjectKey(one.of, watched)));
        if (finding !== null) found.push(finding);
      } catch {
        this.failures++;
      }
    }
    if (succeeded(watched)) {
      if (!this.#endpoints.has(endpoint.id) && this.#endpoints.size < MAX_ENDPOINTS) this.#endpoints.set(endpoint.id, endpoint);
      trail.push(endpoint.id);
      if (trail.length > TRAIL) trail.shift();
    }
    return found;
  }

  /** An endpoint goes on under another template: what is remembered of it goes with it. */
  rename(from: EndpointRef, to: EndpointRef): void {
    if (this.#endpoints.delete(from.id)) this.#endpoints.set(to.id, to);
    for (const { trail } of this.#subjects.actor.all()) {
      if (trail === null) continue;
      for (let at = 0; at < trail.length; at++) if (trail[at] === from.id) trail[at] = to.id;
    }
    for (const [number, one] of this.#running.entries()) {
      if (one.rename === null) continue;
      for (const { states } of this.#subjects[one.of].all()) if (states[number] !== undefined) one.rename(states[number], from.id, to.id);
    }
    const before = this.#subjects.endpoint.find(from.id);
    if (before === null) return;
    this.#forget('endpoint', before);
    const after = this.#subjects.endpoint.rename(from.id, to.id);
    if (after === null) return;
    for (const [number, { id, of }] of this.#running.entries())
      if (of === 'endpoint' && before.kept?.[number] !== undefined) {
        after.kept ??= [];
        after.kept[number] = before.kept[number];
        this.#due.set(keyOf(id, to.id), { detector: number, subject: after });
      }
  }

  /** What is worth keeping and changed since the last call. */
  checkpoint(): CheckpointEntry[] {
    const entries: CheckpointEntry[] = [];
    for (const key of this.#gone) if (!this.#due.has(key)) entries.push({ key, value: null });
    this.#gone.clear();
    for (const [key, { detector, subject }] of this.#due) entries.push({ key, value: pack(subject.states[detector]) });
    this.#due.clear();
    for (const one of this.#running) {
      const mark = one.commonKeepAt?.() ?? 0;
      if (mark === one.keptCommonAt) continue;
      one.keptCommonAt = mark;
      entries.push({ key: `c|${one.id}`, value: pack(one.common()) });
    }
    return entries;
  }

  /** Puts back what checkpoints kept. What belongs to detectors that do not run is left alone. */
  restore(entries: Iterable<{ readonly key: string; readonly value: string }>): void {
    for (const { key, value } of entries) {
      const [kind, id, ...rest] = key.split('|');
      const number = this.#running.findIndex((one) => one.id === id);
      if (number < 0) continue;
      const one = this.#running[number];
      if (kind === 'c') {
        one.restoreCommon(unpack(value));
        one.keptCommonAt = one.commonKeepAt?.() ?? 0;
      } else if (kind === 's') this.#restoreState(number, one, rest.join('|'), value);
    }
  }

  #restoreState(number: number, { of }: Running, key: string, value: string): void {
    const subject = this.#subjects[of].of(key);
    subject.states[number] = unpack(value);
    subject.kept ??= [];
    subject.kept[number] = -1;
  }

  #forget(of: Subject, { key, kept }: Remembered): void {
    for (const [number, one] of this.#running.entries()) {
      if (one.of !== of || kept?.[number] === undefined) continue;
      const entry = keyOf(one.id, key);
      this.#due.delete(entry);
      this.#gone.add(entry);
    }
  }

  /** Subjects remembered, by what they are, and what was forgotten. */
  stats(): Record<string, number> {
    return {
      ...Object.fromEntries(Object.entries(this.#subjects).map(([of, { size }]) => [of, size])),
      forgotten: this.forgotten,
      failures: this.failures,
    };
  }
}

const keyOf = (detector: string, subject: string): string => `s|${detector}|${subject}`;

function subjectKey(of: Subject, { endpoint, actor, exchange }: Watched): string {
  if (of === 'endpoint') return endpoint.id;
  return of === 'address' ? exchange.client.ip : `${endpoint.id} ${actor}`;
}
