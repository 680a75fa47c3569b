import type { Store } from '../store/index.js';
import { AdminError } from './errors.js';
import type { LiveFeed } from './live.js';
import type { AdminOptions } from './options.js';
import type { Ports } from './ports.js';
import type { Seal } from './seal.js';

/** What every operation may use. */
export interface Context {
  readonly store: Store;
  readonly ports: Ports;
  readonly options: AdminOptions;
  readonly live: LiveFeed;
  readonly seal: Seal;
  readonly nowMs: () => number;
}

/** A port that this process was started with. @throws AdminError ADMIN_NOT_AVAILABLE */
export function port<N extends keyof Ports>(context: Context, name: N): NonNullable<Ports[N]> {
  const found = context.ports[name];
  if (found === undefined) throw new AdminError('ADMIN_NOT_AVAILABLE', `this admin process has no part for ${name}`);
  return found;
}
