import { z } from 'zod';
import type { Severity } from '../../exchange/index.js';
import { basicAuth, call, jsonOf } from '../http.js';
import { base, type Integration, secret, webAddress } from '../integration.js';
import { cut, type Notice, plainText, subjectOf } from '../notice.js';

const config = z.strictObject({
  url: webAddress('Address of Jira: https://example.atlassian.net, or of your own server.'),
  project: z.string().min(1).max(50).describe('Key of the project that takes the tickets, such as SEC.'),
  issueType: z.string().min(1).max(60).default('Task').describe('Name of the issue type.'),
  user: z.string().default('').describe('E-mail address of the account (Jira Cloud). Empty for a personal access token of Data Center.'),
  token: secret('API token of the account, or personal access token.'),
  deployment: z
    .enum(['cloud', 'data-center'])
    .default('cloud')
    .describe('Jira Cloud, or your own Data Center or Server: they search differently.'),
  labels: z.array(z.string().regex(/^\S+$/, 'must not hold spaces')).max(20).default([]).describe('Labels beside weir’s own.'),
  priorities: z
    .boolean()
    .default(false)
    .describe('Set the priority from the severity (Highest … Lowest). Off where the project has no such priorities.'),
});

const PRIORITIES: Readonly<Record<Severity, string>> = { critical: 'Highest', high: 'High', medium: 'Medium', low: 'Low', info: 'Lowest' };
const SUMMARY_CHARACTERS = 250;
const found = z.object({ issues: z.array(z.object({ key: z.string() })) });
const created = z.object({ key: z.string() });

type Config = z.output<typeof config>;

/** Jira's REST API 2: texts are plain there, in Cloud and on servers alike. Tickets are found again by a label that names the subject. */
export const jira: Integration<Config> = {
  kind: 'jira',
  title: 'Jira',
  description: 'A ticket for each issue; later notices of the same issue become comments on it, as long as the ticket is not done.',
  config,
  connect(settings, io) {
    const api = `${base(settings.url)}/rest/api/2`;
    const headers = { authorization: settings.user === '' ? `Bearer ${settings.token}` : basicAuth(settings.user, settings.token) };
    return {
      async deliver(notice) {
        const label = subjectOf(notice);
        const searchUrl = `${api}/${settings.deployment === 'cloud' ? 'search/jql' : 'search'}`;
        const jql = `project = ${quoted(settings.project)} AND labels = ${quoted(label)} AND statusCategory != Done ORDER BY created DESC`;
        const search = await call(io, searchUrl, { headers, body: { jql, fields: ['key'], maxResults: 1 } });
        const [open] = jsonOf(searchUrl, search, (value) => found.parse(value).issues);
        if (open !== undefined) {
          await call(io, `${api}/issue/${encodeURIComponent(open.key)}/comment`, {
            headers,
            body: { body: `${notice.title}\n\n${plainText(notice)}` },
          });
          return `commented on ${open.key}`;
        }
        const answer = await call(io, `${api}/issue`, { headers, body: { fields: fieldsOf(settings, label, notice) } });
        return `opened ${jsonOf(api, answer, (value) => created.parse(value)).key}`;
      },
    };
  },
};

function fieldsOf(settings: Config, label: string, notice: Notice) {
  return {
    project: { key: settings.project },
    issuetype: { name: settings.issueType },
    summary: cut(notice.title.replaceAll('\n', ' '), SUMMARY_CHARACTERS),
    description: plainText(notice),
    labels: [...new Set(['weir', label.replace(/\s+/g, '_'), ...settings.labels])],
    ...(settings.priorities ? { priority: { name: PRIORITIES[notice.severity] } } : {}),
  };
}

/** A JQL text. */
const quoted = (text: string): string => `"${text.replace(/\s+/g, '_').replace(/[\\"]/g, '\\$&')}"`;
