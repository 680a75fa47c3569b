/** The bundled demo shop as a child process, and with `--demo` its customers and one attacker. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { packageRoot, WeirError } from '../../exchange/index.js';
import type { RoleFlags } from '../commands/options.js';
import { type Config, serviceFor } from '../config.js';

const DEMO = path.join(packageRoot(), 'dist', 'examples', 'demo-api');
const READY_MS = 10_000;

export interface Demo {
  readonly config: Config;
  /** Starts the players when `--demo` was given. */
  play(gateway: string): void;
  close(): Promise<void>;
}

export async function withDemo(given: Config, flags: RoleFlags, log: (message: string) => void): Promise<Demo> {
  const children: ChildProcess[] = [];
  let config = given;
  if (given.services.length === 0) {
    const shop = spawn(process.execPath, [path.join(DEMO, 'main.js')], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    children.push(shop);
    config = { ...given, services: [serviceFor(await urlOf(shop), 'demo', 'demo-shop')] };
  }
  // The players come from loopback and say who they are in X-Forwarded-For.
  if (flags.demo)
    config = { ...config, mode: flags.mode ?? 'enforce', trustedProxies: [...config.trustedProxies, '127.0.0.0/8', '::1/128'] };
  return {
    config,
    play(gateway) {
      if (!flags.demo) return;
      const base = gateway.replace('//0.0.0.0', '//127.0.0.1');
      const players = spawn(process.execPath, [path.join(DEMO, 'play.js'), '--base', base], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(players);
      players.once('close', () => log('the demo minute is over; the shop and weir go on'));
    },
    async close() {
      for (const child of children) if (child.exitCode === null) child.kill('SIGTERM');
    },
  };
}

function urlOf(shop: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new WeirError('DEMO_FAILED', 'The demo shop did not start in time.', {
            hint: 'Give --upstream URL to protect an API of your own.',
          }),
        ),
      READY_MS,
    );
    shop.once('error', reject);
    shop.stdout?.setEncoding('utf8').once('data', (text: string) => {
      clearTimeout(timer);
      resolve((JSON.parse(text) as { url: string }).url);
    });
  });
}
