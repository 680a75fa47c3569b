import path from 'node:path';
import type { Command } from 'commander';
import { findRunning } from '../data-dir.js';
import type { CommandContext } from '../main.js';
import { table } from '../output.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

interface SourceRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly requestsPerSecond: number;
  readonly lagMs: number;
  readonly dropped: number;
  readonly droppedBy: Readonly<Record<string, number>>;
  readonly problem: string | null;
}

interface SelfTest {
  readonly id: string;
  readonly state: 'running' | 'passed' | 'failed';
  readonly steps: readonly { readonly name: string; readonly state: string; readonly tookMs: number | null; readonly text: string }[];
}

const POLL_MS = 100;

/** What `weir doctor` ends with, beside 2 of every command that could not run. */
const EXIT = { well: 0, broken: 1, degraded: 3 } as const;

const VERDICT: Readonly<Record<keyof typeof EXIT, string>> = {
  well: 'All is well.',
  broken: 'Something does not work.',
  degraded: 'It works, but not all is well.',
};

/** `weir doctor`: is it working? What each process saw and dropped, and one request followed from the gateway to the store. */
export function registerDoctor(program: Command, context: CommandContext): void {
  const { output } = context;
  withAdminOptions(program.command('doctor').description('is it working? processes, drops, and a request followed through'))
    .option('--health', 'only: is the process of this data folder alive and ready (for container health checks)')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well; 1 something does not work (a step failed, a process fell silent); 2 no weir could be asked;\n3 it works, but a process is degraded: it has a problem, or lost exchanges within the last five minutes.\nWith --health: 0 alive and ready, 1 not.\n',
    )
    .action(async (flags: AdminFlags & { health?: boolean }) => {
      if (flags.health) {
        const ill = await illness(flags);
        if (ill !== null) output.error(`weir: ${ill}\n`);
        context.exitCode = ill === null ? 0 : 1;
        return;
      }
      const admin = adminOf(flags);
      const { items } = await admin.get<{ items: readonly SourceRow[] }>('/sources');
      let test = await admin.call<SelfTest>('POST', '/self-test', { service: null });
      while (test.state === 'running') {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        test = await admin.get<SelfTest>(`/self-test/${test.id}`);
      }
      const state = stateOf(items, test);
      context.exitCode = EXIT[state];
      if (flags.json) {
        output.write(`${JSON.stringify({ state, sources: items, selfTest: test })}\n`);
        return;
      }
      output.write(
        table(items, [
          { title: 'PROCESS', of: (row) => row.id },
          { title: 'STATE', of: (row) => row.state },
          { title: 'PER SECOND', of: (row) => row.requestsPerSecond.toFixed(1), right: true },
          { title: 'LAG MS', of: (row) => Math.round(row.lagMs), right: true },
          { title: 'DROPPED', of: (row) => row.dropped, right: true },
        ]),
      );
      output.write('\n');
      for (const row of items) for (const line of troubleOf(row)) output.write(`${row.id}: ${line}\n`);
      for (const step of test.steps)
        output.write(
          `${step.state === 'ok' ? 'ok    ' : step.state === 'failed' ? 'FAILED' : '-     '} ${step.name}${step.tookMs === null ? '' : ` (${step.tookMs} ms)`}${step.text === '' ? '' : `: ${step.text}`}\n`,
        );
      output.write(`\n${VERDICT[state]}\n`);
    });
}

function stateOf(rows: readonly SourceRow[], test: SelfTest): keyof typeof EXIT {
  if (test.state !== 'passed' || rows.some(({ state }) => state === 'silent')) return 'broken';
  return rows.every(({ state }) => state === 'ok') ? 'well' : 'degraded';
}

/** What is wrong with one process, a line each. */
function troubleOf({ state, problem, droppedBy }: SourceRow): string[] {
  if (state === 'ok') return [];
  const lines = problem === null ? [] : problem.split('\n');
  if (state === 'silent') lines.unshift('It has said nothing of itself for some seconds.');
  const drops = Object.entries(droppedBy).map(([why, many]) => `${why} ${many}`);
  if (lines.length === 0) lines.push(`It lost exchanges within the last five minutes; since its start: ${drops.join(', ')}.`);
  return lines;
}

/** Why it is not well: the process must be alive, and where it has an admin API, that must be ready. Null: it is well. */
async function illness(flags: AdminFlags): Promise<string | null> {
  const data = path.resolve(flags.data);
  const run = findRunning(data, ['up', 'admin', 'gateway', 'engine', 'sensor']);
  if (run === null) return `No weir runs on the data folder ${data}.`;
  if (run.admin === null) return null;
  const answer = await fetch(`${run.admin.replace('//localhost', '//127.0.0.1')}/readyz`).catch(() => null);
  return answer?.ok === true ? null : `The admin API at ${run.admin} ${answer === null ? 'does not answer' : 'is not ready'}.`;
}
