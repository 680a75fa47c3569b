import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { decodeBody, type Exchange, packageRoot, textOf } from '../exchange/index.js';
import { readPcap } from './index.js';
import { ethernet, pcapFile, type Timed, udp4, vxlan } from './testing/packets.js';
import { Talk } from './testing/talk.js';

/*
 * Captures that we made ourselves, and the exchanges that are in them, reviewed as a diff. After a wanted change:
 * WEIR_ACCEPT=1 npx tap sensor/goldens.test.ts
 */
const FOLDER = join(packageRoot(), 'sensor', 'goldens');

const zipped = gzipSync('{"items":[{"id":1,"name":"Anna"}]}', { level: 9 });
const mirrored = (packets: readonly Timed[], vni: number): Timed[] =>
  packets.map(({ tsMs, bytes }) => ({
    tsMs,
    bytes: ethernet(
      0x0800,
      udp4({ ip: [10, 0, 9, 1], port: 50_000 }, { ip: [10, 0, 9, 2], port: 4_789 }, vxlan(vni, ethernet(0x0800, bytes))),
    ),
  }));

const CAPTURES: Readonly<Record<string, { readonly linkType: number; readonly packets: readonly Timed[] }>> = {
  'api-with-credentials': {
    linkType: 101,
    packets: new Talk()
      .open()
      .client(
        'POST /login HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n{"user":"anna","password":"pw-1"}\n',
      )
      .server(
        'HTTP/1.1 200 OK\r\nSet-Cookie: sid=4f2a9c; HttpOnly\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"ok":"true"}',
      )
      .client(
        'GET http://shop.example.com/orders/17?full=1 HTTP/1.1\r\nHost: ignored\r\nCookie: sid=4f2a9c\r\nX-Request-Id: 7f3e-0017\r\n\r\n',
      )
      .server(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: ${zipped.length}\r\n\r\n`,
          ),
          zipped,
        ]),
      )
      .close().packets,
  },
  'mirrored-by-vxlan': {
    linkType: 1,
    packets: mirrored(
      new Talk()
        .open()
        .client('GET /a HTTP/1.1\r\nHost: API.internal:80\r\n\r\n')
        .server('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
        .close().packets,
      4_201,
    ),
  },
  'loss-in-a-body': {
    linkType: 101,
    packets: new Talk()
      .open()
      .client('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
      .server(`HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n${'0123456789'.repeat(300)}`)
      .client('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
      .server('HTTP/1.1 204 No Content\r\n\r\n')
      .close()
      .drop(6).packets,
  },
  'operations-named-in-the-body': {
    linkType: 101,
    packets: new Talk()
      .open()
      .client(
        'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n{"query":"query TopProducts { top { id }}"}'.replace(
          'Content-Length: 42',
          'Content-Length: 43',
        ),
      )
      .server('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
      .client('POST /soap HTTP/1.1\r\nHost: a\r\nSOAPAction: "urn:GetOrder"\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>')
      .server('HTTP/1.1 500 Fault\r\nContent-Length: 0\r\n\r\n')
      .close().packets,
  },
};

/** What of an exchange is the same on every run. */
function lineOf(exchange: Exchange): string {
  const { request, response } = exchange;
  return JSON.stringify({
    ...exchange,
    id: '-',
    requestId: exchange.requestId === exchange.id ? '-' : exchange.requestId,
    startedAtMs: Math.round(exchange.startedAtMs),
    durationMs: Math.round(exchange.durationMs),
    upstreamMs: exchange.upstreamMs === null ? null : Math.round(exchange.upstreamMs),
    request: { ...request, body: bodyOf(request) },
    response: response === null ? null : { ...response, body: bodyOf(response) },
  });
}

function bodyOf(message: Pick<Exchange['request'], 'headers' | 'body'>) {
  const { bytes } = decodeBody(message.headers, message.body, 100_000);
  return { text: textOf(message.headers, bytes), totalLength: message.body.totalLength, missing: message.body.missing };
}

t.test('captures and their exchanges', async (t) => {
  for (const [name, { linkType, packets }] of Object.entries(CAPTURES)) {
    const lines: string[] = [];
    await readPcap(Readable.from([pcapFile(packets, linkType)]), (exchange) => lines.push(lineOf(exchange)), {
      name,
      serviceOf: (host, vni) => (vni === null ? host : `vni-${vni}`),
    });
    const path = join(FOLDER, `${name}.exchanges.jsonl`);
    const text = `${lines.join('\n')}\n`;
    if (process.env.WEIR_ACCEPT === '1') writeFileSync(path, text);
    t.equal(text, readFileSync(path, 'utf8'), name);
  }
  t.same(
    readdirSync(FOLDER).toSorted(),
    Object.keys(CAPTURES)
      .map((name) => `${name}.exchanges.jsonl`)
      .toSorted(),
    'no golden without a capture',
  );
});
