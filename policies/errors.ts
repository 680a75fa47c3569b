import { SourceErrors, type SourceProblem, WeirError } from '../exchange/index.js';

/** Stable codes of this module. Each problem in a policy file carries one. */
export const POLICY_CODES = {
  POLICY_YAML: 'The file is not valid YAML.',
  POLICY_FILE: 'A policy file or folder cannot be read.',
  POLICY_FILE_TOO_BIG: 'A policy file may hold at most 1 MB.',
  POLICY_SCHEMA: 'The document does not follow the policy schema.',
  POLICY_UNKNOWN_KEY: 'A key is not part of the language.',
  POLICY_DUPLICATE: 'Two policies, or two rules of one policy, have the same name.',
  POLICY_UNKNOWN_TYPE: 'A data type or class of data types is not known.',
  POLICY_REGEX: 'A regular expression is refused by RE2.',
  POLICY_VALUE: 'A value has the right type but cannot be used.',
  POLICY_LIMIT: 'There are more policies, rules or expressions than one set may hold.',
} as const;
export type PolicyCode = keyof typeof POLICY_CODES;

/** One thing that is wrong in a policy file. Line and column count from 1. */
export interface PolicyProblem extends SourceProblem {
  readonly code: PolicyCode;
}

/** Everything that is wrong in a set of policy files; the place and message are those of the first problem. */
export class PolicyError extends SourceErrors {
  override readonly name: string = 'PolicyError';
  declare readonly problems: readonly PolicyProblem[];

  /** `problems` holds at least one entry. */
  constructor(problems: readonly PolicyProblem[]) {
    const [first] = problems;
    super(problems, first.expected === undefined ? POLICY_CODES[first.code] : `Expected ${first.expected}.`);
  }
}

/** A request to this module that makes no sense; not about the content of a policy. */
export function policyUsage(message: string, hint?: string): WeirError {
  return new WeirError('POLICY_USAGE', message, { status: 400, hint });
}
