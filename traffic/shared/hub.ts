import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { trafficError } from '../errors.js';
import type { SharedMap, SharedState } from '../types.js';
import { VersionClock } from './clock.js';
import type { Delta } from './delta.js';
import { DiskLog } from './disk.js';
import { RedisSync } from './redis-sync.js';
import { Replica } from './replica.js';
import type { ToHub, ToThread } from './wire.js';

export interface SharedStateOptions {
  /** The data directory; maps are kept in its `shared/` folder. Null: nothing survives the process. One process a directory. */
  readonly dir: string | null;
  /** Shares the maps with every process on this Redis. Without it, the threads of this process share them. */
  readonly redis?: {
    readonly url: string;
    /** Default `weir`. */
    readonly namespace?: string;
    /** How long `open` waits for the first snapshot before it goes on with the content on disk. Default 3 s. */
    readonly connectMs?: number;
    /** Default 5 s. */
    readonly timeoutMs?: number;
  };
  readonly now?: () => number;
}

/** The state of a process, on its main thread. */
export interface SharedHub extends SharedState {
  /** A port for one worker thread, which calls `sharedStateFromPort` with it. */
  port(): MessagePort;
}

export function createSharedState(options: SharedStateOptions): SharedHub {
  return new Hub(options);
}

/** One map at the hub: the replica of this thread, and everything a write goes on to. */
interface HubMap {
  readonly replica: Replica<unknown>;
  readonly log: DiskLog | null;
  readonly ports: Set<MessagePort>;
}

class Hub implements SharedHub {
  private readonly opening = new Map<string, Promise<HubMap>>();
  /** Set before the first merge with Redis, which needs it, so earlier than `opening` resolves. */
  private readonly maps = new Map<string, HubMap>();
  private readonly clock = new VersionClock(nodeId());
  private readonly ports = new Set<MessagePort>();
  private readonly now: () => number;
  private readonly sync: RedisSync | null;

  constructor(private readonly options: SharedStateOptions) {
    this.now = options.now ?? Date.now;
    this.sync =
      options.redis === undefined
        ? null
        : new RedisSync({
            ...options.redis,
            now: this.now,
            received: (name, delta) => void this.receive(name, delta),
            merged: (replica, deltas) => this.merge(replica, deltas),
            state: (replica, state) => this.setState(replica, state),
          });
  }

  async open<V>(name: string): Promise<SharedMap<V>> {
    // A name stands for one V: the caller that opens it says which.
    return (await this.map(name)).replica as Replica<V>;
  }

  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.ports.add(port1);
    port1.on('message', (message: ToHub) => void this.serve(port1, message));
    port1.on('close', () => this.forget(port1));
    port1.unref();
    return port2;
  }

  async close(): Promise<void> {
    await this.sync?.close();
    for (const port of this.ports) port.close();
    await Promise.allSettled(this.opening.values());
    for (const map of this.maps.values()) {
      map.replica.close();
      await map.log?.close();
    }
  }

  private map(name: string): Promise<HubMap> {
    let opening = this.opening.get(name);
    if (opening === undefined) {
      opening = this.load(name);
      this.opening.set(name, opening);
      opening.catch(() => this.opening.delete(name));
    }
    return opening;
  }

  private async load(name: string): Promise<HubMap> {
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) throw trafficError('TRAFFIC_STATE_KEY', `"${name}" is no name for a shared map`);
    const share = (delta: Delta) => this.spread(map, delta, null);
    const replica = new Replica<unknown>(name, { clock: this.clock, now: this.now, share });
    const disk = this.options.dir === null ? null : await DiskLog.open(join(this.options.dir, 'shared'), name, () => replica);
    const map: HubMap = { replica, log: disk?.log ?? null, ports: new Set() };
    this.maps.set(name, map);
    replica.applyAll(disk?.deltas ?? []);
    if (this.sync !== null) {
      replica.state = 'stale';
      await this.sync.add(name, replica);
    }
    return map;
  }

  /** Hands a write that was applied here on to everybody else. */
  private async spread(map: HubMap, delta: Delta, from: MessagePort | null): Promise<void> {
    for (const port of map.ports) if (port !== from) post(port, { kind: 'delta', name: map.replica.name, delta });
    const kept = map.log?.append(delta);
    const shared = this.sync?.push(map.replica.name, delta);
    const [disk, network] = await Promise.allSettled([kept, shared]);
    // Either of the two is enough for the write to reach everybody in the end; with no Redis the disk is all there is.
    const isShared = this.sync !== null && network.status === 'fulfilled' && network.value === true;
    if (disk.status === 'rejected' && !isShared) throw disk.reason;
  }

  private async receive(name: string, delta: Delta): Promise<void> {
    const map = this.maps.get(name);
    if (map === undefined || !map.replica.apply(delta)) return;
    for (const port of map.ports) post(port, { kind: 'delta', name, delta });
    await map.log?.append(delta).catch(() => undefined);
  }

  /** A whole map came from Redis. */
  private async merge(replica: Replica<unknown>, deltas: readonly Delta[]): Promise<void> {
    if (replica.applyAll(deltas) === 0) return;
    const map = this.maps.get(replica.name);
    if (map === undefined) return;
    for (const port of map.ports) this.sendSnapshot(port, map);
    await map.log?.rewrite().catch(() => undefined);
  }

  private setState(replica: Replica<unknown>, state: 'live' | 'stale'): void {
    replica.state = state;
    const map = this.maps.get(replica.name);
    for (const port of map?.ports ?? []) post(port, { kind: 'state', name: replica.name, state });
  }

  private async serve(port: MessagePort, message: ToHub): Promise<void> {
    let problem: string | null = null;
    try {
      const map = await this.map(message.name);
      if (message.kind === 'write') {
        if (map.replica.apply(message.delta)) await this.spread(map, message.delta, port);
      } else {
        map.ports.add(port);
        this.sendSnapshot(port, map);
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (message.kind === 'write') post(port, { kind: 'written', seq: message.seq, problem });
    else post(port, { kind: 'opened', name: message.name, problem });
  }

  private sendSnapshot(port: MessagePort, map: HubMap): void {
    const { name, state } = map.replica;
    post(port, { kind: 'snapshot', name, deltas: [...map.replica.snapshot()], state });
  }

  private forget(port: MessagePort): void {
    this.ports.delete(port);
    for (const map of this.maps.values()) map.ports.delete(port);
  }
}

function post(port: MessagePort, message: ToThread): void {
  port.postMessage(message);
}

/** 8 characters of [0-9a-z]. */
export function nodeId(): string {
  return randomBytes(6).readUIntBE(0, 6).toString(36).padStart(8, '0').slice(-8);
}
