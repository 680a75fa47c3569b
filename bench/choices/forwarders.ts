/**
 * Which forwarder? `http-proxy`, `@fastify/http-proxy`, undici's dispatcher below `node:http` and below a Fastify route, as peers of the gateway's bench.
 *
 * `npm run bench:choices -- forwarders [--seconds 5] [--rounds 3] [--connections 64] [--bytes 2048]`
 */
import { spawnSync } from 'node:child_process';

const bench = new URL('../gateway.bench.ts', import.meta.url).pathname;
const only = ['node:http + undici', 'fastify + undici', 'http-proxy'].join(',');
const done = spawnSync(
  process.execPath,
  ['--import', 'tsx', bench, '--name', 'choice-forwarders', '--parts', 'throughput', '--only', only, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
process.exitCode = done.status ?? 1;
