import type { Command } from 'commander';
import { loadConfig } from '../config.js';
import type { CommandContext } from '../main.js';
import { packageVersion } from '../version.js';
import { type RoleFlags, withRoleOptions } from './options.js';

/** The long-running roles. Each prints what a person needs (or one JSON line with `ready: true`), then runs until SIGINT or SIGTERM. */
export function registerRoles(program: Command, context: CommandContext): void {
  const role = (name: string, description: string) =>
    withRoleOptions(program.command(name).description(description)).option('--json', 'print one JSON line when ready');
  role('up', 'everything in one process: gateway, engine, admin')
    .option('--demo', 'start the demo shop, play a minute of users and one attacker through it, enforce')
    .action(async (flags: RoleFlags) => {
      const { up } = await import('../roles/commands.js');
      context.exitCode = await up(flags, loadConfig(flags), packageVersion(), context.output);
    });
  role('gateway', 'the inline reverse proxy').action(async (flags: RoleFlags) => {
    const { gateway } = await import('../roles/commands.js');
    context.exitCode = await gateway(flags, loadConfig(flags), packageVersion(), context.output);
  });
  role('engine', 'learning, detectors, issues, actor scores').action(async (flags: RoleFlags) => {
    const { engine } = await import('../roles/commands.js');
    context.exitCode = await engine(flags, loadConfig(flags), packageVersion(), context.output);
  });
  role('admin', 'admin API, admin UI, scan scheduler, integrations').action(async (flags: RoleFlags) => {
    const { admin } = await import('../roles/commands.js');
    context.exitCode = await admin(flags, loadConfig(flags), packageVersion(), context.output);
  });
  role('sensor', 'packets from an interface or a mirror to exchanges')
    .option('--listen <interfaces>', 'interfaces to listen on, comma separated', (text) => text.split(','))
    .option('--filter <bpf>', 'capture filter, e.g. "tcp port 8080"')
    .action(async (flags: RoleFlags & { listen?: string[]; filter?: string }) => {
      const { sensor } = await import('../roles/commands.js');
      context.exitCode = await sensor(flags, loadConfig(flags), packageVersion(), context.output);
    });
}
