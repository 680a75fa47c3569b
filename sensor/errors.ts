import { WeirError } from '../exchange/index.js';

/** Everything the sensor can fail with: code → HTTP status and what to do. */
export const SENSOR_ERRORS = {
  SENSOR_FILE_UNREADABLE: { status: 400, hint: 'Check the path and that you may read the file.' },
  SENSOR_NOT_A_CAPTURE: { status: 422, hint: 'Give a pcap or pcapng file, plain or gzip; convert others with: editcap -F pcap IN OUT' },
  SENSOR_CAPTURE_CORRUPT: { status: 422, hint: 'What stands before that byte was read. Capture again, or repair it with: editcap IN OUT' },
  SENSOR_CAPTURE_TRUNCATED: {
    status: 422,
    hint: 'What stands before that byte was read. The capture was probably cut off while it was being written.',
  },
  SENSOR_LINK_TYPE: {
    status: 422,
    hint: 'docs/mirroring.md lists what weir takes off packets. Capture on another interface.',
  },
  SENSOR_NO_TCPDUMP: { status: 503, hint: 'Install it (apt-get install tcpdump), or use a vxlan or geneve source, which need no driver.' },
  SENSOR_NO_CAP: {
    status: 503,
    hint: 'Install it where libpcap-dev and a compiler are present (npm install cap), or use the tcpdump driver.',
  },
  SENSOR_NO_PERMISSION: {
    status: 403,
    hint: 'Give tcpdump the right to capture: setcap cap_net_raw+ep "$(command -v tcpdump)"; weir itself needs no privilege.',
  },
  SENSOR_NO_INTERFACE: { status: 404, hint: 'List what there is with: tcpdump -D' },
  SENSOR_BAD_FILTER: { status: 422, hint: 'The filter is a pcap-filter(7) expression, for example: tcp port 8080' },
  SENSOR_PORT_IN_USE: { status: 409, hint: 'Stop that process, or choose another port for the source.' },
  SENSOR_DRIVER_ENDED: { status: 503, hint: 'It is started again after a pause; see the message for its own words.' },
  SENSOR_BAD_OPTIONS: { status: 422, hint: 'See docs/mirroring.md for the options of each source.' },
} as const;

export type SensorErrorCode = keyof typeof SENSOR_ERRORS;

/** A WeirError with status and hint from the table above. */
export function sensorError(code: SensorErrorCode, message: string, cause?: unknown): WeirError {
  return new WeirError(code, message, { ...SENSOR_ERRORS[code], cause });
}
