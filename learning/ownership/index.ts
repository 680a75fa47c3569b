/**
 * Who owns which object, learned from traffic: {@link OwnershipModel} learns in the engine, {@link OwnershipView} judges in the gateway.
 */
export type { SavedEntry } from './checkpoint.js';
export { type Caller, Credentials, type Standing } from './credentials.js';
export { OWNERSHIP_ERRORS, OwnershipError } from './errors.js';
export { type Judgement, OwnershipModel, type OwnershipSettings, type OwnershipStats } from './model.js';
export { type AccessAnswer, type AccessRequest, OwnershipView } from './view.js';
