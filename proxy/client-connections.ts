import type { Socket } from 'node:net';
import { actorAddress } from '../exchange/index.js';

/** Open connections by client, over all listeners of a process. */
export class ClientConnections {
  private readonly open = new Map<string, number>();

  /** Counts `socket`, which `ip` opened, until it closes; false: that client has more than `limit` now. */
  admit(socket: Socket, ip: string, limit: number): boolean {
    const client = ip === '' ? '' : actorAddress(ip);
    const count = (this.open.get(client) ?? 0) + 1;
    this.open.set(client, count);
    socket.once('close', () => {
      const left = this.open.get(client)! - 1;
      if (left === 0) this.open.delete(client);
      else this.open.set(client, left);
    });
    return count <= limit;
  }
}
