/** Traffic for the benches of the engine: 2 KB JSON answers, from 100 to 20,000 endpoints and any number of principals; every answer is different. */
import { bodyOf, type Exchange, emptyBody, newId } from '../exchange/index.js';

/** Twenty-five resources a service, named as people name them. */
const NAMES =
  'orders users invoices tickets baskets ledgers parcels vouchers claims policies devices sensors tenants projects releases branches commits reviews comments labels events owners quotas grants aliases'.split(
    ' ',
  );

/** 2 KB of JSON whose fields depend on the resource. */
function answer(kind: number, id: number): Uint8Array {
  const items = Array.from({ length: 12 }, (_, index) => ({
    id: id * 12 + index,
    ...Object.fromEntries(
      [0, 1, 2].map((field) => [`${NAMES[kind]}_${NAMES[(kind + field) % 25]}`, `value ${(id * 7919 + index) % 1000}`]),
    ),
    createdAt: new Date(1.7e12 + id * 1000).toISOString(),
    amount: (id % 500) + 0.5,
    owner: { id: id % 1000, name: `Person ${id % 1000}` },
  }));
  return Buffer.from(JSON.stringify({ items, total: 12, page: 1 }));
}

/** `from`: how many were made before, so that portions go on instead of repeating. */
export function exchanges(endpoints: number, principals: number, count: number, from = 0): Exchange[] {
  const list: Exchange[] = [];
  for (let index = from; index < from + count; index++) {
    const resource = (index * 7919) % endpoints;
    const id = (index * 104_729) % 1_000_000;
    const caller = (index * 15_485_863) % principals;
    const kind = Math.floor(resource / 2) % 25;
    const own = NAMES[kind];
    const path = resource % 2 === 0 ? `/api/v1/${own}/${id}` : `/api/v1/${own}?page=${id % 50}&limit=20`;
    const startedAtMs = 1.7e12 + index;
    list.push({
      id: newId(startedAtMs),
      requestId: `r${index}`,
      kind: 'http',
      observer: { kind: 'gateway', id: 'bench' },
      service: `service${Math.floor(resource / 50)}`,
      client: { ip: `10.${(caller >> 16) & 255}.${(caller >> 8) & 255}.${caller & 255}`, port: 1 },
      server: { ip: '10.0.0.1', port: 80 },
      startedAtMs,
      durationMs: (index % 40) + 1,
      upstreamMs: 1,
      request: {
        method: 'GET',
        scheme: 'https',
        host: 'api.example.com',
        target: path,
        httpVersion: '1.1',
        headers: [
          'Host',
          'api.example.com',
          'User-Agent',
          'bench/1',
          'Accept',
          'application/json',
          'Accept-Encoding',
          'gzip',
          'Authorization',
          `Bearer token-${caller}`,
          'X-Request-Id',
          `r${index}`,
          'X-Tenant',
          `t${caller % 20}`,
        ],
        body: emptyBody,
        trailers: [],
      },
      response: {
        status: 200,
        httpVersion: '1.1',
        headers: ['Content-Type', 'application/json', 'Cache-Control', 'no-store'],
        body: bodyOf(answer(kind, id)),
        trailers: [],
      },
      principal: { key: `p_${caller}`, kind: 'bearer', carrier: 'header:authorization', label: '' },
      outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
      tags: [],
    });
  }
  return list;
}
