/**
 * F1: everything weir keeps, in SQLite (one machine) or PostgreSQL (more).
 *
 * `openStore` is the way in. The engine writes with `Store.commit`: the effects of a batch and its id in one transaction, so that nothing is
 * counted twice and nothing acknowledged is lost. Lists are pages with a cursor. Tables and SQL stay inside this folder.
 */
export type { Accounts, ApiToken, AuditEntry, Role, Session, StoredAnswer, User } from './accounts.js';
export type { ActorFilter, Actors } from './actors.js';
export type { Document, Documents, Objects, StoredObject } from './documents.js';
export { STORE_ERRORS, StoreError, type StoreErrorCode } from './errors.js';
export type { EndpointFilter, Inventory, SightingFilter } from './inventory.js';
export { isLive, issuePriority } from './issue-life.js';
export type { FindingFilter, IssueDecision, IssueFilter, Issues } from './issues.js';
export { NumberJournal } from './journal.js';
export { FORMAT_VERSION } from './migrations.js';
export { type LearnedState, openStore, type Store, type StoreLocation } from './open.js';
export type { Delivery, Outbox } from './outbox.js';
export type { Page, PageRequest } from './page.js';
export { DEFAULT_RETENTION, type Retention, type Swept } from './retention.js';
export type { SampleFilter, Samples } from './samples.js';
export type { RunState, Scan, ScanResult, ScanRun, Scans } from './scans.js';
export { NO_TRAFFIC, TRAFFIC_COUNTS } from './tables.js';
export * from './types.js';
