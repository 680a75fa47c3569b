import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { type Act, bodyText, type Exchange } from '../exchange/index.js';
import type { Decision, PolicySet } from '../policies/index.js';
import { type BlockVerdict, createGateway, type GatewayPorts, noPolicies, type ServiceOptions, trivialPorts } from './index.js';
import { frameOf, type SocketMessage, WebSocketReader } from './websocket-reader.js';

const MASK = Buffer.from([1, 2, 3, 4]);

/** A frame with every bit given: `first` holds FIN, RSV and opcode. */
function frame(first: number, payload: Buffer): Buffer {
  const whole = frameOf(0, payload, null);
  whole[0] = first;
  return whole;
}

/** What a reader makes of bytes that arrive in pieces. */
function read(chunks: readonly Buffer[], extensions = '', keepBytes = 1000): { messages: string[]; onward: Buffer; tooLong: number } {
  const messages: string[] = [];
  const onward: Buffer[] = [];
  let tooLong = 0;
  const reader = new WebSocketReader(
    {
      lost: () => undefined,
      other: (bytes) => onward.push(bytes),
      part: (bytes) => onward.push(bytes),
      tooLong: () => tooLong++,
      message: ({ text, payload, totalBytes }: SocketMessage) =>
        messages.push(`${text ? 'text' : 'binary'} ${payload ?? 'unreadable'} ${totalBytes}`),
    },
    'client',
    extensions,
    keepBytes,
  );
  for (const chunk of chunks) reader.push(chunk);
  return { messages, onward: Buffer.concat(onward), tooLong };
}

/** Messages compressed one after the other with what went before (RFC 7692 §7.2.3.2). */
async function compressed(texts: readonly string[]): Promise<Buffer[]> {
  const stream = createDeflateRaw();
  const out: Buffer[] = [];
  for (const text of texts) {
    const parts: Buffer[] = [];
    const onData = (chunk: Buffer) => parts.push(chunk);
    stream.on('data', onData);
    stream.write(text);
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
    stream.off('data', onData);
    out.push(Buffer.concat(parts).subarray(0, -4));
  }
  return out;
}

t.test('messages in frames', async (t) => {
  const text = (content: string) => frameOf(1, Buffer.from(content), MASK);
  const table: readonly (readonly [name: string, bytes: Buffer, messages: readonly string[]])[] = [
    ['one text', text('hello'), ['text hello 5']],
    ['unmasked', frameOf(1, Buffer.from('hello'), null), ['text hello 5']],
    ['binary', frameOf(2, Buffer.from('abc'), MASK), ['binary abc 3']],
    ['empty', text(''), ['text  0']],
    ['16 bit length', text('x'.repeat(300)), [`text ${'x'.repeat(300)} 300`]],
    ['64 bit length, cut', frameOf(1, Buffer.alloc(70_000, 'y'), MASK), [`text ${'y'.repeat(1000)} 70000`]],
    ['two', Buffer.concat([text('a'), text('b')]), ['text a 1', 'text b 1']],
    [
      'fragments',
      Buffer.concat([frame(0x01, Buffer.from('he')), frame(0x00, Buffer.from('ll')), frame(0x80, Buffer.from('o'))]),
      ['text hello 5'],
    ],
    [
      'ping between fragments',
      Buffer.concat([frame(0x01, Buffer.from('he')), frame(0x89, Buffer.from('?')), frame(0x80, Buffer.from('y'))]),
      ['text hey 3'],
    ],
    [
      'control frames only',
      Buffer.concat([frame(0x89, Buffer.from('p')), frame(0x8a, Buffer.from('q')), frame(0x88, Buffer.alloc(2))]),
      [],
    ],
    ['reserved bit', frame(0xa1, Buffer.from('x')), []],
    ['compressed without agreement', frame(0xc1, deflateRawSync('x')), []],
    ['unknown opcode', frame(0x83, Buffer.from('x')), []],
    ['continuation of nothing', frame(0x80, Buffer.from('x')), []],
    ['a message within a message', Buffer.concat([frame(0x01, Buffer.from('a')), frame(0x81, Buffer.from('b'))]), []],
    ['cut off', text('hello').subarray(0, 7), []],
    ['no WebSocket at all', Buffer.from('hello, this is no frame'), []],
  ];
  for (const [name, bytes, messages] of table) {
    const got = read([bytes]);
    t.same(got.messages, messages, name);
    // An incomplete frame head waits; everything else goes on as it came.
    t.same(got.onward, bytes.subarray(0, got.onward.length), `${name}: bytes`);
    t.same(read([...bytes].map((one) => Buffer.from([one]))).messages, messages, `${name}: byte by byte`);
  }
  t.equal(read([frameOf(1, Buffer.alloc(5000), MASK)]).tooLong, 1);

  const [one, two, three] = await compressed(['{"card":"4111"}', '{"card":"4111"} again', 'x'.repeat(3000)]);
  const deflate = 'permessage-deflate';
  const frames = (...all: Buffer[]) => all.map((bytes) => frame(0xc1, bytes));
  t.same(
    read(frames(one, two), deflate).messages,
    ['text {"card":"4111"} 15', 'text {"card":"4111"} again 21'],
    'compressed with what went before',
  );
  t.same(read(frames(one), `${deflate}; client_no_context_takeover`).messages, ['text {"card":"4111"} 15']);
  t.match(read(frames(three), deflate, 4).messages[0], /^text (?:unreadable|x*) /, 'more compressed than is kept');
  t.same(
    read([...frames(Buffer.from('garbage!')), ...frames(one)], deflate).messages.map((line) => line.split(' ')[1]),
    ['unreadable', 'unreadable'],
  );

  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), fc.boolean(), (chunks, asText) => {
      const buffers = chunks.map((chunk) => Buffer.from(chunk));
      read(buffers, asText ? deflate : '');
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), fc.array(fc.nat(20), { maxLength: 50 }), (content, cuts) => {
      const bytes = text(content);
      const pieces: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      pieces.push(bytes.subarray(at));
      const got = read(
        pieces.filter((piece) => piece.length > 0),
        '',
        10_000,
      );
      const length = Buffer.byteLength(content);
      return got.messages[0] === `text ${Buffer.from(content)} ${length}` && got.onward.equals(bytes);
    }),
  );
});

const ACT: Act = {
  policy: 'test',
  rule: 'r',
  phase: 'request',
  action: 'block',
  acted: true,
  severity: 'high',
  confidence: 1,
  message: '',
  evidence: [],
};

/** Blocks what says `attack`, masks digits in what says `ssn`. */
function obedient(bodyBytes: number, overflow: 'pass' | 'block' | 'inspect-prefix' = 'block'): PolicySet {
  const pass = noPolicies.onRequest({} as never, {} as never);
  const judge = (text: string, mode: string): Decision => {
    const action = text.includes('attack') ? 'block' : text.includes('ssn') ? 'redact' : 'pass';
    if (action === 'pass') return pass;
    const mutation = action === 'redact' ? { body: Buffer.from(text.replace(/\d/g, '•')) } : null;
    return { ...pass, action: mode === 'enforce' ? action : 'pass', wouldAction: action, acts: [ACT], mutation };
  };
  return {
    ...noPolicies,
    plan: () => ({
      request: true,
      response: true,
      requestBodyBytes: bodyBytes,
      responseBodyBytes: bodyBytes,
      requestOverflow: overflow,
      responseOverflow: overflow,
      ownership: false,
    }),
    onRequest: (request, context) => judge(request.body === null ? '' : bodyText(request.headers, request.body, 1e6), context.mode),
    onResponse: (_request, response, context) =>
      judge(response.body === null ? '' : bodyText(response.headers, response.body, 1e6), context.mode),
  };
}

/** A WebSocket echo behind a gateway, and a client that speaks raw frames. */
async function talk(
  t: { teardown(end: () => unknown): void },
  service: Partial<ServiceOptions>,
  policies: PolicySet,
  ports: Partial<GatewayPorts> = {},
) {
  const offered: (string | undefined)[] = [];
  const server = http.createServer();
  server.on('upgrade', (req: http.IncomingMessage, socket: Duplex) => {
    offered.push(req.headers['sec-websocket-extensions']);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n');
    const say = (message: SocketMessage) =>
      socket.write(frameOf(message.text ? 1 : 2, Buffer.concat([Buffer.from('echo '), message.payload!]), null));
    const reader = new WebSocketReader(
      { other: () => undefined, lost: () => undefined, part: () => undefined, tooLong: () => undefined, message: say },
      'client',
      '',
      1e6,
    );
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const exchanges: Exchange[] = [];
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'api', upstreams: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`], ...service }],
    },
    trivialPorts({ policies: () => policies, tee: { publish: (exchange) => exchanges.push(exchange) > 0 }, ...ports }),
  );
  const [{ port }] = await gateway.listen();
  const socket = net.connect(port, '127.0.0.1');
  t.teardown(async () => {
    socket.destroy();
    server.close();
    await gateway.close(20);
  });
  socket.on('error', () => undefined);
  socket.write(
    'GET /live?token=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  const heard: string[] = [];
  let closed = false;
  const reader = new WebSocketReader(
    {
      other: (bytes) => {
        if (bytes.equals(Buffer.from([0x03, 0xf0]))) heard.push('closed 1008');
      },
      lost: () => undefined,
      part: () => undefined,
      tooLong: () => undefined,
      message: (message) => heard.push(String(message.payload)),
    },
    'server',
    '',
    1e6,
  );
  socket.once('data', (chunk: Buffer) => {
    reader.push(chunk.subarray(chunk.indexOf('\r\n\r\n') + 4));
    socket.on('data', (more: Buffer) => reader.push(more));
  });
  socket.on('close', () => {
    closed = true;
  });
  const until = async (condition: () => boolean) => {
    for (let tries = 0; !condition() && tries < 300; tries++) await wait(10);
  };
  await until(() => offered.length > 0 && exchanges.length > 0);
  return {
    gateway,
    socket,
    heard,
    offered,
    exchanges,
    until,
    isClosed: () => closed,
    say: (text: string) => socket.write(frameOf(1, Buffer.from(text), MASK)),
  };
}

t.test('each message is an exchange of its own', async (t) => {
  const { say, heard, until, exchanges, gateway, offered } = await talk(t, { mode: 'observe' }, obedient(0));
  say('hello');
  say('attack');
  await until(() => heard.length === 2);
  t.same(heard, ['echo hello', 'echo attack'], 'nothing is touched');
  t.same(offered, ['permessage-deflate'], 'and the offer to compress goes on');
  await until(() => exchanges.length === 5);
  const [handshake, first, ...rest] = exchanges;
  t.match(handshake, { kind: 'http', response: { status: 101 } });
  t.match(first, {
    kind: 'websocket',
    response: null,
    request: { method: 'GET', target: '/live?token=1' },
    tags: ['websocket:text', 'from:client'],
  });
  t.equal(bodyText([], first.request.body, 100), 'hello');
  const answer = rest.find((one) => one.response !== null);
  t.match(answer, {
    kind: 'websocket',
    response: { status: 101, headers: ['content-type', 'text/plain; charset=utf-8'] },
    tags: ['websocket:text', 'from:server'],
  });
  t.match(bodyText([], answer!.response!.body, 100), /^echo /);
  t.equal(gateway.stats().service('api').webSocketMessages, 4);
});

t.test('enforced rules stop and change messages', async (t) => {
  const { say, heard, until, exchanges, offered, isClosed } = await talk(t, { mode: 'enforce' }, obedient(1000));
  t.same(offered, [undefined], 'what may have to be replaced must not be compressed');
  say('hello');
  say('my ssn 123');
  await until(() => heard.length === 2);
  t.same(heard, ['echo hello', 'echo my ssn •••']);
  t.match(
    exchanges.find((one) => one.kind === 'websocket' && one.outcome.action === 'redacted'),
    { outcome: { phase: 'request' } },
  );
  say('an attack');
  say('after');
  await until(isClosed);
  t.same(heard.slice(2), ['closed 1008'], 'the message never arrives, and both sides are told why');
  const blocked = exchanges.find((one) => one.outcome.action === 'blocked');
  t.match(blocked, { kind: 'websocket', outcome: { phase: 'request', incidentId: /.+/ } });
  t.equal(bodyText([], blocked!.request.body, 100), 'an attack', 'and the record shows it');
});

t.test('a client that is blocked while its connection is open', async (t) => {
  const table = [
    { name: 'enforce', mode: 'enforce', ends: true },
    { name: 'enforce, where no rule looks at messages', mode: 'enforce', bodyBytes: 0, ends: true },
    { name: 'observe', mode: 'observe', ends: false },
    { name: 'mirror', mode: 'mirror', ends: false },
    { name: 'throttled: a message is no request', mode: 'enforce', action: 'throttle', ends: false },
  ] as const;
  for (const { name, mode, ends, ...rest } of table) {
    const action = 'action' in rest ? rest.action : 'block';
    const limit = { capacity: 1, refillPerMs: 0.001 };
    const blocklist = { version: 1, check: (): BlockVerdict | null => null };
    const { say, heard, until, exchanges, isClosed, gateway } = await talk(
      t,
      { mode: mode === 'mirror' ? 'observe' : mode },
      obedient('bodyBytes' in rest ? rest.bodyBytes : 1000),
      { blocklist },
    );
    if (mode === 'mirror') gateway.setMode('api', 'mirror');
    say('hello');
    await until(() => heard.length === 1);
    Object.assign(blocklist, { version: 2, check: () => ({ id: 'b1', action, limit }) });
    say('more');
    await until(() => isClosed() || heard.length === 2);
    t.same(heard[1], ends ? 'closed 1008' : 'echo more', name);
    if (ends)
      t.match(exchanges.at(-1), {
        kind: 'websocket',
        outcome: { action: 'blocked', blockId: 'b1' },
        tags: ['websocket:text', 'from:client'],
      });
  }
});

t.test('what is no message cannot be looked at: enforced rules let none of it through', async (t) => {
  const broken: Readonly<Record<string, Buffer>> = {
    'a reserved bit': frame(0xa1, Buffer.from('an attack')),
    'compressed without agreement': frame(0xc1, deflateRawSync('an attack')),
    'an unknown opcode': frame(0x83, Buffer.from('an attack')),
    'a message within a message': Buffer.concat([frame(0x01, Buffer.from('an ')), frame(0x81, Buffer.from('attack'))]),
    'a continuation of nothing': frame(0x80, Buffer.from('an attack')),
  };
  for (const [name, bytes] of Object.entries(broken)) {
    const enforced = await talk(t, { mode: 'enforce' }, obedient(1000));
    enforced.socket.write(bytes);
    await enforced.until(enforced.isClosed);
    t.same([enforced.isClosed(), enforced.heard], [true, ['closed 1008']], name);
    t.equal(enforced.gateway.stats().faults.MESSAGE_MALFORMED, 1);
    const observed = await talk(t, { mode: 'observe' }, obedient(1000));
    observed.socket.write(bytes);
    await wait(50);
    t.notOk(observed.isClosed(), `${name}: nothing is touched where nothing is enforced`);
    t.equal(observed.gateway.stats().faults.MESSAGE_MALFORMED, 0);
  }
});

t.test('observed rules are told and nothing is held up', async (t) => {
  const { say, heard, until, exchanges } = await talk(t, { mode: 'observe' }, obedient(1000));
  say('an attack');
  await until(() => heard.length === 1 && exchanges.length >= 3);
  t.same(heard, ['echo an attack']);
  t.match(exchanges.find((one) => one.kind === 'websocket')?.outcome, { action: 'passed', acts: [ACT] });
});

t.test('messages larger than rules look at', async (t) => {
  const large = `attack ${'x'.repeat(70_000)}`;
  for (const [overflow, passes] of [
    ['pass', true],
    ['inspect-prefix', false],
    ['block', false],
  ] as const) {
    const { say, heard, until, isClosed } = await talk(t, { mode: 'enforce' }, obedient(1000, overflow));
    say(large);
    await until(() => heard.length > 0 || isClosed());
    t.equal(heard[0]?.startsWith('echo attack') === true, passes, overflow);
  }
});

t.test('mirror leaves messages alone', async (t) => {
  const { say, heard, until, exchanges, gateway } = await talk(t, { mode: 'observe' }, obedient(1000));
  gateway.setMode('api', 'mirror');
  const before = exchanges.length;
  say('an attack');
  await until(() => heard.length === 1);
  t.same(heard, ['echo an attack']);
  t.equal(exchanges.length, before, 'also on a connection that was open before the switch');
});
