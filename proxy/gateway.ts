import type { Mode } from '../exchange/index.js';
import { GatewayCore } from './core.js';
import type { Counters } from './counters.js';
import { createListener, type Listener } from './listener.js';
import { gatewayMetrics } from './metrics.js';
import { type GatewayOptions, gatewaySchema } from './options.js';
import type { GatewayPorts } from './ports.js';

/** Where a listener listens. */
export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** For people: `http://127.0.0.1:8080`. */
  readonly url: string;
}

export interface UpstreamHealth {
  readonly service: string;
  readonly url: string;
  readonly up: boolean;
  readonly inflight: number;
  readonly requests: number;
  readonly errors: number;
}

export interface GatewayHealth {
  /** The process is able to serve; false only once it is closed. */
  readonly live: boolean;
  /** Traffic may be sent here: listening and not draining. Served as `/readyz` on the admin port. */
  readonly ready: boolean;
  readonly state: 'starting' | 'serving' | 'draining' | 'closed';
  readonly inflight: number;
  readonly upstreams: readonly UpstreamHealth[];
}

export type GatewayStats = Counters;

/** A running reverse proxy. All of it lives on this thread; nothing here waits for anything but sockets. */
export interface Gateway {
  /** Starts all listeners. Rejects with WeirError GATEWAY_PORT_IN_USE or GATEWAY_CANNOT_LISTEN. */
  listen(): Promise<readonly GatewayAddress[]>;
  readonly addresses: readonly GatewayAddress[];
  /**
   * Swaps services, limits and trusted proxies without dropping a connection; listeners stay as they are. Throws and changes nothing when the
   * new configuration is wrong.
   */
  apply(options: GatewayOptions): void;
  /** Switches a service's mode; false when there is no such service. */
  setMode(service: string, mode: Mode | { readonly request: Mode; readonly response: Mode }): boolean;
  stats(): GatewayStats;
  /** Prometheus text. */
  metrics(): string;
  health(): GatewayHealth;
  /** Reads certificates again; also happens by itself when their files change. */
  reloadTls(): void;
  /**
   * Readiness fails first; after `readinessMs` listeners stop accepting, requests in progress finish, and what is left after `drainMs` is cut.
   */
  close(drainMs?: number, readinessMs?: number): Promise<void>;
}

/**
 * Makes a gateway from options (checked and filled with defaults) and ports. It does not listen yet. Throws ZodError for options that do not fit
 * the schema and WeirError for services that cannot stand together.
 */
export async function createGateway(options: GatewayOptions, ports: GatewayPorts): Promise<Gateway> {
  const config = gatewaySchema.parse(options);
  const core = new GatewayCore(config, ports);
  const listeners: Listener[] = config.listeners.map((listener) => createListener(listener, core));
  let addresses: readonly GatewayAddress[] = [];
  let state: GatewayHealth['state'] = 'starting';
  let closing: Promise<void> | null = null;

  const close = async (drainMs: number, readinessMs: number): Promise<void> => {
    state = 'draining';
    if (readinessMs > 0) await new Promise((resolve) => setTimeout(resolve, readinessMs));
    core.draining = true;
    const closed = Promise.all(listeners.map((listener) => listener.close()));
    const deadline = setTimeout(() => {
      for (const one of core.running.all()) one.destroy();
      for (const listener of listeners) listener.destroy();
    }, drainMs);
    await closed;
    clearTimeout(deadline);
    await core.close(true);
    state = 'closed';
  };

  return {
    listen: async () => {
      const bound: GatewayAddress[] = [];
      try {
        for (const listener of listeners) {
          const address = await listener.listen();
          bound.push({ ...address, url: urlOf(address) });
        }
      } catch (error) {
        for (const listener of listeners.slice(0, bound.length)) await listener.close();
        await core.close(true);
        state = 'closed';
        throw error;
      }
      addresses = bound;
      state = 'serving';
      return addresses;
    },
    get addresses() {
      return addresses;
    },
    apply: (next) => {
      core.apply(gatewaySchema.parse(next));
      for (const listener of listeners) listener.applyLimits();
    },
    setMode: (service, mode) => core.setMode(service, mode),
    stats: () => core.counters,
    metrics: () => gatewayMetrics(core),
    health: () => ({
      live: state !== 'closed',
      ready: state === 'serving',
      state,
      inflight: core.running.size,
      upstreams: core.router.services.flatMap((service) =>
        service.upstreams.upstreams.map((upstream) => ({
          service: service.name,
          url: upstream.url,
          up: upstream.healthy && upstream.ejectedUntilMs <= performance.now(),
          inflight: upstream.inflight,
          requests: upstream.requests,
          errors: upstream.errors,
        })),
      ),
    }),
    reloadTls: () => {
      for (const listener of listeners) if (listener.config.tls !== undefined) listener.reloadTls();
    },
    close: (drainMs = 10_000, readinessMs = 0) => {
      closing ??= close(drainMs, readinessMs);
      return closing;
    },
  };
}

function urlOf(address: { readonly host: string; readonly port: number; readonly tls: boolean }): string {
  const host =
    address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.tls ? 'https' : 'http'}://${host}:${address.port}`;
}
