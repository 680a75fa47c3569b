import { z } from 'zod';
import { port } from '../context.js';
import { notFound } from '../errors.js';
import { type Route, route } from '../route.js';
import { idParams, listOf, listQuery } from '../schema/common.js';
import { selfTest, sensorSetting, sourceReport } from '../schema/operations.js';
import { shortList } from './arrays.js';

export const sourceRoutes: readonly Route[] = [
  route({
    id: 'sources.list',
    method: 'GET',
    path: '/sources',
    summary: 'Gateways, sensors and engines: throughput, lag, drops with their reasons',
    role: 'viewer',
    query: listQuery(['id', 'kind', 'host', 'state', 'startedAt', 'seenAt', 'requestsPerSecond', 'lag', 'dropped'], {}),
    answer: listOf(sourceReport),
    handle: async ({ query }, _call, context) => shortList(context.ports.sources?.list() ?? [], query, (one) => one.id),
  }),
  route({
    id: 'sensor.get',
    method: 'GET',
    path: '/sensor',
    summary: 'What the sensor listens to',
    role: 'viewer',
    answer: sensorSetting,
    handle: async (_input, _call, context) => port(context, 'sources').sensor(),
  }),
  route({
    id: 'sensor.set',
    method: 'PUT',
    path: '/sensor',
    summary: 'Listen to these sources from now on; an empty list stops the sensor',
    role: 'admin',
    body: sensorSetting,
    answer: sensorSetting,
    async handle({ body }, call, context) {
      await port(context, 'sources').setSensor(body, call.caller.name);
      context.live.tell('sources', 'sensor', 'sensor');
      return body;
    },
  }),
  route({
    id: 'selfTest.start',
    method: 'POST',
    path: '/self-test',
    summary: 'Is it working? Sends a marked request through a gateway and follows it to this API',
    role: 'analyst',
    body: z.strictObject({ service: z.string().nullable().default(null) }),
    answer: selfTest,
    handle: ({ body }, _call, context) => port(context, 'sources').startSelfTest(body.service),
  }),
  route({
    id: 'selfTest.get',
    method: 'GET',
    path: '/self-test/:id',
    summary: 'How far a self-test has come',
    role: 'viewer',
    params: idParams,
    answer: selfTest,
    async handle({ params }, _call, context) {
      const found = port(context, 'sources').selfTest(params.id);
      if (found === null) throw notFound('self-test', params.id);
      return found;
    },
  }),
  route({
    id: 'imports.add',
    method: 'POST',
    path: '/imports',
    summary: 'Learn from recorded traffic: NDJSON exchanges, a HAR file, a pcap file',
    role: 'analyst',
    query: z.strictObject({ service: z.string().optional() }),
    textBody: ['application/x-ndjson', 'application/har+json', 'application/vnd.tcpdump.pcap'],
    body: z.instanceof(Uint8Array),
    answer: z.object({ exchanges: z.number(), refused: z.number(), problems: z.array(z.string()) }),
    async handle({ query, body }, call, context) {
      const result = await port(context, 'sources').importTraffic(query.service ?? null, call.contentType, body, call.signal);
      context.live.tell('sources', 'imported', query.service ?? '', { exchanges: result.exchanges });
      return result;
    },
  }),
];
