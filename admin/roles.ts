import type { Role } from '../store/index.js';
import type { Caller, Route } from './route.js';

/** A role may do what the ones below it may. */
export const ROLE_RANK: Readonly<Record<Role, number>> = { viewer: 0, analyst: 1, admin: 2 };

/** May this caller use this operation? Scopes narrow a token: `read` reads, `write` writes everything, `write:blocks` the operations `blocks.*`. */
export function mayCall(caller: Caller, route: Pick<Route, 'id' | 'role' | 'reads'>): boolean {
  if (route.role === 'anyone') return true;
  if (ROLE_RANK[caller.role] < ROLE_RANK[route.role]) return false;
  if (caller.scopes.length === 0) return true;
  if (route.reads) return caller.scopes.some((scope) => scope === 'read' || scope.startsWith('write'));
  return caller.scopes.includes('write') || caller.scopes.includes(`write:${route.id.split('.')[0]}`);
}
