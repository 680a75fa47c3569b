import type { Evidence, Location, Phase, Redactor } from '../../exchange/index.js';
import type { Selector } from '../body/select.js';
import type { Predicate } from './values.js';

/** What conditions found on their way to "yes": the raw material of evidence and redaction. Never leaves the engine. */
export interface Found {
  readonly in: Location['in'];
  readonly path: string;
  readonly value: string;
  readonly type?: string;
  /** Overrides the phase of the rule: a response rule may show a part of the request. */
  readonly phase?: Phase;
}

/** A range of the body's text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** The value stands inside an encoded one (base64, JWT): it cannot keep its shape and is masked whole. */
  readonly wrapped: boolean;
}

/** Evidence shown for one act at most; more is only counted. */
const MAX_EVIDENCE = 10;
const MAX_FOUND = 2000;

/** Collects while one rule is evaluated; one instance is reused for all rules. */
export class Hit {
  found: Found[] = [];
  spans: Span[] = [];
  fields: { readonly selector: Selector; readonly test: Predicate<unknown> }[] = [];
  headers: string[] = [];
  /** Lowest confidence that a condition gave; null when none did. */
  confidence: number | null = null;
  /** Sentences of learning that say why. */
  reasons: string[] = [];

  reset(): void {
    if (this.found.length > 0) this.found = [];
    if (this.spans.length > 0) this.spans = [];
    if (this.fields.length > 0) this.fields = [];
    if (this.headers.length > 0) this.headers = [];
    if (this.reasons.length > 0) this.reasons = [];
    this.confidence = null;
  }

  add(found: Found): void {
    if (this.found.length < MAX_FOUND) this.found.push(found);
  }

  trust(confidence: number): void {
    if (this.confidence === null || confidence < this.confidence) this.confidence = confidence;
  }

  /** Redacted evidence, one entry a place and type, with counts. */
  evidence(phase: Phase, redactor: Redactor): Evidence[] {
    const byPlace = new Map<string, { found: Found; count: number }>();
    for (const found of this.found) {
      const key = `${found.phase ?? phase}\0${found.in}\0${found.path}\0${found.type ?? ''}`;
      const known = byPlace.get(key);
      if (known !== undefined) known.count++;
      else byPlace.set(key, { found, count: 1 });
    }
    return [...byPlace.values()].slice(0, MAX_EVIDENCE).map(({ found, count }) => ({
      location: { phase: found.phase ?? phase, in: found.in, path: found.path },
      excerpt: redactor.excerpt(found.value),
      ...(found.type === undefined ? {} : { type: found.type }),
      ...(found.value === '' ? {} : { valueHash: redactor.hash(found.value) }),
      count,
    }));
  }
}
