/** A gateway on two processes, run by workers.test.ts: `workers.fixture.ts PORT UPSTREAM`. */
import { createGateway, isWorker, runWorkers, trivialPorts } from './index.js';

const [port, upstream] = process.argv.slice(2);
if (isWorker) {
  const gateway = await createGateway(
    { listeners: [{ host: '127.0.0.1', port: Number(port) }], services: [{ name: 'api', upstreams: [upstream] }] },
    trivialPorts(),
  );
  await gateway.listen();
  console.log(JSON.stringify({ kind: 'listening', pid: process.pid }));
  process.on('SIGTERM', () => void gateway.close(1000).then(() => process.exit(0)));
} else {
  const workers = runWorkers({ count: 2, onWorker: (event) => console.log(JSON.stringify(event)) });
  process.on('SIGTERM', () => void workers.close(3000).then(() => process.exit(0)));
}
