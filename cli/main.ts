/**
 * The command line. Each command is one file in `commands/`; what it needs is loaded when it runs, so `--help` is instant.
 *
 * Exit codes: 0 done, 1 the command ran and found something wrong (a failed check, a corrupt file), 2 it could not run (bad flags, config, port, folder),
 * 3 neither good nor bad: a scan that was not finished, a weir that works and is degraded.
 */
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.js';
import { errorLine, type Output, processOutput } from './output.js';
import { usageLine } from './usage.js';
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
    .enablePositionalOptions();
  for (const register of commands) register(program, context);
  for (const command of [program, ...everyCommand(program)])
    command.exitOverride().configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => output.error(text),
      outputError: (text, write) => write(usageLine(text, pathOf(command))),
    });
  const [first, wanted] = argv;
  // Commander shows the help of the whole program instead.
  if (first === 'help' && wanted !== undefined && !program.commands.some((one) => one.name() === wanted)) {
    output.error(usageLine(`unknown command '${wanted}'`, ''));
    return 2;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.error(errorLine(error));
    return 2;
  }
}

/** `block add`: as a person calls it, without the name of the program. */
const pathOf = (command: Command): string => (command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim());

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((one) => [one, ...everyCommand(one)]);
}
