/** What is known of every API, endpoint by endpoint, learned from its traffic. */

export { splitOperation } from '../operations.js';
export { answerKeys, bodiesOf, type ExchangeBodies } from './bodies.js';
export {
  type EndpointRules,
  type RequestFacts,
  rulesOfDocument,
  rulesOfTraffic,
  type SchemaViolation,
  type ServiceRules,
  schemaViolations,
} from './conformance.js';
export type { EndpointState, Parameter, ParameterPlace, Sight } from './endpoint.js';
export type { InventoryCode } from './errors.js';
export { Inventory } from './inventory.js';
export { foldPath } from './map-keys.js';
export { compileSchema, firstMismatch, type MiniSchema, type Mismatch } from './mini-schema.js';
export { scalarSchema, toJsonSchema } from './schema.js';
export type { TemplateEdits } from './template-edits.js';
export type { CheckpointEntry, InventoryDelta, InventoryOptions, InventoryStats, TemplateForGateway } from './types.js';
