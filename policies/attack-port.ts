import type { Location, Principal } from '../exchange/index.js';

/** A request as attack detection reads it: everything decoded once, by the engine, for all rules. */
export interface AttackInput {
  readonly method: string;
  /** Raw path, without the query. */
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: readonly string[];
  readonly cookies: ReadonlyMap<string, string>;
  readonly mediaType: string;
  /** Decoded text of the body, empty when there is none or the plan did not ask for it. */
  text(): string;
  /** Parsed body: JSON value (a repeated key as `Repeated`), object of form fields or multipart parts, XML as objects, or the text. */
  body(): unknown;
  readonly principal: Principal | null;
}

/** One sign of an attack at one place. Scores of the same place and class add up; 5 is what a block asks for by default. */
export interface AttackFinding {
  /** `sql`, `xss`, `command`, …: see ATTACK_CLASSES. */
  readonly class: string;
  readonly score: number;
  /** 0–1. */
  readonly confidence: number;
  readonly location: Location;
  /** Name of the detector's rule, for people. */
  readonly rule: string;
  /** The offending text, at most a few hundred characters; it is redacted before it leaves the engine. */
  readonly excerpt: string;
}

/** Finds injection attacks in a request. Pure, synchronous and bounded: it must not throw, whatever the input. */
export interface AttackDetector {
  detect(input: AttackInput, options: { readonly paranoia: number }): readonly AttackFinding[];
}
