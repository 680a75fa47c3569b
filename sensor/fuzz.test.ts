import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import { balance } from './counters.js';
import { Pipeline } from './pipeline.js';
import { PcapReader } from './sources/pcap-format.js';
import { pcapFile, type Timed } from './testing/packets.js';

/*
 * Damaged captures must neither throw, nor hold more than the bounds, nor lose a byte uncounted. Starts from the goldens and from corpus/, which holds
 * inputs that made the counters react in a way that none before did.
 *
 *   WEIR_FUZZ_SECONDS=120 FC_SEED=7 npx tap sensor/fuzz.test.ts    looks longer, elsewhere
 *   WEIR_FUZZ_KEEP=1                                               keeps what it finds in corpus/; what fails is always kept
 */
const FOLDER = join(packageRoot(), 'sensor');
const CORPUS = join(FOLDER, 'corpus');
const SECONDS = Number(process.env.WEIR_FUZZ_SECONDS ?? 3);
const isKeeping = process.env.WEIR_FUZZ_KEEP === '1';
const LIMITS = {
  totalBytes: 300_000,
  outOfOrderBytes: 40_000,
  bodyBytes: 20_000,
  flows: 50,
  headerBytes: 8_192,
  decompressedBytes: 50_000,
};
/** One packet may be taken before room is made. */
const SLACK_BYTES = 140_000;
const MOST_PACKETS = 400;

interface Capture {
  readonly linkType: number;
  readonly packets: readonly Timed[];
}

function readCapture(path: string): Capture {
  const packets: Timed[] = [];
  let linkType = 1;
  new PcapReader((packet) => {
    linkType = packet.linkType;
    packets.push({
      tsMs: packet.tsMs,
      bytes: Buffer.from(packet.bytes.subarray(packet.start, packet.end)),
    });
  }).push(readFileSync(path));
  return { linkType, packets };
}

/** What is wrong with how the sensor took a capture (null: nothing), and how its counters reacted: each that moved, by order of magnitude. */
function judge({ linkType, packets }: Capture): { readonly wrong: string | null; readonly reactions: readonly string[] } {
  const pipeline = new Pipeline({ limits: LIMITS }, () => {});
  let most = 0;
  try {
    for (const { tsMs, bytes, cut = 0 } of packets) {
      pipeline.packet({ bytes, start: 0, end: bytes.length - cut, originalLength: bytes.length, tsMs, linkType, vni: -1 });
      const { queued, held } = pipeline.bufferedBytes;
      most = Math.max(most, queued + held);
    }
    pipeline.end();
  } catch (error) {
    return { wrong: error instanceof Error ? (error.stack ?? error.message) : String(error), reactions: [] };
  }
  const sums = balance(pipeline.counters, pipeline.bufferedBytes.queued);
  const left = pipeline.bufferedBytes;
  const wrong =
    sums.packets !== 0 || sums.bytes !== 0 || sums.delivery !== 0
      ? `vanished uncounted: ${JSON.stringify(sums)}`
      : left.held !== 0 || left.queued !== 0
        ? `held at the end: ${JSON.stringify(left)}`
        : most > LIMITS.totalBytes + SLACK_BYTES
          ? `held ${most} bytes`
          : null;
  const reactions = Object.entries(pipeline.counters)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${Math.floor(Math.log10(count))}`);
  return { wrong, reactions };
}

/** Numbers that are the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NASTY = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20];
const PHRASES = [
  'HTTP/1.1 ',
  'GET / HTTP/1.1\r\n\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 9999999999\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\r\n\r\n',
  'ffffffff\r\n',
  'CONNECT a:1 HTTP/1.1\r\n\r\n',
];

function damagedBytes(bytes: Buffer, next: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = next(copy.length);
  switch (next(7)) {
    case 0:
      copy[at] ^= 1 << next(8);
      return copy;
    case 1:
      copy[at] = NASTY[next(NASTY.length)];
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(1 + next(64), NASTY[next(NASTY.length)]), copy.subarray(at)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), Buffer.from(PHRASES[next(PHRASES.length)]), copy.subarray(at)]);
    case 5: {
      // Sixteen bits anywhere in the headers: lengths, offsets, ports, sequence numbers.
      if (copy.length > 1) copy.writeUInt16BE(next(65_536), next(Math.min(copy.length - 1, 80)));
      return copy;
    }
    default:
      copy.fill(next(256), at, Math.min(copy.length, at + next(16)));
      return copy;
  }
}

function damaged(capture: Capture, others: readonly Capture[], next: (below: number) => number): Capture {
  let packets = [...capture.packets];
  for (let step = 1 + next(6); step > 0 && packets.length > 0; step--) {
    const at = next(packets.length);
    const one = packets[at];
    switch (next(8)) {
      case 0:
        packets.splice(at, 1);
        break;
      case 1:
        packets.splice(next(packets.length), 0, one);
        break;
      case 2:
        packets.splice(next(packets.length), 0, ...packets.splice(at, 1));
        break;
      case 3:
        packets[at] = { ...one, cut: next(one.bytes.length + 1) };
        break;
      case 4:
        packets[at] = { ...one, tsMs: one.tsMs + [-400_000, 2_000, 70_000, 400_000][next(4)] };
        break;
      case 5: {
        const other = others[next(others.length)].packets;
        packets.splice(at, 0, ...other.slice(0, 1 + next(other.length)));
        break;
      }
      default:
        packets[at] = { ...one, bytes: damagedBytes(one.bytes, next) };
    }
  }
  if (packets.length > MOST_PACKETS) packets = packets.slice(0, MOST_PACKETS);
  return { linkType: next(50) === 0 ? next(280) : capture.linkType, packets };
}

function keep({ linkType, packets }: Capture, prefix: string): string {
  const bytes = pcapFile(packets, linkType);
  const path = join(CORPUS, `${prefix}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.pcap`);
  mkdirSync(CORPUS, { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

t.test('damaged captures are counted, never thrown at, and stay within the bounds', async (t) => {
  const paths = ['goldens', 'corpus'].flatMap((folder) =>
    readdirSync(join(FOLDER, folder))
      .filter((file) => file.endsWith('.pcap'))
      .map((file) => join(FOLDER, folder, file)),
  );
  const seeds = paths.map(readCapture);
  const known = new Set<string>();
  for (const [index, seed] of seeds.entries()) {
    const { wrong, reactions } = judge(seed);
    for (const reaction of reactions) known.add(reaction);
    t.equal(wrong, null, paths[index]);
  }
  const next = numbers(Number(process.env.FC_SEED ?? 1));
  const until = performance.now() + SECONDS * 1_000;
  let tried = 0;
  let failed = 0;
  while (failed < 5 && performance.now() < until) {
    for (let round = 0; round < 50; round++, tried++) {
      const capture = damaged(seeds[next(seeds.length)], seeds, next);
      const { wrong, reactions } = judge(capture);
      if (wrong !== null && failed < 5) {
        failed++;
        t.fail(`${wrong}\nkept as ${keep(capture, 'failed')}`);
      } else if (capture.packets.length < 120 && reactions.some((reaction) => !known.has(reaction))) {
        for (const reaction of reactions) known.add(reaction);
        seeds.push(capture);
        if (isKeeping) keep(capture, 'kept');
      }
    }
  }
  t.comment(`${tried} damaged captures, ${known.size} reactions of counters, ${seeds.length} captures to start from`);
  t.ok(tried > 0);
});
