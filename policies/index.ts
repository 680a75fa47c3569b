/**
 * The policy language and engine: YAML in, decisions out. `compilePolicies` is pure; files and folders are read by `loadLibrary` and `PolicyFolder`.
 */
export type { AttackDetector, AttackFinding, AttackInput } from './attack-port.js';
export * from './attacks/index.js';
export { boundaryOf, type MultipartResult, type Part, parseMultipart } from './body/multipart.js';
export { readXml, type XmlResult } from './body/xml.js';
export * from './classify/index.js';
export type { DataClassifier, DataTypeFacts } from './data-port.js';
export * from './data-types/index.js';
export { type TokenAnswer, TokenBuckets, type TokenLimit } from './engine/buckets.js';
export { type CaseResult, runCases } from './engine/cases.js';
export type { ModeOverride } from './engine/compile.js';
export { type ContextFacts, contextOf, exchangeFacts, LocalRates } from './engine/context.js';
export { type ExchangeVerdict, evaluateExchange } from './engine/exchange.js';
export { type Jwk, KeyRing } from './engine/keys.js';
export { type ExchangeReading, type MessageReading, type ParsedBodies, readExchange } from './engine/reading.js';
export {
  benchRules,
  type Learned,
  Replay,
  type ReplayOptions,
  type ReplayReport,
  type ReplayRule,
  type ReplaySample,
  type RuleCost,
  replay,
} from './engine/replay.js';
export { type CompileOptions, compileInTurns, compilePolicies, type FullPolicySet } from './engine/set.js';
export { mergeStats } from './engine/stats.js';
export { POLICY_CODES, type PolicyCode, PolicyError, type PolicyProblem } from './errors.js';
export { type FolderState, PolicyFolder, type PolicyFolderOptions, readPolicyFolder } from './folder.js';
export { policyReference } from './language/reference.js';
export { policyJsonSchema } from './language/schema.js';
export type { PolicySource } from './language/source.js';
export { loadLibrary } from './library.js';
export * from './types.js';
