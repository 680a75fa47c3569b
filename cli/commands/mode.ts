import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Argument, type Command } from 'commander';
import { MODES, WeirError } from '../../exchange/index.js';
import type { AdminClient } from '../admin-client.js';
import type { CommandContext } from '../main.js';
import { table } from '../output.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

interface ServiceRow {
  readonly name: string;
  readonly mode: { readonly request: string; readonly response: string };
  readonly upstreams: readonly string[];
}

/** The sensor's row of /sources, as far as it is shown here. */
interface SensorRow {
  readonly kind: string;
  readonly counters: Readonly<Record<string, number>>;
  readonly detail: {
    readonly sources: readonly {
      readonly kind: string;
      readonly name: string;
      readonly state: string;
      readonly problem: string | null;
      readonly remark?: string | null;
      readonly packetsPerSecond: number;
    }[];
  };
}

/** After it, the first rates are there. */
const RATES_MS = 2_500;

interface ListenFlags {
  readonly listen?: readonly string[];
  readonly filter?: string;
  readonly vxlan?: string;
  readonly geneve?: string;
}

/** What can be listened to, as `PUT /sensor` takes it. */
interface Place {
  readonly kind: string;
  readonly interface?: string;
  readonly filter?: string;
  readonly port?: number;
}

type ModeFlags = AdminFlags & ListenFlags & { readonly service?: string };

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
    .option('--listen <interfaces>', 'with mirror: interfaces to listen on, comma separated', listed)
    .option('--filter <bpf>', 'with --listen: capture filter, e.g. "tcp port 9000"')
    .option('--vxlan <port>', 'with mirror: receive a VXLAN mirror on this UDP port')
    .option('--geneve <port>', 'with mirror: receive a Geneve mirror on this UDP port')
    .action(async (mode: string | undefined, flags: ModeFlags) => {
      const given = sourcesOf(flags);
      if (mode !== 'mirror' && (given.length > 0 || flags.filter !== undefined))
        throw new WeirError('MODE_OPTIONS', 'Only mirror listens: --listen, --filter, --vxlan and --geneve belong to weir mode mirror.');
      if (flags.filter !== undefined && flags.listen === undefined)
        throw new WeirError('MODE_OPTIONS', '--filter is for --listen: name the interfaces whose packets it chooses from.');
      const admin = adminOf(flags);
      const services = (await admin.all<ServiceRow>('/services')).filter(
        (row) => flags.service === undefined || row.name === flags.service,
      );
      if (services.length === 0)
        throw new WeirError(
          'SERVICE_UNKNOWN',
          flags.service === undefined ? 'No service is known yet.' : `There is no service "${flags.service}".`,
          { hint: 'weir mode lists them.' },
        );
      const isAsked = mode === 'mirror' && given.length === 0 && process.stdin.isTTY && output.isTty && !flags.json;
      const sources = isAsked ? sourcesOf(await asked()) : given;
      if (mode !== undefined) {
        // One of the two always records: the sensor listens before the gateways stop, and goes on until they have begun. What both tell counts once.
        if (mode === 'mirror' && sources.length > 0) {
          // What one service is mirrored from comes beside what the others are mirrored from.
          const isShared = flags.service !== undefined && (await isMirrored(admin, flags.service));
          await listenTo(admin, sources, isShared);
        }
        for (const row of services)
          await admin.call('PUT', `/services/${encodeURIComponent(row.name)}/mode`, { request: mode, response: mode });
        if (!(await isMirrored(admin))) await admin.call('PUT', '/sensor', { sources: [] });
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
      if (mode !== 'mirror' || flags.json) return;
      if (sources.length > 0) await delay(RATES_MS);
      const row = await sensorRow(admin);
      if (sources.length > 0 || (row !== null && row.detail.sources.length > 0)) {
        output.write(`\n${heard(row)}`);
        output.write(
          'Nothing is blocked here: policies alert, and block-actor acts where the blocklist is read (other gateways, feeds, webhooks).\n',
        );
      } else
        output.write(
          'The gateway passes through. Nothing is listened to yet: add --listen IF, --vxlan PORT or --geneve PORT, or feed a file with weir import FILE.pcap.\n',
        );
    });
}

/** Asks on the terminal what to listen to. */
async function asked(): Promise<ListenFlags> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const names = Object.keys(networkInterfaces()).join(', ');
    const place = (
      await terminal.question(`Listen to what? An interface (${names}), vxlan or geneve; empty: nothing more than now. `)
    ).trim();
    if (place === 'vxlan') return { vxlan: '4789' };
    if (place === 'geneve') return { geneve: '6081' };
    if (place === '') return {};
    const filter = (await terminal.question('Which packets? For example: tcp port 8080; empty: all. ')).trim();
    return { listen: place.split(/[\s,]+/), ...(filter === '' ? {} : { filter }) };
  } finally {
    terminal.close();
  }
}

/** Is a service in mirror, another one than that named? */
async function isMirrored(admin: AdminClient, apartFrom?: string): Promise<boolean> {
  return (await admin.all<ServiceRow>('/services')).some(({ name, mode }) => mode.request === 'mirror' && name !== apartFrom);
}

/**
 * Listens to `sources`, and with `isShared` also to what was listened to elsewhere before.
 *
 * @throws WeirError SENSOR_HEARS_NOTHING when none of the sources can be listened to; what was listened to before stays
 */
async function listenTo(admin: AdminClient, sources: readonly Place[], isShared: boolean): Promise<void> {
  const before = await admin.get<{ sources: readonly Place[] }>('/sensor');
  const isNew = (one: Place): boolean =>
    sources.some(({ kind, interface: name, port }) => one.kind === kind && one.interface === name && one.port === port);
  const kept = isShared ? before.sources.filter((one) => !isNew(one)) : [];
  await admin.call('PUT', '/sensor', { sources: [...kept, ...sources] });
  const row = await sensorRow(admin);
  // The sensor tells of them in the order in which it was asked for them, behind those of its configuration.
  const failed = (row?.detail.sources ?? []).slice(-sources.length).filter(({ problem }) => problem !== null);
  if (failed.length < sources.length) return;
  await admin.call('PUT', '/sensor', { sources: before.sources });
  throw new WeirError('SENSOR_HEARS_NOTHING', failed.map(({ kind, name, problem }) => `${kind} ${name}: ${problem}`).join('\n'), {
    hint: 'Nothing was switched: the gateways go on recording.',
  });
}

/** The sensor's row; null when none reports. */
async function sensorRow(admin: AdminClient): Promise<SensorRow | null> {
  const { items } = await admin.get<{ items: readonly SensorRow[] }>('/sources');
  return items.find((one) => one.kind === 'sensor') ?? null;
}

/** One line a source: "live lo: 42 packets/s"; then what came of it all. */
function heard(row: SensorRow | null): string {
  if (row === null) return 'The sensor does not report yet; see: weir doctor\n';
  const { counters } = row;
  const lines = row.detail.sources.map(
    ({ kind, name, state, problem, remark, packetsPerSecond }) =>
      `${kind} ${name}: ${problem ?? (state === 'running' ? `${Math.round(packetsPerSecond)} packets/s` : state)}${remark == null ? '' : `; ${remark}`}\n`,
  );
  const encrypted = Math.round((counters.encryptedShare ?? 0) * 100);
  return `${lines.join('')}${Math.round(counters.exchangesPerSecond ?? 0)} exchanges/s, ${lost(counters)}${encrypted > 0 ? `; ${encrypted} % TLS, invisible` : ''}\n`;
}

/** Packets that the kernel or a thread of the sensor had no room for, and exchanges that the stream had none for. */
function lost({ droppedByKernel = 0, overloaded = 0, teeDropped = 0 }: SensorRow['counters']): string {
  const packets = droppedByKernel + overloaded;
  const parts = [
    ...(packets > 0 ? [`${packets} packets dropped`] : []),
    ...(teeDropped > 0 ? [`${teeDropped} exchanges dropped on the way to the engine`] : []),
  ];
  return parts.join(', ') || '0 dropped';
}

function sourcesOf(flags: ListenFlags): Place[] {
  return [
    ...(flags.listen ?? []).map((name) => ({
      kind: 'live',
      interface: name,
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
    })),
    ...(flags.vxlan === undefined ? [] : [{ kind: 'vxlan', port: portOf('--vxlan', flags.vxlan) }]),
    ...(flags.geneve === undefined ? [] : [{ kind: 'geneve', port: portOf('--geneve', flags.geneve) }]),
  ];
}

function listed(text: string): string[] {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  if (names.length === 0)
    throw new WeirError('MODE_OPTIONS', '--listen names no interface.', { hint: 'List what there is with: tcpdump -D' });
  return names;
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new WeirError('MODE_OPTIONS', `${flag} takes a UDP port, 1 to 65535, not "${text}".`);
  return port;
}
