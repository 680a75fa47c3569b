import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The reading end of a pipe whose other end a child writes to. */
export interface ChildPipe {
  /** For the child's `stdio`. `started` closes this process's copy of it, so that the pipe ends with the child. */
  readonly writeEnd: number;
  /** To be called when the child has it, or was not started. */
  started(): void;
  /** Hands over what the child writes; a piece is valid during the call. Resolves when all is read. */
  read(onPiece: (piece: Buffer) => void): Promise<void>;
}

const PIECE_BYTES = 65_536;

/**
 * A pipe for a child that writes much in small pieces. What Node itself gives a child is a pair of sockets, and each write of a packet to a socket costs both
 * sides twice what it costs in a pipe, which joins small writes; it is also read into one buffer, not a new one each time.
 *
 * null where none can be made: without the program `mkfifo`, or a folder for it.
 */
export function childPipe(): ChildPipe | null {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), 'weir-pipe-'));
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    // In this order neither open waits for the other.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeEnd = openSync(path, constants.O_WRONLY);
    return {
      writeEnd,
      started: () => closeSync(writeEnd),
      read: (onPiece) => readAll(readEnd, onPiece),
    };
  } catch {
    return null;
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

function readAll(readEnd: number, onPiece: (piece: Buffer) => void): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  return new Promise((resolve) => {
    const callback = (length: number): boolean => {
      onPiece(buffer.subarray(0, length));
      return true;
    };
    // The constructor knows `onread`, its type does not (net.Socket, Node 12 on).
    const options = { fd: readEnd, readable: true, writable: false, onread: { buffer, callback } };
    const socket = new Socket(options);
    socket.on('error', () => {}).on('close', () => resolve());
    socket.resume();
  });
}
