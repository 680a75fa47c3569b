import { hostname } from 'node:os';
import { z } from 'zod';
import type { Integration } from '../integration.js';
import { SYSLOG_FORMATS, syslogLine } from '../syslog-format.js';

const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};
type Facility = keyof typeof FACILITIES;

const config = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\s/]+$/, 'is a host name or address')
    .describe('Host name or address of the collector.'),
  port: z.number().int().min(1).max(65_535).default(514).describe('Port: 514 for UDP and TCP, 6514 for TLS as a rule.'),
  transport: z.enum(['udp', 'tcp', 'tls']).default('tcp').describe('How lines travel. With UDP nobody learns when one is lost.'),
  format: z
    .enum(SYSLOG_FORMATS)
    .default('plain')
    .describe('Text of the line: plain words, CEF (ArcSight, Sentinel), LEEF (QRadar) or JSON.'),
  framing: z
    .enum(['octet-counting', 'newline'])
    .default('octet-counting')
    .describe('How lines are told apart over TCP (RFC 6587); TLS always counts octets (RFC 5425).'),
  facility: z
    .enum(Object.keys(FACILITIES) as [Facility, ...Facility[]])
    .default('local0')
    .describe('Facility of the lines.'),
  hostname: z.string().max(255).default('').describe('Host name in the lines; empty for that of this machine.'),
  ca: z.string().default('').describe('Certificates (PEM) that sign the collector’s, for TLS; empty for those of the system.'),
});

/** RFC 5426 §3.2: every receiver takes 2048 octets; more may be cut or lost. */
const DATAGRAM_BYTES = 2048;

export const syslog: Integration<z.output<typeof config>> = {
  kind: 'syslog',
  title: 'Syslog',
  description: 'One line for each notice (RFC 5424) over UDP, TCP or TLS, in plain words, CEF, LEEF or JSON: for SIEMs and log collectors.',
  config,
  connect(settings, io) {
    const { host, port, transport, framing, format } = settings;
    const facility = FACILITIES[settings.facility];
    const name = settings.hostname === '' ? hostname() : settings.hostname;
    return {
      async deliver(notice) {
        const line = Buffer.from(syslogLine(notice, { facility, hostname: name, format }), 'utf8');
        if (transport === 'udp') {
          await io.sendDatagram({ host, port }, line.subarray(0, DATAGRAM_BYTES));
          return 'sent; UDP does not tell whether it arrived';
        }
        const counted = transport === 'tls' || framing === 'octet-counting';
        const framed = counted ? Buffer.concat([Buffer.from(`${line.length} `), line]) : Buffer.concat([line, Buffer.from('\n')]);
        await io.sendStream({ host, port }, framed, transport === 'tls' ? { ca: settings.ca === '' ? null : settings.ca } : null);
        return 'sent';
      },
    };
  },
};
