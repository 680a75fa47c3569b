/**
 * Where the time of a request goes, by phase, from a CPU profile of a whole weir under load:
 *
 *     node --cpu-prof --cpu-prof-dir=/tmp/profile bin/weir up --mode enforce --upstream http://127.0.0.1:9000    # load it, then stop it
 *     node --import tsx bench/gateway-phases.ts /tmp/profile/CPU.*.0.001.cpuprofile [0.6]
 *
 * The last argument leaves out the first part of the run, in which code is compiled. A sample counts for the nearest frame that a phase names.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

const PHASES: readonly (readonly [phase: string, source: RegExp, name?: RegExp])[] = [
  ['garbage collection', /^$/, /garbage collector/],
  ['rules: classify data', /policies\/classify\//],
  ['rules: find attacks', /policies\/attacks\//],
  ['rules: whose object is it (BOLA)', /learning\/ownership\//],
  ['rules: the rest', /policies\//],
  ['record: encode for the tee', /exchange\/codec|traffic\//],
  ['record: access log', /proxy\/access-log/],
  ['who and where: principal, template, blocklist', /exchange\/(?:principal|template|address)|attackers\//],
  ['message checks: request-head', /proxy\/(?:request-head|client-address|connection|repeats|turn-away)/],
  ['answer: headers, write', /proxy\/(?:answer-flow|response-head)/],
  [
    'onward: headers, connections to the upstream, its answer read',
    /proxy\/(?:onward|dispatch|upstream|http2-wire|http2-call|answer-reader|request-body|upload)|undici\/lib\/(?:core|dispatcher\/(?:client|pool|dispatcher))/,
  ],
  ['passage and forward: the rest', /proxy\/|cli\/wiring\//],
  ['Fastify', /fastify|find-my-way/],
  ['node:http, net, streams', /^node:/],
];

interface Profile {
  readonly startTime: number;
  readonly endTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}
interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

const [file, skipText = '0.5'] = process.argv.slice(2);
const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
const maps = new Map<string, SourceMap | null>();

/** The source of a frame, through the source map of the bundle it lies in. */
function sourceOf(frame: Frame): string {
  if (!frame.url.startsWith('file:')) return frame.url;
  let map = maps.get(frame.url);
  if (map === undefined) {
    try {
      map = new SourceMap(JSON.parse(readFileSync(`${new URL(frame.url).pathname}.map`, 'utf8')));
    } catch {
      map = null;
    }
    maps.set(frame.url, map);
  }
  const entry = map?.findEntry(frame.lineNumber, frame.columnNumber);
  return entry !== undefined && 'originalSource' in entry ? entry.originalSource : frame.url;
}

const phaseByNode = new Map<number, string | null>();
const parents = new Map<number, number>();
for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
for (const { id, callFrame } of profile.nodes) {
  const source = sourceOf(callFrame);
  const found = PHASES.find(([, where, name]) => where.test(source) && (name === undefined || name.test(callFrame.functionName)));
  phaseByNode.set(id, callFrame.functionName === '(idle)' ? '(idle)' : (found?.[0] ?? null));
}
const phaseOf = (sample: number): string => {
  for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
    const phase = phaseByNode.get(id);
    if (phase !== null && phase !== undefined) return phase;
  }
  return 'the rest: system calls, timers';
};

const fromMicros = profile.startTime + (profile.endTime - profile.startTime) * Number(skipText);
const sums = new Map<string, number>();
let at = profile.startTime;
profile.samples.forEach((sample, index) => {
  at += profile.timeDeltas[index];
  if (at < fromMicros) return;
  const phase = phaseOf(sample);
  sums.set(phase, (sums.get(phase) ?? 0) + profile.timeDeltas[index]);
});
sums.delete('(idle)');
const busy = [...sums.values()].reduce((sum, one) => sum + one, 0);
console.table(
  [...sums].sort((one, other) => other[1] - one[1]).map(([phase, micros]) => ({ phase, percent: Math.round((1000 * micros) / busy) / 10 })),
);
