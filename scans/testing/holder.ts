/** `holder.ts DATABASE TARGET`: an admin's scanner in a process of its own, to be killed. */
import { openStore } from '../../store/index.js';
import { createScanner } from '../scheduler.js';

const [sqlite, target] = process.argv.slice(2) as [string, string];
openStore({ sqlite })
  .then((store) =>
    createScanner(
      { holder: `process ${process.pid}`, leaseMs: 1_000 },
      { store, upstreamOf: () => target, openConfig: (config) => config, log: (message) => process.stderr.write(`${message}\n`) },
    ),
  )
  .catch((cause: unknown) => {
    process.stderr.write(`${String(cause)}\n`);
    process.exit(1);
  });
