import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Layer, TYPE_ETHERNET } from '../decode/layer.js';
import { geneve, vxlan } from '../decode/tunnels.js';
import { sensorError } from '../errors.js';
import type { CaptureSource, OnPacket, Packet, SourceStats } from '../types.js';

export interface UdpMirrorOptions {
  /** Address to listen on; all IPv4 addresses when absent. */
  readonly host?: string;
  /** 4789 for VXLAN, 6081 for Geneve when absent; 0 is any free one (see `port`). */
  readonly port?: number;
  /** Wall clock, Unix milliseconds: a mirror datagram carries no time. */
  readonly now: () => number;
}

const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

/**
 * A traffic mirror that arrives as VXLAN (RFC 7348) or Geneve (RFC 8926) datagrams on a plain UDP socket: no privilege, up to about 100,000
 * packets a second. Beyond that, capture the same port with tcpdump.
 */
export class UdpMirrorSource implements CaptureSource {
  readonly kind: 'vxlan' | 'geneve';
  readonly name: string;
  readonly #options: UdpMirrorOptions;
  readonly #layer: Layer = { type: 0, start: 0, vni: -1 };
  #packets = 0;
  #bytes = 0;
  #malformed = 0;
  #lastMalformed = '';
  #port: number;
  #listening = false;

  constructor(kind: 'vxlan' | 'geneve', options: UdpMirrorOptions) {
    this.kind = kind;
    this.#options = options;
    this.#port = options.port ?? (kind === 'vxlan' ? 4789 : 6081);
    this.name = `udp:${options.host ?? '0.0.0.0'}:${this.#port}`;
  }

  /** The port that is listened on; known once `run` has bound it. */
  get port(): number {
    return this.#port;
  }

  stats(): SourceStats {
    const remark =
      this.#malformed === 0
        ? null
        : `${this.#malformed} datagrams on ${this.name} are no ${this.kind === 'vxlan' ? 'VXLAN' : 'Geneve'}; the last: ${this.#lastMalformed}`;
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      droppedByKernel: null,
      malformed: this.#malformed,
      listening: this.#listening,
      remark,
    };
  }

  run(onPacket: OnPacket, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { host, now } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: host !== undefined && isIPv6(host) ? 'udp6' : 'udp4', reuseAddr: false });
      const packet: Packet = { bytes: new Uint8Array(0), start: 0, end: 0, originalLength: 0, tsMs: 0, linkType: 1, vni: -1 };
      const stop = (): void => void socket.close();
      socket.on('message', (bytes, from) => {
        if (signal.aborted) return;
        if (!this.#unwrap(bytes, packet)) {
          this.#malformed++;
          this.#lastMalformed = `${bytes.length} bytes from ${from.address}`;
          return;
        }
        this.#packets++;
        this.#bytes += bytes.length;
        packet.tsMs = now();
        onPacket(packet);
      });
      socket.on('close', () => {
        this.#listening = false;
        signal.removeEventListener('abort', stop);
        resolve();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        signal.removeEventListener('abort', stop);
        socket.removeAllListeners('close').close();
        reject(this.#bindFailure(error));
      });
      socket.bind({ port: this.#port, ...(host === undefined ? {} : { address: host }) }, () => this.#bound(socket, signal, stop));
    });
  }

  #bound(socket: Socket, signal: AbortSignal, stop: () => void): void {
    this.#port = socket.address().port;
    this.#listening = true;
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch {
      // The system's limit (net.core.rmem_max) applies then; the kernel drops sooner under a burst.
    }
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }

  #unwrap(bytes: Buffer, packet: Packet): boolean {
    const layer = this.#layer;
    const isTunnel = this.kind === 'vxlan' ? vxlan(bytes, 0, bytes.length, layer) : geneve(bytes, 0, bytes.length, layer);
    if (!isTunnel) return false;
    packet.bytes = bytes;
    packet.start = layer.start;
    packet.end = bytes.length;
    packet.originalLength = bytes.length - layer.start;
    packet.linkType = layer.type === TYPE_ETHERNET ? 1 : 101;
    packet.vni = layer.vni;
    return true;
  }

  #bindFailure(error: NodeJS.ErrnoException) {
    if (error.code === 'EADDRINUSE') return sensorError('SENSOR_PORT_IN_USE', `${this.name} is in use by another process`, error);
    if (error.code === 'EACCES') return sensorError('SENSOR_NO_PERMISSION', `no permission to listen on ${this.name}`, error);
    return sensorError('SENSOR_BAD_OPTIONS', `cannot listen on ${this.name}: ${error.message}`, error);
  }
}
