import { spawn } from 'node:child_process';
import type { WeirError } from '../../exchange/index.js';
import { sensorError } from '../errors.js';
import type { CaptureSource, OnPacket, SourceStats } from '../types.js';
import { childPipe } from './child-pipe.js';
import { PcapReader } from './pcap-format.js';

export interface TcpdumpOptions {
  readonly interface: string;
  /** pcap-filter(7) expression; everything when absent. */
  readonly filter?: string;
  /** Kernel ring, KiB. */
  readonly bufferKib?: number;
  /** Program to run. */
  readonly program?: string;
  /** How often the drop counters are asked for. */
  readonly countersEveryMs?: number;
}

/**
 * Live capture through a tcpdump child: it holds the privilege (and drops it), weir needs none and reads the pcap stream it writes.
 *
 * When weir falls behind, the pipe fills, then the kernel's ring, and what does not fit there is dropped and counted by the kernel. tcpdump prints
 * its counters on SIGUSR1 and at its end.
 */
export class TcpdumpSource implements CaptureSource {
  readonly kind = 'tcpdump';
  readonly name: string;
  readonly #options: TcpdumpOptions;
  #packets = 0;
  #bytes = 0;
  /** Drops of earlier runs, and of this one as last told. */
  #droppedBefore = 0;
  #listening = false;
  #dropped = 0;

  constructor(options: TcpdumpOptions) {
    this.#options = options;
    this.name = options.interface;
  }

  stats(): SourceStats {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      droppedByKernel: this.#droppedBefore + this.#dropped,
      malformed: 0,
      listening: this.#listening,
      remark: null,
    };
  }

  run(onPacket: OnPacket, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { interface: port, filter, bufferKib = 131_072, program = 'tcpdump', countersEveryMs = 2_000 } = this.#options;
    const words = ['-i', port, '-n', '-s', '0', '-B', String(bufferKib), '-U', '-w', '-'];
    if (filter !== undefined && filter !== '') words.push('--', filter);
    return new Promise((resolve, reject) => {
      const pipe = childPipe();
      const child = spawn(program, words, { stdio: ['ignore', pipe?.writeEnd ?? 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
      pipe?.started();
      const reader = new PcapReader((packet) => {
        this.#packets++;
        this.#bytes += packet.end - packet.start;
        if (!signal.aborted) onPacket(packet);
      });
      let said = '';
      let failure: WeirError | null = null;
      let asking: NodeJS.Timeout | null = null;
      const stop = (): void => void child.kill('SIGTERM');
      signal.addEventListener('abort', stop, { once: true });
      const onPiece = (piece: Buffer): void => {
        if (failure !== null) return;
        try {
          reader.push(piece);
        } catch (error) {
          failure = error as WeirError;
          stop();
        }
      };
      child.stdout?.on('data', onPiece);
      const read = pipe?.read(onPiece) ?? Promise.resolve();
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4_000);
        this.#readCounters(text);
        // Before this line its handler is not there, and the signal would end it.
        this.#listening ||= said.includes('listening on');
        if (asking === null && this.#listening) asking = setInterval(() => child.kill('SIGUSR1'), countersEveryMs).unref();
      });
      const settle = (error: WeirError | null): void => {
        signal.removeEventListener('abort', stop);
        if (asking !== null) clearInterval(asking);
        this.#listening = false;
        this.#droppedBefore += this.#dropped;
        this.#dropped = 0;
        if (signal.aborted || error === null) resolve();
        else reject(error);
      };
      child.on('error', (error: NodeJS.ErrnoException) => settle(startFailure(program, error)));
      child.on('close', (code, ended) => void read.then(() => settle(failure ?? endFailure(port, code, ended, said))));
    });
  }

  #readCounters(text: string): void {
    for (const match of text.matchAll(/(\d+) packets? dropped by kernel/g)) this.#dropped = Number(match[1]);
  }
}

function startFailure(program: string, error: NodeJS.ErrnoException): WeirError {
  if (error.code === 'ENOENT') return sensorError('SENSOR_NO_TCPDUMP', `${program} is not installed, and live capture needs it`, error);
  if (error.code === 'EACCES') return sensorError('SENSOR_NO_PERMISSION', `${program} may not be run by this user`, error);
  return sensorError('SENSOR_DRIVER_ENDED', `${program} could not be started: ${error.message}`, error);
}

/** What tcpdump says when it ends, as one of our codes. */
function endFailure(port: string, code: number | null, ended: NodeJS.Signals | null, text: string): WeirError {
  const words = text
    .split('\n')
    .map((line) => line.replace(/^tcpdump: /, '').trim())
    .filter((line) => line !== '' && !/^(listening on|\d+ packets|verbose output|data link type)/.test(line));
  const last = words.at(-1) ?? `ended with ${ended ?? `exit code ${code}`}`;
  if (/permission|Operation not permitted/i.test(text)) return sensorError('SENSOR_NO_PERMISSION', `no permission to capture on ${port}`);
  if (/No such device|doesn't exist|not found|No such interface/i.test(text))
    return sensorError('SENSOR_NO_INTERFACE', `there is no interface ${port}`);
  if (/syntax error|can't parse filter|expression|illegal token|unknown host/i.test(text))
    return sensorError('SENSOR_BAD_FILTER', `tcpdump does not accept the filter: ${last}`);
  return sensorError('SENSOR_DRIVER_ENDED', `tcpdump on ${port} ended: ${last}`);
}
