import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/**
 * A request body on its way to the upstream: first what was gathered, then the rest as it arrives, with back-pressure. It stands between the
 * two sides so that an upstream that fails does not destroy the client's socket, over which the answer has yet to go.
 */
export class Upload extends Readable {
  private readonly first: Buffer[];
  private readonly req: IncomingMessage;
  private readonly seen: (chunk: Buffer) => void;
  private attached = false;

  /** `seen` gets every chunk that was not in `first`; an error it throws fails the upload. */
  constructor(req: IncomingMessage, first: Buffer[], seen: (chunk: Buffer) => void) {
    super({ highWaterMark: 65_536 });
    this.req = req;
    this.first = first;
    this.seen = seen;
  }

  override _read(): void {
    while (this.first.length > 0) if (!this.push(this.first.shift())) return;
    if (!this.attached) {
      this.attached = true;
      this.req.on('data', this.onChunk);
      this.req.on('end', this.onEnd);
      this.req.on('error', this.onFailure);
      if (this.req.readableEnded) this.push(null);
    }
    this.req.resume();
  }

  private readonly onChunk = (chunk: Buffer): void => {
    this.seen(chunk);
    if (!this.destroyed && !this.push(chunk)) this.req.pause();
  };

  private readonly onEnd = (): void => {
    this.push(null);
  };

  private readonly onFailure = (error: Error): void => {
    this.destroy(error);
  };

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.req.off('data', this.onChunk);
    this.req.off('end', this.onEnd);
    this.req.off('error', this.onFailure);
    // Nobody takes the rest, of an upload that was answered early among others: left standing it would hold up what comes behind it.
    this.req.resume();
    callback(error);
  }
}
