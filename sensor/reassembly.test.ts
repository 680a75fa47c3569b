import { deepStrictEqual, ok } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { balance } from './counters.js';
import { Pipeline } from './pipeline.js';
import { FLAG, type Timed, tcp4 } from './testing/packets.js';
import { lineOf, linesOf, replay } from './testing/replay.js';
import { Talk } from './testing/talk.js';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: api\r\n\r\n`;
const answer = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const client = { ip: [10, 0, 0, 1] as const, port: 40_000 };
const server = { ip: [10, 0, 0, 2] as const, port: 8_080 };
const packet = (side: 0 | 1, sequence: number, acknowledgement: number, flags: number, payload: string, tsMs: number): Timed => ({
  tsMs,
  bytes:
    side === 0
      ? tcp4(client, server, sequence, acknowledgement, flags, Buffer.from(payload, 'latin1'))
      : tcp4(server, client, sequence, acknowledgement, flags, Buffer.from(payload, 'latin1')),
});

interface Conversation {
  readonly turns: readonly Turn[];
  readonly sizes: readonly number[];
  readonly pipelined: boolean;
  readonly isn: number;
  readonly again: readonly [number, number];
}

interface Turn {
  readonly method: string;
  readonly path: string;
  readonly requestBody: string;
  readonly responseBody: string;
  readonly chunked: boolean;
  readonly status: number;
}

const text = fc.string({
  maxLength: 60,
  unit: fc.constantFrom('a', 'Z', '7', '\n', '\r', ' ', ':', '{', 'HTTP/1.1 200 OK\r\n', 'GET / HTTP/1.1\r\n'),
});
const turn: fc.Arbitrary<Turn> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  path: fc.stringMatching(/^\/[a-z0-9]{0,12}$/),
  requestBody: text,
  responseBody: text,
  chunked: fc.boolean(),
  status: fc.constantFrom(200, 201, 404, 500),
});

function chunkedText(body: string): string {
  const half = Math.floor(body.length / 2);
  const parts = [body.slice(0, half), body.slice(half)].filter((part) => part !== '');
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
}

/** `again`: after each message so many of its bytes come once more, cut otherwise. */
function speak({ turns, sizes, pipelined, isn, again }: Conversation): Talk {
  const talk = new Talk({ clientIsn: isn, serverIsn: (isn ^ 0xffffff00) >>> 0 }).open();
  const request = (one: Turn): string =>
    `${one.method} ${one.path} HTTP/1.1\r\nHost: api\r\nContent-Length: ${one.requestBody.length}\r\n\r\n${one.requestBody}`;
  const response = (one: Turn): string =>
    `HTTP/1.1 ${one.status} X\r\n${one.chunked ? `Transfer-Encoding: chunked\r\n\r\n${chunkedText(one.responseBody)}` : `Content-Length: ${one.responseBody.length}\r\n\r\n${one.responseBody}`}`;
  const rounds = pipelined ? [turns] : turns.map((one) => [one]);
  for (const round of rounds) {
    talk.client(round.map(request).join(''), sizes).again(0, again[0]).server(round.map(response).join(''), sizes).again(1, again[1]);
  }
  return talk.close();
}

const expected = (turns: readonly Turn[]): string[] =>
  turns.map((one) => JSON.stringify([one.method, one.path, one.requestBody, one.status, one.responseBody]));
const got = (packets: readonly Timed[]): string[] =>
  replay(packets).pairs.map(({ request, response, failure }) =>
    JSON.stringify([
      request?.head.method,
      request?.head.target,
      body(request),
      response?.head.status,
      body(response),
      ...(failure === '' ? [] : [failure]),
    ]),
  );
function body(message: { readonly body: { readonly bytes: Uint8Array; readonly missing: readonly unknown[] } } | null): string {
  if (message === null) return '-';
  return Buffer.from(message.body.bytes).toString('latin1') + (message.body.missing.length > 0 ? '!' : '');
}

const conversation: fc.Arbitrary<Conversation> = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }),
  sizes: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
  pipelined: fc.boolean(),
  isn: fc.integer({ min: 0, max: 0xffffffff }),
  again: fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 120 })),
});

// Behind a hole nobody can tell a message from a body that looks like one.
const plainConversation = conversation.map((one) => ({
  ...one,
  turns: one.turns.map((each) => ({
    ...each,
    requestBody: each.requestBody.replaceAll('HTTP', 'http-'),
    responseBody: each.responseBody.replaceAll('HTTP', 'http-'),
  })),
}));

const noise = fc.array(fc.nat({ max: 12 }), { minLength: 200, maxLength: 200 });

/** The handshake stays in front; everything behind it moves up to twelve places and one in four comes twice. */
function shuffled(packets: readonly Timed[], shifts: readonly number[]): Timed[] {
  const mixed = packets.slice(3).flatMap((one, index) => {
    const shift = shifts[index % shifts.length];
    const copy = { one, key: index + shift };
    return shift % 4 === 0 ? [copy, { one, key: index + 6 }] : [copy];
  });
  mixed.sort((a, b) => a.key - b.key);
  return [...packets.slice(0, 3), ...mixed.map(({ one }, index) => ({ ...one, tsMs: packets[0].tsMs + index }))];
}

/** The same conversations each time; give another seed to look further: FC_SEED=7 npx tap sensor/reassembly.test.ts. */
const SEED = Number(process.env.FC_SEED ?? 1);
const RUNS = Number(process.env.FC_RUNS ?? 150);

t.test('any segmentation, order, repetition, retransmission and sequence number gives the same exchanges', async () => {
  fc.assert(
    fc.property(conversation, noise, (spoken, shifts) => {
      const { packets } = speak(spoken);
      deepStrictEqual(got(packets), expected(spoken.turns));
      deepStrictEqual(got(shuffled(packets, shifts)), expected(spoken.turns));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

t.test('what a retransmission brings again was not lost', async () => {
  fc.assert(
    fc.property(conversation, fc.nat(), (spoken, which) => {
      // The whole message comes again behind its segments, one of which was lost on the way, so that nobody acknowledged it before.
      const { packets: all } = speak({ ...spoken, pipelined: false, again: [10_000, 10_000] });
      const packets = all.filter(({ bytes }, index) => index < 3 || bytes.length > 40 || (bytes[33] & FLAG.fin) !== 0);
      const index = 3 + (which % (packets.length - 3));
      deepStrictEqual(got(packets.toSpliced(index, 1)), expected(spoken.turns));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

t.test('loss is marked: nothing whole is invented, in any order', async () => {
  fc.assert(
    fc.property(
      plainConversation,
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      noise,
      fc.boolean(),
      (spoken, which, shifts, inOrder) => {
        const { packets } = speak({ ...spoken, pipelined: false, again: [0, 0] });
        const lost = new Set(which.map((one) => 3 + (one % (packets.length - 3))));
        const left = packets.filter((_, index) => !lost.has(index));
        const { pairs, counters } = replay(inOrder ? left : shuffled(left, shifts));
        const all = new Set(expected(spoken.turns));
        for (const pair of pairs) {
          const whole =
            pair.failure === '' &&
            pair.request?.body.missing.length === 0 &&
            pair.response?.body.missing.length === 0 &&
            pair.request.whole &&
            pair.response?.whole === true;
          if (!whole) continue;
          const line = JSON.stringify([
            pair.request?.head.method,
            pair.request?.head.target,
            body(pair.request),
            pair.response?.head.status,
            body(pair.response),
          ]);
          if (!all.has(line)) throw new Error(`invented ${line}`);
        }
        ok(pairs.length <= spoken.turns.length + which.length);
        deepStrictEqual(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 });
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
});

t.test('what happens on a connection', async (t) => {
  const spoken = (): Talk => new Talk().open();
  const cases: { name: string; packets: readonly Timed[]; lines: string[] }[] = [
    {
      name: 'start in midstream',
      packets: spoken().client(GET('/a')).server(answer('a')).close().packets.slice(3),
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'start in the middle of a body',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('a'.repeat(3_000)))
        .client(GET('/b'))
        .server(answer('b'))
        .close()
        .packets.slice(6),
      lines: ['GET /b -> 200 1'],
    },
    {
      name: 'only the client side',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('a'))
        .client(GET('/b'))
        .close()
        .packets.filter((one) => one.bytes[15] === 1),
      lines: ['GET /a -> - (the capture ended before an answer)', 'GET /b -> - (the capture ended before an answer)'],
    },
    {
      name: 'the same packets from two mirrors',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('a'))
        .close()
        .packets.flatMap((one) => [one, one]),
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'a hole in a body that its length bridges',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('x'.repeat(4_000)))
        .client(GET('/b'))
        .server(answer('b'))
        .close()
        .drop(6).packets,
      lines: ['GET /a -> 200 4000!', 'GET /b -> 200 1'],
    },
    {
      name: 'a lost answer between others',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('a'))
        .client(GET('/b'))
        .server(answer('bb'))
        .client(GET('/c'))
        .server(answer('ccc'))
        .close()
        .drop(9).packets,
      lines: ['GET /a -> 200 1', 'GET /b -> - (the answer is missing from the capture)', 'GET /c -> 200 3'],
    },
    {
      name: 'a packet that the capture cut',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('x'.repeat(1_000)))
        .client(GET('/b'))
        .server(answer('b'))
        .close()
        .packets.map((one, index) => (index === 5 ? { ...one, cut: 400 } : one)),
      lines: ['GET /a -> 200 1000!', 'GET /b -> 200 1'],
    },
    {
      name: 'data in the SYN (Fast Open)',
      packets: [
        packet(0, 1_000, 0, FLAG.syn, GET('/tfo'), 1),
        packet(1, 5_000, 1_001 + GET('/tfo').length, FLAG.syn | FLAG.ack, '', 2),
        packet(1, 5_001, 1_001 + GET('/tfo').length, FLAG.ack, answer('x'), 3),
      ],
      lines: ['GET /tfo -> 200 1'],
    },
    {
      name: 'ports used again with another sequence number',
      packets: [
        ...spoken().client(GET('/a')).server(answer('a')).packets,
        ...new Talk({ clientIsn: 77_777, startMs: 1_700_000_001_000 }).open().client(GET('/b')).server(answer('b')).close().packets,
      ],
      lines: ['GET /a -> 200 1', 'GET /b -> 200 1'],
    },
    {
      name: 'ports used again at once, the handshake not captured',
      packets: [
        ...spoken().client(GET('/a')).server(answer('a')).close().packets,
        ...new Talk({ clientIsn: 900_077_777, serverIsn: 5, startMs: 1_700_000_000_100 })
          .open()
          .client(GET('/b'))
          .server(answer('b'))
          .close()
          .packets.slice(3),
      ],
      lines: ['GET /a -> 200 1', 'GET /b -> 200 1'],
    },
    {
      name: 'the end of a body lost, and the connection goes on',
      packets: spoken()
        .client(GET('/a'))
        .server(answer('x'.repeat(3_000)))
        .client(GET('/b'))
        .server(answer('b'))
        .drop(7).packets,
      lines: ['GET /a -> 200 3000!', 'GET /b -> 200 1'],
    },
    {
      name: 'a FIN that is not in the capture',
      packets: spoken()
        .client(GET('/a'))
        .packets.concat([packet(1, 9_001, 1_002 + GET('/a').length, FLAG.ack, answer('a'), 1_700_000_000_100)]),
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'an acknowledgement of what nobody sent',
      packets: spoken()
        .client(GET('/a'))
        .packets.concat([
          packet(0, 1_001 + GET('/a').length, 9_001 + 50_000_000, FLAG.ack, '', 1_700_000_000_100),
          ...Array.from({ length: 100 }, (_, index) => packet(0, 1_001, 9_001, FLAG.ack, '', 1_700_000_000_200 + index * 20)),
          packet(1, 9_001, 1_001 + GET('/a').length, FLAG.ack, answer('a'), 1_700_000_003_000),
        ]),
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'a forged reset in the handshake and one outside of the window',
      packets: [
        packet(0, 1_000, 0, FLAG.syn, '', 1),
        packet(1, 0, 1_001, FLAG.rst | FLAG.ack, '', 2),
        packet(1, 5_000, 1_001, FLAG.syn | FLAG.ack, '', 3),
        packet(0, 1_001, 5_001, FLAG.ack, GET('/a'), 4),
        packet(1, 999_999, 1_001, FLAG.rst, '', 5),
        packet(1, 5_001, 1_001 + GET('/a').length, FLAG.ack, answer('a'), 6),
      ],
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'a keep-alive probe and a zero-length retransmission',
      packets: spoken()
        .client(GET('/a'))
        .packets.concat([
          packet(0, 1_000 + GET('/a').length, 9_001, FLAG.ack, '\n', 1_700_000_000_100),
          packet(1, 9_001, 1_001 + GET('/a').length, FLAG.ack, answer('a'), 1_700_000_000_200),
        ]),
      lines: ['GET /a -> 200 1'],
    },
    {
      name: 'an overlap with other bytes: the first ones stay',
      packets: spoken().packets.concat([
        packet(0, 1_005, 9_001, FLAG.ack, 'first HTTP/1.1\r\n\r\n', 1),
        packet(0, 1_001, 9_001, FLAG.ack, 'GET /other HTTP/1.1\r\n\r\n', 2),
      ]),
      lines: ['GET first HTTP/1.1 -> - (the capture ended before an answer)'],
    },
  ];
  for (const { name, packets, lines } of cases) {
    if (name.startsWith('an overlap')) {
      t.ok(replay(packets).counters.conflictingBytes > 0, name);
      continue;
    }
    t.same(linesOf(packets).toSorted(), lines.toSorted(), name);
    t.same(balance(replay(packets).counters, 0), { packets: 0, bytes: 0, delivery: 0 }, `${name}: counted`);
  }
});

/** WEIR_FLOOD=1000000 for a million. */
const FLOOD = Number(process.env.WEIR_FLOOD ?? 100_000);

t.test('stays within its bounds under floods', async (t) => {
  const limits = { flows: 1_000, totalBytes: 200_000, outOfOrderBytes: 20_000, outOfOrderSegments: 16 };
  const lines: string[] = [];
  const pipeline = new Pipeline({ limits }, (pair) => lines.push(lineOf(pair)));
  let most = 0;
  const push = (bytes: Buffer, tsMs: number): void => {
    pipeline.packet({ bytes, start: 0, end: bytes.length, originalLength: bytes.length, tsMs, linkType: 101, vni: -1 });
    const { queued, held } = pipeline.bufferedBytes;
    most = Math.max(most, queued + held);
  };
  const spoken = new Talk({ startMs: 0, stepMs: 0.001 }).open().client(GET('/during')).server(answer('the flood')).packets;
  for (const { bytes, tsMs } of spoken.slice(0, 5)) push(bytes, tsMs);
  const flood = tcp4({ ip: [10, 9, 0, 0], port: 1_024 }, server, 0, 0, FLAG.syn, Buffer.alloc(0));
  for (let index = 0; index < FLOOD; index++) {
    flood.writeUInt32BE(0x0b000000 + index, 12);
    flood.writeUInt32BE(index, 24);
    push(flood, index / 1_000);
  }
  t.ok(pipeline.openFlows <= limits.flows, 'half-open connections');
  t.equal(pipeline.counters.exchanges + lines.length, 0);
  for (const { bytes } of spoken.slice(5)) push(bytes, FLOOD / 1_000);
  t.same(lines, ['GET /during -> 200 9'], 'who talks is not put out by who only knocks');
  for (let index = 0; index < 5_000; index++) {
    const from = { ip: [10, 8, 0, index % 50] as const, port: 2_000 };
    push(tcp4(from, server, 10_000 + ((index * 7_919) % 900_000), 1, FLAG.ack, Buffer.alloc(1_000, 0x41)), 1_000 + index / 100);
  }
  for (let index = 0; index < 500; index++) {
    const from = { ip: [10, 7, 0, index % 250] as const, port: 3_000 + index };
    push(
      tcp4(from, server, 1, 1, FLAG.ack, Buffer.from(`POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n${'x'.repeat(1_300)}`)),
      2_000 + index / 100,
    );
  }
  t.ok(most <= limits.totalBytes + 70_000, `held at most ${most} bytes`);
  t.ok(pipeline.counters.flowsEvicted > 0);
  const { queued } = pipeline.bufferedBytes;
  t.same(balance(pipeline.counters, queued), { packets: 0, bytes: 0, delivery: 0 });
  pipeline.end();
  t.same(pipeline.bufferedBytes, { queued: 0, held: 0 }, 'nothing is held at the end');
});

t.test('time gives up holes and idle connections', async (t) => {
  const lines: string[] = [];
  const pipeline = new Pipeline({}, (pair) => lines.push(lineOf(pair)));
  const spoken = new Talk({ startMs: 0 })
    .open()
    .client(GET('/a'))
    .server(answer('x'.repeat(3_000)))
    .drop(6);
  for (const { bytes, tsMs } of spoken.packets)
    pipeline.packet({ bytes, start: 0, end: bytes.length, originalLength: bytes.length, tsMs, linkType: 101, vni: -1 });
  t.same(lines, [], 'waits for what may still come');
  pipeline.tick(1_500);
  t.same(lines, ['GET /a -> 200 3000!'], 'the client acknowledged it, so it will not come');
  const quiet = new Talk({ startMs: 2_000, client: { ip: [10, 0, 0, 9], port: 41_000 } })
    .open()
    .client(GET('/b'))
    .server(answer('y'.repeat(2_000)))
    .drop(6);
  for (const { bytes, tsMs } of quiet.packets)
    pipeline.packet({ bytes, start: 0, end: bytes.length, originalLength: bytes.length, tsMs, linkType: 101, vni: -1 });
  pipeline.tick(2_500);
  t.equal(lines.length, 1);
  pipeline.tick(3_500);
  t.equal(lines[1], 'GET /b -> 200 2000!', 'the end of the answer is missing, and nothing more comes on that connection');
  pipeline.tick(500_000);
  t.equal(pipeline.openFlows, 2, 'an answer may take its time');
  pipeline.tick(700_000);
  t.equal(pipeline.counters.flowsIdle, 2);
  t.equal(pipeline.openFlows, 0);
});
