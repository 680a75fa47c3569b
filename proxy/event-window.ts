/** What became of one event: the bytes to send (its own, or what replaces them), or null: the stream ends here. */
export type EventVerdict = Buffer | null;

/**
 * Server-sent events on their way to the client: each is held back until it is whole (a blank line, WHATWG HTML §9.2.6) and decided, and goes
 * on at once. Values in, values out; no socket.
 */
export class EventWindow {
  private rest: Buffer = Buffer.alloc(0);
  private readonly maxBytes: number;
  private readonly decide: (event: Buffer, whole: boolean) => EventVerdict;

  /** `decide` gets each event with its blank line; `whole` false: it grew past `maxBytes` and this is what there is of it. */
  constructor(maxBytes: number, decide: (event: Buffer, whole: boolean) => EventVerdict) {
    this.maxBytes = maxBytes;
    this.decide = decide;
  }

  /** Bytes that may go on now; null: stop the stream. */
  push(chunk: Buffer): Buffer | null {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const out: Buffer[] = [];
    for (let end = endOfEvent(bytes); end > 0; end = endOfEvent(bytes)) {
      const verdict = this.decide(bytes.subarray(0, end), true);
      if (verdict === null) return null;
      out.push(verdict);
      bytes = bytes.subarray(end);
    }
    if (bytes.length > this.maxBytes) {
      const verdict = this.decide(bytes, false);
      if (verdict === null) return null;
      out.push(verdict);
      bytes = Buffer.alloc(0);
    }
    this.rest = bytes;
    return out.length === 1 ? out[0] : Buffer.concat(out);
  }

  /** The stream ended: what is left, decided; null: do not send it. */
  end(): Buffer | null {
    return this.rest.length === 0 ? this.rest : this.decide(this.rest, true);
  }
}

/** Offset behind the first blank line; -1 when there is none. Lines may end in LF, CR or CR LF. */
function endOfEvent(bytes: Buffer): number {
  for (let index = 0; index < bytes.length; index++) {
    const code = bytes[index];
    if (code !== 10 && code !== 13) continue;
    const next = code === 13 && bytes[index + 1] === 10 ? index + 2 : index + 1;
    if (bytes[next] === 10) return next + 1;
    if (bytes[next] === 13) return bytes[next + 1] === 10 ? next + 2 : next + 1 < bytes.length ? next + 1 : -1;
    index = next - 1;
  }
  return -1;
}
