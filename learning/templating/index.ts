/**
 * Path templates from traffic: value shapes first, then how siblings behave. One `HostTemplates` a service; `training/` holds the generator and the fit
 * behind `model.json`.
 */
export type { Explanation } from './explain.js';
export type { Pin } from './pins.js';
export { type Shape, segmentKey, shapeOf } from './shapes.js';
export { cleanSegments, HostTemplates, type Placed } from './templater.js';
export type { AnswerKeys } from './trie.js';
