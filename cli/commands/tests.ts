import type { Command } from 'commander';
import type { CommandContext } from '../main.js';
import { table } from '../output.js';
import { needFolder, nothingIn } from './policy-folder.js';

/** `weir tests check|ls`: scan tests, ours and folders of one's own. */
export function registerTests(program: Command, context: CommandContext): void {
  const { output } = context;
  const tests = program.command('tests').description('scan tests: check a folder of them, list the built-in ones');
  tests
    .command('check')
    .description('compile every test of a folder; errors with file, line and column')
    .argument('<dir>')
    .option('--format <format>', 'table or ndjson', 'table')
    .option('--json', 'same as --format ndjson')
    .action(async (dir: string, flags: { format: string; json?: boolean }) => {
      needFolder(dir);
      const { checkTests } = await import('../../scans/index.js');
      const checks = await checkTests(dir);
      if (checks.length === 0) throw nothingIn(dir, 'test');
      const failed = checks.filter((check) => !check.ok);
      context.exitCode = failed.length === 0 ? 0 : 1;
      if (flags.json || flags.format === 'ndjson') for (const check of checks) output.write(`${JSON.stringify(check)}\n`);
      else {
        for (const check of failed) output.write(`${check.file}:${check.line ?? 1}:${check.column ?? 1} ${check.error ?? ''}\n`);
        for (const { file, warnings = [] } of checks) for (const warning of warnings) output.write(`${file}:${warning} (a warning)\n`);
        output.write(`${checks.length - failed.length} tests are fine, ${failed.length} are not\n`);
      }
    });
  tests
    .command('ls')
    .description('the built-in tests')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const { readLibrary } = await import('../../scans/index.js');
      const rows = (await readLibrary([])).flatMap(({ definition }) => (definition === null ? [] : [definition]));
      if (flags.json)
        output.write(
          `${JSON.stringify(rows.map(({ id, name, category, severity, owasp }) => ({ id, name, category, severity, owasp })))}\n`,
        );
      else
        output.write(
          table(rows, [
            { title: 'SEVERITY', of: (row) => row.severity },
            { title: 'OWASP', of: (row) => row.owasp },
            { title: 'CATEGORY', of: (row) => row.category },
            { title: 'ID', of: (row) => row.id },
            { title: 'TEST', of: (row) => row.name },
          ]),
        );
    });
}
