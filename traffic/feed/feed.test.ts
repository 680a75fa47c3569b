/** One contract, both feeds: a reader ends with what the writer has, whoever starts first, and after the network was lost. */
import { MessageChannel } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { startRedis } from '../../test/support/redis.js';
import { pause } from '../pause.js';
import type { FeedReader, FeedWriter } from '../types.js';
import { memoryFeedReader, memoryFeedWriter } from './memory-feed.js';
import { redisFeedReader, redisFeedWriter } from './redis-feed.js';

/** A counter book: snapshot chunk `R` resets, `k=v` sets. */
class Book {
  readonly entries = new Map<string, string>();
  apply(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString();
    if (text === 'R') this.entries.clear();
    else this.entries.set(...(text.split('=') as [string, string]));
  }
  *snapshot(): Generator<Uint8Array> {
    yield Buffer.from('R');
    for (const [key, value] of this.entries) yield Buffer.from(`${key}=${value}`);
  }
}

async function until(check: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400 && !check(); attempt++) await pause(25);
}

const same = (a: Book, b: Book) => JSON.stringify([...a.entries].sort()) === JSON.stringify([...b.entries].sort());

interface Feed {
  writer(book: Book): FeedWriter;
  reader(book: Book): FeedReader;
}

async function contract(t: Test, feed: Feed): Promise<void> {
  const source = new Book();
  source.entries.set('before', '1');
  const writer = feed.writer(source);
  const copy = new Book();
  const reader = feed.reader(copy);
  await until(() => same(source, copy));
  t.same([...copy.entries], [...source.entries], 'the snapshot arrives');
  for (let n = 0; n < 500; n++) {
    source.entries.set(`k${n % 37}`, String(n));
    writer.append(Buffer.from(`k${n % 37}=${n}`));
  }
  await until(() => same(source, copy));
  t.ok(same(source, copy), 'changes arrive in order');
  await reader.close();
  await writer.close();
}

t.test('memory', async (t) => {
  const { port1, port2 } = new MessageChannel();
  await contract(t, {
    writer: (book) => memoryFeedWriter(port1, () => book.snapshot()),
    reader: (book) => memoryFeedReader(port2, (bytes) => book.apply(bytes)),
  });
});

t.test('redis', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const options = { url: redis.url, name: 'test' };
  await contract(t, {
    writer: (book) => redisFeedWriter(options, () => book.snapshot()),
    reader: (book) => redisFeedReader(options, (bytes) => book.apply(bytes)),
  });
  t.test('a late reader and a reader over a flushed server get there too', async (t) => {
    const source = new Book();
    const late = { url: redis.url, name: 'late' };
    const writer = redisFeedWriter(late, () => source.snapshot());
    source.entries.set('a', '1');
    writer.append(Buffer.from('a=1'));
    await pause(200);
    const copy = new Book();
    const reader = redisFeedReader(late, (bytes) => copy.apply(bytes));
    await until(() => same(source, copy));
    t.ok(same(source, copy));
    await redis.kill();
    source.entries.set('b', '2');
    writer.append(Buffer.from('b=2'));
    await redis.start();
    await until(() => same(source, copy));
    t.ok(same(source, copy), 'a snapshot follows the reconnect');
    await reader.close();
    await writer.close();
  });
});
