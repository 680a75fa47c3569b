import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { HeaderList } from '../exchange/index.js';

/** A request body that goes out in chunks: its length is not known when it begins, or trailer fields come behind it. */
export interface ChunkedBody {
  readonly stream: Readable;
  /** Flat; asked once `stream` has ended. All are valid field text. */
  trailers(): HeaderList;
}

/** A chunked body on its way to an upstream (RFC 9112 §7.1), with back-pressure. Begins at once, behind the head that was written. */
export class ChunkedUpload {
  /** The upstream takes no more just now; while false, the client is waited for. */
  isStuck = false;
  private readonly socket: Socket;
  private readonly body: ChunkedBody;
  private readonly ended: () => void;

  /** `ended`: the last byte was written. `failed`: the stream broke off. After `stop` neither is called. */
  constructor(socket: Socket, body: ChunkedBody, ended: () => void, failed: (error: Error) => void) {
    this.socket = socket;
    this.body = body;
    this.ended = ended;
    socket.on('drain', this.onDrain);
    body.stream.on('data', this.onData);
    body.stream.on('end', this.onEnd);
    body.stream.on('error', (error: Error) => {
      this.leave();
      failed(error);
    });
  }

  /** What is left of it is no longer wanted. */
  stop(): void {
    this.leave();
    this.body.stream.destroy();
  }

  private leave(): void {
    this.socket.off('drain', this.onDrain);
    this.body.stream.off('data', this.onData);
    this.body.stream.off('end', this.onEnd);
  }

  private readonly onData = (chunk: Buffer): void => {
    // A chunk of no bytes would end the body.
    if (chunk.length === 0) return;
    const { socket } = this;
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    this.isStuck = !socket.write('\r\n', 'latin1');
    socket.uncork();
    if (this.isStuck) this.body.stream.pause();
  };

  private readonly onDrain = (): void => {
    this.isStuck = false;
    this.body.stream.resume();
  };

  private readonly onEnd = (): void => {
    this.leave();
    const trailers = this.body.trailers();
    let text = '0\r\n';
    for (let index = 0; index < trailers.length; index += 2) text += `${trailers[index]}: ${trailers[index + 1]}\r\n`;
    this.socket.write(`${text}\r\n`, 'latin1');
    this.ended();
  };
}
