import type { Duplex } from 'node:stream';
import { header } from '../exchange/index.js';
import { streamed } from './collect.js';
import type { AnswerHead } from './response-head.js';
import { closeFrame, type WebSocketLink, WebSocketWay } from './websocket.js';

/** The two sides of an upgraded connection and what opened it. */
export interface TunnelEnds extends Omit<WebSocketLink, 'extensions'> {
  readonly client: Duplex;
  readonly upstream: Duplex;
  readonly answer: AnswerHead;
  /** What the client sent right behind its request. */
  readonly head: Buffer;
  /** Called once, when it is over. */
  readonly done: () => void;
}

/** An upgraded connection: bytes both ways with back-pressure until either side ends. WebSocket messages are looked at on their way. */
export class Tunnel {
  private readonly client: Duplex;
  private readonly upstream: Duplex;
  private readonly done: () => void;
  private open = true;

  /** Writes the 101 and starts. */
  constructor(ends: TunnelEnds) {
    const { answer, client, head, passage, upstream } = ends;
    this.client = client;
    this.upstream = upstream;
    this.done = ends.done;
    let text = `HTTP/1.1 ${answer.status} Switching Protocols\r\n`;
    const headers = answer.onward(answer.contentLength);
    for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
    client.write(`${text}x-request-id: ${passage.requestId}\r\n\r\n`, 'latin1');
    if ((header(answer.headers, 'upgrade') ?? '').toLowerCase() === 'websocket' && !passage.silent) this.watch(ends);
    else {
      if (head.length > 0) upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    }
    // One side that has ended ends both, once the other has what was sent: half an upgraded connection is of no use.
    upstream.on('finish', () => this.destroy());
    client.on('finish', () => this.destroy());
    client.on('close', () => this.destroy());
    upstream.on('close', () => this.destroy());
  }

  private watch(ends: TunnelEnds): void {
    const { client, upstream } = ends;
    const link: WebSocketLink = { ...ends, extensions: header(ends.answer.headers, 'sec-websocket-extensions') ?? '' };
    const join = (from: Duplex, to: Duplex, way: WebSocketWay) => {
      const onward = (chunk: Buffer) => {
        const { bytes, stopped } = way.push(chunk);
        streamed(chunk.length);
        if (bytes.length > 0 && !to.write(bytes)) from.pause();
        if (stopped) this.refuse();
      };
      from.on('data', onward);
      from.on('end', () => to.end());
      to.on('drain', () => from.resume());
      return onward;
    };
    const fromClient = join(client, upstream, new WebSocketWay(link, 'client'));
    join(upstream, client, new WebSocketWay(link, 'server'));
    if (ends.head.length > 0) fromClient(ends.head);
  }

  /** A policy stops a message: both sides are told, and that is the end. */
  private refuse(): void {
    this.client.removeAllListeners('data');
    this.upstream.removeAllListeners('data');
    this.upstream.write(closeFrame('server'));
    this.client.end(closeFrame('client'));
  }

  destroy(): void {
    if (!this.open) return;
    this.open = false;
    this.client.destroy();
    this.upstream.destroy();
    this.done();
  }
}
