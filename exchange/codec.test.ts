import fc from 'fast-check';
import t from 'tap';
import { decodeBatch, decodeExchange, decodeHead, encodeExchange, encodeInto, recordLength } from './codec.js';
import type { Body, Exchange, HeaderList } from './types.js';

const line = (maxLength: number) =>
  fc.string({ maxLength, unit: 'binary' }).map((text) => text.replaceAll('\n', '').replace(/[\ud800-\udfff]/g, ''));
const headers: fc.Arbitrary<HeaderList> = fc.array(fc.tuple(line(12), line(40)), { maxLength: 12 }).map((pairs) => pairs.flat());
const body: fc.Arbitrary<Body> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => ({ bytes, totalLength: bytes.length, missing: [] })),
  fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 2 ** 40 })).map(([bytes, more]) => ({
    bytes,
    totalLength: bytes.length + more,
    missing: [{ offset: bytes.length, length: more }],
  })),
  fc
    .uint8Array({ minLength: 4, maxLength: 400 })
    .map((bytes) => ({ bytes, totalLength: bytes.length + 9, missing: [{ offset: 2, length: 9 }] })),
);
const message = { headers, body, trailers: headers, httpVersion: fc.constantFrom('1.0' as const, '1.1' as const, '2' as const) };
const peer = fc.record({ ip: fc.ipV4(), port: fc.integer({ min: 0, max: 65535 }) });
const time = fc.double({ noNaN: true, min: 0, max: 2e12 });

const exchange: fc.Arbitrary<Exchange> = fc
  .record({
    id: line(26),
    requestId: line(40),
    kind: fc.constantFrom('http' as const, 'websocket' as const),
    observer: fc.record({
      kind: fc.constantFrom('gateway' as const, 'sensor' as const, 'import' as const, 'scan' as const, 'plugin' as const),
      id: line(10),
    }),
    service: line(10),
    client: peer,
    server: peer,
    startedAtMs: time,
    durationMs: time,
    upstreamMs: fc.option(time),
    request: fc.record({
      ...message,
      method: line(8),
      scheme: fc.constantFrom('http' as const, 'https' as const),
      host: line(20),
      target: line(80),
    }),
    response: fc.option(fc.record({ ...message, status: fc.integer({ min: 100, max: 999 }) })),
    principal: fc.option(
      fc.record({ key: line(20), kind: fc.constantFrom('jwt' as const, 'basic' as const), carrier: line(12), label: line(12) }),
    ),
    outcome: fc.record({
      action: fc.constantFrom('passed' as const, 'blocked' as const, 'failed' as const),
      mode: fc.constantFrom('enforce' as const, 'observe' as const, 'mirror' as const),
      phase: fc.constantFrom(null, 'connection' as const, 'request' as const, 'response' as const),
      acts: fc.constantFrom(
        [],
        [
          {
            policy: 'p',
            rule: 'r',
            phase: 'request' as const,
            action: 'block' as const,
            acted: true,
            severity: 'high' as const,
            confidence: 0.5,
            message: 'naïve ✓',
            evidence: [],
          },
        ],
      ),
    }),
    tags: fc.array(line(6), { maxLength: 3 }),
  })
  .chain((one) => fc.option(line(10).filter((text) => text !== '')).map((failure) => (failure === null ? one : { ...one, failure })));

/** Typed arrays of other classes but the same bytes count as the same. */
const plain = (one: Exchange) =>
  JSON.parse(
    JSON.stringify(one, (name, value) => (name === 'bytes' ? (value.type === 'Buffer' ? value.data : Object.values(value)) : value)),
  );

t.test('decode(encode(x)) is x', async (t) => {
  fc.assert(
    fc.property(exchange, (one) => {
      const bytes = encodeExchange(one);
      t.same(plain(decodeExchange(bytes)), plain(one));
      const { service, client, request, principal, outcome } = one;
      t.same(decodeHead(Buffer.concat([Buffer.alloc(3), bytes]), 3), {
        service,
        client: { ip: client.ip },
        request: { method: request.method, target: request.target },
        principal,
        outcome: { acts: outcome.acts },
      });
    }),
    { numRuns: 200 },
  );
});

t.test('a batch is records one behind the other, at any offset', async (t) => {
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 5 }), fc.integer({ min: 0, max: 9 }), (many, lead) => {
      const buffer = Buffer.alloc(200_000);
      let at = lead;
      for (const one of many) at += encodeInto(one, buffer, at);
      t.same(decodeBatch(buffer.subarray(lead, at)).map(plain), many.map(plain));
    }),
    { numRuns: 50 },
  );
});

t.test('what does not fit is refused, not half written over the end', async (t) => {
  const [one] = fc.sample(exchange, { numRuns: 1, seed: 7 });
  const size = encodeExchange(one).length;
  t.equal(encodeInto(one, Buffer.alloc(size - 1), 0), -1);
  t.equal(encodeInto(one, Buffer.alloc(size), 0), size);
});

t.test('damaged bytes give a clear error and never anything else', async (t) => {
  const [one] = fc.sample(exchange, { numRuns: 1, seed: 11 });
  const bytes = encodeExchange(one);
  t.throws(() => decodeExchange(bytes.subarray(0, bytes.length - 1)), { code: 'CODEC_MALFORMED' });
  const newer = Uint8Array.from(bytes);
  newer[4] = 9;
  t.throws(() => decodeExchange(newer), { code: 'CODEC_VERSION', message: /version 9/ });
  t.throws(() => decodeHead(newer), { code: 'CODEC_VERSION' });
  t.throws(() => decodeHead(bytes.map((byte) => (byte === 10 ? 11 : byte))), { code: 'CODEC_MALFORMED' });
  t.equal(recordLength(new Uint8Array(3), 0), 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: bytes.length - 1 }), (noise, at) => {
      const damaged = Uint8Array.from(bytes);
      damaged.set(noise.subarray(0, damaged.length - at), at);
      for (const read of [() => decodeBatch(noise), () => decodeHead(noise), () => decodeExchange(damaged), () => decodeHead(damaged)]) {
        try {
          read();
        } catch (error) {
          t.match((error as { code: string }).code, /^CODEC_/);
        }
      }
    }),
    { numRuns: 300 },
  );
});

t.test('a line feed inside a field becomes a blank, so records stay in step', async (t) => {
  const [one] = fc.sample(exchange, { numRuns: 1, seed: 3 });
  const odd = { ...one, request: { ...one.request, headers: ['x', 'a\nb'] } };
  t.same(decodeExchange(encodeExchange(odd)).request.headers, ['x', 'a b']);
});
