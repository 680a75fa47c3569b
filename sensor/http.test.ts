import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { decodeBody } from '../exchange/index.js';
import { balance } from './counters.js';
import { linesOf, replay } from './testing/replay.js';
import { Talk } from './testing/talk.js';

const OK = 'HTTP/1.1 200 OK\r\n';
const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: api\r\n\r\n`;
const answer = (body: string, head = ''): string => `${OK}${head}Content-Length: ${body.length}\r\n\r\n${body}`;
const talk = (): Talk => new Talk().open();

interface Case {
  readonly name: string;
  readonly talk: Talk;
  readonly lines: readonly string[];
}

const HTTP1: readonly Case[] = [
  { name: 'one exchange', talk: talk().client(GET('/a')).server(answer('hello')).close(), lines: ['GET /a -> 200 5'] },
  {
    name: 'bodies by length and in chunks, with an extension and a trailer',
    talk: talk()
      .client('POST /a HTTP/1.1\r\nHost: api\r\nContent-Length: 3\r\n\r\nabc')
      .server(`${OK}Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`)
      .close(),
    lines: ['POST /a 3 -> 200 13'],
  },
  {
    name: 'lines that end in LF, blanks in front, no reason phrase',
    talk: talk().client(' GET /a HTTP/1.1\nHost: a\n\n').server('HTTP/1.1 200\nContent-Length: 2\n\nhi').close(),
    lines: ['GET /a -> 200 2'],
  },
  {
    name: 'odd versions',
    talk: talk()
      .client('GET /a HTTP/1.11\r\n\r\n')
      .server('HTTP/1.010 200 OK\r\nContent-Length: 0\r\n\r\n')
      .client('GET /b HTTP/1.1 and more\r\n\r\n')
      .server('HTTP/1 200\r\nContent-Length: 0\r\n\r\n')
      .client('GET /c HTTP/a.b\r\n\r\n')
      .server(answer('c'))
      .client('GET /d HTTP/1.1\r\r\n\r\n')
      .server(answer('d'))
      .close(),
    lines: ['GET /a -> 200', 'GET /b -> 200', 'GET /c -> 200 1', 'GET /d -> 200 1'],
  },
  {
    name: 'a request whose head has no end, answered all the same',
    talk: talk().client('GET /a HTTP/1.0\r\nHost: a\r\n').server('HTTP/1.0 408 Timeout\r\n\r\n').close(),
    lines: ['GET /a -> 408 (the request was cut off)'],
  },
  {
    name: 'first lines without an end, before the connection closes',
    talk: talk().client('GET /a HTTP/1.1').server('HTTP/1.1 200 OK').close(),
    lines: ['GET /a -> 200 (the answer was cut off)'],
  },
  {
    name: 'a protocol that nobody knows, with HTTP fields and an HTTP answer',
    talk: talk().client('GET /a JUNK/1.0\r\nHost: a\r\n\r\n').server(answer('x')).close(),
    lines: ['GET /a -> 200 1'],
  },
  {
    name: 'an answer with a status that is none: the next answers are not for its request',
    talk: talk()
      .client(GET('/1') + GET('/2'))
      .server('HTTP/1.1 ABC message\r\nContent-Length: 1\r\n\r\nx')
      .server(answer('22'))
      .client(GET('/3'))
      .server(answer('333'))
      .close(),
    lines: ['GET /1 -> - (the answer is not HTTP)', 'GET /2 -> 200 2', 'GET /3 -> 200 3'],
  },
  {
    name: 'bytes that nobody asked for, which do not look like an answer',
    talk: talk().client(GET('/1')).server(answer('1')).client(GET('/2')).server('XXXXXXXX').server(answer('22')).close(),
    lines: ['GET /1 -> 200 1', 'GET /2 -> 200 2'],
  },
  {
    name: 'NUL in front of an answer',
    talk: talk()
      .client(GET('/a'))
      .server(`\0${answer('x')}`)
      .client(GET('/b'))
      .server(answer('yy'))
      .close(),
    lines: ['GET /a -> 200 1', 'GET /b -> 200 2'],
  },
  ...['4\r\nwiki\r\n', '4\r\nwiki', '4\r\nwiki\r\nxyz', '4\r\nwiki\r\n4'].map(
    (body): Case => ({
      name: `chunks that break off: ${JSON.stringify(body)}`,
      talk: talk()
        .client(GET('/a'))
        .server(`${OK}Transfer-Encoding: chunked\r\n\r\n${body}`)
        .client(GET('/b'))
        .server(answer('b'))
        .client(GET('/c'))
        .server(answer('cc'))
        .close(),
      lines: ['GET /a -> 200 4 (the answer was cut off)', 'GET /b -> 200 1', 'GET /c -> 200 2'],
    }),
  ),
  {
    name: 'chunks that break off before the next answer in one segment',
    talk: talk()
      .client(GET('/a') + GET('/b'))
      .server(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n${answer('b')}`)
      .close(),
    lines: ['GET /a -> 200 4 (the answer was cut off)', 'GET /b -> 200 1'],
  },
  {
    name: 'a body that is announced as chunked and is not',
    talk: talk()
      .client(GET('/a'))
      .server(`${OK}Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\nX5O!P%@A`)
      .client(GET('/b'))
      .server(answer('b'))
      .close(),
    lines: ['GET /a -> 200 (the answer was cut off)', 'GET /b -> 200 1'],
  },
  {
    name: 'chunks of a request that break off, answered all the same',
    talk: talk()
      .client('POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      .server(answer('a'))
      .client(GET('/b'))
      .server(answer('b'))
      .close(),
    lines: ['POST /a 5 -> 200 1 (the request was cut off)', 'GET /b -> 200 1'],
  },
  {
    name: 'a chunk whose data look like an answer',
    talk: talk()
      .client(GET('/a') + GET('/b'))
      .server(`${OK}Transfer-Encoding: chunked\r\n\r\n11\r\n`)
      .server(`${OK}\r\n0\r\n\r\n${answer('b')}`)
      .close(),
    lines: ['GET /a -> 200 17', 'GET /b -> 200 1'],
  },
  { name: 'a request line alone', talk: talk().client('GET /a HTTP/1.1').close(), lines: ['GET /a -> - (closed without an answer)'] },
  {
    name: 'no empty line behind the last chunk',
    talk: talk()
      .client(GET('/a'))
      .server(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n`)
      .client(GET('/b'))
      .server(answer('b'))
      .close(),
    lines: ['GET /a -> 200 2', 'GET /b -> 200 1'],
  },
  {
    name: 'an upgrade to something that turns out to be HTTP',
    talk: talk()
      .client('GET /a HTTP/1.1\r\nUpgrade: foo\r\n\r\n')
      .server('HTTP/1.1 101 Switching\r\nUpgrade: foo\r\n\r\n')
      .client(GET('/b'))
      .server(answer('b'))
      .close(),
    lines: ['GET /a -> 101', 'GET /b -> 200 1'],
  },
  {
    name: 'pipelined requests are answered in order',
    talk: talk()
      .client(GET('/1') + GET('/2') + GET('/3'))
      .server(answer('1') + answer('22'))
      .server(answer('333'))
      .close(),
    lines: ['GET /1 -> 200 1', 'GET /2 -> 200 2', 'GET /3 -> 200 3'],
  },
  {
    name: '100-continue is not the answer',
    talk: talk()
      .client('PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
      .server('HTTP/1.1 100 Continue\r\n\r\n')
      .client('ok')
      .server('HTTP/1.1 102 Processing\r\n\r\n')
      .server(answer('x'))
      .close(),
    lines: ['PUT /a 2 -> 200 1'],
  },
  {
    name: 'an answer before the request is whole',
    talk: talk()
      .client('POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345')
      .server('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
      .client('67890')
      .close(),
    lines: ['POST /a 10 -> 413'],
  },
  {
    name: 'HEAD has no body whatever it announces',
    talk: talk().client('HEAD /a HTTP/1.1\r\n\r\n').server(`${OK}Content-Length: 99\r\n\r\n`).client(GET('/b')).server(answer('b')).close(),
    lines: ['HEAD /a -> 200', 'GET /b -> 200 1'],
  },
  {
    name: '204 and 304 have no body',
    talk: talk()
      .client(GET('/a'))
      .server('HTTP/1.1 204 No\r\n\r\n')
      .client(GET('/b'))
      .server('HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n')
      .close(),
    lines: ['GET /a -> 204', 'GET /b -> 304'],
  },
  { name: 'a body until close', talk: talk().client(GET('/a')).server(`${OK}\r\nall of it`).close(), lines: ['GET /a -> 200 9'] },
  {
    name: 'a body until close that is followed by the next answer',
    talk: talk().client(GET('/a')).server(`${OK}\r\nall of it`).client(GET('/b')).server(answer('b')).close(),
    lines: ['GET /a -> 200 9', 'GET /b -> 200 1'],
  },
  {
    name: 'a reset cuts a body until close',
    talk: talk().client(GET('/a')).server(`${OK}\r\nhalf`).reset(),
    lines: ['GET /a -> 200 4 (the answer was cut off)'],
  },
  { name: 'no answer', talk: talk().client(GET('/a')).close(), lines: ['GET /a -> - (closed without an answer)'] },
  { name: 'an answer without a request', talk: talk().server(answer('x')).close(), lines: ['- -> 200 1 (no request was seen)'] },
  {
    name: 'an answer that is not HTTP',
    talk: talk().client(GET('/a')).server('SSH-2.0-OpenSSH\r\n').close(),
    lines: ['GET /a -> - (the answer is not HTTP)'],
  },
  { name: 'HTTP/0.9', talk: talk().client('GET /old\r\n').server('<html>old</html>').close(), lines: ['GET /old -> 0 16'] },
  {
    name: 'bare line feeds, leading empty lines, folded and odd fields',
    talk: talk().client('\r\n\r\nGET /a HTTP/1.1\nHost: api\nX-Fold: a\n  b\nno colon here\n\n').server(answer('x')).close(),
    lines: ['GET /a -> 200 1'],
  },
  {
    name: 'an unknown method, a lower-case version, no target',
    talk: talk()
      .client('QUERY /q HTTP/1.1\r\n\r\n')
      .server('http/1.1 200 ok\r\nContent-Length: 0\r\n\r\n')
      .client('GET HTTP/1.1\r\n\r\n')
      .server(answer(''))
      .close(),
    lines: ['QUERY /q -> 200', 'GET  -> 200'],
  },
  {
    name: 'a body that was refused before it was sent',
    talk: talk()
      .client('POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
      .server('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n')
      .client('PUT /c HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n')
      .server('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n')
      .client('POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
      .server('HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n')
      .client('GET /')
      .client(GET('/next'))
      .server(answer('n'))
      .close(),
    lines: ['POST /e -> 417', 'PUT /c -> 401', 'POST /late 5 -> 413', 'GET /next -> 200 1'],
  },
  {
    name: 'an empty line between chunks, a length with a sign',
    talk: talk()
      .client(`${GET('/a')}POST /b HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc${GET('/c')}`)
      .server(`${OK}Transfer-Encoding: chunked\r\n\r\n\r\n3\r\nabc\r\n\r\n2\r\nde\r\n0\r\n\r\n${answer('b')}${answer('c')}`)
      .close(),
    lines: ['GET /a -> 200 5', 'POST /b 3 -> 200 1', 'GET /c -> 200 1'],
  },
  {
    name: 'chunked wins over a length',
    talk: talk()
      .client('POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n')
      .server(answer('x'))
      .close(),
    lines: ['POST /a 1 -> 200 1'],
  },
  {
    name: 'a chunk size beyond all bounds ends the request and smuggles nothing',
    talk: talk().client('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nGET /smuggled HTTP/1.1\r\n\r\n').close(),
    lines: ['POST / -> - (closed without an answer)'],
  },
  {
    name: 'CONNECT, then TLS',
    talk: talk()
      .client('CONNECT a.b:443 HTTP/1.1\r\n\r\n')
      .server('HTTP/1.1 200 Connection established\r\n\r\n')
      .client('\x16\x03\x01\x00\x05hello')
      .close(),
    lines: ['CONNECT a.b:443 -> 200'],
  },
  {
    name: 'CONNECT, then HTTP',
    talk: talk().client('CONNECT a.b:80 HTTP/1.1\r\n\r\n').server('HTTP/1.1 200 OK\r\n\r\n').client(GET('/in')).server(answer('x')).close(),
    lines: ['CONNECT a.b:80 -> 200', 'GET /in -> 200 1'],
  },
  {
    name: 'CONNECT with HTTP behind it that waited for no leave',
    talk: talk()
      .client(`CONNECT a.b:80 HTTP/1.1\r\n\r\n${GET('/in')}`)
      .server('HTTP/1.1 200 OK\r\n\r\n')
      .server(answer('x'))
      .close(),
    lines: ['CONNECT a.b:80 -> 200', 'GET /in -> 200 1'],
  },
  {
    name: 'an upgrade to something else',
    talk: talk()
      .client('POST /attach HTTP/1.1\r\nUpgrade: tcp\r\n\r\n')
      .server('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw')
      .client('raw')
      .close(),
    lines: ['POST /attach -> 101'],
  },
  {
    name: 'a PROXY protocol header',
    talk: talk()
      .client(`PROXY TCP4 192.0.2.7 10.0.0.9 4711 80\r\n${GET('/a')}`)
      .server(answer('x'))
      .close(),
    lines: ['GET /a -> 200 1'],
  },
  {
    name: 'HTTP behind a SOCKS handshake',
    talk: talk().client('\x05\x01\x00').server('\x05\x00').client(GET('/a')).server(answer('x')).close(),
    lines: ['GET /a -> 200 1'],
  },
  // What must not be taken for HTTP.
  { name: 'TLS', talk: talk().client('\x16\x03\x01\x02\x00GET / HTTP/1.1\r\n\r\n').server('\x16\x03\x03').close(), lines: [] },
  {
    name: 'SMTP, SIP, RTSP and a request line without an end',
    talk: talk()
      .server('220 mail\r\n')
      .client('EHLO a\r\n')
      .client('MAIL FROM:<a@b>\r\n')
      .client('INVITE sip:a@b SIP/2.0\r\n\r\n')
      .client('OPTIONS rtsp://a RTSP/1.0\r\n\r\n')
      .close(),
    lines: [],
  },
  { name: 'a request line that never ended', talk: talk().client('GET /').reset(), lines: [] },
];

t.test('HTTP/1 conversations', async (t) => {
  for (const { name, talk: spoken, lines } of HTTP1) {
    const { counters } = replay(spoken.packets);
    t.same(linesOf(spoken.packets).toSorted(), [...lines].toSorted(), name);
    t.same(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 }, `${name}: every packet and byte is counted`);
    t.equal(counters.requests, counters.paired + counters.unpairedRequests, `${name}: requests add up`);
    t.equal(counters.responses, counters.paired + counters.unpairedResponses + counters.informational, `${name}: responses add up`);
  }
});

t.test('content codings, and what is kept of a body', async (t) => {
  const plain = JSON.stringify({ hello: 'x'.repeat(5_000) });
  const zipped = gzipSync(plain);
  const spoken = talk()
    .client(GET('/a'))
    .server(Buffer.concat([Buffer.from(`${OK}Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`), zipped]))
    .close();
  const response = replay(spoken.packets).pairs[0].response;
  t.ok(response);
  if (response !== null) t.equal(Buffer.from(decodeBody(response.head.headers, response.body, 1e6).bytes).toString(), plain);

  const long = talk()
    .client(GET('/b'))
    .server(answer('y'.repeat(5_000)))
    .client(GET('/c'))
    .server(answer('c'))
    .close();
  const capped = replay(long.packets, { limits: { bodyBytes: 1_000 } });
  const kept = capped.pairs[0].response?.body;
  t.same([kept?.bytes.length, kept?.totalLength, kept?.missing], [1_000, 5_000, [{ offset: 1_000, length: 4_000 }]]);
  t.equal(capped.pairs[1].response?.body.totalLength, 1, 'framing goes on behind the cap');
  t.equal(capped.counters.bodiesCapped, 1);

  const head = talk()
    .client(`GET /${'a'.repeat(70_000)} HTTP/1.1\r\n\r\n`)
    .close();
  t.equal(replay(head.packets).counters.requests, 0);
  const fields = talk()
    .client(`GET /long HTTP/1.1\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`)
    .close();
  t.equal(replay(fields.packets).counters.tooBig, 1);
});

function frame(opcode: number, payload: Buffer, options: { mask?: boolean; final?: boolean; compressed?: boolean } = {}): Buffer {
  const { mask = false, final = true, compressed = false } = options;
  const head = [(final ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode];
  const bit = mask ? 0x80 : 0;
  if (payload.length < 126) head.push(bit | payload.length);
  else head.push(bit | 126, payload.length >> 8, payload.length & 255);
  const key = [1, 2, 3, 4];
  if (mask) head.push(...key);
  return Buffer.concat([Buffer.from(head), mask ? payload.map((byte, index) => byte ^ key[index & 3]) : payload]);
}

t.test('WebSocket messages', async (t) => {
  const shake = (extension: string): Talk =>
    talk()
      .client(`GET /ws HTTP/1.1\r\nHost: api\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`)
      .server(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n${extension}\r\n`);
  const plain = shake('')
    .client(frame(1, Buffer.from('hello'), { mask: true }))
    .server(Buffer.concat([frame(1, Buffer.from('wor'), { final: false }), frame(9, Buffer.from('ping')), frame(0, Buffer.from('ld'))]))
    .client(frame(2, Buffer.alloc(300, 7), { mask: true }), [1, 3])
    .client(frame(8, Buffer.from([3, 232]), { mask: true }))
    .close();
  const read = replay(plain.packets);
  t.same(
    read.pairs.map((pair) => [
      pair.kind ?? 'http',
      Buffer.from((pair.response ?? pair.request)?.body.bytes ?? [])
        .toString('latin1')
        .slice(0, 5),
      pair.tags ?? [],
    ]),
    [
      ['http', '', []],
      ['websocket', 'hello', ['websocket:text', 'from:client']],
      ['websocket', 'world', ['websocket:text', 'from:server']],
      ['websocket', '\x07\x07\x07\x07\x07', ['websocket:binary', 'from:client']],
    ],
  );
  t.equal(read.counters.webSocketMessages, 3);

  const texts = ['{"user":"alice","text":"hello hello hello"}', '{"user":"alice","text":"hello again"}'];
  let window = Buffer.alloc(0);
  const compressed = texts.map((text) => {
    const out = deflateRawSync(Buffer.from(text), {
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(window.length > 0 ? { dictionary: window } : {}),
    });
    window = Buffer.concat([window, Buffer.from(text)]);
    return frame(1, out.subarray(0, -4), { compressed: true });
  });
  const deflated = shake('Sec-WebSocket-Extensions: permessage-deflate\r\n').server(compressed[0]).server(compressed[1]).close();
  t.same(
    replay(deflated.packets)
      .pairs.slice(1)
      .map((pair) => Buffer.from(pair.response?.body.bytes ?? []).toString()),
    texts,
    'with context takeover',
  );
});
