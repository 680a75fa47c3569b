import type { MessagePort } from 'node:worker_threads';
import { trafficError } from '../errors.js';
import type { SharedMap, SharedState } from '../types.js';
import { VersionClock } from './clock.js';
import type { Delta } from './delta.js';
import { nodeId } from './hub.js';
import { Replica } from './replica.js';
import type { ToHub, ToThread } from './wire.js';

/** The shared maps of a worker thread, over a port that the hub's `port()` made. */
export function sharedStateFromPort(port: MessagePort, options: { readonly now?: () => number } = {}): SharedState {
  return new ThreadState(port, options.now ?? Date.now);
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

class ThreadState implements SharedState {
  private readonly clock = new VersionClock(nodeId());
  private readonly replicas = new Map<string, Replica<unknown>>();
  private readonly opening = new Map<string, Promise<void>>();
  private readonly openWaiters = new Map<string, Waiter>();
  private readonly writeWaiters = new Map<number, Waiter>();
  private nextSeq = 1;

  constructor(
    private readonly port: MessagePort,
    private readonly now: () => number,
  ) {
    port.on('message', (message: ToThread) => this.onMessage(message));
    port.on('close', () => this.fail());
  }

  async open<V>(name: string): Promise<SharedMap<V>> {
    let opening = this.opening.get(name);
    if (opening === undefined) {
      const share = (delta: Delta) => this.write(name, delta);
      this.replicas.set(name, new Replica<unknown>(name, { clock: this.clock, now: this.now, share }));
      opening = new Promise<void>((resolve, reject) => this.openWaiters.set(name, { resolve, reject }));
      this.opening.set(name, opening);
      opening.catch(() => this.opening.delete(name));
      this.send({ kind: 'open', name });
    }
    await opening;
    // A name stands for one V: the caller that opens it says which.
    return this.replicas.get(name) as Replica<V>;
  }

  async close(): Promise<void> {
    for (const replica of this.replicas.values()) replica.close();
    this.port.close();
  }

  private write(name: string, delta: Delta): Promise<void> {
    const seq = this.nextSeq++;
    return new Promise((resolve, reject) => {
      this.writeWaiters.set(seq, { resolve, reject });
      this.send({ kind: 'write', name, delta, seq });
    });
  }

  private send(message: ToHub): void {
    this.port.postMessage(message);
  }

  private onMessage(message: ToThread): void {
    switch (message.kind) {
      case 'snapshot': {
        const replica = this.replicas.get(message.name);
        if (replica === undefined) return;
        replica.state = message.state;
        replica.applyAll(message.deltas);
        return;
      }
      case 'delta':
        this.replicas.get(message.name)?.apply(message.delta);
        return;
      case 'state': {
        const replica = this.replicas.get(message.name);
        if (replica !== undefined) replica.state = message.state;
        return;
      }
      case 'opened':
        settle(this.openWaiters, message.name, message.problem);
        return;
      case 'written':
        settle(this.writeWaiters, message.seq, message.problem);
    }
  }

  private fail(): void {
    for (const name of [...this.openWaiters.keys()]) settle(this.openWaiters, name, 'the main thread closed the shared state');
    for (const seq of [...this.writeWaiters.keys()]) settle(this.writeWaiters, seq, 'the main thread closed the shared state');
  }
}

function settle<K>(waiters: Map<K, Waiter>, key: K, problem: string | null): void {
  const waiter = waiters.get(key);
  waiters.delete(key);
  if (problem === null) waiter?.resolve();
  else waiter?.reject(trafficError('TRAFFIC_CLOSED', problem));
}
