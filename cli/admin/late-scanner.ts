import type { ScansPort } from '../../admin/index.js';
import { createScanner, type Scanner, type ScannerOptions, type ScannerPorts } from '../../scans/index.js';

const START_MS = 500;

export interface LateScanner extends ScansPort {
  close(): Promise<void>;
}

/** The scanner, begun a moment after the admin is ready: compiling its library takes most of a second that nobody should wait for. */
export function lateScanner(options: ScannerOptions, ports: ScannerPorts): LateScanner {
  let scanner: Scanner | null = null;
  let closed = false;
  let published: Parameters<Scanner['publishTests']>[0] | null = null;
  const ready = new Promise<void>((resolve) => setTimeout(resolve, START_MS)).then(async () => {
    if (closed) return;
    const made = await createScanner(options, ports);
    if (published !== null) await made.publishTests(published);
    scanner = made;
    made.wake();
  });
  ready.catch((error: unknown) => ports.log(`scans: ${error instanceof Error ? error.message : String(error)}`));
  const started = async (): Promise<Scanner> => {
    await ready;
    if (scanner === null) throw new Error('the scanner is closed');
    return scanner;
  };
  return {
    tests: () => scanner?.tests() ?? [],
    testText: (id) => scanner?.testText(id) ?? null,
    checkTest: (text) => scanner?.checkTest(text) ?? { ok: false, problems: [] },
    async publishTests(tests) {
      published = tests;
      await scanner?.publishTests(tests);
    },
    wake: () => scanner?.wake(),
    checkAuthContext: async (id) => (await started()).checkAuthContext(id),
    async close() {
      closed = true;
      await ready.catch(() => undefined);
      await scanner?.close();
    },
  };
}
