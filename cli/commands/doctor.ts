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

/** `weir doctor`: is it working? What each process saw and dropped, and one request followed from the gateway to the store. */
export function registerDoctor(program: Command, context: CommandContext): void {
  const { output } = context;
  withAdminOptions(program.command('doctor').description('is it working? processes, drops, and a request followed through'))
    .option('--health', 'only: is the process of this data folder alive and ready (for container health checks)')
    .action(async (flags: AdminFlags & { health?: boolean }) => {
      if (flags.health) {
        context.exitCode = (await isHealthy(flags)) ? 0 : 1;
        return;
      }
      const admin = adminOf(flags);
      const { items } = await admin.get<{ items: readonly SourceRow[] }>('/sources');
      let test = await admin.call<SelfTest>('POST', '/self-test', { service: null });
      while (test.state === 'running') {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        test = await admin.get<SelfTest>(`/self-test/${test.id}`);
      }
      context.exitCode = test.state === 'passed' ? 0 : 1;
      if (flags.json) {
        output.write(`${JSON.stringify({ sources: items, selfTest: test })}\n`);
        return;
      }
      output.write(
        table(items, [
          { title: 'PROCESS', of: (row) => row.id },
          { title: 'STATE', of: (row) => row.state },
          { title: 'PER SECOND', of: (row) => row.requestsPerSecond.toFixed(1), right: true },
          { title: 'LAG MS', of: (row) => Math.round(row.lagMs), right: true },
          { title: 'DROPPED', of: (row) => row.dropped, right: true },
          { title: 'PROBLEM', of: (row) => row.problem ?? '' },
        ]),
      );
      output.write('\n');
      for (const step of test.steps)
        output.write(
          `${step.state === 'ok' ? 'ok    ' : step.state === 'failed' ? 'FAILED' : '-     '} ${step.name}${step.tookMs === null ? '' : ` (${step.tookMs} ms)`}${step.text === '' ? '' : `: ${step.text}`}\n`,
        );
    });
}

/** The process is alive; where it has an admin API, that must be ready too. */
async function isHealthy(flags: AdminFlags): Promise<boolean> {
  const run = findRunning(path.resolve(flags.data), ['up', 'admin', 'gateway', 'engine', 'sensor']);
  if (run === null) return false;
  if (run.admin === null) return true;
  const answer = await fetch(`${run.admin.replace('//localhost', '//127.0.0.1')}/readyz`).catch(() => null);
  return answer?.ok === true;
}
