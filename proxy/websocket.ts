import { randomFillSync } from 'node:crypto';
import { type Body, bodyOf, emptyBody, type HeaderList } from '../exchange/index.js';
import type { Passage, Verdict } from './passage.js';
import type { Service } from './services.js';
import { frameOf, type MessageSink, type SocketMessage, WebSocketReader } from './websocket-reader.js';

const TEXT: HeaderList = ['content-type', 'text/plain; charset=utf-8'];
const BINARY: HeaderList = ['content-type', 'application/octet-stream'];
/** Status codes of a close frame (RFC 6455 §7.4.1): the gateway ends the connection; a message violates a policy. */
export const GOING_AWAY = 1001;
export const POLICY_VIOLATION = 1008;

/** What the messages of one connection share. */
export interface WebSocketLink {
  /** The handshake. */
  readonly passage: Passage;
  /** Its modes hold for each message anew: a connection may outlive a switch. */
  readonly service: Service;
  /** `Sec-WebSocket-Extensions` of the answer to the handshake. */
  readonly extensions: string;
  readonly captureBytes: number;
  readonly onMessage: () => void;
  /** A connection was ended because its messages could not be told apart any more. */
  readonly onLost: () => void;
}

/**
 * One direction of a WebSocket: every message becomes an exchange of its own (kind `websocket`), as a sensor records it. Where a rule wants to see
 * bodies a message is held back until it is whole and decided; else its bytes go on as they come.
 */
export class WebSocketWay implements MessageSink {
  private readonly reader: WebSocketReader;
  private readonly link: WebSocketLink;
  private readonly sender: 'client' | 'server';
  private passage: Passage | null = null;
  private holdBytes = 0;
  private held: Buffer[] = [];
  private out: Buffer[] = [];
  private stopped = false;
  /** "Not blocked" as of this version of the blocklist. */
  private clearVersion = -1;

  constructor(link: WebSocketLink, sender: 'client' | 'server') {
    this.link = link;
    this.sender = sender;
    const { requestHoldBytes, responseHoldBytes } = link.passage;
    const wantedBytes = sender === 'client' ? requestHoldBytes : responseHoldBytes;
    this.reader = new WebSocketReader(this, sender, link.extensions, Math.max(link.captureBytes, wantedBytes));
  }

  /** What may go on to the other side now; `stopped`: the connection must end, with a close frame to each side. */
  push(chunk: Buffer): { readonly bytes: Buffer; readonly stopped: boolean } {
    this.reader.push(chunk);
    const { out } = this;
    this.out = [];
    return { bytes: out.length === 1 ? out[0] : Buffer.concat(out), stopped: this.stopped };
  }

  other(bytes: Buffer): void {
    if (!this.stopped) this.out.push(bytes);
  }

  /** Where enforced rules look at messages, what they cannot look at does not go on. */
  lost(): void {
    const { passage, service } = this.link;
    const phase = this.sender === 'client' ? service.requestMode : service.responseMode;
    const wantedBytes = this.sender === 'client' ? passage.requestHoldBytes : passage.responseHoldBytes;
    if (phase !== 'enforce' || wantedBytes === 0) return;
    this.stopped = true;
    this.held = [];
    this.link.onLost();
  }

  part(bytes: Buffer): void {
    if (this.stopped) return;
    this.passage ??= this.begin(bytes);
    if (this.isBlocked(this.passage)) return;
    if (this.holdBytes > 0) this.held.push(bytes);
    else this.out.push(bytes);
  }

  /** A client may be blocked while its connection is open: it ends with the next message, whoever sends that. */
  private isBlocked(passage: Passage): boolean {
    const version = passage.blocklistVersion;
    if (version === this.clearVersion) return false;
    const verdict = passage.blockOfClient();
    if (verdict === null) this.clearVersion = version;
    else if (passage.stopped(verdict) !== null) {
      this.stopped = true;
      this.held = [];
      this.passage = null;
      this.link.onMessage();
      passage.finish(null);
    }
    return this.stopped;
  }

  private begin(frame: Buffer): Passage {
    const { link, sender } = this;
    const passage = link.passage.message((frame[0] & 15) === 1 ? 'text' : 'binary', sender, link.service);
    this.holdBytes = sender === 'client' ? passage.requestHoldBytes : passage.responseHoldBytes;
    return passage;
  }

  tooLong(start: SocketMessage): void {
    if (this.holdBytes === 0 || this.passage === null) return;
    const { plan } = this.passage;
    const phase = this.sender === 'client' ? 'request' : 'response';
    const how = phase === 'request' ? plan.requestOverflow : plan.responseOverflow;
    if (how === 'block' && this.passage.overflowed(phase)) this.stop(start);
    else if (how === 'inspect-prefix') this.decide(start);
    else this.release();
  }

  message(message: SocketMessage): void {
    if (this.passage === null) return;
    if (this.holdBytes > 0) this.decide(message);
    this.record(message);
  }

  private decide(message: SocketMessage): void {
    const passage = this.passage!;
    const body = bodyFor(message);
    const verdict = this.sender === 'client' ? passage.decideRequest(body) : passage.decideResponse(101, headersFor(message), body);
    const replacement = replacementOf(verdict);
    if (replacement === undefined) this.stop(message);
    else if (replacement === null) this.release();
    // A peer that decompresses with what went before would miss the replaced message; part of a message cannot be replaced.
    else if (message.compressed || message.totalBytes > (message.payload?.length ?? 0)) this.stop(message);
    else {
      this.held = [];
      this.holdBytes = 0;
      this.out.push(frameOf(message.text ? 1 : 2, replacement, this.sender === 'client' ? randomFillSync(Buffer.alloc(4)) : null));
    }
  }

  private release(): void {
    this.out.push(...this.held);
    this.held = [];
    this.holdBytes = 0;
  }

  private stop(message: SocketMessage): void {
    this.stopped = true;
    this.held = [];
    this.record(message);
  }

  private record(message: SocketMessage): void {
    const { passage } = this;
    if (passage === null) return;
    this.passage = null;
    this.link.onMessage();
    const { captureBytes } = this.link;
    const whole = bodyFor(message);
    const body = whole.bytes.length > captureBytes ? bodyOf(whole.bytes.subarray(0, captureBytes), whole.totalLength) : whole;
    if (this.sender === 'client') passage.requestBody = body;
    passage.finish(this.sender === 'client' ? null : { status: 101, httpVersion: '1.1', headers: headersFor(message), body, trailers: [] });
  }
}

/** Close frame for a connection that the gateway ends. */
export function closeFrame(to: 'client' | 'server', status: number): Buffer {
  return frameOf(8, Buffer.from([status >> 8, status & 0xff]), to === 'server' ? randomFillSync(Buffer.alloc(4)) : null);
}

/** Undefined: the message must not go on; null: it goes on as it is. */
function replacementOf(verdict: Verdict): Uint8Array | null | undefined {
  if (verdict === null) return null;
  if (verdict.action !== 'pass' && verdict.action !== 'redact') return undefined;
  return verdict.mutation?.body ?? null;
}

function headersFor(message: SocketMessage): HeaderList {
  return message.text ? TEXT : BINARY;
}

function bodyFor({ payload, totalBytes }: SocketMessage): Body {
  return payload === null
    ? { ...emptyBody, totalLength: totalBytes, missing: [{ offset: 0, length: totalBytes }] }
    : bodyOf(payload, totalBytes);
}
