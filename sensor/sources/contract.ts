import type { Test } from 'tap';
import type { CaptureSource } from '../types.js';

export interface Provider {
  /** A source, and a way to make it hear packets; `send` resolves when they are under way. */
  open(): Promise<{ readonly source: CaptureSource; send(): Promise<void>; close(): Promise<void> }>;
  /** How often `send` is tried until the source hears it. */
  readonly tries?: number;
}

/** What every capture source keeps to. */
export async function sourceContract(t: Test, { open, tries = 40 }: Provider): Promise<void> {
  const { source, send, close } = await open();
  const stopping = new AbortController();
  let heard = 0;
  let outOfBounds = 0;
  let settled = false;
  let heardWhenSettled = -1;
  const run = source
    .run((packet) => {
      heard++;
      if (packet.start < 0 || packet.end > packet.bytes.length || packet.originalLength < packet.end - packet.start) outOfBounds++;
    }, stopping.signal)
    .finally(() => {
      settled = true;
      heardWhenSettled = heard;
    });
  run.catch(() => {});
  for (let round = 0; round < tries && heard === 0 && !settled; round++) {
    await send();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(heard > 0, 'hands over packets');
  t.equal(outOfBounds, 0, 'within their bytes');
  stopping.abort();
  await t.resolves(run, 'resolves on abort');
  await send();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(heard, heardWhenSettled, 'hands over nothing after it settled');
  t.ok(source.stats().packets >= heard, 'counts what it handed over');
  t.match(source.name, /./);
  const early = new AbortController();
  early.abort();
  await t.resolves(
    source.run(() => {}, early.signal),
    'resolves at once when it was aborted before',
  );
  await close();
}
