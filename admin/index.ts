/**
 * F3: the admin API (`/api/v1`, described by `openapi.json` in this folder), the server of the UI, and who may do what.
 *
 * `createAdmin` is the way in; `cli/` gives it a store and the ports in `ports.ts`.
 */
export { ADMIN_ERRORS, AdminError, type AdminErrorCode, type FieldProblem } from './errors.js';
export { LIVE_TOPICS, type LiveNotice, type LiveTopic } from './live.js';
export { openApiDocument } from './openapi.js';
export type { AdminOptions, OidcOptions } from './options.js';
export * from './ports.js';
export { createSeal, openedConfig, type Seal } from './seal.js';
export { type Admin, createAdmin } from './server.js';
