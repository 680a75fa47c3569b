import { findingOf } from '../../exchange/index.js';
import { type Detector, succeeded, type Watched } from './types.js';

interface State {
  /** Role text → uses and the people of that role who used it. */
  readonly roles: Map<string, { uses: number; people: Set<string> }>;
  uses: number;
}

const ROLE_CLAIM = /role|permission|scope|scp|authorit|group/i;
const population = new WeakMap<object, Map<string, Set<string>>>();

/** An operation that only people of certain roles use is used, with success, by somebody whose whole role never did (BFLA). Roles come from token claims. */
export const unusualFunction: Detector<State> = {
  id: 'unusual-function',
  title: "Another role's operation",
  settings: { uses: 12, peopleOfRole: 5, rolePopulation: 15 },
  keyOf: (watched) => (watched.exchange.principal?.claims !== undefined ? watched.endpoint.id : null),
  start: () => ({ roles: new Map(), uses: 0 }),
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    const role = roleOf(watched);
    const person = exchange.principal?.key ?? '';
    if (role === '') return null;
    let roles = population.get(settings);
    if (roles === undefined) {
      roles = new Map();
      population.set(settings, roles);
    }
    let everybody = roles.get(`${exchange.service} ${role}`);
    if (everybody === undefined) {
      everybody = new Set();
      roles.set(`${exchange.service} ${role}`, everybody);
    }
    if (everybody.size < 1000) everybody.add(person);
    if (!succeeded(watched)) return null;
    let entry = state.roles.get(role);
    const unseen = entry === undefined;
    const others = state.uses;
    if (entry === undefined) {
      entry = { uses: 0, people: new Set() };
      state.roles.set(role, entry);
    }
    entry.uses++;
    if (entry.people.size < 100) entry.people.add(person);
    state.uses++;
    if (!unseen || others < settings.uses || everybody.size < settings.rolePopulation) return null;
    return findingOf({
      kind: 'bfla.unusual-function',
      source: { kind: 'detector', id: 'unusual-function' },
      exchange,
      endpoint,
      confidence: 0.75,
      explanation: `none of ${everybody.size} callers with these claims had used this operation before; its ${others} earlier uses were by ${state.roles.size - 1} other role${state.roles.size === 2 ? '' : 's'}`,
    });
  },
};

function roleOf({ exchange }: Watched): string {
  const claims = exchange.principal?.claims ?? {};
  return Object.keys(claims)
    .filter((name) => ROLE_CLAIM.test(name))
    .sort()
    .map((name) => `${name}=${JSON.stringify(claims[name])}`)
    .join(' ');
}
