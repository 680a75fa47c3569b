/** Test support: a gateway's view of a service in which one caller is known. */
import { KeyedHash } from './hash.js';
import { GRANT, Knowledge, PERSON, SPACE } from './knowledge.js';
import { type RouteRule, type Stance, sameForAll } from './sheet.js';
import { OwnershipView } from './view.js';
import { encodeDelta } from './wire.js';

/** A route with one parameter, `GET /orders/{}`, and how private it is. */
export interface Place {
  readonly route: string;
  readonly resource: string;
  readonly is: 'deny' | 'allow';
  /** Default true: what it denies may be blocked. */
  readonly proven?: boolean;
}

/** `order 10 belongs to user 77`. */
export type Owned = readonly [resource: string, id: string, owner: string];

/** Person 1, `p_caller`, is user 5 and owns something, in service `s`; nobody else is known. Objects name their owner as `userId`. `shown`: what a list showed them. */
export function viewOfKnownCaller(
  places: readonly Place[],
  owned: readonly Owned[] = [],
  shown: readonly (readonly [resource: string, id: string])[] = [],
): OwnershipView {
  const seed = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const known = new Knowledge(new KeyedHash(seed));
  const { hash } = known;
  const entries: number[] = [];
  const entry = (a: number, b: number): void => void entries.push(hash.hi >>> 0, hash.lo >>> 0, a, b, 1);
  hash.text(SPACE.principal, 'p_caller');
  entry(1, PERSON.established | PERSON.identified);
  // Each hash is where the next entry goes: values are worked out before keys.
  for (const value of [0, known.valueHash('5')]) {
    hash.words(SPACE.identity, value, 2, 1);
    entry(1, 0);
  }
  for (const [resource, id, owner] of owned) {
    const value = known.valueHash(owner);
    known.objectKey(known.resource('s', resource), id);
    entry(value, 2);
  }
  for (const [resource, id] of shown) {
    known.objectKey(known.resource('s', resource), id);
    hash.words(SPACE.grant, hash.hi, hash.lo, 1);
    entry(GRANT.below, 0);
  }
  const fields = [{ path: 'userid', role: 'owner', kind: 2 }] as const;
  const view = new OwnershipView();
  view.apply(
    encodeDelta({
      snapshot: true,
      seed,
      entries: Uint32Array.from(entries),
      changes: [
        ...places.map((place) => ({ route: `s\u001f${place.route}`, rule: ruleOf(place) })),
        ...[...new Set(places.map((place) => place.resource))].map((resource) => ({ resource: `s\u001f${resource}`, rule: { fields } })),
      ],
    }),
  );
  return view;
}

function ruleOf({ is, proven = true, resource }: Place): RouteRule {
  const stance: Stance = is === 'deny' ? { is, confidence: 0.95, proven } : { is, confidence: 0, proven: false };
  const stances = sameForAll(stance);
  return { slots: { 'path:0': { resource, stances, principals: 20, accesses: 80, wrappings: [''], repeats: 0 } } };
}
