import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { call } from '../http.js';
import { type Integration, secret, webAddress } from '../integration.js';

const config = z.strictObject({
  url: webAddress('Address that takes a POST of each notice as JSON.'),
  secret: secret(
    'Key of the signature (HMAC-SHA256, Standard Webhooks). A key of the form whsec_BASE64 is decoded, any other is taken as it is. Without one, requests are not signed.',
  ).optional(),
  authorization: secret('Value of an Authorization header, for receivers behind a login: "Bearer …".').optional(),
});

/**
 * The signature of a message: `v1,` and the base64 HMAC-SHA256 over `id.timestamp.body`.
 *
 * @param timestamp Unix time in seconds
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signature(key: string, id: string, timestamp: number, body: string): string {
  const bytes = key.startsWith('whsec_') ? Buffer.from(key.slice('whsec_'.length), 'base64') : Buffer.from(key, 'utf8');
  return `v1,${createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

export const webhook: Integration<z.output<typeof config>> = {
  kind: 'webhook',
  title: 'Webhook',
  description:
    'Each notice as JSON to an address of yours, signed as Standard Webhooks describes: headers webhook-id (equal on every try), webhook-timestamp and webhook-signature.',
  config,
  connect: ({ url, secret: key, authorization }, io) => ({
    async deliver(notice) {
      const body = JSON.stringify({ type: `weir.${notice.kind}`, timestamp: new Date(notice.atMs).toISOString(), data: notice });
      const timestamp = Math.floor(io.nowMs() / 1000);
      const { status } = await call(io, url, {
        body,
        headers: {
          'webhook-id': notice.id,
          'webhook-timestamp': String(timestamp),
          ...(key === undefined ? {} : { 'webhook-signature': signature(key, notice.id, timestamp, body) }),
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      return `answered ${status}`;
    },
  }),
};
