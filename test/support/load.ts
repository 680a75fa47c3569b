/** A steady load for tests that take something away meanwhile: it notes every answer that was not the expected one. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { Pool } from 'undici';

export interface LoadOptions {
  /** Requests under way at a time. Default 6. */
  readonly clients?: number;
  /** Rest of each client between two requests. Default 8 ms. */
  readonly restMs?: number;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Load {
  /** Requests that were answered with 200, up to now. */
  readonly answered: number;
  /** Everything else: status or error. */
  readonly failures: readonly string[];
  /** Lets what is under way finish; none is cut. May be called again. */
  stop(): Promise<void>;
}

/** Starts to ask `base` for `paths` in turn, until the test's end at the latest. */
export function startLoad(t: Test, base: string, paths: readonly string[], options: LoadOptions = {}): Load {
  const { clients = 6, restMs = 8, method = 'GET', body, headers } = options;
  const pool = new Pool(base, { connections: clients, headersTimeout: 10_000, bodyTimeout: 10_000 });
  const failures: string[] = [];
  let answered = 0;
  let next = 0;
  let stopping = false;
  const client = async (): Promise<void> => {
    while (!stopping) {
      try {
        const answer = await pool.request({ path: paths[next++ % paths.length], method, body: body ?? null, headers });
        const text = await answer.body.text();
        if (answer.statusCode === 200) answered++;
        else failures.push(`${answer.statusCode} ${text.slice(0, 200)}`);
      } catch (error) {
        failures.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      }
      await delay(restMs);
    }
  };
  const running = Array.from({ length: clients }, client);
  const stop = async (): Promise<void> => {
    stopping = true;
    await Promise.all(running);
    if (!pool.closed) await pool.close();
  };
  t.teardown(stop);
  return {
    get answered() {
      return answered;
    },
    failures,
    stop,
  };
}
