/**
 * Recognises values of data types in traffic: the scan, the formats it reads, and the command behind `weir classify`.
 */
export { Classifier, type ClassifyOptions, inUnits, type TextOptions } from './classifier.js';
export { runClassify } from './cli.js';
export type { DataMatch } from './collect.js';
export { type CustomType, customTypeSchema, VALIDATORS } from './custom.js';
export { CUSTOM_TYPE_CODES, CustomTypeError } from './errors.js';
