/** Options that several commands share, declared once. */
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { MODES } from '../../exchange/index.js';
import { AdminClient } from '../admin-client.js';
import type { ConfigFlags } from '../config.js';

export function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.');
  return value;
}

export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number from 1.');
  return value;
}

function modeOf(text: string): string {
  if (!MODES.some((mode) => mode === text)) throw new InvalidArgumentError(`Expected ${MODES.join(', ')}.`);
  return text;
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

/** What the roles understand; see `loadConfig`. */
export function withRoleOptions(command: Command): Command {
  return command
    .option('--config <file>', 'config file (default: weir.yaml if there is one)')
    .option('--upstream <url>', 'protect this upstream (also WEIR_UPSTREAM)')
    .option('--port <port>', 'gateway port, 0: any free one (default: 8080)', port)
    .option('--host <address>', 'gateway address (default: 0.0.0.0)')
    .option('--admin-port <port>', 'admin API and UI port (default: 9090)', port)
    .option('--admin-host <address>', 'admin address (default: 127.0.0.1)')
    .option('--data <dir>', 'folder for everything that weir keeps (default: ./data, also WEIR_DATA)')
    .option('--mode <mode>', 'enforce, observe or mirror (default: observe)', modeOf)
    .option('--policies <dir>', 'folder of policy files, reloaded on change')
    .option('--trusted-proxies <list>', 'addresses and CIDRs whose X-Forwarded-For is believed, comma separated', list)
    .option('--redis <url>', 'share stream and state over Redis (also WEIR_REDIS)')
    .option('--postgres <url>', 'store in PostgreSQL (also WEIR_POSTGRES)')
    .option('--workers <n>', 'gateway processes, for weir gateway', positive);
}

export type RoleFlags = ConfigFlags & { readonly demo?: boolean; readonly json?: boolean };

/** How one-shot commands find the running weir. */
export function withAdminOptions(command: Command): Command {
  return command
    .option('--data <dir>', 'data folder of the running weir', process.env.WEIR_DATA ?? './data')
    .option('--admin <url>', 'admin API of a weir elsewhere')
    .option('--token <token>', 'API token for --admin (also WEIR_TOKEN)')
    .option('--json', 'print JSON');
}

export interface AdminFlags {
  readonly data: string;
  readonly admin?: string;
  readonly token?: string;
  readonly json?: boolean;
}

export function adminOf(flags: AdminFlags): AdminClient {
  return AdminClient.find({ ...flags, data: path.resolve(flags.data) });
}
