/** Conversations that are written out here and kept as captures in goldens/. */
import { gzipSync } from 'node:zlib';
import { ethernet, fragments4, ip4, type Timed, udp4, vxlan } from './packets.js';
import { Talk } from './talk.js';

const zipped = gzipSync('{"items":[{"id":1,"name":"Anna"}]}', { level: 9 });
const mirrored = (packets: readonly Timed[], vni: number): Timed[] =>
  packets.map(({ tsMs, bytes }) => ({
    tsMs,
    bytes: ethernet(
      0x0800,
      udp4({ ip: [10, 0, 9, 1], port: 50_000 }, { ip: [10, 0, 9, 2], port: 4_789 }, vxlan(vni, ethernet(0x0800, bytes))),
    ),
  }));

export const CAPTURES: Readonly<Record<string, { readonly linkType: number; readonly packets: readonly Timed[] }>> = {
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
  'pipelined-reordered-repeated': {
    linkType: 101,
    packets: disordered(
      new Talk({ clientIsn: 0xffffffe0 })
        .open()
        .client(
          'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /3 HTTP/1.1\r\nHost: a\r\n\r\n',
          [31],
        )
        .server(
          'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\ntwo\r\n0\r\nX-Sum: 3\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n',
          [23],
        )
        .again(1, 60)
        .close().packets,
    ),
  },
  'tunnel-and-upgrade': {
    linkType: 101,
    packets: new Talk()
      .open()
      .client('CONNECT shop.example.com:80 HTTP/1.1\r\nHost: shop.example.com:80\r\n\r\n')
      .server('HTTP/1.1 200 Connection established\r\n\r\n')
      .client('GET /in HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
      .server('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      .client('GET /chat HTTP/1.1\r\nHost: shop.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      .server('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      .client(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2]))
      .server(Buffer.from([0x01, 2, 0x79, 0x6f, 0x89, 0, 0x80, 1, 0x21]))
      .close().packets,
  },
  'fragments-in-gre': {
    linkType: 101,
    packets: new Talk()
      .open()
      .client('GET /long HTTP/1.1\r\nHost: a\r\n\r\n')
      .server(`HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n${'abc'.repeat(300)}`)
      .close()
      .packets.flatMap(({ tsMs, bytes }, index) =>
        fragments4(
          ip4({ ip: [192, 0, 2, 1], port: 0 }, { ip: [192, 0, 2, 2], port: 0 }, 47, Buffer.concat([Buffer.from([0, 0, 8, 0]), bytes])),
          256,
          index,
        )
          .toReversed()
          .map((part) => ({ tsMs, bytes: part })),
      ),
  },
  'midstream-and-one-side': {
    linkType: 101,
    packets: [
      ...new Talk()
        .open()
        .client('GET /first HTTP/1.1\r\nHost: a\r\n\r\n')
        .server(`HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${'z'.repeat(2_000)}`)
        .client('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
        .server('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2')
        .close()
        .packets.slice(6),
      ...new Talk({ client: { ip: [10, 0, 0, 7], port: 41_000 }, startMs: 1_700_000_000_500 })
        .open()
        .client('GET /unheard HTTP/1.1\r\nHost: a\r\n\r\n')
        .server('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        .close()
        .packets.filter(({ bytes }) => bytes[15] === 7),
    ],
  },
};

/** Behind the handshake each packet changes place with its neighbour, and every third comes twice. */
function disordered(packets: readonly Timed[]): Timed[] {
  const times = packets.map(({ tsMs }) => tsMs);
  const mixed = packets.slice(3).flatMap((_, index, list) => {
    const one = list[index ^ 1] ?? list[index];
    return index % 3 === 0 ? [one, one] : [one];
  });
  return [...packets.slice(0, 3), ...mixed.map((one, index) => ({ ...one, tsMs: times[3] + index }))];
}
