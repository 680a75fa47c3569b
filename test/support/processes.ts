/** Starts the real programs that end-to-end tests drive, and ends each by its own process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { packageRoot } from '../../exchange/index.js';

const WEIR = path.join(packageRoot(), 'bin', 'weir');
/** A start takes a second; on a machine that does much else it may take many. */
const READY_MS = 60_000;

export interface Running {
  readonly process: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  errors(): string;
  /** Sends a signal and resolves with the exit code once it is gone. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface RunningWeir extends Running {
  readonly gateway: string;
  readonly admin: string;
  readonly signIn: string;
  readonly data: string;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a program; it is ended with the test at the latest. */
export function start(t: Test, command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  // The test runner hands its loader to children through NODE_OPTIONS; what is tested here is the build, as users run it.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, WEIR_SKIP_BUILD: '1', ...environment },
  });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  t.teardown(() => stop('SIGKILL'));
  return { process: child, output: () => out, errors: () => errors, stop };
}

/** Waits until `check` gives a value; fails with `what` and the last error after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  timeoutMs = 45_000,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await check();
      if (value !== null && value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadlineMs)
      throw new Error(
        `waited ${timeoutMs} ms for ${what}${last === null ? '' : `: ${last instanceof Error ? last.message : String(last)}`}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** `weir up` on free ports with a data folder of its own; resolves when it says that it is ready. */
export async function startWeir(t: Test, args: readonly string[], data: string = temporaryFolder(t)): Promise<RunningWeir> {
  const running = start(t, process.execPath, [
    WEIR,
    'up',
    '--json',
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--admin-port',
    '0',
    '--data',
    data,
    ...args,
  ]);
  const ready = await eventually(
    'weir to be ready',
    () => {
      if (running.process.exitCode !== null) throw new Error(`weir ended with ${running.process.exitCode}: ${running.errors()}`);
      const line = running
        .output()
        .split('\n')
        .find((one) => one.startsWith('{"ready"'));
      return line === undefined ? null : (JSON.parse(line) as { gateway: string; admin: string; signIn: string });
    },
    READY_MS,
  );
  return { ...running, gateway: ready.gateway, admin: ready.admin, signIn: ready.signIn, data };
}

/** Starts a role of a distributed weir (`gateway`, `engine`, `admin`, `sensor`) and waits for its ready line. */
export async function startRole(
  t: Test,
  role: string,
  args: readonly string[],
): Promise<Running & { readonly ready: Readonly<Record<string, string>> }> {
  const running = start(t, process.execPath, [WEIR, role, '--json', ...args]);
  const ready = await eventually(
    `weir ${role} to be ready`,
    () => {
      if (running.process.exitCode !== null) throw new Error(`weir ${role} ended with ${running.process.exitCode}: ${running.errors()}`);
      const line = running
        .output()
        .split('\n')
        .find((one) => one.startsWith('{"ready"'));
      return line === undefined ? null : (JSON.parse(line) as Record<string, string>);
    },
    READY_MS,
  );
  return { ...running, ready };
}

/** Runs one command to its end. */
export async function weir(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const running = start(t, process.execPath, [WEIR, ...args], environment);
  const code = await new Promise<number | null>((resolve) => running.process.once('close', (value) => resolve(value)));
  return { code, stdout: running.output(), stderr: running.errors() };
}

/** The demo shop as a process of its own. */
export async function startDemoApi(t: Test, args: readonly string[] = []): Promise<string> {
  const running = start(t, process.execPath, [path.join(packageRoot(), 'dist', 'examples', 'demo-api', 'main.js'), ...args]);
  return eventually('the demo API', () => {
    const line = running.output().split('\n')[0];
    return line === '' ? null : (JSON.parse(line) as { url: string }).url;
  });
}
