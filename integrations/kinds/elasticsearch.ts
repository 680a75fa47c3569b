import { z } from 'zod';
import { IntegrationError } from '../errors.js';
import { basicAuth, call, jsonOf } from '../http.js';
import { base, type Integration, secret, webAddress } from '../integration.js';
import { cut } from '../notice.js';

const config = z.strictObject({
  url: webAddress('Address of the cluster: https://es.example:9200. OpenSearch takes the same.'),
  index: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,200}$/, 'is an index or data stream name: lower case, no spaces')
    .default('weir-notices')
    .describe('Index or data stream.'),
  apiKey: secret('API key, as Elasticsearch shows it ("encoded").').optional(),
  user: z.string().default('').describe('User, where no API key is given.'),
  password: secret('Password of the user.').optional(),
});

const bulkAnswer = z.object({
  errors: z.boolean(),
  items: z.array(z.record(z.string(), z.object({ status: z.number(), error: z.unknown().optional() }))).min(1),
});

export const elasticsearch: Integration<z.output<typeof config>> = {
  kind: 'elasticsearch',
  title: 'Elasticsearch',
  description: 'Each notice as a document through the bulk API, under its own id: a repeated delivery makes no second document.',
  config,
  connect({ url, index, apiKey, user, password }, io) {
    const headers = {
      'content-type': 'application/x-ndjson',
      ...(apiKey !== undefined
        ? { authorization: `ApiKey ${apiKey}` }
        : user === ''
          ? {}
          : { authorization: basicAuth(user, password ?? '') }),
    };
    return {
      async deliver(notice) {
        const document = { '@timestamp': new Date(notice.atMs).toISOString(), ...notice };
        const lines = [{ create: { _index: index, _id: notice.id } }, document];
        const answer = await call(io, `${base(url)}/_bulk`, { headers, body: lines.map((line) => `${JSON.stringify(line)}\n`).join('') });
        const { errors, items } = jsonOf(url, answer, (value) => bulkAnswer.parse(value));
        const { status, error } = Object.values(items[0])[0];
        // 409: an earlier try did arrive, only its answer was lost.
        if (!errors || status === 409) return 'indexed';
        const text = `the document was refused with ${status}: ${cut(JSON.stringify(error ?? ''), 300)}`;
        throw new IntegrationError(
          status === 429 ? 'INTEGRATION_BUSY' : status >= 500 ? 'INTEGRATION_FAILED' : 'INTEGRATION_REFUSED',
          text,
        );
      },
    };
  },
};
