import { type Command, Option } from 'commander';
import type { CommandContext } from '../main.js';

/** `weir pcap FILE`: the exchanges in a capture, for people who would otherwise open tshark. */
export function registerPcap(program: Command, context: CommandContext): void {
  program
    .command('pcap')
    .description('print the HTTP exchanges in a capture file (pcap, pcapng, gzip; - reads standard input)')
    .argument('<file>')
    .addOption(new Option('--format <format>', 'how to print them').choices(['table', 'ndjson', 'har']).default('table'))
    .option('--bodies', 'with decoded bodies (ndjson, har)')
    .option('--answers-alone', 'also answers whose request was not captured (table, ndjson)')
    .option('--json', 'same as --format ndjson')
    .action(
      async (file: string, options: { format: 'table' | 'ndjson' | 'har'; bodies?: boolean; answersAlone?: boolean; json?: boolean }) => {
        const { runPcapCommand } = await import('../../sensor/index.js');
        const { json, format, ...rest } = options;
        // `weir pcap FILE | head` has seen enough.
        process.stdout.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EPIPE') throw error;
          process.exit(0);
        });
        context.exitCode = await runPcapCommand(file, { ...rest, format: json ? 'ndjson' : format }, process);
      },
    );
}
