/** What tests of connections share: servers on free ports, certificates, HTTP/2 frames. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';

/** URL of a server on a free port of this machine; it ends with the test. */
export async function listening(t: { teardown(end: () => unknown): void }, server: Server, scheme = 'http'): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    if (server instanceof http.Server) server.closeAllConnections();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Files, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Makes keys and certificates in a folder, signed by the one named `ca` or by themselves, with the openssl that Node's own tests use too. */
export const certifier =
  (dir: string) =>
  (name: string, subject: string, ca: string | null, days = 2): Pair => {
    const at = (of: string, end: string): string => join(dir, `${of}.${end}`);
    const [key, cert, request] = [at(name, 'key'), at(name, 'pem'), at(name, 'csr')];
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
    const made = ['-new', '-key', key, '-subj', subject];
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    if (ca === null) openssl('req', '-x509', ...made, ...names, '-days', String(days), '-out', cert);
    else {
      openssl('req', ...made, '-out', request);
      const signer = ['-CA', at(ca, 'pem'), '-CAkey', at(ca, 'key'), '-CAcreateserial'];
      openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-out', cert);
    }
    return { cert, key };
  };

/** An HTTP/2 frame written by hand: a client library would refuse to send what is tried with them. */
export function frame(type: number, flags: number, payload: Buffer, stream = 1): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals that are neither indexed nor compressed (RFC 7541 §6.2.2); names and values shorter than 127 bytes. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (one: string) => Buffer.concat([Buffer.from([one.length]), Buffer.from(one, 'latin1')]);
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}
