/**
 * F2: active scans. The test language, our library of tests, identities, the runner, the schedule and the gate for CI.
 */
export * from './errors.js';
export { checkTests, formatChecks, type TestCheck, testFiles } from './language/check.js';
export { compileTest } from './language/compile.js';
export type { TestDefinition } from './language/types.js';
