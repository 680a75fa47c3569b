/** `node dist/examples/demo-api/main.js [--port 0] [--host 127.0.0.1] [--secure]`: prints its URL as one line of JSON and serves until it is ended. */
import { parseArgs } from 'node:util';
import { buildDemoApi } from './server.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    secure: { type: 'boolean', default: false },
  },
});
const app = buildDemoApi({ secure: values.secure });
const url = await app.listen({ port: Number(values.port), host: values.host });
process.stdout.write(`${JSON.stringify({ url, secure: values.secure })}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close().then(() => process.exit(0)));
// The parent is gone: a demo must not outlive the weir that started it.
if (process.channel !== undefined) process.once('disconnect', () => process.exit(0));
