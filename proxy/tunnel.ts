import type { Duplex } from 'node:stream';
import type { AnswerHead } from './response-head.js';

/** An upgraded connection (WebSocket and others): bytes both ways with back-pressure until either side ends. */
export class Tunnel {
  private readonly client: Duplex;
  private readonly upstream: Duplex;
  private readonly done: () => void;
  private open = true;

  /** Writes the 101 and starts. `head`: what the client sent right behind its request. `done` is called once, when it is over. */
  constructor(client: Duplex, upstream: Duplex, answer: AnswerHead, requestId: string, head: Buffer, done: () => void) {
    this.client = client;
    this.upstream = upstream;
    this.done = done;
    let text = `HTTP/1.1 ${answer.status} Switching Protocols\r\n`;
    const headers = answer.onward(answer.contentLength);
    for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
    client.write(`${text}x-request-id: ${requestId}\r\n\r\n`, 'latin1');
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
    // One side that has ended ends both, once the other has what was sent: half an upgraded connection is of no use.
    upstream.on('finish', () => this.destroy());
    client.on('finish', () => this.destroy());
    client.on('close', () => this.destroy());
    upstream.on('close', () => this.destroy());
  }

  destroy(): void {
    if (!this.open) return;
    this.open = false;
    this.client.destroy();
    this.upstream.destroy();
    this.done();
  }
}
