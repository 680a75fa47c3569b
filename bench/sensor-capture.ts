import { createWriteStream, existsSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { ethernet, pcapFile } from '../sensor/testing/packets.js';
import { Talk } from '../sensor/testing/talk.js';

/** What the generated capture holds, so that a reader can be checked against it. */
export interface CaptureTruth {
  readonly transactions: number;
  readonly packets: number;
  readonly bytes: number;
  /** Bytes of all decoded bodies. */
  readonly requestBodyBytes: number;
  readonly responseBodyBytes: number;
}

const CONNECTIONS_AT_ONCE = 64;
const TRANSACTIONS_PER_CONNECTION = 12;

/** Deterministic noise in 0–1 (mulberry32), so that every machine gets the same file. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function json(next: () => number, bytes: number): string {
  const items: unknown[] = [];
  let size = 30;
  while (size < bytes) {
    const item = {
      id: Math.floor(next() * 1e9),
      name: `user ${next().toString(36).slice(2)}`,
      email: `${next().toString(36).slice(2, 10)}@example.com`,
      total: Math.round(next() * 1e6) / 100,
      open: next() < 0.5,
    };
    items.push(item);
    size += JSON.stringify(item).length + 1;
  }
  return JSON.stringify({ items, next: null });
}

function chunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += 1_024) {
    const part = body.subarray(at, at + 1_024);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}

/**
 * Writes a capture of API traffic: JSON answers of 1–4 KB, 60 % of requests with a JSON body, 30 % of the answers chunked and 10 % gzip, keep-alive
 * connections of a dozen transactions, 64 at once, MTU 1500. 60,000 transactions make about 300 MB. The packets of the connections are mixed as
 * they would be on a link.
 */
export async function writeCapture(path: string, transactions: number): Promise<CaptureTruth> {
  const next = random(7);
  const out = createWriteStream(path);
  out.write(pcapFile([], 1));
  const truth = { transactions: 0, packets: 0, bytes: 24, requestBodyBytes: 0, responseBodyBytes: 0 };
  let connection = 0;
  let nowMs = 1_700_000_000_000;
  while (truth.transactions < transactions) {
    const talks: Talk[] = [];
    for (let index = 0; index < CONNECTIONS_AT_ONCE && truth.transactions < transactions; index++, connection++) {
      const client = { ip: [10, 1, (connection >> 8) & 255, connection & 255] as const, port: 20_000 + (connection % 40_000) };
      const talk = new Talk({
        client,
        server: { ip: [10, 2, 0, 1 + (connection % 8)], port: 8_080 },
        clientIsn: Math.floor(next() * 2 ** 32),
        serverIsn: Math.floor(next() * 2 ** 32),
        startMs: nowMs + next(),
        stepMs: 0.05 + next() * 0.1,
      }).open();
      for (let turn = 0; turn < TRANSACTIONS_PER_CONNECTION && truth.transactions < transactions; turn++) {
        transaction(talk, next, truth);
        truth.transactions++;
      }
      talks.push(talk.close());
    }
    const packets = talks.flatMap((talk) => talk.packets).sort((a, b) => a.tsMs - b.tsMs);
    const mixed = pcapFile(
      packets.map((packet) => ({ tsMs: packet.tsMs, bytes: ethernet(0x0800, packet.bytes) })),
      1,
    ).subarray(24);
    truth.packets += packets.length;
    truth.bytes += mixed.length;
    nowMs = (packets.at(-1)?.tsMs ?? nowMs) + 1;
    if (!out.write(mixed)) await new Promise<void>((resolve) => out.once('drain', () => resolve()));
  }
  await new Promise<void>((resolve) => out.end(() => resolve()));
  return truth;
}

function transaction(talk: Talk, next: () => number, truth: { requestBodyBytes: number; responseBodyBytes: number }): void {
  const id = Math.floor(next() * 1e6);
  const request = next() < 0.6 ? json(next, 1_000 + next() * 3_000) : '';
  const common = `Host: api.example.com\r\nUser-Agent: bench/1.0 (load)\r\nAccept: application/json\r\nAuthorization: Bearer ${id.toString(36)}.${next().toString(36).slice(2)}\r\nX-Request-Id: ${id.toString(16)}-${Math.floor(next() * 1e9)}\r\n`;
  if (request === '') talk.client(`GET /v1/accounts/${id}/orders?page=${id % 9} HTTP/1.1\r\n${common}\r\n`);
  else
    talk.client(
      `POST /v1/accounts/${id}/orders HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${request.length}\r\n\r\n${request}`,
    );
  const plain = Buffer.from(json(next, 1_000 + next() * 3_000));
  truth.requestBodyBytes += request.length;
  truth.responseBodyBytes += plain.length;
  const kind = next();
  const isGzip = next() < 0.1;
  const body = isGzip ? gzipSync(plain) : plain;
  const coding = isGzip ? 'Content-Encoding: gzip\r\n' : '';
  const head = `HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: application/json; charset=utf-8\r\n${coding}`;
  const answer =
    kind < 0.3
      ? [Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`), chunked(body)]
      : [Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body];
  talk.server(Buffer.concat(answer));
}

/** The capture at `path`, made if it is not there. */
export async function captureAt(path: string, transactions: number): Promise<number> {
  if (!existsSync(path)) await writeCapture(path, transactions);
  return statSync(path).size;
}
