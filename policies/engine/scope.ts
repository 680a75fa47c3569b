import type { Place, Redactor } from '../../exchange/index.js';
import type { AttackDetector } from '../attack-port.js';
import type { DataClassifier } from '../data-port.js';
import type { PolicyCode, PolicyProblem } from '../errors.js';
import type { ParsedPolicy } from '../language/source.js';
import type { KeyRing } from './keys.js';
import type { HeaderNames } from './presence.js';

/** What compiled rules use besides the message; one for a whole set. */
export interface Tools {
  readonly classifier: DataClassifier;
  readonly attacks: AttackDetector | null;
  readonly redactor: Redactor;
  readonly keys: KeyRing;
  /** Header names that the rules of the set ask for. */
  readonly names: HeaderNames;
}

/** Where the compiler is inside a document, and where it puts what it finds wrong. */
export class Scope {
  constructor(
    readonly tools: Tools,
    private readonly parsed: ParsedPolicy,
    readonly place: Place,
    private readonly problems: PolicyProblem[],
    /** Shared by the whole set. */
    readonly budget: { regexes: number },
  ) {}

  /** Name of the policy. */
  get name(): string {
    return this.parsed.document.policy;
  }

  at(...more: (string | number)[]): Scope {
    return new Scope(this.tools, this.parsed, [...this.place, ...more], this.problems, this.budget);
  }

  fail(code: PolicyCode, message: string, more: { expected?: string; nearest?: string } = {}): void {
    this.problems.push(this.parsed.problem(code, this.place, message, more));
  }
}

/** Three values: a body that cannot be read leaves a condition undecided, and the rule's onError and onOverflow decide. */
export const NO = 0;
export const YES = 1;
export const UNSURE = 2;
export type Verdict = typeof NO | typeof YES | typeof UNSURE;
