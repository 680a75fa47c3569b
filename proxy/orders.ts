import type { Verdict } from './passage.js';
import type { BlockVerdict } from './ports.js';
import { TARPIT_MS } from './tarpit.js';

/** A request that can be stopped. */
export interface Obedient {
  /** Closes the client's connection without an answer. */
  cut(): void;
  /** Answers with a status of weir's own; `template` names what it says instead of the usual code. */
  refuse(status: number, retryAfterS: number, template: string | null): void;
  after(delayMs: number, then: () => void): void;
}

/** Does what an entry of the blocklist says. */
export function obeyBlock({ action, delayMs, retryAfterS }: BlockVerdict, request: Obedient): void {
  if (action === 'close') request.cut();
  else if (action === 'throttle') request.refuse(429, retryAfterS ?? 60, null);
  else if (action === 'tarpit') request.after(delayMs ?? TARPIT_MS, () => request.refuse(403, 0, null));
  else request.refuse(403, 0, null);
}

/** Does what an enforced verdict of a policy says. */
export function obeyVerdict({ action, delayMs, retryAfterS, status, template }: NonNullable<Verdict>, request: Obedient): void {
  const told = status >= 400 ? status : action === 'throttle' ? 429 : 403;
  if (action === 'close') request.cut();
  else if (action === 'tarpit') request.after(delayMs, () => request.refuse(told, retryAfterS, template));
  else request.refuse(told, retryAfterS, template);
}
