import type { Command } from 'commander';
import type { CommandContext } from '../main.js';
import { table } from '../output.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';
import { registerReplay } from './policies-replay.js';
import { compileFolder, problemLine, shownFile } from './policy-folder.js';

interface JsonFlag {
  readonly json?: boolean;
  readonly config?: string;
}

/** `weir policies check|test|replay|bench|ls|explain`: the same checks as at load, on a folder, without a running weir. */
export function registerPolicies(program: Command, context: CommandContext): void {
  const { output } = context;
  const policies = program.command('policies').description('check, test and explain policies');

  policies
    .command('check')
    .description('compile a folder of policies; errors with file, line and column')
    .argument('<dir>')
    .option('--config <file>', 'where own data types and key sets stand (default: weir.yaml if there is one)')
    .option('--json', 'print JSON')
    .action(async (dir: string, flags: JsonFlag) => {
      const compiled = await compileFolder(dir, flags.config);
      context.exitCode = compiled.problems.length === 0 ? 0 : 1;
      if (flags.json) output.write(`${JSON.stringify({ policies: compiled.set?.policies ?? [], problems: compiled.problems })}\n`);
      else if (compiled.problems.length === 0)
        output.write(compiled.files === 1 ? '1 file is fine\n' : `${compiled.files} files are fine\n`);
      else for (const problem of compiled.problems) output.write(`${problemLine(problem)}\n`);
    });
  policies
    .command('test')
    .description('run the cases: of the policies of a folder (default: the built-in ones)')
    .argument('[dir]')
    .option('--config <file>', 'where own data types and key sets stand (default: weir.yaml if there is one)')
    .option('--json', 'print JSON')
    .action(async (dir: string | undefined, flags: JsonFlag) => {
      const { compilePolicies, loadLibrary, runCases } = await import('../../policies/index.js');
      const compiled = dir === undefined ? { set: compilePolicies(loadLibrary()), problems: [] } : await compileFolder(dir, flags.config);
      if (compiled.set === null) {
        for (const problem of compiled.problems) output.error(`${problemLine(problem)}\n`);
        context.exitCode = 1;
        return;
      }
      const results = runCases(compiled.set);
      const failed = results.filter((result) => !result.passed);
      context.exitCode = failed.length === 0 ? 0 : 1;
      if (flags.json) output.write(`${JSON.stringify(results)}\n`);
      else {
        for (const result of failed)
          output.write(
            `${shownFile(result.file)}:${result.line}:${result.column} ${result.policy}, ${result.case}: ${result.failures.join(' ')}\n`,
          );
        const passed = results.length - failed.length;
        output.write(`${passed} ${passed === 1 ? 'case' : 'cases'} passed, ${failed.length} failed\n`);
      }
    });
  registerReplay(policies, context);
  withAdminOptions(policies.command('ls').description('policies in force in the running weir, with their counters')).action(
    async (flags: AdminFlags) => {
      const rows = await adminOf(flags).list<{
        name: string;
        mode: string;
        origin: string;
        hits: number;
        acted: number;
        wouldAct: number;
        title: string;
      }>('/policies');
      if (flags.json) output.write(`${JSON.stringify(rows)}\n`);
      else
        output.write(
          table(rows, [
            { title: 'POLICY', of: (row) => row.name },
            { title: 'MODE', of: (row) => row.mode },
            { title: 'FROM', of: (row) => row.origin },
            { title: 'HITS', of: (row) => row.hits, right: true },
            { title: 'ACTED', of: (row) => row.acted, right: true },
            { title: 'WOULD', of: (row) => row.wouldAct, right: true },
            { title: 'WHAT', of: (row) => row.title },
          ]),
        );
    },
  );
  withAdminOptions(
    policies.command('explain').description('which rule or block stands behind an incident id').argument('<incident>'),
  ).action(async (incident: string, flags: AdminFlags) => {
    const found = await adminOf(flags).get<{ text: string }>(`/incidents/${encodeURIComponent(incident)}`);
    output.write(flags.json ? `${JSON.stringify(found)}\n` : `${found.text}\n`);
  });
}
