import type { CaptureSource } from '../types.js';
import { CapSource } from './cap.js';
import { type OnProgress, PcapSource } from './pcap-file.js';
import { TcpdumpSource } from './tcpdump.js';
import { UdpMirrorSource } from './udp-mirror.js';

/** What to listen to, as it stands in the configuration. */
export type SourceOptions =
  | {
      readonly kind: 'live';
      readonly interface: string;
      readonly filter?: string;
      readonly driver?: 'tcpdump' | 'cap';
      readonly bufferKib?: number;
    }
  | { readonly kind: 'vxlan' | 'geneve'; readonly host?: string; readonly port?: number }
  | { readonly kind: 'pcap'; readonly path: string };

/** Every source there is, by the kind that the configuration names. A file waits after each piece for `onProgress`. */
export function openSource(options: SourceOptions, now: () => number, onProgress?: OnProgress): CaptureSource {
  switch (options.kind) {
    case 'live':
      return options.driver === 'cap' ? new CapSource(options) : new TcpdumpSource(options);
    case 'vxlan':
    case 'geneve':
      return new UdpMirrorSource(options.kind, { ...options, now });
    case 'pcap':
      return PcapSource.file(options.path, onProgress);
  }
}
