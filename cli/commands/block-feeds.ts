import { Argument, type Command } from 'commander';
import type { CommandContext } from '../main.js';
import { ago, durationMs, table } from '../output.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

interface FeedRow {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly format: string;
  readonly entries: number;
  readonly refused: number;
  readonly duplicates: number;
  readonly overridden: number;
  readonly hits: number;
  readonly loadedAtMs: number | null;
  readonly error: string | null;
  readonly errors: readonly { readonly line: number; readonly text: string; readonly why?: string }[];
}

/** `weir block feed add|ls|refresh|rm`: lists of addresses that others keep, polled from a URL or a file. */
export function registerFeeds(block: Command, context: CommandContext): void {
  const { output } = context;
  const feed = block.command('feed').description('lists of addresses that others keep: a URL or a file, polled');
  const told = (flags: AdminFlags, row: FeedRow): void => {
    if (flags.json) output.write(`${JSON.stringify(row)}\n`);
    else
      output.write(
        `${sentence(row)}\n${row.errors
          .slice(0, 20)
          .map((one) => `  line ${one.line}: ${one.text}${one.why === undefined ? '' : ` (${one.why})`}\n`)
          .join('')}`,
      );
    if (row.error !== null) context.exitCode = 1;
  };
  withAdminOptions(
    feed
      .command('add')
      .description('follow a list')
      .argument('<name>', 'lower-case letters, digits and dashes')
      .argument('<url>', 'http(s) URL, or a file that the admin process can read'),
  )
    .option('--every <duration>', 'how often it is asked for changes', '1h')
    .addOption(feed.createOption('--format <format>', 'what it is').choices(['auto', 'text', 'csv', 'json']).default('auto'))
    .action(async (name: string, url: string, flags: AdminFlags & { every: string; format: string }) =>
      told(
        flags,
        await adminOf(flags).call<FeedRow>('POST', '/feeds', { name, url, format: flags.format, everyMs: durationMs(flags.every) }),
      ),
    );
  withAdminOptions(feed.command('ls').description('the feeds: size, age, hits, overrides')).action(async (flags: AdminFlags) => {
    const rows = await adminOf(flags).all<FeedRow>('/feeds');
    if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
    else if (rows.length === 0) output.write('no feed is followed\n');
    else
      output.write(
        table(rows, [
          { title: 'FEED', of: (row) => row.name },
          { title: 'ENTRIES', of: (row) => row.entries, right: true },
          { title: 'GARBAGE', of: (row) => row.refused, right: true },
          { title: 'HITS', of: (row) => row.hits, right: true },
          { title: 'OVERRIDDEN', of: (row) => row.overridden, right: true },
          { title: 'LOADED', of: (row) => ago(row.loadedAtMs, Date.now()) },
          { title: 'FROM', of: (row) => row.url },
          { title: 'PROBLEM', of: (row) => row.error },
        ]),
      );
  });
  withAdminOptions(feed.command('refresh').description('ask for changes now').addArgument(new Argument('<name>'))).action(
    async (name: string, flags: AdminFlags) =>
      told(flags, await adminOf(flags).call<FeedRow>('POST', `/feeds/${encodeURIComponent(name)}/refresh`)),
  );
  withAdminOptions(feed.command('rm').description('stop following a list; its entries go with it').argument('<name>')).action(
    async (name: string, flags: AdminFlags) => {
      await adminOf(flags).call('DELETE', `/feeds/${encodeURIComponent(name)}`);
      output.write(flags.json ? `${JSON.stringify({ name })}\n` : `${name} is no longer followed\n`);
    },
  );
}

function sentence({ name, entries, refused, duplicates, error, loadedAtMs }: FeedRow): string {
  const garbage = `${refused === 0 ? '' : `, ${refused} ${refused === 1 ? 'line' : 'lines'} left out`}${duplicates === 0 ? '' : `, ${duplicates} were there twice`}`;
  if (error === null) return `${name}: ${entries} entries${garbage}`;
  return loadedAtMs === null
    ? `${name}: ${error}`
    : `${name}: ${error}; the last good content stays in force (${entries} entries${garbage})`;
}
