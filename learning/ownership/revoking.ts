import { subjectOutside } from './reading.js';
import type { Reference, RouteReading } from './references.js';
import type { SlotRule } from './sheet.js';

/** What routes are called that take something back from whom they name, and by which somebody gives it up. */
const TAKES_BACK = /^(?:revoke|un-?share|remove|kick|expel|evict|withdraw|uninvite|unassign|unlink|disconnect|detach|exclude|dismiss)/;
const LEAVES = /^(?:leave|quit|exit)/;

/** What a write takes back: access to `subject`, from whom `named` name, or from the caller. */
export interface Revocation {
  readonly subject: Reference;
  readonly named: readonly Reference[];
  readonly isLeaving: boolean;
}

/**
 * Reads a write that takes access back: `DELETE /files/{id}/shares/{person}`, `POST /plans/{id}:revoke` with the person in its body,
 * `POST /groups/{id}/leave`. Null for any other, also where it says nothing of what it takes back or from whom.
 */
export function revocationOf(reading: RouteReading, ruleOf: (slot: string) => SlotRule | undefined): Revocation | null {
  if (!reading.mutates) return null;
  const isDelete = reading.method === 'DELETE';
  const isLeaving = LEAVES.test(reading.action);
  if (!isDelete && !isLeaving && !TAKES_BACK.test(reading.action)) return null;
  const inPath = reading.references.filter(({ place }) => place === 'path');
  const inBody = reading.references.filter(({ place }) => place === 'body');
  // The last parameter of the path names whom it is taken from, what stands before it the object.
  if (isDelete && inPath.length >= 2 && reading.pathRoute.endsWith('}'))
    return { subject: inPath[inPath.length - 2], named: inPath.slice(-1), isLeaving: false };
  const subject = subjectOutside(reading.references, ruleOf) ?? inBody.find(({ slot }) => ruleOf(slot) !== undefined);
  if (subject === undefined) return null;
  const named = inBody.filter((one) => one !== subject);
  return isLeaving || named.length > 0 ? { subject, named, isLeaving } : null;
}
