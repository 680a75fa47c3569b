import type * as Redis from 'redis';
import { trafficError } from '../errors.js';
import { pause } from '../pause.js';

export type Client = ReturnType<typeof makeClient>;

/** A reply in RESP2 shape, strings as Buffers where asked. */
export type Reply = string | number | Buffer | null | readonly Reply[];

export interface LinkOptions {
  readonly url: string;
  /** Shown in CLIENT LIST. */
  readonly name: string;
  /** A command without an answer for this long takes the connection down. Default 5 s; blocking reads add their own wait. */
  readonly timeoutMs?: number;
  /** Longest pause between attempts to connect. Default 2 s. */
  readonly maxRetryMs?: number;
  /** Called with a fresh connection before anybody else may use it; a rejection takes it down. */
  readonly onUp?: (link: RedisLink) => Promise<void> | void;
  readonly onDown?: () => void;
}

let redis: typeof Redis | null = null;

/** The client takes a tenth of a second to load, and a weir without Redis never needs it. */
async function loadRedis(): Promise<typeof Redis> {
  redis ??= await import('redis');
  return redis;
}

function makeClient(options: LinkOptions, { createClient }: typeof Redis) {
  return createClient({
    url: options.url,
    name: options.name,
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    commandOptions: { timeout: undefined },
    socket: { reconnectStrategy: false, connectTimeout: options.timeoutMs ?? 5000, noDelay: true, keepAlive: true },
  });
}

/**
 * One connection to Redis that is kept up.
 *
 * The client's own reconnection is off: a command in flight when a socket drops may hang there for ever, and a stopped server keeps its sockets open. Here every
 * command has a deadline, and one missed deadline replaces the connection. Commands are refused at once while Redis is away.
 */
export class RedisLink {
  private client: Client | null = null;
  private connecting: Client | null = null;
  private readonly stop = new AbortController();
  private readonly timeoutMs: number;
  private readonly running: Promise<void>;
  private ended: (() => void) | null = null;
  private ready = false;
  private waiters: (() => void)[] = [];

  constructor(private readonly options: LinkOptions) {
    if (!/^rediss?:\/\//.test(options.url)) throw trafficError('TRAFFIC_REDIS_URL', `"${redactUrl(options.url)}" is not a Redis URL`);
    this.timeoutMs = options.timeoutMs ?? 5000;
    this.running = this.supervise();
  }

  get connected(): boolean {
    return this.ready;
  }

  /** Resolves once connected, after `waitMs` or on close; says whether it is connected. */
  async whenUp(waitMs: number): Promise<boolean> {
    if (this.ready || this.stop.signal.aborted) return this.ready;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.ready;
  }

  /** Runs one command. Throws WeirError TRAFFIC_REDIS_AWAY or TRAFFIC_REDIS_TIMEOUT, or the server's own ErrorReply. */
  async command(
    args: readonly (string | Buffer)[],
    options: { readonly buffers?: boolean; readonly waitMs?: number } = {},
  ): Promise<Reply> {
    const client = this.client;
    if (client === null) throw trafficError('TRAFFIC_REDIS_AWAY', `Redis at ${redactUrl(this.options.url)} cannot be reached`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => {
          reject(trafficError('TRAFFIC_REDIS_TIMEOUT', `Redis did not answer ${String(args[0])} in time`));
          this.drop(client);
        },
        this.timeoutMs + (options.waitMs ?? 0),
      );
    });
    try {
      const typeMapping = options.buffers && redis !== null ? { [redis.RESP_TYPES.BLOB_STRING]: Buffer } : {};
      return await Promise.race([client.sendCommand<Reply>([...args], { typeMapping }), late]);
    } catch (error) {
      if (error instanceof Error && !client.isReady && this.client !== client) {
        throw trafficError('TRAFFIC_REDIS_AWAY', `The connection to ${redactUrl(this.options.url)} was lost`, error);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.drop(this.client ?? this.connecting);
    for (const wake of this.waiters.splice(0)) wake();
    await this.running;
  }

  private async supervise(): Promise<void> {
    const { signal } = this.stop;
    const maxRetryMs = this.options.maxRetryMs ?? 2000;
    const loaded = await loadRedis();
    for (let attempt = 0; !signal.aborted; attempt++) {
      const client = makeClient(this.options, loaded);
      const end = new Promise<void>((resolve) => {
        this.ended = resolve;
      });
      client.on('error', () => this.drop(client));
      client.on('end', () => this.drop(client));
      this.connecting = client;
      try {
        await this.within(client.connect(), client);
        this.client = client;
        await this.options.onUp?.(this);
        this.ready = true;
        attempt = 0;
        for (const wake of this.waiters.splice(0)) wake();
        await end;
      } catch {
        this.drop(client);
      }
      this.client = null;
      if (this.ready) {
        this.ready = false;
        this.options.onDown?.();
      }
      // Half of the pause is random: when Redis returns, a fleet of gateways must not arrive in step.
      const backoffMs = Math.min(50 * 2 ** Math.min(attempt, 10), maxRetryMs);
      await pause(backoffMs / 2 + (Math.random() * backoffMs) / 2, signal);
    }
  }

  private async within(work: Promise<unknown>, client: Client): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(trafficError('TRAFFIC_REDIS_TIMEOUT', 'Redis did not complete the handshake')), this.timeoutMs);
    });
    try {
      await Promise.race([work, late]);
    } catch (error) {
      this.drop(client);
      throw error;
    } finally {
      clearTimeout(timer);
      work.catch(() => undefined);
    }
  }

  private drop(client: Client | null): void {
    if (client === null) return;
    if (this.client === client) this.client = null;
    if (client.isOpen) client.destroy();
    if (this.connecting === client) this.ended?.();
  }
}

/** The URL without its password, for messages. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
