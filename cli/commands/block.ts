import { Argument, type Command, Option } from 'commander';
import { WeirError } from '../../exchange/index.js';
import type { CommandContext } from '../main.js';
import { ago, durationMs, table } from '../output.js';
import { registerFeeds } from './block-feeds.js';
import { type AdminFlags, adminOf, needService, positive, withAdminOptions } from './options.js';

interface BlockRow {
  readonly id: string;
  readonly scope: { readonly kind: string; readonly value: string };
  readonly service: string | null;
  readonly reason: string;
  readonly origin: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly hits: number;
  readonly lastHitMs: number | null;
  readonly action: keyof typeof DONE;
  readonly notes?: readonly string[];
}

interface AllowRow {
  readonly id: string;
  readonly scope: { readonly value: string };
  readonly reason: string;
  readonly createdBy: string;
  readonly feed: string | null;
  readonly expiresAtMs: number | null;
}

type AddFlags = AdminFlags & {
  readonly for?: string;
  readonly reason?: string;
  readonly service?: string;
  readonly kind?: string;
  readonly force?: boolean;
  readonly until?: string;
  readonly action: string;
  readonly perMinute?: number;
  readonly unauthenticatedOnly?: boolean;
};

/** `weir block add|rm|ls|explain|allow|disallow|allowed|export|feed`. */
export function registerBlock(program: Command, context: CommandContext): void {
  const { output } = context;
  const block = program.command('block').description('the blocklist: addresses, networks, principals, for a time, on every gateway');
  const print = (flags: AdminFlags, value: unknown, sentence: string) =>
    output.write(flags.json ? `${JSON.stringify(value)}\n` : `${sentence}\n`);

  withAdminOptions(
    block
      .command('add')
      .description('block an address, a CIDR, a principal, an AS number or a country')
      .argument('<value>', '203.0.113.7, 203.0.113.0/24, 2001:db8::/48, AS64500, DE or the key of a principal (p_…)'),
  )
    .option('--for <duration>', '30m, 4h, 7d, or forever (default: 4h)')
    .option('--until <time>', 'instead of --for: 2030-01-31T12:00:00Z')
    .option('--reason <text>', 'why; shown to colleagues, never to the client', '')
    .option('--service <name>', 'only on this service')
    .addOption(
      new Option('--kind <kind>', 'what the value is (default: recognised)').choices(['address', 'cidr', 'principal', 'asn', 'country']),
    )
    .option('--unauthenticated-only', 'let requests with a known user through')
    .addOption(
      new Option('--action <action>', 'what happens to who is meant').choices(['block', 'throttle', 'tarpit', 'close']).default('block'),
    )
    .option('--per-minute <count>', 'for throttle: requests a minute on each endpoint that pass (default: 10)', positive)
    .option('--force', 'also when it is very wide or protected')
    .action(async (value: string, flags: AddFlags) => {
      if (flags.perMinute !== undefined && flags.action !== 'throttle')
        throw new WeirError('BLOCK_OPTIONS', '--per-minute belongs to --action throttle.', { hint: 'See weir block add --help.' });
      const admin = adminOf(flags);
      if (flags.service !== undefined) await needService(admin, flags.service);
      const added = await admin.call<BlockRow>('POST', '/blocks', {
        value,
        reason: flags.reason ?? '',
        ...lifetime(flags),
        ...(flags.service === undefined ? {} : { service: flags.service }),
        ...(flags.kind === undefined ? {} : { kind: flags.kind }),
        ...(flags.action === 'block' ? {} : { action: flags.action }),
        ...(flags.perMinute === undefined ? {} : { perMinute: flags.perMinute }),
        ...(flags.unauthenticatedOnly ? { unauthenticatedOnly: true } : {}),
        ...(flags.force ? { force: true } : {}),
      });
      const where = added.service === null ? '' : ` on ${added.service}`;
      const notes = (added.notes ?? []).map((note) => `\n  ${note}`).join('');
      print(
        flags,
        added,
        `${added.scope.kind} ${nameOf(added)} is ${DONE[added.action]}${where} ${until(added.expiresAtMs)} (entry ${added.id})${notes}`,
      );
    });
  withAdminOptions(block.command('rm').description('undo a block').argument('<id-or-value>'))
    .option('--service <name>', 'only the entry for this service')
    .action(async (value: string, flags: AdminFlags & { service?: string }) => {
      const admin = adminOf(flags);
      const isMeant = (row: BlockRow) => row.id === value || row.scope.value === plain(value) || nameOf(row) === value.toUpperCase();
      const found = (await admin.list<BlockRow>('/blocks')).filter(
        (row) => isMeant(row) && (flags.service === undefined || row.service === flags.service),
      );
      if (found.length === 0) {
        output.error(`weir: "${value}" is not blocked. weir block ls shows what is.\n`);
        context.exitCode = 1;
        return;
      }
      for (const { id } of found) await admin.call('DELETE', `/blocks/${encodeURIComponent(id)}`);
      const told = found.map((row) => `${nameOf(row)} is no longer ${DONE[row.action]}${row.service === null ? '' : ` on ${row.service}`}`);
      print(flags, found, told.join('\n'));
    });
  withAdminOptions(block.command('ls').description('what is blocked')).action(async (flags: AdminFlags) => {
    const rows = await adminOf(flags).list<BlockRow>('/blocks');
    if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) output.write('nothing is blocked\n');
    else
      output.write(
        table(rows, [
          { title: 'WHO', of: nameOf },
          { title: 'KIND', of: (row) => row.scope.kind },
          { title: 'ACTION', of: (row) => row.action },
          { title: 'SERVICE', of: (row) => row.service ?? 'all' },
          { title: 'HITS', of: (row) => row.hits, right: true },
          { title: 'LAST HIT', of: (row) => ago(row.lastHitMs, Date.now()) },
          { title: 'SINCE', of: (row) => ago(row.createdAtMs, Date.now()) },
          { title: 'UNTIL', of: (row) => until(row.expiresAtMs) },
          { title: 'BY', of: (row) => (row.origin === 'feed' ? `feed ${row.createdBy}` : row.createdBy) },
          { title: 'ID', of: (row) => row.id },
          { title: 'REASON', of: (row) => row.reason },
        ]),
      );
  });
  withAdminOptions(
    block.command('explain').description('why an address, a principal or an incident is or is not blocked').argument('<subject>'),
  ).action(async (subject: string, flags: AdminFlags) => {
    const admin = adminOf(flags);
    if (/^W-/i.test(subject)) {
      const incident = await admin.get<{ text: string }>(`/incidents/${encodeURIComponent(subject)}`);
      print(flags, incident, incident.text);
      return;
    }
    const answer = await admin.get<{ text: string }>('/blocks-explain', { subject });
    print(flags, answer, answer.text);
  });
  withAdminOptions(
    block.command('allow').description('put an address, a CIDR or a principal on the allowlist, which always wins').argument('<value>'),
  )
    .requiredOption('--reason <text>', 'why; shown to colleagues')
    .option('--feed <name>', 'a false positive of this feed only; other blocks still hold')
    .option('--for <duration>', '30m, 4h, 7d, or forever (default: forever)')
    .action(async (value: string, flags: AdminFlags & { reason: string; feed?: string; for?: string }) => {
      const entry = await adminOf(flags).call<AllowRow>('POST', '/allowlist', {
        value,
        reason: flags.reason,
        ...(flags.feed === undefined ? {} : { feed: flags.feed }),
        ...(flags.for === undefined || flags.for === 'forever' ? {} : { forMs: durationMs(flags.for) }),
      });
      const ends = entry.expiresAtMs === null ? '' : ` ${until(entry.expiresAtMs)}`;
      print(flags, entry, `${entry.scope.value} is on the allowlist${entry.feed === null ? '' : ` for feed ${entry.feed}`}${ends}`);
    });
  withAdminOptions(block.command('disallow').description('take something off the allowlist').argument('<value>')).action(
    async (value: string, flags: AdminFlags) => {
      const admin = adminOf(flags);
      const found = (await admin.all<AllowRow>('/allowlist')).filter((row) => row.scope.value === plain(value) || row.id === value);
      for (const { id } of found) await admin.call('DELETE', `/allowlist/${encodeURIComponent(id)}`);
      if (found.length > 0) print(flags, found, `${value} is no longer on the allowlist`);
      else {
        output.error(`weir: "${value}" is not on the allowlist. weir block allowed shows what is.\n`);
        context.exitCode = 1;
      }
    },
  );
  withAdminOptions(block.command('allowed').description('the allowlist')).action(async (flags: AdminFlags) => {
    const rows = await adminOf(flags).all<AllowRow>('/allowlist');
    if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) output.write('nothing is on the allowlist\n');
    else
      output.write(
        table(rows, [
          { title: 'WHO', of: (row) => row.scope.value },
          { title: 'WINS OVER', of: (row) => (row.feed === null ? 'every block' : `feed ${row.feed}`) },
          { title: 'UNTIL', of: (row) => until(row.expiresAtMs) },
          { title: 'BY', of: (row) => row.createdBy },
          { title: 'REASON', of: (row) => row.reason },
        ]),
      );
  });
  withAdminOptions(
    block
      .command('export')
      .description('the blocklist for a firewall or edge')
      .addArgument(new Argument('<format>', 'what reads it').choices(['plain', 'nftables', 'nginx', 'haproxy', 'aws-waf', 'json'])),
  )
    .option('--with-feeds', 'the entries of feeds, too')
    .action(async (format: string, flags: AdminFlags & { withFeeds?: boolean }) => {
      const exported = await adminOf(flags).get<unknown>(`/blocks-export/${format}`, flags.withFeeds ? { feeds: true } : {});
      output.write(typeof exported === 'string' ? exported : `${JSON.stringify(exported, null, 2)}\n`);
    });
  registerFeeds(block, context);
}

const DONE = { block: 'blocked', throttle: 'throttled', tarpit: 'held back', close: 'cut off' } as const;

/** As people write it. */
const nameOf = ({ scope }: BlockRow): string => (scope.kind === 'asn' ? `AS${scope.value}` : scope.value);

/** The server writes an address without its full length. */
const plain = (value: string): string => value.replace(/^([\d.]+)\/32$/, '$1').replace(/^(.*:.*)\/128$/, '$1');

function lifetime({ for: duration, until }: AddFlags): { forMs: number | null } | { expiresAtMs: number } {
  if (until === undefined) return { forMs: duration === 'forever' ? null : durationMs(duration ?? '4h') };
  const expiresAtMs = Date.parse(until);
  if (duration !== undefined || Number.isNaN(expiresAtMs))
    throw new WeirError('TIME_INVALID', duration === undefined ? `"${until}" is not a time.` : '--for and --until exclude each other.', {
      status: 400,
      hint: 'Write --until 2030-01-31T12:00:00Z, or --for 4h.',
    });
  return { expiresAtMs };
}

function until(expiresAtMs: number | null): string {
  if (expiresAtMs === null) return 'until removed';
  const minutes = Math.max(0, (expiresAtMs - Date.now()) / 60_000);
  if (minutes < 90) return `for ${Math.ceil(minutes)} min`;
  return minutes < 48 * 60 ? `for ${Math.round(minutes / 60)} h` : `for ${Math.round(minutes / 1440)} days`;
}
