import type { HeaderList } from '../exchange/index.js';
import type { FaultCode } from './errors.js';

/** Bit n is set when a name of n characters may need a look; names of 32 characters and more go on as they are. */
const LENGTHS = [
  'te',
  'host',
  'expect',
  'cookie',
  'upgrade',
  'trailer',
  'forwarded',
  'x-real-ip',
  'connection',
  'keep-alive',
  'traceparent',
  'tracestate',
  'x-request-id',
  'x-client-ip',
  'x-weir-scan',
  'content-length',
  'true-client-ip',
  'http2-settings',
  'x-forwarded-for',
  'cf-connecting-ip',
  'proxy-connection',
  'transfer-encoding',
  'x-forwarded-prefix',
  'proxy-authorization',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-envoy-external-address',
  'via',
  'authorization',
  'content-type',
  'content-encoding',
  'max-forwards',
].reduce((mask, name) => mask | (1 << name.length), 0);

/**
 * Headers by which other proxies tell a client's address or the outer URL, and by which servers let themselves be told another path than that of the request
 * line. None is handed on: what the upstream may believe is built fresh.
 */
const CLAIMS = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-forwarded-by',
  'x-forwarded-ssl',
  'x-forwarded-scheme',
  'x-forwarded',
  'x-forwarded-client-cert',
  'x-forwarded-prefix',
  'x-forwarded-user',
  'x-forwarded-uri',
  'x-forwarded-path',
  'x-forwarded-method',
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-original-method',
  'x-rewrite-url',
  'x-host',
  // CGI hands it to the application as HTTP_PROXY (CVE-2016-5385).
  'proxy',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'true-client-ip',
  'fastly-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-originating-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-envoy-external-address',
  'x-azure-clientip',
  'forwarded-for',
]);
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);
/** Naming one of these in `Connection:` would take away what frames, addresses or describes the message, or says who asks (RFC 9110 §7.6.1). */
const NEVER_NAMED = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'host',
  'transfer-encoding',
  'authorization',
  'cookie',
  'origin',
  'range',
  'via',
  'x-request-id',
  'traceparent',
  ...CLAIMS,
]);
/** An underscored twin of one of these makes two messages of one, for servers that turn headers into variables. */
const NEVER_TWINNED = new Set(['content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'max-forwards']);

/** May not stand behind a body, where nothing that reads the head would see it: framing, routing, who asks, what the body is (RFC 9110 §6.5.1). */
const NEVER_TRAILING = new Set([
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'authorization',
  'cookie',
  'cache-control',
  'pragma',
  'range',
  'max-forwards',
  'via',
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-weir-scan',
]);

/** The same for answers: framing, what the body is, and what a client or a cache acts on before it has read the body. */
const NEVER_TRAILING_ANSWERS = new Set([
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'content-disposition',
  'content-security-policy',
  'set-cookie',
  'location',
  'www-authenticate',
  'proxy-authenticate',
  'strict-transport-security',
  'cache-control',
  'age',
  'date',
  'expires',
  'vary',
  'retry-after',
]);

const CLAIM_LENGTHS = [...CLAIMS].reduce((mask, name) => mask | (1 << name.length), 0);
const MASK = LENGTHS | CLAIM_LENGTHS;

/** Without percent-encoding: some servers undo it, and would mean another host. */
const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+;=-]+)(?::\d{1,5})?$/;
const REQUEST_ID = /^[\w.:/+=-]{8,128}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The head of one request, read in a single pass: what goes on to the upstream, the facts a proxy needs, and whether the message can be read in
 * only one way (RFC 9112 §3, §6.3, §11). The parser underneath already refuses bare LF and CR, obs-fold, space before a colon, NUL, repeated
 * and malformed Content-Length and bad chunks; this refuses what it lets through.
 */
export class RequestHead {
  /** Headers for the upstream: without hop-by-hop fields, claims about the client, Host, request id and trace context, which are set afterwards. */
  readonly onward: string[] = [];
  /** Authority as the client named it; empty when HTTP/1.0 named none. */
  host = '';
  /** -1: none was given. */
  contentLength = -1;
  chunked = false;
  /** Protocols asked for, lower case, comma between; empty when no upgrade is asked for. */
  upgrade = '';
  expectContinue = false;
  expectOther = false;
  requestId = '';
  traceparent = '';
  private tracestate = '';
  acceptsTrailers = false;
  /** What the client asked not to be handed on, lower case; null: nothing that came. */
  dropped: ReadonlySet<string> | null = null;
  /** Hops that are left to an OPTIONS or TRACE, as sent. */
  maxForwards = '';
  forwarded = '';
  forwardedFor = '';
  forwardedProto = '';
  via = '';
  /** Names of the trailer fields to come, as the client announces them. */
  trailer = '';
  /** What claims to be a scan of weir's own; it proves nothing until it is verified, and is never handed on. */
  scanMark = '';
  fault: FaultCode | null = null;

  /** `raw` is flat and in wire order; HTTP/2 pseudo headers are skipped. */
  constructor(raw: HeaderList, httpVersion: string, maxHeaders: number) {
    if (raw.length > maxHeaders * 2) {
      this.fault = 'HEADERS_TOO_MANY';
      return;
    }
    const onward = this.onward;
    let hosts = 0;
    let authority = false;
    let lengths = 0;
    let codings = 0;
    let connection = '';
    let cookies = -1;
    let credentials = 0;
    let types = 0;
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index];
      const value = raw[index + 1];
      const length = name.length;
      if (name.charCodeAt(0) === 58) {
        if (name === ':authority') {
          this.host = value;
          authority = true;
        }
        continue;
      }
      if (length > 31 || ((MASK >>> length) & 1) === 0) {
        onward.push(name, value);
        continue;
      }
      const lower = name.toLowerCase();
      switch (lower) {
        case 'host':
          // An HTTP/2 request may carry both; they must agree (RFC 9113 §8.3.1).
          if (authority && value.toLowerCase() !== this.host.toLowerCase()) this.fault = 'HOST_INVALID';
          hosts++;
          this.host = value;
          continue;
        case 'content-length':
          lengths++;
          this.contentLength = Number(value);
          if (!/^\d{1,15}$/.test(value)) this.fault = 'MESSAGE_AMBIGUOUS';
          // In one spelling: `000` is a length that not every server reads.
          onward.push(name, this.contentLength === 0 ? '0' : value);
          continue;
        case 'authorization':
          credentials++;
          onward.push(name, value);
          continue;
        case 'content-type':
          types++;
          onward.push(name, value);
          continue;
        case 'max-forwards':
          this.maxForwards = value;
          onward.push(name, value);
          continue;
        case 'transfer-encoding':
          codings++;
          this.chunked = true;
          if (value.toLowerCase() !== 'chunked') this.fault = 'MESSAGE_AMBIGUOUS';
          continue;
        case 'connection':
          connection = connection === '' ? value : `${connection},${value}`;
          continue;
        case 'upgrade':
          this.upgrade = this.upgrade === '' ? value.toLowerCase() : `${this.upgrade},${value.toLowerCase()}`;
          continue;
        case 'expect':
          // HTTP/1.0 knows no interim answers (RFC 9110 §10.1.1).
          if (value.toLowerCase() !== '100-continue') this.expectOther = true;
          else if (httpVersion !== '1.0') this.expectContinue = true;
          continue;
        case 'x-request-id':
          if (REQUEST_ID.test(value)) this.requestId = value;
          continue;
        case 'traceparent':
          if (TRACEPARENT.test(value)) this.traceparent = value;
          continue;
        case 'tracestate':
          this.tracestate = this.tracestate === '' ? value : `${this.tracestate},${value}`;
          continue;
        case 'forwarded':
          this.forwarded = this.forwarded === '' ? value : `${this.forwarded},${value}`;
          continue;
        case 'x-forwarded-for':
          this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor},${value}`;
          continue;
        case 'x-forwarded-proto':
          this.forwardedProto = value;
          continue;
        case 'x-weir-scan':
          this.scanMark = value;
          continue;
        case 'te':
          this.acceptsTrailers = value.toLowerCase().includes('trailers');
          continue;
        case 'trailer':
          this.trailer = this.trailer === '' ? value : `${this.trailer},${value}`;
          continue;
        case 'via':
          this.via = this.via === '' ? value : `${this.via}, ${value}`;
          continue;
        case 'cookie':
          // HTTP/2 may split cookies over fields; HTTP/1.1 must not carry more than one (RFC 9113 §8.2.3).
          if (cookies < 0) {
            cookies = onward.length + 1;
            onward.push(name, value);
          } else onward[cookies] += `; ${value}`;
          continue;
      }
      if (CLAIMS.has(lower) || HOP_BY_HOP.has(lower)) continue;
      if (lower.includes('_')) {
        // Servers that turn headers into variables cannot tell `_` from `-`: such a twin would speak for the header it imitates.
        const twin = lower.replaceAll('_', '-');
        if (NEVER_TWINNED.has(twin)) this.fault = 'MESSAGE_AMBIGUOUS';
        if (CLAIMS.has(twin) || HOP_BY_HOP.has(twin)) continue;
      }
      onward.push(name, value);
    }
    if (hosts > 1 || (this.host === '' && httpVersion !== '1.0') || (this.host !== '' && !HOST.test(this.host)))
      this.fault ??= 'HOST_INVALID';
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0) || (codings > 0 && httpVersion !== '1.1'))
      this.fault = 'MESSAGE_AMBIGUOUS';
    // Which of them counts is each server's own choice: the gateway's may be another than the upstream's.
    if (credentials > 1 || types > 1) this.fault = 'MESSAGE_AMBIGUOUS';
    // It belongs to the trace that `traceparent` names; beside a new one it would tell of another (W3C Trace Context §4.3).
    if (this.tracestate !== '' && this.traceparent !== '') onward.push('tracestate', this.tracestate);
    if (connection !== '') this.readConnection(connection);
    else this.upgrade = '';
  }

  private readConnection(connection: string): void {
    const lower = connection.toLowerCase();
    if (lower === 'keep-alive' || lower === 'close') {
      this.upgrade = '';
      return;
    }
    const named = lower.split(',').map((one) => one.trim());
    if (!named.includes('upgrade')) this.upgrade = '';
    for (const name of named) {
      if (NEVER_NAMED.has(name)) this.fault = 'MESSAGE_AMBIGUOUS';
      for (let index = this.onward.length - 2; index >= 0; index -= 2) {
        if (this.onward[index].toLowerCase() !== name) continue;
        this.onward.splice(index, 2);
        this.dropped = new Set([...(this.dropped ?? []), name]);
      }
    }
  }

  /** The headers as rules are to see them: without those that the client had taken away on the way to the upstream. */
  seen(raw: HeaderList): HeaderList {
    const { dropped } = this;
    if (dropped === null) return raw;
    const list: string[] = [];
    for (let index = 0; index < raw.length; index += 2) if (!dropped.has(raw[index].toLowerCase())) list.push(raw[index], raw[index + 1]);
    return list;
  }

  /** One hop less for the upstream (RFC 9110 §7.6.2). False: there is none left, and the request ends here. */
  spendForward(): boolean {
    if (!/^\d{1,9}$/.test(this.maxForwards)) return true;
    if (Number(this.maxForwards) === 0) return false;
    const at = this.onward.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'max-forwards');
    if (at >= 0) this.onward[at + 1] = String(Number(this.maxForwards) - 1);
    return true;
  }
}

/** Where a request wants to go, after absolute-form is undone (RFC 9112 §3.2.2). */
export interface Target {
  /** Origin form, raw, or `*`. */
  readonly target: string;
  readonly fault: FaultCode | null;
}

const INVALID_ESCAPE = /%(?![0-9a-fA-F]{2})/;
const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/is;

/**
 * Checks a request target: visible ASCII only, no fragment, no backslash or encoded NUL in the path, valid percent escapes, no two readings of
 * its host.
 */
export function readTarget(url: string, method: string, host: string, maxBytes: number): Target {
  if (url.length > maxBytes) return { target: url, fault: 'TARGET_TOO_LONG' };
  let target = url;
  if (url.charCodeAt(0) !== 47) {
    if (url === '*') return { target, fault: method === 'OPTIONS' ? null : 'TARGET_INVALID' };
    const absolute = ABSOLUTE.exec(url);
    if (absolute === null) return { target, fault: 'TARGET_INVALID' };
    if (absolute[2].toLowerCase() !== host.toLowerCase()) return { target, fault: 'MESSAGE_AMBIGUOUS' };
    target = absolute[3].startsWith('/') ? absolute[3] : `/${absolute[3]}`;
  }
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code <= 32 || code >= 127 || code === 35) return { target, fault: 'TARGET_INVALID' };
  }
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (path.includes('\\')) return { target, fault: 'TARGET_INVALID' };
  if (path.includes('%')) {
    if (INVALID_ESCAPE.test(path) || path.includes('%00')) return { target, fault: 'TARGET_INVALID' };
    try {
      decodeURIComponent(path);
    } catch {
      // Escapes that are no UTF-8 (overlong `%c0%af` among them) are read differently by every server.
      return { target, fault: 'TARGET_INVALID' };
    }
  }
  return { target, fault: null };
}

/** May the upstream get a trailer field of this name from a client? */
export function mayTrail(name: string): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-');
  return !(CLAIMS.has(plain) || HOP_BY_HOP.has(plain) || NEVER_TRAILING.has(plain) || plain.startsWith('if-'));
}

/** May a client get a trailer field of this name, in lower case, from an upstream? */
export function mayTrailAnswer(name: string): boolean {
  return !HOP_BY_HOP.has(name) && !NEVER_TRAILING_ANSWERS.has(name);
}

/** Does the message carry gRPC, which streams both ways at once? */
export function isGrpc(headers: HeaderList): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index].length === 12 && headers[index].toLowerCase() === 'content-type')
      return headers[index + 1].startsWith('application/grpc');
  }
  return false;
}
