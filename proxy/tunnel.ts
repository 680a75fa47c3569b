import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { header } from '../exchange/index.js';
import { streamed } from './collect.js';
import type { AnswerHead } from './response-head.js';
import { closeFrame, GOING_AWAY, POLICY_VIOLATION, type WebSocketLink, WebSocketWay } from './websocket.js';

/** How long a client that is told that the connection ends may take to hear it. */
const FAREWELL_MS = 2_000;

/** The two sides of an upgraded connection and what opened it. */
export interface TunnelEnds extends Omit<WebSocketLink, 'extensions'> {
  readonly client: Socket;
  readonly upstream: Duplex;
  readonly answer: AnswerHead;
  /** How long nothing may come over it, in either direction. */
  readonly idleMs: number;
  /** Called once, when it ends because of that. */
  readonly onIdle: () => void;
  /** What the client sent right behind its request. */
  readonly head: Buffer;
  /** Called once, when it is over. */
  readonly done: () => void;
}

/** An upgraded connection: bytes both ways with back-pressure until either side ends or nothing comes for too long. WebSocket messages are looked at on their way. */
export class Tunnel {
  private readonly client: Socket;
  private readonly upstream: Duplex;
  private readonly done: () => void;
  private readonly isWebSocket: boolean;
  private open = true;

  /** Writes the 101 and starts. */
  constructor(ends: TunnelEnds) {
    const { answer, client, head, passage, upstream } = ends;
    this.client = client;
    this.upstream = upstream;
    this.done = ends.done;
    let text = `HTTP/1.1 ${answer.status} Switching Protocols\r\n`;
    const headers = answer.onward(answer.contentLength, true);
    for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
    client.write(`${text}x-request-id: ${passage.requestId}\r\n\r\n`, 'latin1');
    this.isWebSocket = (header(answer.headers, 'upgrade') ?? '').toLowerCase() === 'websocket';
    if (this.isWebSocket && !passage.silent) this.watch(ends);
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
    // What comes from the upstream is written to the client: its socket sees both directions.
    // Node's own listener would destroy it without a word.
    client.removeAllListeners('timeout').setTimeout(ends.idleMs, () => {
      ends.onIdle();
      this.say(GOING_AWAY);
    });
  }

  private watch(ends: TunnelEnds): void {
    const { client, upstream } = ends;
    const link: WebSocketLink = { ...ends, extensions: header(ends.answer.headers, 'sec-websocket-extensions') ?? '' };
    const join = (from: Duplex, to: Duplex, way: WebSocketWay) => {
      const onward = (chunk: Buffer) => {
        const { bytes, stopped } = way.push(chunk);
        streamed(chunk.length);
        if (bytes.length > 0 && !to.write(bytes)) from.pause();
        if (stopped) this.say(POLICY_VIOLATION);
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

  /** Both sides are told, where the protocol has a word for it, and that is the end. */
  private say(status: number): void {
    if (!this.isWebSocket) {
      this.destroy();
      return;
    }
    this.client.removeAllListeners('data');
    this.upstream.removeAllListeners('data');
    this.upstream.write(closeFrame('server', status));
    this.client.end(closeFrame('client', status));
    this.client.removeAllListeners('timeout').setTimeout(FAREWELL_MS, () => this.destroy());
  }

  destroy(): void {
    if (!this.open) return;
    this.open = false;
    this.client.destroy();
    this.upstream.destroy();
    this.done();
  }
}
