import { closeSync, openSync, write } from 'node:fs';
import type { Passage } from './passage.js';
import type { AccessLogSink } from './ports.js';

const BUFFER_BYTES = 65_536;
const FLUSH_MS = 100;

export interface AccessLogOptions {
  /** Most bytes waiting for a slow disk; lines beyond are dropped and counted. */
  readonly maxPendingBytes?: number;
  readonly onError?: (error: Error) => void;
}

/** Lines on their way to the file. */
interface Block {
  readonly buffer: Buffer;
  readonly bytes: number;
}

/**
 * An access log in a file: lines are gathered in a buffer and written in the background, at most 100 ms late. It never waits: when the disk
 * stalls, lines are dropped and counted.
 */
export class AccessLogFile implements AccessLogSink {
  private buffer: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private used = 0;
  private readonly queue: Block[] = [];
  /** Written out, free for the next lines. */
  private spare: Buffer | null = null;
  private pendingBytes = 0;
  private writing = false;
  private written = 0;
  private dropped = 0;
  private closed: (() => void) | null = null;
  private readonly fd: number;
  private readonly owned: boolean;
  private readonly maxPendingBytes: number;
  private readonly onError: (error: Error) => void;
  private readonly timer: NodeJS.Timeout;

  /** `target`: a path (appended to, created 0640) or an open descriptor such as 1. Throws what `openSync` throws. */
  constructor(target: string | number, options: AccessLogOptions = {}) {
    this.owned = typeof target === 'string';
    this.fd = typeof target === 'string' ? openSync(target, 'a', 0o640) : target;
    this.maxPendingBytes = options.maxPendingBytes ?? 8 * 1024 * 1024;
    this.onError = options.onError ?? (() => undefined);
    this.timer = setInterval(() => this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  write(line: string): void {
    // Three bytes a character is the most that UTF-8 takes for a UTF-16 unit.
    const room = line.length * 3;
    if (room > BUFFER_BYTES) {
      this.dropped++;
      return;
    }
    if (this.used + room > BUFFER_BYTES) this.flush();
    if (this.pendingBytes > this.maxPendingBytes) {
      this.dropped++;
      return;
    }
    this.used += this.buffer.write(line, this.used);
    this.written++;
  }

  stats(): { readonly written: number; readonly dropped: number } {
    return { written: this.written, dropped: this.dropped };
  }

  /** Writes what is there and closes the file. */
  close(): Promise<void> {
    clearInterval(this.timer);
    this.flush();
    return new Promise((resolve) => {
      this.closed = () => {
        if (this.owned) closeSync(this.fd);
        resolve();
      };
      if (!this.writing) this.closed();
    });
  }

  private flush(): void {
    if (this.used > 0) {
      this.queue.push({ buffer: this.buffer, bytes: this.used });
      this.pendingBytes += this.used;
      this.buffer = this.spare ?? Buffer.allocUnsafe(BUFFER_BYTES);
      this.spare = null;
      this.used = 0;
    }
    if (!this.writing) this.next();
  }

  private next(): void {
    const block = this.queue.shift();
    if (block === undefined) {
      this.writing = false;
      this.closed?.();
      return;
    }
    this.writing = true;
    this.writeAll(block, 0);
  }

  private writeAll(block: Block, offset: number): void {
    write(this.fd, block.buffer, offset, block.bytes - offset, null, (error, bytes) => {
      if (error !== null) {
        if (error.code === 'EAGAIN') {
          setTimeout(() => this.writeAll(block, offset), 10);
          return;
        }
        // The lines of this block are lost; the number of lines is counted, not guessed.
        let lines = 0;
        for (let index = offset; index < block.bytes; index++) if (block.buffer[index] === 10) lines++;
        this.dropped += lines;
        this.written -= lines;
        this.onError(error);
      } else if (offset + bytes < block.bytes) {
        this.writeAll(block, offset + bytes);
        return;
      }
      this.pendingBytes -= block.bytes;
      this.spare = block.buffer;
      this.next();
    });
  }
}

/** One line of the access log. */
export interface AccessLine {
  readonly atMs: number;
  readonly exchangeId: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly client: string;
  readonly service: string;
  readonly method: string;
  readonly host: string;
  /** Raw target; values of its query are left out of the log. */
  readonly target: string;
  readonly version: string;
  readonly status: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly durationMs: number;
  readonly upstreamMs: number | null;
  readonly upstream: string;
  readonly outcome: string;
  readonly incident: string | undefined;
  readonly fault: string | null;
  readonly principal: string | null;
  readonly rules: string;
}

/** The line as JSON with a newline. Built by hand: a serializer costs more than forwarding's share of it. */
export function accessLine(line: AccessLine): string {
  return `{"level":30,"time":${line.atMs},"id":"${line.exchangeId}","request":${quoted(line.requestId)},"trace":"${line.traceparent}","client":"${line.client}","service":"${line.service}","method":"${line.method}","host":${quoted(line.host)},"target":${quoted(withoutValues(line.target))},"version":"${line.version}","status":${line.status},"in":${line.requestBytes},"out":${line.responseBytes},"ms":${Math.round(line.durationMs * 100) / 100},"upstreamMs":${line.upstreamMs === null ? 'null' : Math.round(line.upstreamMs * 100) / 100},"upstream":"${line.upstream}","outcome":"${line.outcome}"${line.incident === undefined ? '' : `,"incident":"${line.incident}"`}${line.fault === null ? '' : `,"fault":"${line.fault}"`}${line.principal === null ? '' : `,"principal":${quoted(line.principal)}`}${line.rules === '' ? '' : `,"rules":${quoted(line.rules)}`}}\n`;
}

function quoted(text: string): string {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code > 126 || code === 34 || code === 92) return JSON.stringify(text);
  }
  return `"${text}"`;
}

/** A target that was refused, without what may be a secret in parts that no valid one has: a name and password before the host, a fragment. */
export function withoutSecrets(target: string): string {
  return target.replace(/#.*$/s, '#…').replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1…@');
}

/** `/a?x=1&y=2` becomes `/a?x=&y=`: names say enough, values may be secrets. */
export function withoutValues(target: string): string {
  const question = target.indexOf('?');
  if (question < 0) return target;
  const names = target
    .slice(question + 1)
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? (pair === '' ? '' : '…') : pair.slice(0, equals + 1);
    });
  return `${target.slice(0, question)}?${names.join('&')}`;
}

/** What an access line says beside the passage itself. */
type Sent = Pick<AccessLine, 'status' | 'requestBytes' | 'responseBytes' | 'durationMs' | 'version' | 'traceparent' | 'upstream'>;

/** The line of a request that went its way, forwarded or not. */
export function passageLine(passage: Passage, sent: Sent): string {
  const { firedRules, principal } = passage;
  return accessLine({
    atMs: passage.nowMs,
    exchangeId: passage.exchangeId,
    requestId: passage.requestId,
    traceparent: sent.traceparent,
    client: passage.client.ip,
    service: passage.service,
    method: passage.method,
    host: passage.host,
    target: passage.target,
    version: sent.version,
    status: sent.status,
    requestBytes: sent.requestBytes,
    responseBytes: sent.responseBytes,
    durationMs: sent.durationMs,
    upstreamMs: passage.upstreamMs,
    upstream: sent.upstream,
    outcome: passage.outcome,
    incident: passage.incident,
    fault: passage.failure,
    principal: principal === null ? null : principal.key,
    rules: firedRules.length === 0 ? '' : firedRules.map((act) => `${act.policy}/${act.rule}`).join(' '),
  });
}
