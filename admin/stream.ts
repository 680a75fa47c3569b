import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from './context.js';
import type { LiveNotice } from './live.js';

const BEAT_MS = 15_000;
/** A reader that does not take its notices is cut off; it comes back with Last-Event-ID. */
const MAX_PENDING_BYTES = 1024 * 1024;

/** Serves `/live` (WHATWG HTML §9.2 server-sent events) until the client or the server closes. */
export function serveLive(
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
  stillAllowed: () => Promise<boolean>,
  open: Set<() => void>,
): void {
  const query = request.query as { readonly topics?: string; readonly lastEventId?: string };
  const topics = query.topics ? new Set(query.topics.split(',')) : null;
  const last = request.headers['last-event-id'] ?? query.lastEventId;
  const socket = reply.raw;
  reply.hijack();
  socket.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  socket.write('retry: 2000\n\n');
  const send = (notice: LiveNotice) => {
    if (topics !== null && !topics.has(notice.topic)) return;
    if (socket.writableLength > MAX_PENDING_BYTES) return end();
    socket.write(`id: ${notice.seq}\nevent: ${notice.topic}\ndata: ${JSON.stringify(notice)}\n\n`);
  };
  const stop = context.live.subscribe(send, last === undefined ? null : Number(last));
  const beat = setInterval(async () => {
    // A session that has ended meanwhile must not go on listening.
    if (await stillAllowed().catch(() => false)) socket.write(': beat\n\n');
    else end();
  }, BEAT_MS);
  beat.unref();
  const end = () => {
    clearInterval(beat);
    stop();
    open.delete(end);
    socket.end();
  };
  open.add(end);
  request.raw.once('close', end);
}
