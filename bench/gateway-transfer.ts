/**
 * The far ends of what is measured beside requests a second, each a process of its own on the load generator's core:
 *
 *     gateway-transfer.ts sink PORT            upstream: swallows uploads, `/big?bytes=N` sends N bytes
 *     gateway-transfer.ts download URL         reads a body to its end, prints its bytes
 *     gateway-transfer.ts upload URL BYTES     sends a body, prints the answer
 *     gateway-transfer.ts idle PORT COUNT      opens connections, one request on each, keeps them open until its input ends
 */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';

const CHUNK = Buffer.alloc(65_536, 120);

function* bytesOf(total: number): Generator<Buffer> {
  for (let left = total; left > 0; left -= CHUNK.length) yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
}

function sink(port: number): void {
  const server = http.createServer((req, res) => {
    const bytes = Number(new URL(req.url ?? '/', 'http://bench').searchParams.get('bytes') ?? 0);
    if (req.method === 'GET') {
      res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
      Readable.from(bytesOf(bytes)).pipe(res);
      return;
    }
    let seen = 0;
    req.on('data', (chunk: Buffer) => {
      seen += chunk.length;
    });
    req.on('end', () => res.end(String(seen)));
  });
  server.listen(port, '127.0.0.1');
}

async function transfer(url: string, uploaded: number): Promise<void> {
  const headers = uploaded === 0 ? {} : { 'content-length': uploaded, 'content-type': 'application/octet-stream' };
  const req = http.request(url, { method: uploaded === 0 ? 'GET' : 'POST', headers });
  const answered = once(req, 'response') as Promise<[http.IncomingMessage]>;
  if (uploaded === 0) req.end();
  else Readable.from(bytesOf(uploaded)).pipe(req);
  const [res] = await answered;
  let seen = 0;
  let text = '';
  res.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (uploaded > 0) text += chunk;
  });
  await once(res, 'end');
  console.log(uploaded === 0 ? seen : text);
}

async function idle(port: number, count: number): Promise<void> {
  const sockets: net.Socket[] = [];
  const open = async () => {
    while (sockets.length < count) {
      const socket = net.connect(port, '127.0.0.1');
      sockets.push(socket);
      socket.write('GET /idle HTTP/1.1\r\nHost: bench\r\n\r\n');
      await once(socket, 'data');
    }
  };
  await Promise.all(Array.from({ length: 50 }, open));
  console.log(sockets.length);
  await once(process.stdin.resume(), 'end');
  for (const socket of sockets) socket.destroy();
}

const [what, where, amount] = process.argv.slice(2);
if (what === 'sink') sink(Number(where));
else if (what === 'download') await transfer(where, 0);
else if (what === 'upload') await transfer(where, Number(amount));
else if (what === 'idle') await idle(Number(where), Number(amount));
else throw new Error(`no such end: ${what}`);
