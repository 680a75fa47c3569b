import type { Severity } from '../../exchange/index.js';

/** A value of a template as written; texts may hold `${variables}`. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

export type Term =
  | 'url'
  | 'method'
  | 'query_param'
  | 'request_headers'
  | 'request_payload'
  | 'response_headers'
  | 'response_payload'
  | 'response_code'
  | 'api_collection_id'
  | 'source_ip'
  | 'destination_ip'
  | 'country_code'
  | 'test_type';

/** One step of a filter or of `validate`, evaluated from left to right; binding steps bind what is selected so far. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  /** Makes a part of the exchange the operand of `where`. */
  | { readonly kind: 'term'; readonly term: Term; readonly where: Condition }
  | { readonly kind: 'measure'; readonly measure: string; readonly where: Condition }
  | {
      readonly kind: 'each';
      readonly every: boolean;
      readonly key: Condition | null;
      readonly value: Condition | null;
      readonly where: Condition | null;
    }
  | { readonly kind: 'test'; readonly operator: string; readonly value: Value }
  | { readonly kind: 'bind'; readonly variable: string; readonly many: boolean }
  /** Roles, private variables, parameters seen elsewhere, access type. */
  | { readonly kind: 'context'; readonly context: string; readonly where: Condition }
  | {
      readonly kind: 'compare';
      readonly operator: 'compare_greater' | 'ssrf_url_hit' | 'same_answer' | 'other_answer';
      readonly value: Value;
    };

/** One change to a request. `argument` is as written; its shape was checked. */
export interface Mutation {
  readonly operation: string;
  readonly argument: Value;
  /** For `for_all`, `for_one`, `for_each_combination` and `${var}` blocks. */
  readonly inner?: readonly Mutation[];
}

/** A request of `execute`; x1 is the first. */
export interface Step {
  readonly mutations: readonly Mutation[];
  readonly validate: Condition | null;
  readonly success: string | null;
  readonly failure: string | null;
  readonly waitMs: number;
}

export interface SampledList {
  readonly key: Value;
  readonly location: string;
  readonly allApis: boolean;
}

export interface WordList {
  readonly name: string;
  /** Beside those that are sampled, where any are. */
  readonly values: readonly Value[];
  readonly sampled: SampledList | null;
  /** Values with `${iteratorKey}`, made once for each value of another list. */
  readonly forAll: Value;
}

/** A compiled scan test: what it selects, what it sends, what proves the flaw. */
export interface TestDefinition {
  readonly id: string;
  readonly file: string;
  readonly name: string;
  readonly description: string;
  readonly impact: string;
  readonly remediation: string;
  readonly category: string;
  readonly subCategory: string;
  readonly severity: Severity;
  readonly owasp: string;
  readonly cwe: readonly string[];
  readonly tags: readonly string[];
  readonly references: readonly string[];
  readonly intrusive: boolean;
  readonly slow: boolean;
  /** `threat` templates select live traffic and have nothing to send. */
  readonly kind: 'scan' | 'threat';
  readonly inactive: boolean;
  /** null: no matter; true: only samples that carry credentials. */
  readonly authenticated: boolean | null;
  readonly filter: Condition;
  readonly wordLists: readonly WordList[];
  readonly type: 'single' | 'multiple' | 'graph' | 'passive';
  readonly steps: readonly Step[];
  readonly validate: Condition | null;
  readonly dynamicSeverity: readonly { readonly check: Condition; readonly severity: Severity }[];
  /** Once for each origin (`/`), else for each endpoint. */
  readonly runOnce: boolean;
  readonly addFoundApi: boolean;
  /** `line:column what`: what does not stop the test from running. */
  readonly warnings: readonly string[];
}
