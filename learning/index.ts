/**
 * F2: what weir learns from traffic: inventory and path templates, who owns which object, and what is wrong.
 */
export * from './ownership/index.js';
