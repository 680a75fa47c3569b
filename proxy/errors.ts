import { systemReason, WeirError } from '../exchange/index.js';

/**
 * Everything that can go wrong on a connection, a message or an upstream. The code stands in the access log, in `/metrics`
 * (`weir_gateway_faults_total{code}`), in `Exchange.failure` and in the problem document the client gets; `status` is what the client is told.
 */
export const FAULTS = {
  MESSAGE_MALFORMED: { status: 400, title: 'The request is not valid HTTP' },
  MESSAGE_AMBIGUOUS: { status: 400, title: 'The request can be read in more than one way' },
  TARGET_INVALID: { status: 400, title: 'The request target is not valid' },
  HOST_INVALID: { status: 400, title: 'The Host header is missing, repeated or not valid' },
  TARGET_TOO_LONG: { status: 414, title: 'The request target is too long' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The request headers are too large' },
  HEADERS_TOO_MANY: { status: 431, title: 'The request has too many headers' },
  BODY_TOO_LARGE: { status: 413, title: 'The request body is too large' },
  HEADERS_SLOW: { status: 408, title: 'The request headers did not arrive in time' },
  BODY_SLOW: { status: 408, title: 'The request body arrives too slowly' },
  CLIENT_STALLED: { status: 408, title: 'The client does not read its answer' },
  CONNECTION_RATE: { status: 429, title: 'Too many requests on one connection' },
  PIPELINE_TOO_DEEP: { status: 429, title: 'Too many requests on one connection before the first was answered' },
  CLIENT_CONNECTIONS: { status: 503, title: 'Too many connections from one client' },
  HTTP2_FLOOD: { status: 429, title: 'The HTTP/2 connection was misused' },
  HTTP2_STREAM_REFUSED: { status: 400, title: 'HTTP/2 streams were refused: more at once than allowed, or malformed' },
  CLIENT_TLS: { status: 400, title: 'The TLS handshake failed: no acceptable client certificate, version or cipher' },
  CONNECT_REFUSED: { status: 405, title: 'CONNECT is not served here' },
  TRACE_REFUSED: { status: 405, title: 'TRACE is not served here' },
  UPGRADE_REFUSED: { status: 501, title: 'This protocol upgrade is not served here' },
  EXPECTATION_FAILED: { status: 417, title: 'The expectation cannot be met' },
  LOOP: { status: 508, title: 'The request passed this gateway before' },
  PROXY_HEADER_INVALID: { status: 400, title: 'The PROXY protocol header is missing or not valid' },
  NO_SERVICE: { status: 404, title: 'No service is configured for this host and path' },
  NO_UPSTREAM: { status: 503, title: 'No upstream of this service can be used' },
  UPSTREAM_CONNECT: { status: 502, title: 'The upstream cannot be reached' },
  UPSTREAM_TLS: { status: 502, title: 'The upstream cannot be trusted' },
  UPSTREAM_RESET: { status: 502, title: 'The upstream closed the connection' },
  UPSTREAM_PROTOCOL: { status: 502, title: 'The upstream sent a message that is not valid' },
  UPSTREAM_CONNECT_TIMEOUT: { status: 504, title: 'The upstream did not accept the connection in time' },
  UPSTREAM_HEADERS_TIMEOUT: { status: 504, title: 'The upstream did not answer in time' },
  UPSTREAM_BODY_TIMEOUT: { status: 504, title: 'The upstream stopped in the middle of its answer' },
  UPGRADE_IDLE: { status: 408, title: 'Nothing came over the upgraded connection for too long' },
  CLIENT_ABORT: { status: 499, title: 'The client went away' },
  DRAINING: { status: 503, title: 'The gateway is shutting down' },
  INTERNAL: { status: 500, title: 'The gateway failed' },
} as const satisfies Record<string, { status: number; title: string }>;

export type FaultCode = keyof typeof FAULTS;
export const FAULT_CODES = Object.keys(FAULTS) as FaultCode[];

const UNDICI: Readonly<Record<string, FaultCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'UPSTREAM_CONNECT_TIMEOUT',
  UND_ERR_HEADERS_TIMEOUT: 'UPSTREAM_HEADERS_TIMEOUT',
  UND_ERR_BODY_TIMEOUT: 'UPSTREAM_BODY_TIMEOUT',
  UND_ERR_SOCKET: 'UPSTREAM_RESET',
  UND_ERR_CLOSED: 'NO_UPSTREAM',
  UND_ERR_DESTROYED: 'NO_UPSTREAM',
  UND_ERR_HEADERS_OVERFLOW: 'UPSTREAM_PROTOCOL',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'UPSTREAM_PROTOCOL',
  UND_ERR_INVALID_ARG: 'MESSAGE_MALFORMED',
  UND_ERR_NOT_SUPPORTED: 'MESSAGE_MALFORMED',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'MESSAGE_MALFORMED',
  ECONNREFUSED: 'UPSTREAM_CONNECT',
  ENOTFOUND: 'UPSTREAM_CONNECT',
  EAI_AGAIN: 'UPSTREAM_CONNECT',
  EHOSTUNREACH: 'UPSTREAM_CONNECT',
  ENETUNREACH: 'UPSTREAM_CONNECT',
  EADDRNOTAVAIL: 'UPSTREAM_CONNECT',
  ETIMEDOUT: 'UPSTREAM_CONNECT_TIMEOUT',
  ECONNRESET: 'UPSTREAM_RESET',
  EPIPE: 'UPSTREAM_RESET',
  UND_ERR_INFO: 'UPSTREAM_RESET',
  ERR_HTTP2_STREAM_ERROR: 'UPSTREAM_RESET',
};

const OF_OPEN_CONNECTION = new Set(['read', 'write', 'writev', 'shutdown']);

/** The fault behind an error of undici, the socket or TLS. */
export function faultOf(error: Error): FaultCode {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const known = UNDICI[code];
  // The same code, from a connection that was open: the request may have arrived.
  if (known !== undefined) return OF_OPEN_CONNECTION.has((error as NodeJS.ErrnoException).syscall ?? '') ? 'UPSTREAM_RESET' : known;
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError') return 'UPSTREAM_PROTOCOL';
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.includes('CERT') || code.includes('SIGNED')) return 'UPSTREAM_TLS';
  if (code.startsWith('ERR_HTTP2')) return 'UPSTREAM_PROTOCOL';
  if (code.startsWith('ERR_INVALID') || error instanceof TypeError || error instanceof RangeError) return 'INTERNAL';
  return 'UPSTREAM_RESET';
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** May a request that failed like this before its first answer byte be sent again? Nothing was sent, or sending it twice changes nothing (RFC 9110 §9.2.2). */
export function isRepeatable(code: FaultCode, method: string): boolean {
  if (code === 'UPSTREAM_CONNECT' || code === 'UPSTREAM_CONNECT_TIMEOUT') return true;
  return code === 'UPSTREAM_RESET' && IDEMPOTENT.has(method);
}

/** Errors of configuration and start, for the person who runs the gateway. */
export const gatewayErrors = {
  portInUse: (host: string, port: number, cause: unknown) =>
    new WeirError('GATEWAY_PORT_IN_USE', `${host}:${port} is already in use`, {
      hint: 'Stop the other program or choose another port (--port, 0 for any free one).',
      cause,
    }),
  cannotListen: (host: string, port: number, cause: unknown) =>
    new WeirError('GATEWAY_CANNOT_LISTEN', `cannot listen on ${host}:${port}: ${systemReason(cause)}`, {
      hint: port > 0 && port < 1024 ? 'Ports below 1024 need privileges.' : 'Check --host and --port.',
      cause,
    }),
  unreadableFile: (what: string, file: string, cause: unknown) =>
    new WeirError('GATEWAY_FILE_UNREADABLE', `${what} "${file}" cannot be read: ${systemReason(cause)}`, {
      status: 422,
      hint: 'Give the path of a readable PEM file.',
      cause,
    }),
  badTls: (what: string, cause: unknown) =>
    new WeirError('GATEWAY_TLS_INVALID', `${what}: ${(cause as Error).message}`, {
      status: 422,
      hint: 'Certificate and key must be PEM and belong together.',
      cause,
    }),
  duplicateService: (name: string) =>
    new WeirError('GATEWAY_SERVICE_DUPLICATE', `two services are named "${name}"`, {
      status: 422,
      hint: 'Give each service its own name.',
    }),
  duplicateRoute: (first: string, second: string, where: string) =>
    new WeirError('GATEWAY_ROUTE_DUPLICATE', `services "${first}" and "${second}" both claim ${where}`, {
      status: 422,
      hint: 'Give them different hosts or path prefixes.',
    }),
} as const;
