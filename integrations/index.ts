/**
 * F2: who is told. `integrations` are the kinds (webhook, syslog, Slack, …), a `Notice` is what they deliver, `isWanted` says to whom it goes, and the
 * `Deliverer` brings notices from the store's outbox to them, again and again until they arrive.
 */
import { nearest } from '../exchange/index.js';
import { IntegrationError } from './errors.js';
import type { KnownIntegration } from './integration.js';
import { integrations } from './kinds/index.js';

export * from './deliverer.js';
export { IntegrationError, type IntegrationErrorCode } from './errors.js';
export type { Integration, KnownIntegration, Receiver } from './integration.js';
export { type Address, type Io, systemIo } from './io.js';
export { integrations } from './kinds/index.js';
export type { ActorNotice, BlockNotice, IssueNotice, Notice, NoticeEvidence, SourceNotice, TestNotice } from './notice.js';
export { factsOf, plainText, subjectOf } from './notice.js';
export * from './notice-of.js';
export { readNotice } from './read-notice.js';
export { configSchema, integrationReference, secretFields } from './reference.js';

/** @throws IntegrationError INTEGRATION_KIND_UNKNOWN */
export function integrationNamed(kind: string): KnownIntegration {
  const found = integrations.find((one) => one.kind === kind);
  if (found !== undefined) return found;
  const close = nearest(
    kind,
    integrations.map((one) => one.kind),
  );
  throw new IntegrationError(
    'INTEGRATION_KIND_UNKNOWN',
    `there is no integration "${kind}"${close === null ? '' : `; did you mean "${close}"?`}`,
  );
}
