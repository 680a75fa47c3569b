/**
 * F2: active scans. The test language, our library of tests, identities, the runner, the schedule and the gate for CI.
 */
export * from './command.js';
export { endpointOfLearned } from './endpoints-of-store.js';
export * from './errors.js';
export { type CaseResult, runCases } from './language/cases.js';
export { checkTests, type TestCheck, testFiles } from './language/check.js';
export { compileTest } from './language/compile.js';
export type { TestDefinition } from './language/types.js';
export { entryOf, type LibraryEntry, readLibrary } from './library.js';
export { REPORT_FORMATS, type ReportFormat, writeReport } from './report.js';
export { endpointsOfOpenApi, exampleOf, type KnownEndpoint } from './run/endpoints.js';
export { endpointsOfHar } from './run/har.js';
export type { AuthContext } from './run/identities.js';
export { logIn } from './run/logins.js';
export { DEFAULT_LIMITS, performScan, type ScanLimits, type ScanOutcome, type ScanRequestOptions } from './run/scan.js';
export { createScanner, nextRun, type Scanner, type ScannerOptions } from './scheduler.js';
export type { ScannerPorts, ScanTarget } from './stored-runs.js';
