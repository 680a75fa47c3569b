/** Text of bytes, one character a byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1', start, end);
}

const NOTHING = Buffer.alloc(0);

/** Bytes that grow at the end: what of a head, a frame or a first line is there so far. */
export class ByteBuilder {
  bytes: Buffer = NOTHING;
  length = 0;

  append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(512, needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.length);
    this.length = needed;
  }

  /** Drops the first `count` bytes. */
  consume(count: number): void {
    if (count >= this.length) this.clear();
    else {
      this.bytes.copyWithin(0, count, this.length);
      this.length -= count;
    }
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > 4096) this.bytes = NOTHING;
  }
}
