import { z } from 'zod';
import type { Severity } from '../../exchange/index.js';
import { call } from '../http.js';
import { base, type Integration, secret, webAddress } from '../integration.js';
import { cut, factsOf, subjectOf } from '../notice.js';

const config = z.strictObject({
  routingKey: secret('Integration key of a service or of an orchestration (Events API v2).'),
  url: webAddress('Address of the Events API; https://events.eu.pagerduty.com for accounts in Europe.').default(
    'https://events.pagerduty.com',
  ),
});

const SEVERITIES: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  high: 'error',
  medium: 'warning',
  low: 'info',
  info: 'info',
};

/** @see https://developer.pagerduty.com/docs/send-alert-event */
export const pagerduty: Integration<z.output<typeof config>> = {
  kind: 'pagerduty',
  title: 'PagerDuty',
  description: 'An alert for each issue through Events API v2; later notices of the same issue join the same alert.',
  config,
  connect: ({ routingKey, url }, io) => ({
    async deliver(notice) {
      await call(io, `${base(url)}/v2/enqueue`, {
        body: {
          routing_key: routingKey,
          event_action: 'trigger',
          dedup_key: cut(subjectOf(notice), 255),
          client: 'weir',
          ...(notice.url === null ? {} : { client_url: notice.url, links: [{ href: notice.url, text: 'Open in weir' }] }),
          payload: {
            summary: cut(notice.title, 1024),
            source: notice.service ?? 'weir',
            severity: SEVERITIES[notice.severity],
            timestamp: new Date(notice.atMs).toISOString(),
            component: notice.kind === 'issue' ? `${notice.method} ${notice.template}`.trim() : undefined,
            class: notice.kind === 'issue' ? notice.issueKind : notice.kind,
            custom_details: { text: notice.text, ...Object.fromEntries(factsOf(notice)) },
          },
        },
      });
      return 'accepted';
    },
  }),
};
