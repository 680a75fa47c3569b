import { z } from 'zod';
import type { Severity } from '../../exchange/index.js';
import { IntegrationError } from '../errors.js';
import { call } from '../http.js';
import { type Integration, secretAddress } from '../integration.js';
import { cut, factsOf, type Notice } from '../notice.js';

const config = z.strictObject({
  url: secretAddress(
    'Address of the webhook: of a workflow "Post to a channel when a webhook request is received", or of an older connector.',
  ),
});

const COLORS: Readonly<Record<Severity, string>> = {
  critical: 'attention',
  high: 'attention',
  medium: 'warning',
  low: 'accent',
  info: 'default',
};
const TEXT_CHARACTERS = 3000;

/** An Adaptive Card, the form that workflows and connectors take. TextBlock knows some markdown; links in texts are taken apart. */
function cardOf(notice: Notice) {
  const plain = (text: string): string => text.replace(/([[\]*_])/g, '\\$1');
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            { type: 'TextBlock', size: 'Medium', weight: 'Bolder', wrap: true, color: COLORS[notice.severity], text: plain(notice.title) },
            { type: 'TextBlock', wrap: true, text: plain(cut(notice.text, TEXT_CHARACTERS)) },
            { type: 'FactSet', facts: factsOf(notice).map(([title, value]) => ({ title, value: cut(value, 300) })) },
          ],
          actions: notice.url === null ? [] : [{ type: 'Action.OpenUrl', title: 'Open in weir', url: notice.url }],
        },
      },
    ],
  };
}

export const microsoftTeams: Integration<z.output<typeof config>> = {
  kind: 'microsoft-teams',
  title: 'Microsoft Teams',
  description: 'A card in a channel, by a workflow webhook.',
  config,
  connect: ({ url }, io) => ({
    async deliver(notice) {
      const { text } = await call(io, url, { body: cardOf(notice) });
      // Connectors answer 200 and put the real answer into the text.
      const failure = /HTTP error (\d{3})/i.exec(text);
      if (failure !== null)
        throw new IntegrationError(failure[1] === '429' ? 'INTEGRATION_BUSY' : 'INTEGRATION_FAILED', `Teams answered ${failure[1]}`);
      return 'posted';
    },
  }),
};
