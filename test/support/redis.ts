/** A real redis-server for tests, on a free port, ended by its process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** SIGSTOP: sockets stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; `start` begins again on the same port, empty unless `persist` was asked for. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
  /** One command on a connection of its own. */
  run(...args: string[]): Promise<unknown>;
}

/** Starts a server; throws with what to install when there is no redis-server. `persist`: append-only file, kept over `kill` and `start`. */
export async function startRedis(options: { readonly persist?: boolean } = {}): Promise<RedisServer> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'weir-redis-'));
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const persistence = options.persist ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir, ...persistence];
    const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    await new Promise<void>((resolve, reject) => {
      started.once('error', (cause) =>
        reject(new Error('redis-server did not start; install it with: apt-get install redis-server', { cause })),
      );
      started.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}`)));
      let seen = '';
      started.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
        if (seen.includes('Ready to accept connections')) resolve();
      });
    });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGCONT');
    running.kill(signal);
    await exited;
  };
  await start();
  return {
    url,
    port,
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    kill: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
    async run(...args) {
      const client = createClient({ url, RESP: 2 });
      await client.connect();
      try {
        return await client.sendCommand(args);
      } finally {
        client.destroy();
      }
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
