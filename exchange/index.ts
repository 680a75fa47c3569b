/**
 * F0: the record that everything speaks, and what both the inline path and learning need to read it. Values in, values out; no I/O.
 */
export * from './address.js';
export * from './body.js';
export * from './codec.js';
export * from './errors.js';
export * from './few.js';
export * from './finding.js';
export * from './headers.js';
export * from './ids.js';
export * from './kinds.js';
export * from './latest-map.js';
export * from './latest-texts.js';
export * from './nearest.js';
export * from './paths.js';
export * from './principal.js';
export * from './redact.js';
export * from './redact-exchange.js';
export * from './repeated.js';
export * from './scan-mark.js';
export * from './schema-words.js';
export * from './target.js';
export * from './template.js';
export * from './types.js';
export * from './yaml-source.js';
