import { Argument, type Command } from 'commander';
import { MODES, WeirError } from '../../exchange/index.js';
import type { CommandContext } from '../main.js';
import { table } from '../output.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

interface ServiceRow {
  readonly name: string;
  readonly mode: { readonly request: string; readonly response: string };
  readonly upstreams: readonly string[];
}

type ModeFlags = AdminFlags & {
  readonly service?: string;
  readonly listen?: readonly string[];
  readonly filter?: string;
  readonly vxlan?: string;
  readonly geneve?: string;
};

/** `weir mode [enforce|observe|mirror]`: shows or switches; mirror also says what to listen to. */
export function registerMode(program: Command, context: CommandContext): void {
  const { output } = context;
  withAdminOptions(
    program
      .command('mode')
      .description('show or switch the mode of a service (or of all)')
      .addArgument(new Argument('[mode]').choices([...MODES])),
  )
    .option('--service <name>', 'only this service')
    .option('--listen <interfaces>', 'with mirror: interfaces to listen on, comma separated', (text) => text.split(','))
    .option('--filter <bpf>', 'with --listen: capture filter, e.g. "tcp port 9000"')
    .option('--vxlan <port>', 'with mirror: receive a VXLAN mirror on this UDP port')
    .option('--geneve <port>', 'with mirror: receive a Geneve mirror on this UDP port')
    .action(async (mode: string | undefined, flags: ModeFlags) => {
      const admin = adminOf(flags);
      const services = (await admin.list<ServiceRow>('/services')).filter(
        (row) => flags.service === undefined || row.name === flags.service,
      );
      if (services.length === 0)
        throw new WeirError(
          'SERVICE_UNKNOWN',
          flags.service === undefined ? 'No service is known yet.' : `There is no service "${flags.service}".`,
          { hint: 'weir mode lists them.' },
        );
      if (mode !== undefined) {
        if (mode === 'mirror') await admin.call('PUT', '/sensor', { sources: sourcesOf(flags) });
        else await admin.call('PUT', '/sensor', { sources: [] });
        for (const row of services)
          await admin.call('PUT', `/services/${encodeURIComponent(row.name)}/mode`, { request: mode, response: mode });
      }
      const rows = mode === undefined ? services : services.map((row) => ({ ...row, mode: { request: mode, response: mode } }));
      if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
      else
        output.write(
          table(rows, [
            { title: 'SERVICE', of: (row) => row.name },
            {
              title: 'MODE',
              of: (row) =>
                row.mode.request === row.mode.response ? row.mode.request : `${row.mode.request} requests, ${row.mode.response} responses`,
            },
            { title: 'UPSTREAMS', of: (row) => row.upstreams.join(', ') },
          ]),
        );
      if (mode === 'mirror' && sourcesOf(flags).length === 0 && !flags.json)
        output.write(
          'The gateway passes through. Nothing is listened to yet: add --listen IF, --vxlan PORT or --geneve PORT, or feed a file with weir import FILE.pcap.\n',
        );
    });
}

function sourcesOf(flags: ModeFlags): object[] {
  return [
    ...(flags.listen ?? []).map((name) => ({
      kind: 'live',
      interface: name,
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    })),
    ...(flags.vxlan === undefined ? [] : [{ kind: 'vxlan', port: Number(flags.vxlan) }]),
    ...(flags.geneve === undefined ? [] : [{ kind: 'geneve', port: Number(flags.geneve) }]),
  ];
}
