/**
 * F2: what weir learns from traffic: inventory and path templates, who owns which object, and what is wrong.
 */
export * from './detectors/index.js';
export * from './export/index.js';
export * from './import/index.js';
export * from './inventory/index.js';
export * from './ownership/index.js';
export { type Explanation, type Pin, type Shape, segmentKey, shapeOf } from './templating/index.js';
