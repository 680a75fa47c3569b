import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { buildConnector, Pool } from 'undici';
import { type Carrier, Http1Carrier } from './dispatch.js';
import { gatewayErrors } from './errors.js';
import { Http2Wire } from './http2-wire.js';
import type { ServiceConfig } from './options.js';
import { UpstreamWire, type WireOptions } from './upstream-wire.js';

/** One instance behind a service: its connections and what is known about its health. */
export interface Upstream {
  readonly url: string;
  readonly origin: URL;
  /** Of the origin; a URL makes a new string at each reading. */
  readonly host: string;
  /** Path of the base URL without a trailing slash. */
  readonly basePath: string;
  readonly carrier: Carrier;
  inflight: number;
  healthy: boolean;
  /** Failures in a row, of traffic and of checks. */
  failures: number;
  /** Good checks in a row. */
  successes: number;
  /** Monotonic ms until which failing traffic keeps it out. */
  ejectedUntilMs: number;
  requests: number;
  errors: number;
}

/**
 * The instances of a service: choosing one, judging them by traffic and by asking, closing them. When none is healthy all are tried: a wrong
 * health check must not be worse than no health check.
 */
export class UpstreamSet {
  readonly upstreams: readonly Upstream[];
  private next = 0;
  private readonly timer: NodeJS.Timeout | null = null;
  private readonly config: ServiceConfig;

  /** Throws WeirError GATEWAY_FILE_UNREADABLE. */
  constructor(config: ServiceConfig) {
    this.config = config;
    const tls = tlsOptions(config);
    this.upstreams = config.upstreams.map((url) => {
      const origin = new URL(url);
      return {
        url,
        origin,
        host: origin.host,
        basePath: origin.pathname.replace(/\/$/, ''),
        carrier: carrierTo(origin, config, tls),
        inflight: 0,
        healthy: true,
        failures: 0,
        successes: 0,
        ejectedUntilMs: 0,
        requests: 0,
        errors: 0,
      };
    });
    if (config.health.path !== undefined) {
      this.timer = setInterval(() => this.checkAll(), config.health.intervalMs);
      this.timer.unref();
    }
  }

  /** The instance for the next request, not `except` when there is another; null never: a set is not empty. */
  pick(nowMs: number, except: Upstream | null = null): Upstream {
    const all = this.upstreams;
    if (all.length === 1) return all[0];
    let chosen: Upstream | null = null;
    for (let step = 0; step < all.length; step++) {
      const candidate = all[(this.next + step) % all.length];
      if (candidate === except || !usable(candidate, nowMs)) continue;
      if (this.config.balance === 'round-robin') {
        this.next = (this.next + step + 1) % all.length;
        return candidate;
      }
      if (chosen === null || candidate.inflight < chosen.inflight) chosen = candidate;
    }
    this.next = (this.next + 1) % all.length;
    return chosen ?? all[all[this.next] === except ? (this.next + 1) % all.length : this.next];
  }

  /** Real traffic got an answer. */
  answered(upstream: Upstream): void {
    upstream.failures = 0;
  }

  /** Real traffic got none. */
  failed(upstream: Upstream, nowMs: number): void {
    upstream.errors++;
    upstream.failures++;
    if (upstream.failures < this.config.health.unhealthyAfter) return;
    upstream.successes = 0;
    if (this.config.health.path === undefined) upstream.ejectedUntilMs = nowMs + this.config.health.ejectMs;
    else upstream.healthy = false;
  }

  /** Asks every instance once; resolves when all have answered or timed out. */
  async checkAll(): Promise<void> {
    await Promise.all(this.upstreams.map((upstream) => this.check(upstream)));
  }

  private async check(upstream: Upstream): Promise<void> {
    const { path = '/', timeoutMs, healthyAfter, unhealthyAfter } = this.config.health;
    let good = false;
    try {
      good = (await upstream.carrier.status(upstream.basePath + path, timeoutMs)) < 400;
    } catch {
      good = false;
    }
    if (good) {
      upstream.failures = 0;
      if (++upstream.successes >= healthyAfter) upstream.healthy = true;
    } else {
      upstream.successes = 0;
      if (++upstream.failures >= unhealthyAfter) upstream.healthy = false;
    }
  }

  /** Lets running exchanges finish, then closes the connections. */
  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all(this.upstreams.map(({ carrier }) => carrier.close()));
  }

  /** Cuts the connections now. */
  async destroy(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all(this.upstreams.map(({ carrier }) => carrier.destroy()));
  }
}

function usable(upstream: Upstream, nowMs: number): boolean {
  return upstream.healthy && upstream.ejectedUntilMs <= nowMs;
}

function carrierTo(origin: URL, config: ServiceConfig, tls: TlsOptions): Carrier {
  const { connections, http2, timeouts } = config;
  const { connectMs, headersMs, bodyMs, idleMs } = timeouts;
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const servername = config.tls.servername ?? (isIP(host) === 0 ? host : '');
  const common = { origin, connections, connectMs, headersMs, bodyMs, idleMs };
  const http1 = http2 && origin.protocol === 'http:' ? null : http1Carrier(common, tls, servername);
  return http1 === null || http2 ? new Http2Wire({ ...common, tls: { ...tls, servername }, http1 }) : http1;
}

function http1Carrier(common: Omit<WireOptions, 'connect'>, tls: TlsOptions, servername: string): Http1Carrier {
  const { origin, connections, connectMs, headersMs, bodyMs, idleMs } = common;
  const connectWith = buildConnector({ ...tls, timeout: connectMs, allowH2: false });
  const connect = ((options, done) => connectWith({ ...options, servername }, done)) as buildConnector.connector;
  const pool = new Pool(origin.origin, {
    connect,
    connections,
    headersTimeout: headersMs,
    bodyTimeout: bodyMs,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: Math.max(idleMs, 600_000),
    // Only one request at a time on a connection: with more, a slow answer would hold up others and a reset would hit them all.
    pipelining: 1,
    allowH2: false,
  });
  return new Http1Carrier(origin, new UpstreamWire({ ...common, connect }), pool);
}

interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

function tlsOptions(config: ServiceConfig): TlsOptions {
  const { ca, cert, key, verify } = config.tls;
  const what = (part: string) => `${part} of service "${config.name}"`;
  return {
    ...(ca === undefined ? {} : { ca: pemText(what('CA'), ca) }),
    ...(cert === undefined ? {} : { cert: pemText(what('client certificate'), cert) }),
    ...(key === undefined ? {} : { key: pemText(what('client key'), key) }),
    rejectUnauthorized: verify,
  };
}

/** PEM text given inline or as a path. Throws WeirError GATEWAY_FILE_UNREADABLE. */
export function pemText(what: string, pathOrText: string): string {
  if (pathOrText.includes('-----BEGIN')) return pathOrText;
  try {
    return readFileSync(pathOrText, 'utf8');
  } catch (error) {
    throw gatewayErrors.unreadableFile(what, pathOrText, error);
  }
}
