import type { Command } from 'commander';
import type { CommandContext } from '../main.js';

/** `weir classify`: NDJSON {id, text} in, NDJSON {id, types, matches} out. */
export function registerClassify(program: Command, context: CommandContext): void {
  program
    .command('classify')
    .description('read NDJSON {id, text} from standard input and say which data types are in each text')
    .option('--json', 'output is always NDJSON; accepted for uniformity')
    .action(async () => {
      const { runClassify } = await import('../../policies/index.js');
      context.exitCode = (await runClassify(process.stdin, process.stdout)) === 0 ? 0 : 1;
    });
}
