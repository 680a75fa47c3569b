import type { ScansPort } from '../../admin/index.js';
import type { Scanner, ScannerOptions, ScannerPorts } from '../../scans/index.js';

const START_MS = 2_000;

export interface LateScanner extends ScansPort {
  close(): Promise<void>;
}

/** The scanner, begun when somebody asks it something, or a moment after the admin is ready: compiling its library takes most of a second that a start need not wait for. */
export function lateScanner(options: ScannerOptions, ports: ScannerPorts): LateScanner {
  let scanner: Promise<Scanner> | null = null;
  let closed = false;
  let published: Parameters<Scanner['publishTests']>[0] | null = null;
  const make = async (): Promise<Scanner> => {
    const { createScanner } = await import('../../scans/index.js');
    const made = await createScanner(options, ports);
    if (published !== null) await made.publishTests(published);
    made.wake();
    return made;
  };
  const started = (): Promise<Scanner> => {
    if (closed) return Promise.reject(new Error('the scanner is closed'));
    scanner ??= make();
    return scanner;
  };
  const begin = () =>
    void started().catch((error: unknown) => ports.log(`scans: ${error instanceof Error ? error.message : String(error)}`));
  const timer = setTimeout(begin, START_MS);
  return {
    tests: async () => (await started()).tests(),
    testText: async (id) => (await started()).testText(id),
    checkTest: async (text) => (await started()).checkTest(text),
    async publishTests(tests) {
      published = tests;
      if (scanner !== null) await (await scanner).publishTests(tests);
    },
    wake: () =>
      void scanner?.then(
        (made) => made.wake(),
        () => undefined,
      ),
    checkAuthContext: async (id) => (await started()).checkAuthContext(id),
    async close() {
      closed = true;
      clearTimeout(timer);
      await scanner?.then(
        (made) => made.close(),
        () => undefined,
      );
    },
  };
}
