import { Cron } from 'croner';
import { newId, SourceError, WeirError } from '../exchange/index.js';
import type { ScanRun } from '../store/index.js';
import { compileTest } from './language/compile.js';
import { entryOf, type LibraryEntry, readLibrary } from './library.js';
import type { CallbackOptions } from './run/callback.js';
import { guardFor } from './run/guard.js';
import { logIn } from './run/logins.js';
import { certificatesOf, DEFAULT_LIMITS } from './run/scan.js';
import { createWire } from './run/wire.js';
import { type ScannerPorts, storedRuns } from './stored-runs.js';

const LEASE = 'scans';
const LEASE_MS = 10_000;
const TURN_MS = 1_000;

export interface ScannerOptions {
  /** Names this process in the lease. */
  readonly holder: string;
  /** How long a holder may be silent before another takes its runs; default 10 s. */
  readonly leaseMs?: number;
  /** Folders of further tests. */
  readonly folders?: readonly string[];
  /** How the target reaches our callback listener; default: on loopback. */
  readonly callback?: CallbackOptions;
}

export interface TestView {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly subCategory: string;
  readonly severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  readonly owasp: string;
  readonly cwe: string;
  readonly description: string;
  readonly remediation: string;
  readonly references: readonly string[];
  readonly tags: readonly string[];
  readonly intrusive: boolean;
  readonly origin: 'library' | 'folder' | 'ui';
  readonly file: string;
  readonly enabled: boolean;
  readonly problem: string | null;
}

/** The scanner of an admin process: what ScansPort of the admin asks, and the schedule. */
export interface Scanner {
  tests(): readonly TestView[];
  testText(id: string): string | null;
  checkTest(text: string): {
    readonly ok: boolean;
    readonly problems: readonly {
      readonly severity: 'error';
      readonly code: string;
      readonly message: string;
      readonly line: number;
      readonly column: number;
    }[];
  };
  publishTests(tests: readonly { readonly id: string; readonly text: string | null; readonly enabled: boolean }[]): Promise<void>;
  wake(): void;
  checkAuthContext(id: string): Promise<{ readonly ok: boolean; readonly text: string }>;
  /** Stops taking runs and leaves what runs where it is: another admin, or the next start, goes on with it. */
  close(): Promise<void>;
}

/** Next time of a cron expression after `afterMs`; null when there is none. Times that daylight saving skips move to the next one that exists. */
export const nextRun = (cron: string, zone: string, afterMs: number): number | null =>
  new Cron(cron, { timezone: zone, paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;

/** Reads the library and starts the schedule. Of several admins on one store exactly one, the holder of the lease, runs scans. */
export async function createScanner(options: ScannerOptions, ports: ScannerPorts): Promise<Scanner> {
  const { store, log } = ports;
  const files = await readLibrary(options.folders);
  let entries: readonly LibraryEntry[] = files;
  const runs = storedRuns(ports, () => entries, options.callback);
  const active = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  let closed = false;
  let turning: Promise<void> | null = null;
  let again = false;

  const turn = async () => {
    const nowMs = Date.now();
    if ((await store.scans.lease(LEASE, options.holder, options.leaseMs ?? LEASE_MS, nowMs)) === null) {
      for (const { abort } of active.values()) abort.abort();
      return;
    }
    for (const scan of await store.scans.due(nowMs)) {
      // One run for all times that were missed; none while the last is still going.
      const going = await unfinished(scan.id);
      if (!going && (await runs.hasWork(scan)))
        await store.scans.startRun({ scanId: scan.id, service: scan.service, trigger: 'schedule', startedMs: nowMs });
      const nextRunMs = scan.cron === '' ? null : nextRun(scan.cron, scan.zone, nowMs);
      await store.scans.change(scan.id, { nextRunMs, updatedMs: nowMs });
    }
    // `running` here and not ours: its holder is gone, and we go on where it was.
    for (const state of ['queued', 'running'] as const)
      for (const run of (await store.scans.runs({ state }, { limit: 50 })).items) if (!active.has(run.id) && !closed) start(run);
  };
  const unfinished = async (scanId: string) => {
    const { items } = await store.scans.runs({ scanId }, { limit: 20 });
    return items.some((run) => run.state === 'queued' || run.state === 'running' || run.state === 'paused');
  };
  const start = (run: ScanRun) => {
    const abort = new AbortController();
    const done = execute(run, abort).finally(() => active.delete(run.id));
    active.set(run.id, { abort, done });
  };
  const execute = async (run: ScanRun, abort: AbortController) => {
    try {
      await store.scans.saveRun(run.id, { state: 'running' });
      await runs.perform(run, abort);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (!(cause instanceof WeirError)) log(`scan ${run.id}: ${problem}`);
      await store.scans.saveRun(run.id, { state: 'failed', finishedMs: Date.now(), summary: { problem } }).catch(() => undefined);
    }
    ports.changed?.(run.id);
  };

  const wake = () => {
    if (closed) return;
    if (turning !== null) {
      again = true;
      return;
    }
    turning = turn()
      .catch((cause: unknown) => log(`scan schedule: ${cause instanceof Error ? cause.message : String(cause)}`))
      .finally(() => {
        turning = null;
        if (!again) return;
        again = false;
        wake();
      });
  };
  const timer = setInterval(wake, Math.min(TURN_MS, (options.leaseMs ?? LEASE_MS) / 3));
  wake();

  return {
    tests: () => entries.map(viewOf),
    testText: (id) => entries.find((one) => one.id === id)?.text ?? null,
    checkTest(text) {
      try {
        compileTest(text, 'test.yaml');
        return { ok: true, problems: [] };
      } catch (cause) {
        if (!(cause instanceof SourceError)) throw cause;
        const { code, message, line, column } = cause;
        return { ok: false, problems: [{ severity: 'error', code, message, line, column }] };
      }
    },
    async publishTests(tests) {
      const next = new Map(files.map((entry) => [entry.id, entry]));
      for (const { id, text, enabled } of tests) {
        const present = next.get(id);
        if (text !== null) next.set(id, { ...entryOf(text, id, 'ui', enabled), id });
        else if (present !== undefined) next.set(id, { ...present, enabled: enabled && present.definition !== null });
      }
      entries = [...next.values()];
    },
    wake,
    async checkAuthContext(id) {
      const context = await runs.authContext(id);
      const targetUrl = ports.upstreamOf(context.service);
      if (targetUrl === null) return { ok: false, text: `the service "${context.service}" has no upstream here` };
      const guard = guardFor(targetUrl, [], {
        connections: 1,
        timeoutMs: DEFAULT_LIMITS.timeoutMs,
        certificates: certificatesOf([context]),
      });
      const wire = createWire({
        guard,
        mark: (method, target) => ports.mark?.(newId(), method, target) ?? 'check',
        signal: AbortSignal.timeout(DEFAULT_LIMITS.timeoutMs),
        ...DEFAULT_LIMITS,
      });
      try {
        await logIn(context, targetUrl, (request) => wire.send(request));
        return {
          ok: true,
          text:
            context.kind === 'login' || context.kind === 'oauth2' ? 'logged in' : 'nothing to log in: the credentials are sent as they are',
        };
      } catch (cause) {
        return { ok: false, text: cause instanceof Error ? cause.message : String(cause) };
      } finally {
        await guard.close();
      }
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await turning;
      for (const { abort } of active.values()) abort.abort();
      await Promise.all([...active.values()].map(({ done }) => done));
      await store.scans.release(LEASE, options.holder);
    },
  };
}

const viewOf = ({ id, origin, file, enabled, definition, problem }: LibraryEntry): TestView => ({
  id,
  name: definition?.name ?? id,
  category: definition?.category ?? '',
  subCategory: definition?.subCategory ?? '',
  severity: definition?.severity ?? 'info',
  owasp: definition?.owasp ?? '',
  cwe: definition?.cwe[0] ?? '',
  description: definition?.description ?? '',
  remediation: definition?.remediation ?? '',
  references: definition?.references ?? [],
  tags: definition?.tags ?? [],
  intrusive: definition?.intrusive ?? false,
  origin,
  file,
  enabled,
  problem,
});
