import { fork } from 'node:child_process';
import type { WeirError } from '../../exchange/index.js';
import { type SensorErrorCode, sensorError } from '../errors.js';
import type { CaptureSource, OnPacket, SourceStats } from '../types.js';
import { PcapReader } from './pcap-format.js';

export interface CapOptions {
  readonly interface: string;
  readonly filter?: string;
  readonly bufferKib?: number;
}

/** What the child says before it ends for a reason. */
export interface CapFailure {
  readonly code: SensorErrorCode;
  readonly message: string;
}

/**
 * Live capture through the optional `cap` addon, in a child process of its own: the addon holds a raw pointer to a buffer, starves the event loop it
 * runs on and may crash, none of which weir's process may suffer. It has no drop counters, timestamps or original lengths; tcpdump is the better
 * choice where it is installed.
 */
export class CapSource implements CaptureSource {
  readonly kind = 'cap';
  readonly name: string;
  readonly #options: CapOptions;
  #packets = 0;
  #bytes = 0;
  #listening = false;

  constructor(options: CapOptions) {
    this.#options = options;
    this.name = options.interface;
  }

  stats(): SourceStats {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      droppedByKernel: null,
      malformed: 0,
      listening: this.#listening,
      remark: 'the cap driver cannot tell what the kernel dropped',
    };
  }

  run(onPacket: OnPacket, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const program = new URL(import.meta.url.endsWith('.ts') ? './cap-child.ts' : './cap-child.js', import.meta.url);
      const child = fork(program, [JSON.stringify(this.#options)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
      const reader = new PcapReader((packet) => {
        this.#packets++;
        this.#bytes += packet.end - packet.start;
        if (!signal.aborted) onPacket(packet);
      });
      let failure: WeirError | null = null;
      let words = '';
      const stop = (): void => void child.kill('SIGTERM');
      signal.addEventListener('abort', stop, { once: true });
      child.on('message', (message: CapFailure) => {
        failure = sensorError(message.code, message.message);
      });
      child.stdout?.on('data', (piece: Buffer) => {
        this.#listening = true;
        try {
          if (failure === null) reader.push(piece);
        } catch (error) {
          failure = error as WeirError;
          stop();
        }
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        words = (words + text).slice(-2_000);
      });
      child.on('error', (error) => {
        failure ??= sensorError('SENSOR_DRIVER_ENDED', `the cap driver could not be started: ${error.message}`, error);
      });
      child.on('close', (code, ended) => {
        this.#listening = false;
        signal.removeEventListener('abort', stop);
        if (signal.aborted) resolve();
        else
          reject(
            failure ??
              sensorError(
                'SENSOR_DRIVER_ENDED',
                `the cap driver on ${this.name} ended: ${words.trim().split('\n').at(-1) || (ended ?? `exit code ${code}`)}`,
              ),
          );
      });
    });
  }
}
