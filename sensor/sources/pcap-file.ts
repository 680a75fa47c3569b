import { createGunzip, type Gunzip } from 'node:zlib';
import { WeirError } from '../../exchange/index.js';
import { sensorError } from '../errors.js';
import type { CaptureSource, OnPacket, SourceStats } from '../types.js';
import { type CaptureBytes, fileBytes } from './capture-bytes.js';
import { PcapReader } from './pcap-format.js';

/** Told after each piece that was read: bytes of the file (compressed, if it is), packets so far. Reading goes on when it resolves. */
export type OnProgress = (readBytes: number, packets: number) => void | Promise<void>;

/** The piece was taken in: its bytes may be used for the next one. */
function fed(gunzip: Gunzip, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => gunzip.write(piece, (error) => (error ? reject(error) : resolve())));
}

/** A capture file or stream: pcap or pcapng, plain or gzip. */
export class PcapSource implements CaptureSource {
  readonly kind = 'pcap';
  readonly name: string;
  readonly #open: () => CaptureBytes;
  readonly #onProgress: OnProgress;
  #packets = 0;
  #bytes = 0;
  #readBytes = 0;

  /** `open` gives the bytes of the capture; called once per run. */
  constructor(name: string, open: () => CaptureBytes, onProgress: OnProgress = () => {}) {
    this.name = name;
    this.#open = open;
    this.#onProgress = onProgress;
  }

  static file(path: string, onProgress?: OnProgress): PcapSource {
    return new PcapSource(path, () => fileBytes(path), onProgress);
  }

  stats(): SourceStats {
    return { packets: this.#packets, bytes: this.#bytes, droppedByKernel: null, malformed: 0, listening: true, remark: null };
  }

  /** @throws WeirError SENSOR_FILE_UNREADABLE, SENSOR_NOT_A_CAPTURE, SENSOR_CAPTURE_CORRUPT, SENSOR_CAPTURE_TRUNCATED */
  async run(onPacket: OnPacket, signal: AbortSignal): Promise<void> {
    const reader = new PcapReader((packet) => {
      this.#packets++;
      this.#bytes += packet.end - packet.start;
      onPacket(packet);
    });
    const input = this.#open();
    const stop = (): void => void input.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const piece of this.#plain(input)) {
        if (signal.aborted) return;
        reader.push(piece);
        await this.#onProgress(this.#readBytes, this.#packets);
      }
      if (!signal.aborted) reader.end();
    } catch (error) {
      if (signal.aborted) return;
      throw this.#readable(error, reader);
    } finally {
      signal.removeEventListener('abort', stop);
      input.destroy();
    }
  }

  async *#plain(input: CaptureBytes): AsyncGenerator<Buffer> {
    let first = true;
    let gunzip: ReturnType<typeof createGunzip> | null = null;
    const counted = this.#counted(input);
    for await (const piece of counted) {
      if (first) {
        first = false;
        if (piece[0] === 0x1f && (piece.length === 1 || piece[1] === 0x8b)) {
          gunzip = createGunzip({ chunkSize: 1 << 18 });
          const inflated = gunzip;
          const feed = (async () => {
            await fed(inflated, piece);
            for await (const more of counted) await fed(inflated, more);
            inflated.end();
          })();
          feed.catch((error: Error) => inflated.destroy(error));
          yield* inflated;
          return;
        }
      }
      yield piece;
    }
  }

  async *#counted(input: CaptureBytes): AsyncGenerator<Buffer> {
    for await (const piece of input) {
      this.#readBytes += piece.length;
      yield piece;
    }
  }

  #readable(error: unknown, reader: PcapReader): WeirError {
    if (error instanceof WeirError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR' || code === 'Z_DATA_ERROR') {
      return sensorError(
        'SENSOR_CAPTURE_CORRUPT',
        `${this.name}: the gzip data end or break at byte ${this.#readBytes} (${message}); ${reader.packets} packets were read, up to byte ${reader.offset} of the capture in it`,
        error,
      );
    }
    return sensorError(
      'SENSOR_FILE_UNREADABLE',
      `cannot read ${this.name}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
      error,
    );
  }
}
