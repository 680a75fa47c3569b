import { type FileHandle, open } from 'node:fs/promises';

/** The bytes of a capture, piece by piece: a stream, or a file as `fileBytes` reads it. A piece is valid until the next one is asked for. */
export interface CaptureBytes extends AsyncIterable<Buffer> {
  /** Reads no more. */
  destroy(): void;
}

const PIECE_BYTES = 1_048_576;

/**
 * A file's bytes in two buffers that take turns: one is filled while the other is looked at. New memory for each piece would cost as much as finding the packets
 * in it.
 */
export function fileBytes(path: string): CaptureBytes {
  let stopped = false;
  async function* pieces(): AsyncGenerator<Buffer> {
    const file = await open(path);
    let next: Promise<Buffer> | null = null;
    try {
      const buffers = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
      next = fill(file, buffers[0]);
      for (let turn = 1; !stopped; turn++) {
        const piece: Buffer = await next;
        if (piece.length === 0) return;
        next = fill(file, buffers[turn % 2]);
        yield piece;
      }
    } finally {
      await next?.catch(() => {});
      await file.close();
    }
  }
  return {
    [Symbol.asyncIterator]: pieces,
    destroy() {
      stopped = true;
    },
  };
}

async function fill(file: FileHandle, buffer: Buffer): Promise<Buffer> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length);
  return buffer.subarray(0, bytesRead);
}
