import { Argument, type Command } from 'commander';
import type { CommandContext } from '../main.js';
import { ago, durationMs, table } from '../output.js';
import { registerFeeds } from './block-feeds.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

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
}

interface AllowRow {
  readonly id: string;
  readonly scope: { readonly value: string };
  readonly reason: string;
  readonly createdBy: string;
  readonly feed: string | null;
}

type AddFlags = AdminFlags & {
  readonly for?: string;
  readonly reason?: string;
  readonly service?: string;
  readonly kind?: string;
  readonly force?: boolean;
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
      .description('block an address, a CIDR or a principal')
      .argument('<value>', '203.0.113.7, 203.0.113.0/24, 2001:db8::/48 or a principal key'),
  )
    .option('--for <duration>', '30m, 4h, 7d, or forever', '4h')
    .option('--reason <text>', 'why; shown to colleagues, never to the client', '')
    .option('--service <name>', 'only on this service')
    .option('--kind <kind>', 'address, cidr, principal, asn or country (default: recognised)')
    .option('--unauthenticated-only', 'let requests with a known user through')
    .option('--force', 'also when it is very wide or protected')
    .action(async (value: string, flags: AddFlags) => {
      const forMs = flags.for === 'forever' ? null : durationMs(flags.for ?? '4h');
      const added = await adminOf(flags).call<BlockRow>('POST', '/blocks', {
        value,
        reason: flags.reason ?? '',
        forMs,
        ...(flags.service === undefined ? {} : { service: flags.service }),
        ...(flags.kind === undefined ? {} : { kind: flags.kind }),
        ...(flags.unauthenticatedOnly ? { unauthenticatedOnly: true } : {}),
        ...(flags.force ? { force: true } : {}),
      });
      print(
        flags,
        added,
        `${added.scope.kind} ${added.scope.value} is blocked${added.service === null ? '' : ` on ${added.service}`} ${until(added.expiresAtMs)} (${added.id})`,
      );
    });
  withAdminOptions(block.command('rm').description('undo a block').argument('<id-or-value>')).action(
    async (value: string, flags: AdminFlags) => {
      const admin = adminOf(flags);
      const rows = await admin.list<BlockRow>('/blocks');
      const found = rows.find((row) => row.id === value || row.scope.value === value);
      if (found === undefined) {
        output.error(`weir: "${value}" is not blocked. weir block ls shows what is.\n`);
        context.exitCode = 1;
        return;
      }
      await admin.call('DELETE', `/blocks/${encodeURIComponent(found.id)}`);
      print(flags, found, `${found.scope.value} is no longer blocked`);
    },
  );
  withAdminOptions(block.command('ls').description('what is blocked')).action(async (flags: AdminFlags) => {
    const rows = await adminOf(flags).list<BlockRow>('/blocks');
    if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) output.write('nothing is blocked\n');
    else
      output.write(
        table(rows, [
          { title: 'WHO', of: (row) => row.scope.value },
          { title: 'KIND', of: (row) => row.scope.kind },
          { title: 'SERVICE', of: (row) => row.service ?? 'all' },
          { title: 'HITS', of: (row) => row.hits, right: true },
          { title: 'SINCE', of: (row) => ago(row.createdAtMs, Date.now()) },
          { title: 'UNTIL', of: (row) => until(row.expiresAtMs) },
          { title: 'BY', of: (row) => `${row.origin} ${row.createdBy}` },
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
    .option('--reason <text>', 'why', '')
    .option('--feed <name>', 'a false positive of this feed only; other blocks still hold')
    .action(async (value: string, flags: AdminFlags & { reason: string; feed?: string }) => {
      const entry = await adminOf(flags).call<AllowRow>('POST', '/allowlist', {
        value,
        reason: flags.reason,
        ...(flags.feed === undefined ? {} : { feed: flags.feed }),
      });
      print(flags, entry, `${entry.scope.value} is on the allowlist${entry.feed === null ? '' : ` for feed ${entry.feed}`}`);
    });
  withAdminOptions(block.command('disallow').description('take something off the allowlist').argument('<value>')).action(
    async (value: string, flags: AdminFlags) => {
      const admin = adminOf(flags);
      const found = (await admin.all<AllowRow>('/allowlist')).filter((row) => row.scope.value === value || row.id === value);
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
  ).action(async (format: string, flags: AdminFlags) => {
    const exported = await adminOf(flags).get<unknown>(`/blocks-export/${format}`);
    output.write(typeof exported === 'string' ? exported : `${JSON.stringify(exported, null, 2)}\n`);
  });
  registerFeeds(block, context);
}

function until(expiresAtMs: number | null): string {
  if (expiresAtMs === null) return 'until removed';
  const minutes = Math.max(0, (expiresAtMs - Date.now()) / 60_000);
  return minutes < 90 ? `for ${Math.ceil(minutes)} min` : `for ${Math.round(minutes / 60)} h`;
}
