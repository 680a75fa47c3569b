/**
 * Detectors: one file each, one list. The foreign-object family (foreign reads and writes, swapped, nested, wrapped and guessed ids) is judged by the
 * ownership model itself; what stands here looks at behaviour over time.
 */
import { callOrder } from './call-order.js';
import { credentialStuffing } from './credential-stuffing.js';
import { distributedEnumeration } from './distributed-enumeration.js';
import { enumeration } from './enumeration.js';
import { massAssignment } from './mass-assignment.js';
import { rateAnomaly } from './rate-anomaly.js';
import { scraping } from './scraping.js';
import { sizeAnomaly } from './size-anomaly.js';
import { tokenGuessing } from './token-guessing.js';
import { tokenMisuse } from './token-misuse.js';
import { unauthenticatedSuccess } from './unauthenticated-success.js';
import { unusualFunction } from './unusual-function.js';
import { type DetectorOverride, DetectorWatch } from './watch.js';

export type { Detector, Watched } from './types.js';
export { type DetectorOverride, DetectorWatch } from './watch.js';

/** Every detector, in the order in which they look. */
export const DETECTORS: readonly { readonly id: string }[] = [
  enumeration,
  distributedEnumeration,
  scraping,
  credentialStuffing,
  tokenGuessing,
  unauthenticatedSuccess,
  unusualFunction,
  massAssignment,
  callOrder,
  sizeAnomaly,
  rateAnomaly,
  tokenMisuse,
];

/** All detectors, running, with their defaults or what `overrides` says by detector id. `maxSubjects`: most of each kind that are remembered. */
export function watchAll(overrides: Readonly<Record<string, DetectorOverride>> = {}, maxSubjects?: number): DetectorWatch {
  return new DetectorWatch(maxSubjects)
    .add(enumeration, overrides[enumeration.id])
    .add(distributedEnumeration, overrides[distributedEnumeration.id])
    .add(scraping, overrides[scraping.id])
    .add(credentialStuffing, overrides[credentialStuffing.id])
    .add(tokenGuessing, overrides[tokenGuessing.id])
    .add(unauthenticatedSuccess, overrides[unauthenticatedSuccess.id])
    .add(unusualFunction, overrides[unusualFunction.id])
    .add(massAssignment, overrides[massAssignment.id])
    .add(callOrder, overrides[callOrder.id])
    .add(sizeAnomaly, overrides[sizeAnomaly.id])
    .add(rateAnomaly, overrides[rateAnomaly.id])
    .add(tokenMisuse, overrides[tokenMisuse.id]);
}
