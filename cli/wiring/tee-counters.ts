import type { TrafficStats } from '../../traffic/index.js';

/** What a process says of its side of the stream: exchanges put in, and those that were not, in all and by reason. */
export function teeCounters({ published, dropped, droppedBy }: TrafficStats): Record<string, number> {
  const reasons = Object.entries(droppedBy).map(([reason, count]): [string, number] => [`teeDropped.${reason}`, count]);
  return { teePublished: published, teeDropped: dropped, ...Object.fromEntries(reasons) };
}
