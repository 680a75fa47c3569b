import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** The machine's load average before the run: above some tenths, others used it too. */
export const loadBefore = readFileSync('/proc/loadavg', 'utf8').trim();

/** Prints the rows and writes them to bench/results/choice-NAME-DATE-COMMIT.json, with machine and commit. */
export function report(name: string, settings: object, rows: readonly object[]): void {
  console.table(rows);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`choice-${name}-${new Date().toISOString().slice(0, 10)}-${commit}.json`, folder).pathname;
  const machine = { commit, node: process.version, cpu: cpus()[0].model, cores: cpus().length, load: loadBefore };
  writeFileSync(file, `${JSON.stringify({ ...machine, ...settings, rows }, null, 2)}\n`);
  console.log(`written to ${file}`);
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

export const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;
