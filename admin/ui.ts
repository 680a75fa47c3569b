import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { packageRoot } from '../exchange/index.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.map': 'application/json; charset=utf-8',
};

const NOT_BUILT = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>weir</title></head><body>
<h1>weir is running</h1><p>Its pages are not built yet: run <code>npm run build</code> (or <code>npm start</code>, which does it), then reload this page.</p>
<p>The API works without them: <a href="/api/v1/openapi.json">its document</a>.</p></body></html>`;

/** Where index.html wants the nonce of this answer: `<meta name="csp-nonce" content="__CSP_NONCE__">`. */
const NONCE_PLACE = '__CSP_NONCE__';

/** No inline script, no framing; styles that the UI's libraries insert must carry the nonce of the page. */
export function contentPolicy(nonce: string | null): string {
  const style = nonce === null ? "style-src 'self'" : `style-src 'self' 'nonce-${nonce}'`;
  return `default-src 'self'; script-src 'self'; ${style}; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
}

const gzipped = promisify(gzip);
const COMPRESSIBLE = new Set(['.js', '.css', '.svg']);

/** Files whose names change with their content, compressed once each. */
function compressor(): (file: string) => Promise<Buffer> {
  const kept = new Map<string, Promise<Buffer>>();
  return (file) => {
    const known = kept.get(file) ?? readFile(file).then((bytes) => gzipped(bytes));
    kept.set(file, known);
    return known;
  };
}

/** Serves the built UI. Any other path of a page gets index.html, so that addresses inside the UI can be opened and reloaded. */
export function registerUi(app: FastifyInstance, folder: string | null | undefined): void {
  const root = path.resolve(folder ?? path.join(packageRoot(), 'admin-ui', 'dist'));
  const compressed = compressor();
  app.get('/*', async (request, reply) => {
    const wanted = decodeURIComponent(request.url.split('?')[0]!);
    const file = path.join(root, path.normalize(wanted));
    const inside = file.startsWith(root + path.sep);
    const isFile = inside && !wanted.includes('\0') && existsSync(file) && statSync(file).isFile();
    if (isFile) {
      // Vite puts a hash of the content into the names below assets/.
      const lasting = file.startsWith(path.join(root, 'assets') + path.sep);
      const extension = path.extname(file);
      reply
        .header('cache-control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache')
        .type(TYPES[extension] ?? 'application/octet-stream');
      if (!lasting || !COMPRESSIBLE.has(extension)) return reply.send(createReadStream(file));
      reply.header('vary', 'accept-encoding');
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(createReadStream(file));
      return reply.header('content-encoding', 'gzip').send(await compressed(file));
    }
    if (path.extname(wanted) !== '' && wanted.startsWith('/assets/')) return reply.callNotFound();
    const index = path.join(root, 'index.html');
    const nonce = randomBytes(16).toString('base64');
    reply.header('cache-control', 'no-cache').header('content-security-policy', contentPolicy(nonce)).type('text/html; charset=utf-8');
    return reply.send(existsSync(index) ? readFileSync(index, 'utf8').replaceAll(NONCE_PLACE, nonce) : NOT_BUILT);
  });
}
