import { z } from 'zod';
import type { Severity } from '../../exchange/index.js';
import { call } from '../http.js';
import { type Integration, secretAddress } from '../integration.js';
import { cut, evidenceLine, factsOf, type Notice } from '../notice.js';

const config = z.strictObject({
  url: secretAddress(
    'Address of the incoming webhook: https://hooks.slack.com/services/… (Mattermost and Rocket.Chat take the same message).',
  ),
});

const COLORS: Readonly<Record<Severity, string>> = {
  critical: '#b00020',
  high: '#d9480f',
  medium: '#e8a200',
  low: '#1c7ed6',
  info: '#868e96',
};

/** Slack's limits: a header 150 characters, a section 3000, ten fields a section. */
const HEADER_CHARACTERS = 150;
const SECTION_CHARACTERS = 3000;
const FIELDS = 10;
const FIELD_CHARACTERS = 200;

/** Only these three have a meaning in Slack's mrkdwn that a text could abuse: mentions and links start with <. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });

function messageOf(notice: Notice) {
  const fields = factsOf(notice).slice(0, FIELDS);
  const evidence = notice.kind === 'issue' ? notice.evidence.map(evidenceLine).join('\n').replaceAll('`', "'") : '';
  const blocks = [
    { type: 'header', text: { type: 'plain_text', text: cut(notice.title, HEADER_CHARACTERS) } },
    { type: 'section', text: mrkdwn(cut(escaped(notice.text), SECTION_CHARACTERS)) },
    {
      type: 'section',
      fields: fields.map(([label, value]) => mrkdwn(`*${label}*\n${escaped(cut(value, FIELD_CHARACTERS))}`)),
    },
    ...(evidence === '' ? [] : [{ type: 'section', text: mrkdwn(`\`\`\`${escaped(cut(evidence, 1000))}\`\`\``) }]),
    ...(notice.url === null
      ? []
      : [{ type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'Open in weir' }, url: notice.url }] }]),
  ];
  return { text: escaped(`[${notice.severity}] ${notice.title}`), attachments: [{ color: COLORS[notice.severity], blocks }] };
}

export const slack: Integration<z.output<typeof config>> = {
  kind: 'slack',
  title: 'Slack',
  description: 'A message to a channel by an incoming webhook, with severity, endpoint, actor, redacted evidence and a link.',
  config,
  connect: ({ url }, io) => ({
    async deliver(notice) {
      await call(io, url, { body: messageOf(notice) });
      return 'posted';
    },
  }),
};
