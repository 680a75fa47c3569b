/** Numbers and times as people read them. */
const number = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number) => number.format(value);
export const short = (value: number) => (value < 10_000 ? number.format(value) : compact.format(value));
export const plural = (value: number, one: string, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function ago(ms: number, nowMs: number): string {
  const past = nowMs - ms;
  if (Math.abs(past) < 5 * SECOND) return 'just now';
  const span = duration(Math.abs(past));
  return past < 0 ? `in ${span}` : `${span} ago`;
}

export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} days`;
}

const local = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const localShort = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const dateTime = (ms: number) => local.format(ms);
export const shortDateTime = (ms: number) => localShort.format(ms);
export const clockTime = (ms: number) => clock.format(ms);
export const utc = (ms: number) => `${new Date(ms).toISOString().replace('T', ' ').slice(0, 19)} UTC`;

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let rest = value;
  while (rest >= 1_000 && at < units.length - 1) {
    rest /= 1_000;
    at += 1;
  }
  return `${rest < 10 && at > 0 ? rest.toFixed(1) : Math.round(rest)} ${units[at]}`;
}
