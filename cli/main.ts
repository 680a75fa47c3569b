/**
 * The command line. Each command is one file in `commands/`; what it needs is loaded when it runs, so `--help` is instant.
 *
 * Exit codes: 0 done, 1 the command ran and found something wrong (a failed check, a corrupt file), 2 it could not run (bad flags, config, port, folder),
 * 3 neither good nor bad: a scan that was not finished, a weir that works and is degraded.
 */
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.js';
import { errorLine, type Output, processOutput } from './output.js';
import { packageVersion } from './version.js';

/** What a command's action may use beside its own options. `exitCode` is what the process ends with. */
export interface CommandContext {
  readonly output: Output;
  exitCode: number;
}

/** Runs one command line without the program name; resolves to the exit code. Long-running roles resolve when they have drained. */
export async function main(argv: readonly string[], output: Output = processOutput): Promise<number> {
  const context: CommandContext = { output, exitCode: 0 };
  const program = new Command('weir')
    .description('API security gateway: learns your APIs from their traffic, enforces policies, catches BOLA, blocks attackers, scans.')
    .version(packageVersion())
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.write(text), writeErr: (text) => output.error(text) });
  for (const register of commands) register(program, context);
  for (const command of everyCommand(program))
    command.exitOverride().configureOutput({ writeOut: (text) => output.write(text), writeErr: (text) => output.error(text) });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.error(errorLine(error));
    return 2;
  }
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((one) => [one, ...everyCommand(one)]);
}
