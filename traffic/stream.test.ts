import { MessageChannel, Worker } from 'node:worker_threads';
import t from 'tap';
import { bodyOf, type Exchange, encodeExchange } from '../exchange/index.js';
import { exchangeOf } from '../test/support/exchange.js';
import { type RedisServer, startRedis } from '../test/support/redis.js';
import {
  type Batch,
  createMemoryStream,
  memoryConsumer,
  memoryPublisher,
  type RecordPublisher,
  redisConsumer,
  redisPublisher,
  type TrafficConsumer,
} from './index.js';
import { Spare } from './memory/spare.js';

function exchange(number: number, bodyBytes = 20): Exchange {
  const headers = ['Content-Type', 'text/plain'];
  return exchangeOf({
    id: `x${number}`,
    startedAtMs: 1_700_000_000_000 + number,
    request: { target: `/orders/${number}`, headers },
    response: { headers, body: bodyOf(Buffer.alloc(bodyBytes, number % 251)) },
  });
}

async function until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

interface Rig {
  readonly publisher: RecordPublisher;
  /** A consumer that takes over what an earlier one left. */
  consumer(): TrafficConsumer;
}

let redis: RedisServer;
let streams = 0;
t.before(async () => {
  redis = await startRedis();
});
t.teardown(() => redis.stop());

const rigs: Record<string, () => Rig> = {
  memory() {
    const stream = createMemoryStream();
    let port = stream.consumerPort;
    let used = false;
    return {
      publisher: stream.publisher,
      consumer() {
        if (used) port = stream.reconnect();
        used = true;
        return memoryConsumer([port], { retryMs: 1 });
      },
    };
  },
  redis() {
    const namespace = `t${streams++}`;
    return {
      publisher: redisPublisher({ url: redis.url, namespace }),
      consumer: () => redisConsumer({ url: redis.url, namespace, claimIdleMs: 100, blockMs: 50, retryMs: 1 }),
    };
  },
};

for (const [name, make] of Object.entries(rigs)) {
  t.test(`stream contract: ${name}`, async (t) => {
    t.test('delivers every exchange once, in order, as it was published', async (t) => {
      const { publisher, consumer } = make();
      const seen: Exchange[] = [];
      const stop = new AbortController();
      const reader = consumer();
      const done = reader.consume('engine', async (batches) => void seen.push(...batches.flatMap((b) => b.exchanges)), stop.signal);
      for (let n = 0; n < 3000; n++) publisher.publish(exchange(n, 500));
      await until('all arrive', () => seen.length === 3000);
      t.strictSame(
        seen.map((e) => e.id),
        Array.from({ length: 3000 }, (_, n) => `x${n}`),
      );
      t.strictSame(
        Buffer.from(seen[777].response?.body.bytes ?? []),
        Buffer.alloc(500, 777 % 251),
        'bytes stay right after later batches reuse the memory',
      );
      await until('acknowledged', () => publisher.stats().backlog === 0);
      t.match(publisher.stats(), { published: 3000, dropped: 0, backlog: 0, lagMs: 0 });
      t.match(reader.stats(), { consumed: 3000, redelivered: 0, dropped: 0 });
      stop.abort();
      await done;
      await reader.close();
      await publisher.close(1000);
      t.equal(publisher.publish(exchange(1)), false, 'closed');
      t.strictSame(publisher.stats().droppedBy, { closed: 1 });
    });

    t.test('takes what is encoded already, among what is not', async (t) => {
      const { publisher, consumer } = make();
      const stop = new AbortController();
      const reader = consumer();
      const got: Exchange[] = [];
      const done = reader.consume('engine', async (batches) => void got.push(...batches.flatMap((batch) => batch.exchanges)), stop.signal);
      const records = [1, 2, 3].map((number) => encodeExchange(exchange(number)));
      const large = encodeExchange(exchange(4, 300_000));
      publisher.publish(exchange(0));
      t.equal(publisher.publishRecords(Buffer.concat([...records, large])), 4);
      t.equal(publisher.publishRecords(Buffer.concat([records[0], large.subarray(0, 50)])), 1, 'a record that is cut off is counted');
      await until('all taken', () => got.length === 6);
      t.same(
        got.map(({ id, response }) => `${id} ${response?.body.bytes.length}`),
        ['x0 20', 'x1 20', 'x2 20', 'x3 20', 'x4 300000', 'x1 20'],
      );
      t.strictSame(publisher.stats().droppedBy, { encode: 1 });
      t.equal(publisher.stats().published, 6);
      stop.abort();
      await done;
      await reader.close();
      await publisher.close(1000);
    });

    t.test('a rejected batch comes again under the same id', async (t) => {
      const { publisher, consumer } = make();
      const ids: string[][] = [];
      const stop = new AbortController();
      const reader = consumer();
      publisher.publish(exchange(1));
      const done = reader.consume(
        'engine',
        async (batches) => {
          ids.push(batches.map((b) => b.id));
          if (ids.length < 3) throw new Error('not now');
        },
        stop.signal,
      );
      await until('third attempt', () => reader.stats().consumed === 1);
      t.equal(ids.length, 3);
      t.strictSame(ids[1], ids[0]);
      t.strictSame(ids[2], ids[0]);
      t.equal(reader.stats().redelivered, 2);
      stop.abort();
      await done;
      await publisher.close(500);
    });

    t.test('the next batches come before the last ones are safe; what never got safe goes to the next consumer', async (t) => {
      const { publisher, consumer } = make();
      const taken: string[] = [];
      const safe: (() => void)[] = [];
      const first = consumer();
      const stop = new AbortController();
      const reading = first.consume(
        'engine',
        async (batches) => {
          taken.push(...batches.map((batch) => batch.id));
          return { safe: new Promise<void>((resolve) => void safe.push(resolve)) };
        },
        stop.signal,
      );
      const published: number[] = [];
      for (let n = 0; taken.length < 8 && n < 2000; n++) {
        publisher.publish(exchange(n));
        published.push(n);
        await new Promise((resolve) => setTimeout(resolve, 6));
      }
      t.ok(taken.length >= 8, `${taken.length} batches taken, none of them safe`);
      t.equal(first.stats().consumed, 0, 'nothing is acknowledged yet');
      safe[0]();
      await until('the first is acknowledged', () => first.stats().consumed > 0);
      const acknowledged = first.stats().consumed;
      stop.abort();
      await reading;
      await first.close();
      const seen: string[] = [];
      const stop2 = new AbortController();
      const second = consumer();
      const done = second.consume(
        'engine',
        async (batches) => void seen.push(...batches.flatMap((batch) => batch.exchanges.map((one) => one.id))),
        stop2.signal,
      );
      await until('the rest arrives', () => seen.length >= published.length - acknowledged);
      t.equal(seen.length, published.length - acknowledged, 'and nothing that was acknowledged');
      stop2.abort();
      await done;
      await second.close();
      await publisher.close(500);
    });

    t.test('what a dead consumer left goes to the next one, and nothing is lost', async (t) => {
      const { publisher, consumer } = make();
      const taken: Batch[] = [];
      const first = consumer();
      const stop = new AbortController();
      for (let n = 0; n < 200; n++) publisher.publish(exchange(n));
      const dead = first.consume(
        'engine',
        (batches) => {
          taken.push(...batches);
          return new Promise<void>(() => undefined);
        },
        stop.signal,
      );
      dead.catch(() => undefined);
      await until('first takes some', () => taken.length > 0);
      for (let n = 200; n < 400; n++) publisher.publish(exchange(n));
      await first.close();
      const seen = new Map<string, readonly Exchange[]>();
      const stop2 = new AbortController();
      const second = consumer();
      const done = second.consume('engine', async (batches) => batches.forEach((b) => void seen.set(b.id, b.exchanges)), stop2.signal);
      await until('all arrive', () => new Set([...seen.values()].flat().map((e) => e.id)).size === 400);
      t.ok(seen.has(taken[0].id), 'redelivered under the same id');
      t.equal([...seen.values()].flat().length, 400, 'once per batch id');
      stop.abort();
      stop2.abort();
      await done;
      await publisher.close(500);
    });
  });
}

t.test('a stream that fills takes what is rare, and of what is common the first of each second', async (t) => {
  const of = (target: string, ip: string, acted = false): Exchange =>
    exchangeOf({
      client: { ip, port: 1 },
      request: { target },
      outcome: { action: 'passed', mode: 'observe', phase: null, acts: [], ...(acted ? { incidentId: 'W-1' } : {}) },
    });
  const table: [what: string, filled: number, taken: number][] = [
    ['while there is room, all', 0.74, 1001],
    ['then sixteen of one endpoint and actor', 0.75, 17],
    ['fewer the fuller it is', 0.9, 7],
    ['and one of each', 0.99, 2],
  ];
  for (const [what, filled, taken] of table) {
    const spare = new Spare();
    const takes = (one: Exchange): number => Number(spare.takes(one, filled, 5_000));
    let count = 0;
    for (let n = 0; n < 1000; n++) count += takes(of(`/orders/${n}?a=${n}`, '198.51.100.1'));
    t.equal(count + takes(of('/rare', '198.51.100.2')), taken, what);
    t.ok(takes(of('/orders/1', '198.51.100.1', true)), 'what was acted on, always');
    t.ok(spare.takes(of('/orders/1', '198.51.100.1'), filled, 6_001), 'in the next second again');
  }
  const spare = new Spare();
  for (let n = 0; n < 100; n++) spare.takes(of('/orders', `198.51.100.${n}`), 0.95, 5_000);
  t.notOk(spare.takes(of('/orders', '203.0.113.1'), 0.95, 5_000), 'an actor of one request is no reason when it is nearly full');
  t.ok(spare.takes(of('/rare', '198.51.100.1'), 0.95, 5_000), 'a rare endpoint is');
  for (let n = 0; n < 200_000; n++)
    spare.takes(of(`/${n.toString(36).replaceAll(/\d/g, 'x')}/${n}`, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`), 0.8, 7_000);
  t.ok(spare.subjects <= 50_000, 'a million paths and addresses do not fill the memory');
});

t.test('records are chosen like exchanges, and only when there is something to choose', async (t) => {
  const flood = Array.from({ length: 300 }, (_, n) => ({
    ...exchange(n, 700),
    // A rare endpoint of a rare actor, now and then, as the stream gets full.
    ...(n % 20 === 19 ? { client: { ip: `203.0.113.${n}`, port: 1 } } : {}),
    request: { ...exchange(n).request, target: n % 20 === 19 ? `/rare/${'x'.repeat(n / 20)}` : `/common/${n}` },
  }));
  const stream = () => memoryPublisher(null, { limitBytes: 128 * 1024, bufferBytes: 1024, now: () => 5_000 });
  const one = stream();
  const taken = flood.map((each) => one.publish(each));
  const other = stream();
  const records = flood.map((each) => encodeExchange(each));
  t.same(
    records.map((record) => other.publishRecords(record) === 1),
    taken,
    'the same of them',
  );
  const whole = stream();
  t.equal(whole.publishRecords(Buffer.concat(records)), taken.filter(Boolean).length, 'one behind the other too');
  for (const { published, dropped, droppedBy } of [one, other, whole].map((each) => each.stats())) {
    t.same([published + dropped, droppedBy], [300, one.stats().droppedBy], 'each is taken or counted');
    t.ok((droppedBy.common ?? 0) > 50, 'what is common goes first');
  }
  const rare = taken.filter((_, n) => n % 20 === 19);
  t.same(rare, Array(15).fill(true), 'and all that is rare is taken');
  const unreadable = Uint8Array.from(records[0]);
  unreadable[4] = 9;
  t.equal(other.publishRecords(unreadable), 1, 'what cannot be read is counted by who reads it');
});

t.test('memory: bounded, and drops have reasons', async (t) => {
  const publisher = memoryPublisher(null, { limitBytes: 4096, bufferBytes: 1024, now: () => 5000 });
  t.notOk(publisher.publish(exchange(0, 2000)), 'over a quarter of the limit');
  const broken: Exchange = {
    ...exchange(1),
    get request(): Exchange['request'] {
      throw new Error('nothing to encode');
    },
  };
  t.notOk(publisher.publish(broken));
  const results = Array.from({ length: 20 }, (_, n) => publisher.publish(exchange(n, 300)));
  const taken = results.filter(Boolean).length;
  t.ok(taken >= 4 && taken < 12, `${taken} of 20 fit in 4 KiB`);
  const { full = 0, common, ...others } = publisher.stats().droppedBy;
  t.strictSame(others, { 'too-large': 1, encode: 1 });
  t.equal(full + common, 20 - taken);
  t.equal(publisher.stats().backlog, taken);
  t.equal(publisher.stats().filled, 1, 'and says that it is full');
  const { port1, port2 } = new MessageChannel();
  publisher.attach(port1);
  const seen: string[] = [];
  const stop = new AbortController();
  const consumer = memoryConsumer([port2]);
  let filled = 0;
  const done = consumer.consume(
    'engine',
    async (batches) => {
      filled = Math.max(filled, consumer.stats().filled);
      seen.push(...batches.flatMap((b) => b.exchanges.map((e) => e.id)));
    },
    stop.signal,
  );
  await publisher.close(2000);
  t.equal(seen.length, taken, 'what waited for a consumer is delivered');
  t.equal(filled, 1, 'which hears that there was no room left');
  t.ok(publisher.stats().filled <= 0.25, 'and there is again');
  await t.rejects(
    consumer.consume('other', async () => undefined, stop.signal),
    { code: 'TRAFFIC_ONE_GROUP' },
  );
  stop.abort();
  await done;
});

t.test('memory: what was published while the batch before was on its way goes out as soon as that is taken', async (t) => {
  const { port1, port2 } = new MessageChannel();
  // With a long wait for company, only the taking of the first can be what sends the second.
  const publisher = memoryPublisher(port1, { flushMs: 60_000, eagerFlushMs: 50 });
  const seen: string[] = [];
  const stop = new AbortController();
  let takeFirst: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    takeFirst = resolve;
  });
  const done = memoryConsumer([port2]).consume(
    'engine',
    async (batches) => {
      seen.push(...batches.flatMap((batch) => batch.exchanges.map(({ id }) => id)));
      if (seen.length === 1) await held;
    },
    stop.signal,
  );
  publisher.publish(exchange(1));
  await until('the first is on its way', () => seen.length === 1);
  publisher.publish(exchange(2));
  takeFirst();
  await until('the second arrives', () => seen.length === 2);
  t.same(seen, ['x1', 'x2']);
  stop.abort();
  await done;
  await publisher.close(1000);
});

t.test('memory: an exchange larger than a buffer travels alone', async (t) => {
  const stream = createMemoryStream({ bufferBytes: 4096, limitBytes: 1024 * 1024 });
  const sizes: number[] = [];
  const stop = new AbortController();
  const done = memoryConsumer([stream.consumerPort]).consume(
    'engine',
    async (batches) => void sizes.push(...batches.flatMap((b) => b.exchanges.map((e) => e.response?.body.bytes.length ?? -1))),
    stop.signal,
  );
  for (const bytes of [10, 100_000, 20]) t.ok(stream.publisher.publish(exchange(1, bytes)));
  await stream.publisher.close(2000);
  t.strictSame(sizes, [10, 100_000, 20]);
  stop.abort();
  await done;
});

t.test('memory: the thread that consumes dies in the middle; its successor gets the rest', async (t) => {
  const stream = createMemoryStream({ flushMs: 1 });
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    workerData.port.on('message', () => { if (workerData.dies) process.exit(1); });`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { port: stream.consumerPort, dies: true },
    transferList: [stream.consumerPort],
  });
  for (let n = 0; n < 50; n++) stream.publisher.publish(exchange(n));
  await new Promise((resolve) => worker.once('exit', resolve));
  const seen: string[] = [];
  const stop = new AbortController();
  const done = memoryConsumer([stream.reconnect()]).consume(
    'engine',
    async (batches) => void seen.push(...batches.flatMap((b) => b.exchanges.map((e) => e.id))),
    stop.signal,
  );
  await until('all', () => seen.length === 50);
  t.ok(stream.publisher.stats().redelivered >= 1);
  stop.abort();
  await done;
  await stream.publisher.close(500);
});

t.test('redis away: bounded in memory, counted as disconnected, delivered when it returns; a frozen server is noticed', async (t) => {
  const server = await startRedis({ persist: true });
  const publisher = redisPublisher({ url: server.url, limitBytes: 256 * 1024, bufferBytes: 32 * 1024, flushMs: 1 });
  const consumer = redisConsumer({ url: server.url, blockMs: 100, claimIdleMs: 200, timeoutMs: 300 });
  const seen: string[] = [];
  const stop = new AbortController();
  const done = consumer.consume(
    'engine',
    async (batches) => void seen.push(...batches.flatMap((b) => b.exchanges.map((e) => e.id))),
    stop.signal,
  );
  publisher.publish(exchange(0));
  await until('first', () => seen.length === 1);
  await server.kill();
  publisher.publish(exchange(1));
  let n = 2;
  await until('the loss is known', () => {
    for (const end = n + 1000; n < end; n++) publisher.publish(exchange(n, 1000));
    return (publisher.stats().droppedBy.disconnected ?? 0) > 0;
  });
  const { published } = publisher.stats();
  t.ok(published < 1000, 'memory is bounded');
  await server.start();
  await until('the rest', () => new Set(seen).size >= published && publisher.stats().backlog === 0, 20_000);
  // Time for what must not come: a batch that was delivered already.
  await new Promise((resolve) => setTimeout(resolve, 500));
  // The server died while the first one was being acknowledged: that one may come again.
  const later = seen.filter((id) => id !== seen[0]);
  t.equal(later.length, published - 1, 'every accepted exchange, none twice');
  t.equal(new Set(later).size, later.length);
  server.freeze();
  const before = seen.length;
  publisher.publish(exchange(7));
  await new Promise((resolve) => setTimeout(resolve, 600));
  server.thaw();
  await until('after the thaw', () => seen.length > before, 20_000);
  stop.abort();
  await done;
  await publisher.close(500);
  await server.stop();
});

t.test('redis: a second group sees everything too; backlog is reported; the stream lost by a flush is made again', async (t) => {
  const publisher = redisPublisher({ url: redis.url, namespace: 'two' });
  for (let n = 0; n < 100; n++) publisher.publish(exchange(n));
  await publisher.close(15_000);
  for (const group of ['engine', 'archive']) {
    const consumer = redisConsumer({ url: redis.url, namespace: 'two', blockMs: 50 });
    const stop = new AbortController();
    let count = 0;
    const done = consumer.consume(
      group,
      async (batches) => {
        for (const batch of batches) count += batch.exchanges.length;
      },
      stop.signal,
    );
    await until(group, () => count === 100);
    await redis.run('DEL', '{two}:traffic');
    if (group === 'engine') {
      const again = redisPublisher({ url: redis.url, namespace: 'two' });
      for (let n = 0; n < 100; n++) again.publish(exchange(n));
      await again.close(15_000);
      await until('after the flush', () => count === 200);
      t.pass('read on after the flush');
    }
    stop.abort();
    await done;
  }
});
