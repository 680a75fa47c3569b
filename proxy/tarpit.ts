/** How long an entry of the blocklist holds back that says nothing about it. */
export const TARPIT_MS = 5000;

const MOST_WAITING = 1000;
let waiting = 0;

/** Runs `then` after a while. False: too many wait already, since each costs a socket; nothing was started. */
export function tarpit(delayMs: number, then: () => void): boolean {
  if (waiting >= MOST_WAITING) return false;
  waiting++;
  setTimeout(() => {
    waiting--;
    then();
  }, delayMs);
  return true;
}
