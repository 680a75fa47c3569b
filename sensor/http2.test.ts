import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { balance } from './counters.js';
import { HpackDecoder } from './http/hpack.js';
import { huffmanDecode } from './http/huffman.js';
import { linesOf, replay } from './testing/replay.js';
import { Talk } from './testing/talk.js';

interface Heard {
  readonly client: boolean;
  readonly bytes: Buffer;
}

/** What real HTTP/2 ends say to each other, chunk by chunk, through a relay on loopback. */
async function overhear(speak: (session: http2.ClientHttp2Session) => Promise<void>): Promise<Heard[]> {
  const heard: Heard[] = [];
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    if (path.startsWith('/grpc')) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
      return;
    }
    stream.respond({
      ':status': path === '/missing' ? 404 : 200,
      'content-type': 'application/json',
      'x-answer': `value of ${path} ~ ünïcode?`.normalize('NFD').replace(/[^\x20-\x7e]/g, ''),
    });
    stream.end(path.startsWith('/big') ? Buffer.alloc(40_000, 0x61) : `{"path":"${path}"}`);
  });
  const relay = createServer((socket) => {
    const upstream = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('data', (bytes: Buffer) => {
      heard.push({ client: true, bytes });
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      heard.push({ client: false, bytes });
      socket.write(bytes);
    });
    socket.on('close', () => upstream.destroy());
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  const session = http2.connect(`http://127.0.0.1:${(relay.address() as AddressInfo).port}`);
  await speak(session);
  await new Promise<void>((resolve) => session.close(() => resolve()));
  await Promise.all([server, relay].map((one) => new Promise<void>((resolve) => one.close(() => resolve()))));
  return heard;
}

async function ask(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: string | Buffer): Promise<void> {
  const stream = session.request(headers);
  stream.end(body);
  stream.resume();
  await once(stream, 'close');
}

function spoken(heard: readonly Heard[], sizes?: readonly number[]): Talk {
  const talk = new Talk().open();
  for (const { client, bytes } of heard) {
    if (client) talk.client(bytes, sizes);
    else talk.server(bytes, sizes);
  }
  return talk;
}

t.test('HTTP/2 as a real client and server speak it', async (t) => {
  const heard = await overhear(async (session) => {
    await ask(session, { ':path': '/users?page=1', authorization: 'Bearer abc', 'x-a': 'long value with UPPER and digits 0123456789' });
    await Promise.all([ask(session, { ':path': '/missing' }), ask(session, { ':path': '/big/1', ':method': 'POST' }, '{"a":1}')]);
    await ask(
      session,
      { ':path': '/grpc.Shop/Buy', ':method': 'POST', 'content-type': 'application/grpc' },
      Buffer.from([0, 0, 0, 0, 1, 9]),
    );
    for (let turn = 0; turn < 3; turn++)
      await ask(session, { ':path': `/again/${turn}`, 'x-a': 'long value with UPPER and digits 0123456789' });
  });
  const lines = [
    'GET /users?page=1 -> 200 24',
    'GET /missing -> 404 19',
    'POST /big/1 7 -> 200 40000',
    'POST /grpc.Shop/Buy 6 -> 200 7',
    ...[0, 1, 2].map((turn) => `GET /again/${turn} -> 200 19`),
  ].toSorted();
  for (const sizes of [undefined, [1], [7, 100, 3]]) {
    const { packets } = spoken(heard, sizes).close();
    t.same(linesOf(packets).toSorted(), lines, `in segments of ${sizes ?? 'usual size'}`);
    t.same(balance(replay(packets).counters, 0), { packets: 0, bytes: 0, delivery: 0 });
  }
  const { pairs } = replay(spoken(heard).close().packets);
  const again = pairs.find((pair) => pair.request?.head.target === '/again/2');
  t.ok(again?.request?.head.headers.includes('long value with UPPER and digits 0123456789'), 'from the dynamic table');
  const grpc = pairs.find((pair) => pair.request?.head.target.startsWith('/grpc'));
  t.same(grpc?.response?.trailers, ['grpc-status', '0']);

  // The capture starts after the first answers: table entries from before are unknown, what is named is read.
  const { packets } = spoken(heard).close();
  const third = packets.findIndex(({ bytes }) => bytes.includes('"path":"/missing"'));
  const late = replay(packets.slice(Math.max(0, third)));
  t.ok(
    late.pairs.some((pair) => pair.response?.head.status === 200),
    'answers are read in midstream',
  );
  t.ok(late.counters.unknownHeaders > 0, 'lost table entries are counted');

  for (let index = 3; index < packets.length; index++) {
    const { counters, pairs: left } = replay(packets.toSpliced(index, 1));
    t.same(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 });
    t.ok(left.length <= lines.length);
  }
});

t.test('upgrade from HTTP/1', async (t) => {
  const heard = await overhear(async (session) => {
    await ask(session, { ':path': '/second' });
  });
  const talk = new Talk()
    .open()
    .client(
      'POST /first HTTP/1.1\r\nHost: api\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 4\r\n\r\nbody',
    )
    .server('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  // A HEADERS frame with :status 200 (static index 8) on stream 1, ending it.
  talk.server(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]));
  for (const { client, bytes } of heard) if (client) talk.client(bytes);
  const { packets } = talk.close();
  t.same(
    linesOf(packets).toSorted(),
    ['POST /first 4 -> 101', 'POST /first 4 -> 200', 'GET /second -> - (the connection ended (fin) before the stream did)'].toSorted(),
  );
  const bodies = replay(packets).pairs.map(({ request }) => Buffer.from(request?.body.bytes ?? []).toString());
  t.same(bodies.toSorted(), ['', 'body', 'body'], 'the request that asked for it has its body both times');
});

t.test('streams that the client gives up', async (t) => {
  const frame = (type: number, flags: number, id: number, ...payload: number[]) =>
    Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, id, ...payload]);
  // GET / and :status 200 stand in the static table; END_HEADERS is 4, END_STREAM 1, RST_STREAM 3 with CANCEL.
  const ask = (id: number) => frame(1, 5, id, 0x82, 0x86, 0x84);
  const cancel = (id: number) => frame(3, 0, id, 0, 0, 0, 8);
  const answer = (id: number) => frame(1, 5, id, 0x88);
  const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);
  const failed = 'the stream was reset';
  for (const { name, talk, expected } of [
    { name: 'the answer was on its way', talk: (talk: Talk) => talk.client(cancel(1)).server(answer(1)), expected: [`200 ${failed}`] },
    { name: 'it never comes', talk: (talk: Talk) => talk.client(cancel(1)), expected: [`- ${failed}`] },
    { name: 'the server resets too', talk: (talk: Talk) => talk.client(cancel(1)).server(cancel(1)), expected: [`- ${failed}`] },
    { name: 'the server resets alone', talk: (talk: Talk) => talk.server(cancel(1)), expected: [`- ${failed}`] },
    {
      name: 'its head came before, its body after',
      talk: (talk: Talk) =>
        talk
          .server(frame(1, 4, 1, 0x88))
          .client(cancel(1))
          .server(frame(0, 1, 1, 0x61)),
      expected: [`200 ${failed}`],
    },
    {
      name: 'others go on',
      talk: (talk: Talk) => talk.client(cancel(1)).client(ask(3)).server(answer(3)).server(answer(1)),
      expected: ['200 ', `200 ${failed}`],
    },
  ]) {
    const { pairs, counters } = replay(talk(new Talk().open().client(preface).client(ask(1))).close().packets);
    t.same(
      pairs.map(({ response, failure }) => `${response?.head.status ?? '-'} ${failure}`),
      expected,
      name,
    );
    t.equal(counters.unpairedResponses, 0);
  }
});

t.test('HPACK examples of RFC 7541 appendix C', async (t) => {
  const decoder = new HpackDecoder();
  const read = (hex: string): readonly string[] => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    return decoder.decode(bytes, 0, bytes.length).headers;
  };
  const common = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
  t.same(read('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'), common, 'C.4.1');
  t.same(read('8286 84be 5886 a8eb 1064 9cbf'), [...common, 'cache-control', 'no-cache'], 'C.4.2');
  t.same(
    read('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'),
    [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com', 'custom-key', 'custom-value'],
    'C.4.3',
  );
  decoder.lose();
  const lost = decoder.decode(Buffer.from('82be', 'hex'), 0, 2);
  t.same([lost.headers, lost.unknown, lost.good], [[':method', 'GET'], 1, true], 'a lost entry is unknown, not an error');
  t.equal(huffmanDecode(Buffer.from([0xff, 0xff, 0xff, 0xff]), 0, 4), null, 'end-of-string is refused');
});

t.test('HPACK never throws', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder();
      for (const block of blocks) decoder.decode(block, 0, block.length);
    }),
    { numRuns: 500 },
  );
  t.pass();
});
