import { z } from 'zod';
import { call } from '../http.js';
import { base, type Integration, secret, webAddress } from '../integration.js';

const config = z.strictObject({
  url: webAddress('Address of the HTTP Event Collector with its port: https://splunk.example:8088.'),
  token: secret('Token of the collector.'),
  index: z.string().default('').describe('Index; empty for the default of the token.'),
  source: z.string().min(1).default('weir').describe('Source of the events.'),
  sourcetype: z.string().min(1).default('weir:notice').describe('Source type of the events.'),
  host: z.string().default('').describe('Host of the events; empty lets Splunk fill it.'),
});

export const splunk: Integration<z.output<typeof config>> = {
  kind: 'splunk',
  title: 'Splunk',
  description: 'Each notice as an event to an HTTP Event Collector (HEC).',
  config,
  connect: ({ url, token, index, source, sourcetype, host }, io) => ({
    async deliver(notice) {
      await call(io, `${base(url)}/services/collector/event`, {
        headers: { authorization: `Splunk ${token}` },
        body: {
          // Seconds; the field of Splunk's epoch time.
          time: notice.atMs / 1000,
          source,
          sourcetype,
          ...(index === '' ? {} : { index }),
          ...(host === '' ? {} : { host }),
          event: notice,
        },
      });
      return 'indexed';
    },
  }),
};
