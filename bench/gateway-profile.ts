import { Session } from 'node:inspector/promises';

/** Self time of this process by part, in percent of the time it was busy, largest first. */
export interface Profile {
  readonly busyPercent: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** Samples this thread for a while and sums self time by the part of the program it was spent in. */
export async function profileFor(seconds: number): Promise<Profile> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Map<string, number>();
  let idle = 0;
  let busy = 0;
  (profile.samples ?? []).forEach((sample, index) => {
    const micros = profile.timeDeltas?.[index] ?? 0;
    const frame = nodes.get(sample);
    if (frame === undefined) return;
    if (frame.functionName === '(idle)') {
      idle += micros;
      return;
    }
    busy += micros;
    const part = partOf(frame.functionName, frame.url);
    sums.set(part, (sums.get(part) ?? 0) + micros);
  });
  const parts = [...sums]
    .sort((one, other) => other[1] - one[1])
    .map(([part, micros]) => [part, Math.round((1000 * micros) / busy) / 10] as const);
  return { busyPercent: Math.round((1000 * busy) / (busy + idle)) / 10, parts: Object.fromEntries(parts) };
}

function partOf(name: string, url: string): string {
  if (name === '(garbage collector)') return 'garbage collection';
  if (name === '(program)' || url === '') return 'native: system calls, buffers, crypto';
  const own = /\/(proxy|exchange|policies|attackers|traffic|learning)\//.exec(url);
  if (own !== null && !url.includes('node_modules')) return own[1] === 'proxy' ? `proxy/${url.split('/').at(-1)}` : own[1];
  if (url.includes('undici') || url.startsWith('wasm:')) return 'undici';
  if (url.includes('fastify') || url.includes('find-my-way')) return 'fastify';
  if (url.startsWith('node:')) return 'node: http, net, streams, timers';
  return url.includes('/bench/') ? 'bench' : 'other';
}
