import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import fc from 'fast-check';
import t from 'tap';
import { listenForCallbacks } from './callback.js';

t.test('a fetch is a hit, and nothing else is', async (t) => {
  const listener = await listenForCallbacks({ host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' });
  t.teardown(() => listener.close());
  const [called, other] = [listener.newId(), listener.newId()];
  t.equal(await (await fetch(listener.url(called))).text(), `weir-callback-${called}`);
  await fetch(listener.url('not-an-id'));
  t.equal(listener.hit(called), true);
  t.equal(listener.hit(other), false);
});

t.test('a lookup of a name in the zone is a hit; other zones are not answered, and bad packets do no harm', async (t) => {
  const listener = await listenForCallbacks({
    host: '127.0.0.1',
    port: 0,
    publicHost: '127.0.0.1',
    dns: { zone: 'cb.example.com.', port: 0 },
  });
  t.teardown(() => listener.close());
  const resolver = new Resolver({ timeout: 300, tries: 1 });
  resolver.setServers([`127.0.0.1:${listener.dnsPort}`]);
  const id = listener.newId();
  const { hostname } = new URL(listener.url(id));
  t.equal(hostname, `${id}.cb.example.com`);
  t.equal(listener.hit(id), false);
  t.strictSame(await resolver.resolve4(hostname.toUpperCase()), ['127.0.0.1']);
  t.equal(listener.hit(id), true);
  const sixOnly = listener.newId();
  await t.rejects(resolver.resolve6(`${sixOnly}.cb.example.com`));
  t.equal(listener.hit(sixOnly), true, 'also where there is no address of that kind');
  const foreign = listener.newId();
  await t.rejects(resolver.resolve4(`${foreign}.example.org`));
  t.equal(listener.hit(foreign), false);

  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  const send = (bytes: Uint8Array) => new Promise<void>((resolve) => socket.send(bytes, listener.dnsPort!, '127.0.0.1', () => resolve()));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
      await send(bytes);
      await send(Buffer.concat([Buffer.from('0001010000010000000000003f', 'hex'), bytes]));
    }),
    { numRuns: 100 },
  );
  const last = listener.newId();
  t.strictSame(await resolver.resolve4(`x.${last}.cb.example.com`), ['127.0.0.1'], 'it still answers');
  t.equal(listener.hit(last), true);
});
