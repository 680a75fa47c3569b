import fc from 'fast-check';
import t from 'tap';
import { AnswerReader } from './answer-reader.js';

interface Read {
  readonly heads: (readonly [number, string[]])[];
  body: string;
  trailers: string[] | null;
  readonly over: number;
  readonly persistent: boolean;
}

/** What is read of `wire`, given in pieces cut at `cuts`; the upstream closes afterwards. */
function read(wire: string, method = 'GET', cuts: readonly number[] = []): Read {
  const reader = new AnswerReader();
  const read: Read & { over: number; persistent: boolean } = { heads: [], body: '', trailers: null, over: 0, persistent: false };
  reader.expect(method, {
    head: (status, headers) => void read.heads.push([status, headers]),
    body: (chunk) => {
      read.body += chunk.toString('latin1');
    },
    end: (trailers) => {
      read.trailers = trailers;
    },
  });
  const bytes = Buffer.from(wire, 'latin1');
  const edges = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((one, other) => one - other);
  let at = 0;
  for (const edge of [...edges, bytes.length]) {
    const piece = bytes.subarray(at, edge);
    const taken = reader.read(piece);
    read.over += piece.length - taken;
    at = edge;
  }
  reader.closed();
  read.persistent = reader.persistent;
  return read;
}

const ok = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n${body}`;

t.test('answers that have one reading', async (t) => {
  const cases: readonly (readonly [name: string, wire: string, method: string, expected: Partial<Read>])[] = [
    ['a length', ok('Content-Length: 2\r\n', 'hi'), 'GET', { heads: [[200, ['Content-Length', '2']]], body: 'hi', persistent: true }],
    ['no body', ok('content-length: 0\r\n'), 'GET', { body: '', trailers: [], persistent: true }],
    ['no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx', 'GET', { body: 'x' }],
    ['bytes above ASCII', ok('x: caf\xe9\r\ncontent-length: 0\r\n'), 'GET', { heads: [[200, ['x', 'caf\xe9', 'content-length', '0']]] }],
    ['blanks around a value', ok('x: \t a b \t\r\ncontent-length: 0\r\n'), 'GET', { heads: [[200, ['x', 'a b', 'content-length', '0']]] }],
    ['an empty value', ok('x:\r\ncontent-length: 0\r\n'), 'GET', { heads: [[200, ['x', '', 'content-length', '0']]] }],
    ['HEAD', ok('content-length: 5\r\n'), 'HEAD', { body: '', trailers: [], persistent: true }],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'GET', { body: '', trailers: [], persistent: true }],
    ['304 with the length of what it stands for', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n', 'GET', { trailers: [] }],
    ['chunks', ok('Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n3;a=b\r\n yo\r\n0\r\n\r\n'), 'GET', { body: 'hi yo', trailers: [] }],
    ['trailers', ok('transfer-encoding: chunked\r\n', '1\r\nx\r\n0\r\nSum: 7\r\n\r\n'), 'GET', { body: 'x', trailers: ['Sum', '7'] }],
    ['until it closes', ok('x: y\r\n', 'all of it'), 'GET', { body: 'all of it', trailers: [], persistent: false }],
    ['close', ok('connection: close\r\ncontent-length: 1\r\n', 'x'), 'GET', { body: 'x', persistent: false }],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx', 'GET', { body: 'x', persistent: false }],
    ['HTTP/1.0 that stays', 'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx', 'GET', { persistent: true }],
    ['what comes behind it', ok('content-length: 1\r\n', 'xHTTP/1.1 200 OK\r\n\r\n'), 'GET', { body: 'x', over: 19 }],
    [
      'interim answers first',
      `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok('content-length: 1\r\n', 'x')}`,
      'GET',
      {
        heads: [
          [103, ['link', '</a>']],
          [100, []],
          [200, ['content-length', '1']],
        ],
        body: 'x',
      },
    ],
    ['cut off in its body', ok('content-length: 9\r\n', 'abc'), 'GET', { body: 'abc', trailers: null }],
    ['cut off in a chunk', ok('transfer-encoding: chunked\r\n', '9\r\nabc'), 'GET', { body: 'abc', trailers: null }],
  ];
  for (const [name, wire, method, expected] of cases) t.match(read(wire, method), expected, name);
});

t.test('answers that have none, or more than one', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    'no status line': 'hello\r\n\r\n',
    'HTTP/2 in text': 'HTTP/2.0 200 OK\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a status that is no number': 'HTTP/1.1 2x0 OK\r\n\r\n',
    'NUL in the reason': 'HTTP/1.1 200 O\0K\r\n\r\n',
    'lines end in LF': 'HTTP/1.1 200 OK\ncontent-length: 1\n\nx\r\n\r\n',
    'a bare CR in a value': ok('x: a\rb\r\n'),
    'a bare LF in a value': ok('x: a\nb: c\r\n'),
    'NUL in a value': ok('x: a\0b\r\n'),
    'a folded line': ok('x: a\r\n b\r\n'),
    'a blank before the colon': ok('content-length : 1\r\n', 'x'),
    'no name': ok(': x\r\n'),
    'no colon': ok('x\r\n'),
    'two lengths': ok('content-length: 1\r\nContent-Length: 1\r\n', 'x'),
    'a list of lengths': ok('content-length: 1, 1\r\n', 'x'),
    'a length with a sign': ok('content-length: +1\r\n', 'x'),
    'a length in hex': ok('content-length: 0x1\r\n', 'x'),
    'length and chunks': ok('content-length: 1\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n'),
    'another coding': ok('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    'chunked twice': ok('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n'),
    'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'a size that is no number': ok('transfer-encoding: chunked\r\n', 'zz\r\n'),
    'no size': ok('transfer-encoding: chunked\r\n', '\r\n'),
    'a size with a prefix': ok('transfer-encoding: chunked\r\n', '0x1\r\nx\r\n0\r\n\r\n'),
    'a chunk longer than it says': ok('transfer-encoding: chunked\r\n', '1\r\nxy\r\n0\r\n\r\n'),
    'a trailer without a name': ok('transfer-encoding: chunked\r\n', '0\r\n: x\r\n\r\n'),
    'a protocol nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n',
    'an endless head': ok(`x: ${'a'.repeat(20_000)}\r\n`),
    'an endless chunk line': ok('transfer-encoding: chunked\r\n', `1;${'a'.repeat(2_000)}`),
  };
  for (const [name, wire] of Object.entries(cases)) t.throws(() => read(wire), { name: 'HTTPParserError' }, name);
});

t.test('however an answer is cut into pieces, it is read the same', async (t) => {
  const wires = [
    ok('content-length: 11\r\nx: y\r\n', 'hello world'),
    ok('transfer-encoding: chunked\r\n', '5\r\nhello\r\n6;x\r\n world\r\n0\r\na: b\r\nc: d\r\n\r\n'),
    `HTTP/1.1 103 Early Hints\r\n\r\n${ok('content-length: 2\r\n', 'ok')}and more`,
    ok('x: y\r\n', 'to the end'),
  ];
  for (const wire of wires) {
    const whole = read(wire);
    fc.assert(fc.property(fc.array(fc.nat(200), { maxLength: 12 }), (cuts) => t.strictSame(read(wire, 'GET', cuts), whole) !== false));
  }
});

t.test('random bytes are a fault or an answer, never another error', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, headed) => {
      const wire = (headed ? ok('transfer-encoding: chunked\r\n') : '') + Buffer.from(bytes).toString('latin1');
      try {
        read(wire);
      } catch (error) {
        return (error as Error).name === 'HTTPParserError';
      }
      return true;
    }),
  );
  t.pass('no other error');
});
