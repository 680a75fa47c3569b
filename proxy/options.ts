import { z } from 'zod';
import { MODES } from '../exchange/index.js';

/**
 * What an operator may say about a gateway. cli/ puts these schemas into `weir.yaml`; the reference docs and the editor's JSON schema are
 * generated from the descriptions.
 */
const mode = z.enum(MODES as readonly ['enforce', 'observe', 'mirror']);
const milliseconds = z.number().int().min(1).max(86_400_000);
const headerName = z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header');
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'expected text without control characters');
const headerChanges = z.strictObject({
  set: z.record(headerName, headerValue).default({}).describe('Headers to set, replacing what is there.'),
  add: z.record(headerName, headerValue).default({}).describe('Headers to add beside what is there.'),
  remove: z.array(z.string()).default([]).describe('Headers to take out.'),
});
/** An upstream's URL is shown in logs, metrics and the UI, and only its scheme, host, port and path are used: what else it may hold has no place in it. */
const upstreamUrl = z.url({ protocol: /^https?$/, error: 'expected a URL such as http://127.0.0.1:9000' }).superRefine((text, context) => {
  if (!URL.canParse(text)) return;
  const { username, password, search, hash } = new URL(text);
  if (username !== '' || password !== '')
    context.addIssue({
      code: 'custom',
      message:
        'an upstream URL with a name or password is not taken: it would be shown and not sent; set requestHeaders: {set: {authorization: …}} instead',
    });
  if (search !== '' || hash !== '')
    context.addIssue({ code: 'custom', message: 'an upstream URL has no query and no fragment: they would not be sent' });
});
const pem = z.string().min(1).describe('Path of a PEM file, or the PEM text itself.');

export const serviceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'not a name: letters, digits, ".", "_" and "-", at most 64')
    .describe('Name of the service in inventory, policies and metrics.'),
  hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Host names it answers to, without port; `*.example.com` matches subdomains; empty: every host.'),
  pathPrefix: z
    .string()
    .startsWith('/')
    .default('/')
    .describe('It gets the requests whose path is this prefix or below it; the longest prefix wins.'),
  upstreams: z.array(upstreamUrl).min(1).describe('Base URLs of the instances behind it: scheme, host, port and path, no credentials.'),
  mode: z
    .union([mode, z.strictObject({ request: mode, response: mode })])
    .default('observe')
    .describe(
      'enforce: decisions act; observe: they are recorded; mirror: traffic passes untouched and is not recorded here. Phases may differ.',
    ),
  balance: z.enum(['round-robin', 'least-connections']).default('round-robin').describe('How an upstream is chosen.'),
  connections: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(256)
    .describe('Most connections to one upstream; one over HTTP/2 carries up to 128 requests at a time.'),
  http2: z
    .boolean()
    .default(false)
    .describe('Speak HTTP/2 to the upstreams: over https by ALPN, which may choose HTTP/1.1; prior knowledge (h2c) over http.'),
  retries: z
    .number()
    .int()
    .min(0)
    .max(5)
    .default(1)
    .describe('Further tries after a failed connection, or after a reset of an idempotent request, before the first byte of an answer.'),
  timeouts: z
    .strictObject({
      connectMs: milliseconds.default(5_000).describe('TCP and TLS handshake with the upstream, and over HTTP/2 its SETTINGS.'),
      headersMs: milliseconds.default(60_000).describe('Until the upstream sends its response headers.'),
      bodyMs: milliseconds.default(300_000).describe('Between two chunks of the response body.'),
      idleMs: milliseconds.default(4_000).describe('How long an unused upstream connection is kept; keep it below the upstream’s own.'),
      upgradedIdleMs: milliseconds
        .default(3_600_000)
        .describe('How long nothing may come over an upgraded connection (WebSocket and others) in either direction before it is closed.'),
    })
    .prefault({}),
  rewrite: z
    .strictObject({ from: z.string().startsWith('/'), to: z.string() })
    .optional()
    .describe('Replaces the path prefix `from` by `to` before forwarding.'),
  hostHeader: z
    .union([z.enum(['preserve', 'upstream']), z.strictObject({ value: z.string().min(1) })])
    .default('preserve')
    .describe('Host that the upstream sees.'),
  requestHeaders: headerChanges.prefault({}),
  responseHeaders: headerChanges.prefault({}),
  maxBodyBytes: z
    .number()
    .int()
    .min(0)
    .default(4 * 1024 ** 3)
    .describe('Largest request body; more gets 413.'),
  blockPage: z
    .strictObject({
      html: z.string().optional().describe('HTML with {{incident}}, {{status}}, {{title}} and {{requestId}}.'),
      json: z.string().optional().describe('JSON text with the same placeholders, instead of application/problem+json.'),
      reset: z.boolean().default(false).describe('Close the connection instead of answering.'),
    })
    .prefault({}),
  health: z
    .strictObject({
      path: z.string().startsWith('/').optional().describe('Path to ask on each upstream; without it only real traffic is judged.'),
      intervalMs: milliseconds.default(5_000),
      timeoutMs: milliseconds.default(2_000),
      healthyAfter: z.number().int().min(1).default(2).describe('Good answers in a row that bring an upstream back.'),
      unhealthyAfter: z.number().int().min(1).default(3).describe('Failures in a row, of checks or of traffic, that take it out.'),
      ejectMs: milliseconds.default(10_000).describe('How long failing traffic keeps an upstream out when there is no active check.'),
    })
    .prefault({}),
  tls: z
    .strictObject({
      ca: pem.optional(),
      cert: pem.optional(),
      key: pem.optional(),
      servername: z.string().optional().describe('SNI and the name to verify; default: the host of the upstream URL.'),
      verify: z.boolean().default(true).describe('False accepts any certificate.'),
    })
    .prefault({})
    .describe('How https upstreams are trusted and told who we are.'),
});

export const listenerSchema = z.strictObject({
  host: z.string().default('0.0.0.0'),
  port: z.number().int().min(0).max(65_535).default(8080).describe('0: any free port.'),
  tls: z
    .strictObject({
      cert: pem,
      key: pem,
      clientCa: pem.optional().describe('Asks clients for a certificate signed by this CA; its subject becomes the principal.'),
      clientCertificate: z.enum(['optional', 'required']).default('optional'),
      http2: z.boolean().default(true),
    })
    .optional()
    .describe('Certificate and key are read again when their files change.'),
  proxyProtocol: z.boolean().default(false).describe('Trusted peers must send a PROXY protocol header (v1 or v2); other peers must not.'),
});

export const limitsSchema = z.strictObject({
  headerBytes: z.number().int().min(1024).max(1_048_576).default(16_384).describe('Request line and headers together; more gets 431.'),
  headerCount: z.number().int().min(1).default(100).describe('More header fields get 431.'),
  targetBytes: z.number().int().min(16).default(8_192).describe('A longer request target gets 414.'),
  headersMs: milliseconds.default(15_000).describe('Headers that take longer get 408.'),
  bodyBytesPerSecond: z.number().int().min(0).default(64).describe('A request body that arrives more slowly gets 408; 0: any rate.'),
  bodyGraceMs: milliseconds.default(15_000).describe('The rate is measured over this long.'),
  keepAliveMs: milliseconds.default(72_000).describe('An idle client connection, HTTP/2 or HTTP/1.1, is closed after this long.'),
  requestsPerConnectionPerSecond: z.number().int().min(0).default(0).describe('More get 429; 0: no limit.'),
  answerStallMs: milliseconds.default(60_000).describe('A client that takes nothing of its answer for this long loses its connection.'),
  streamsPerConnection: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(128)
    .describe(
      'Requests at once on one connection. HTTP/2 clients are told, and streams beyond are refused (REFUSED_STREAM); an HTTP/1.1 client that sends more before it is answered loses its connection.',
    ),
  resetsPerConnectionPerSecond: z
    .number()
    .int()
    .min(0)
    .default(200)
    .describe('A client that takes back more HTTP/2 requests than this loses its connection; 0: no limit.'),
  connectionsPerClient: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('More from one address (IPv6: /64) get 503; trusted proxies are exempt; 0: no limit.'),
  learningWaitMs: z
    .number()
    .int()
    .min(0)
    .max(1_000)
    .default(100)
    .describe(
      'How long a request may wait that would be blocked or alert because of whose object it names, while the engine learns of what the caller did just before; 0: it does not.',
    ),
  captureBytes: z.number().int().min(0).max(4_194_304).default(65_536).describe('How much of each body is recorded.'),
});

export const gatewaySchema = z.strictObject({
  listeners: z.array(listenerSchema).min(1).prefault([{}]),
  services: z.array(serviceSchema).min(1),
  trustedProxies: z
    .array(z.string())
    .default([])
    .describe('Addresses and CIDRs whose Forwarded, X-Forwarded-For and PROXY headers are believed.'),
  limits: limitsSchema.prefault({}),
});

/** As written by a person: everything with a default may be left out. */
export type GatewayOptions = z.input<typeof gatewaySchema>;
export type GatewayConfig = z.output<typeof gatewaySchema>;
export type ServiceOptions = z.input<typeof serviceSchema>;
export type ServiceConfig = z.output<typeof serviceSchema>;
export type ListenerConfig = z.output<typeof listenerSchema>;
export type Limits = z.output<typeof limitsSchema>;
