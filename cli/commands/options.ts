/** Options that several commands share, declared once. */
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { MODES, WeirError } from '../../exchange/index.js';
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

type RoleOption = readonly [roles: readonly string[], flags: string, about: string, read?: (text: string) => unknown];

const EVERY = ['up', 'gateway', 'engine', 'admin', 'sensor'];
const SERVES = ['up', 'gateway'];
const KEEPS = ['up', 'engine', 'admin'];

/** Each with the roles that heed it. */
const ROLE_OPTIONS: readonly RoleOption[] = [
  [EVERY, '--config <file>', 'config file (default: weir.yaml if there is one)'],
  [[...SERVES, 'admin', 'sensor'], '--upstream <url>', 'protect this upstream (also WEIR_UPSTREAM)'],
  [SERVES, '--port <port>', 'gateway port, 0: any free one (default: 8080)', port],
  [SERVES, '--host <address>', 'gateway address (default: 0.0.0.0)'],
  [['up', 'admin'], '--admin-port <port>', 'admin API and UI port (default: 9090)', port],
  [['up', 'admin'], '--admin-host <address>', 'admin address (default: 127.0.0.1)'],
  [EVERY, '--data <dir>', 'folder for everything that weir keeps (default: ./data, also WEIR_DATA)'],
  [[...SERVES, 'admin'], '--mode <mode>', 'enforce, observe or mirror (default: observe)', modeOf],
  [[...KEEPS, 'gateway'], '--policies <dir>', 'folder of policy files, reloaded on change'],
  [[...SERVES, 'admin'], '--trusted-proxies <list>', 'addresses and CIDRs whose X-Forwarded-For is believed, comma separated', list],
  [EVERY, '--redis <url>', 'share stream and state over Redis (also WEIR_REDIS)'],
  [KEEPS, '--postgres <url>', 'store in PostgreSQL (also WEIR_POSTGRES)'],
  [['gateway'], '--workers <n>', 'gateway processes', positive],
];

/** What the roles understand; see `loadConfig`. One command line does for all: a role takes what it does not heed, and its help leaves it out. */
export function withRoleOptions(command: Command): Command {
  for (const [roles, flags, about, read] of ROLE_OPTIONS) {
    const option = new Option(flags, about).hideHelp(!roles.includes(command.name()));
    command.addOption(read === undefined ? option : option.argParser(read));
  }
  return command;
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

/** Throws WeirError SERVICE_UNKNOWN when no gateway and no configuration knows a service of this name. */
export async function needService(admin: AdminClient, name: string): Promise<void> {
  const services = await admin.all<{ name: string }>('/services');
  if (!services.some((one) => one.name === name))
    throw new WeirError('SERVICE_UNKNOWN', `There is no service "${name}".`, { hint: 'weir mode lists them.' });
}
