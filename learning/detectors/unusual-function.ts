import { findingOf } from '../../exchange/index.js';
import { addDistinct, countDistinct, type Distinct, newDistinct } from '../inventory/sketch.js';
import { type Detector, growth, succeeded, type Watched } from './types.js';

interface State {
  /** Roles whose people used it. */
  readonly roles: Set<string>;
  uses: number;
}

interface Shared {
  /** Service and role → its people. */
  readonly people: Map<string, Distinct>;
  /** People that were counted, over all roles. */
  counted: number;
}

const ROLE_CLAIM = /role|permission|scope|scp|authorit|group/i;
/** Roles come from what clients send: past these a role is not followed. */
const MOST_ROLES = 500;
const ROLES_OF_ONE = 64;
const isRoleClaim = new Map<string, boolean>();

/** An operation that only people of certain roles use is used, with success, by somebody whose whole role never did (BFLA). Roles come from token claims. */
export const unusualFunction: Detector<State, Shared> = {
  id: 'unusual-function',
  title: "Another role's operation",
  settings: { uses: 12, rolePopulation: 15 },
  of: 'endpoint',
  concerns: (watched) => watched.exchange.principal?.claims !== undefined,
  start: () => ({ roles: new Set(), uses: 0 }),
  keepAt: (state) => state.roles.size * 1000 + growth(state.uses),
  common: { start: () => ({ people: new Map(), counted: 0 }), keepAt: ({ counted }) => growth(counted) },
  observe(state, watched, settings, shared) {
    const { exchange, endpoint, actor } = watched;
    const role = roleOf(watched);
    if (role === '') return null;
    const name = `${exchange.service} ${role}`;
    let people = shared.people.get(name);
    if (people === undefined) {
      if (shared.people.size >= MOST_ROLES) return null;
      people = newDistinct();
      shared.people.set(name, people);
    }
    if (addDistinct(people, actor)) shared.counted++;
    if (!succeeded(watched)) return null;
    const others = state.uses++;
    if (state.roles.has(role) || state.roles.size >= ROLES_OF_ONE) return null;
    state.roles.add(role);
    if (others < settings.uses || countDistinct(people) < settings.rolePopulation) return null;
    return findingOf({
      kind: 'bfla.unusual-function',
      source: { kind: 'detector', id: 'unusual-function' },
      exchange,
      endpoint,
      confidence: 0.75,
      explanation: `none of ${countDistinct(people)} callers with ${role.slice(0, 80)} had used this operation before; its ${others} earlier uses were by ${state.roles.size - 1} other role${state.roles.size === 2 ? '' : 's'}`,
    });
  },
};

function roleOf({ exchange }: Watched): string {
  const claims = exchange.principal?.claims ?? {};
  const parts: string[] = [];
  for (const name in claims) {
    let isRole = isRoleClaim.get(name);
    if (isRole === undefined) {
      isRole = ROLE_CLAIM.test(name);
      if (isRoleClaim.size < MOST_ROLES) isRoleClaim.set(name, isRole);
    }
    if (isRole) parts.push(`${name}=${JSON.stringify(claims[name])}`);
  }
  return parts.length === 0 ? '' : parts.sort().join(' ').slice(0, 500);
}
