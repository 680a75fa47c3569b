import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { decodeBody, type Exchange, packageRoot, textOf } from '../exchange/index.js';
import { readPcap } from './index.js';
import { CAPTURES } from './testing/captures.js';
import { pcapFile } from './testing/packets.js';

/*
 * Captures that we made ourselves, and the exchanges that are in them, reviewed as a diff. Most are written out in testing/captures.ts;
 * node-http1-and-http2 is node:http and node:http2 on the loopback interface, captured with tcpdump. After a wanted change:
 * WEIR_ACCEPT=1 npx tap sensor/goldens.test.ts
 */
const FOLDER = join(packageRoot(), 'sensor', 'goldens');

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

const isAccepting = process.env.WEIR_ACCEPT === '1';

t.test('captures are what is written out', async (t) => {
  for (const [name, { linkType, packets }] of Object.entries(CAPTURES)) {
    const path = join(FOLDER, `${name}.pcap`);
    const bytes = pcapFile(packets, linkType);
    if (isAccepting) writeFileSync(path, bytes);
    t.ok(bytes.equals(readFileSync(path)), name);
  }
});

t.test('captures and their exchanges', async (t) => {
  const captures = readdirSync(FOLDER).filter((file) => file.endsWith('.pcap'));
  t.ok(captures.length >= Object.keys(CAPTURES).length);
  for (const file of captures) {
    const lines: string[] = [];
    await readPcap(Readable.from([readFileSync(join(FOLDER, file))]), (exchange) => lines.push(lineOf(exchange)), {
      name: file,
      serviceOf: (host, vni) => (vni === null ? host : `vni-${vni}`),
    });
    const path = join(FOLDER, file.replace(/\.pcap$/, '.exchanges.jsonl'));
    const text = `${lines.join('\n')}\n`;
    if (isAccepting) writeFileSync(path, text);
    t.equal(text, readFileSync(path, 'utf8'), file);
  }
  t.equal(readdirSync(FOLDER).length, captures.length * 2, 'no golden without a capture');
});
