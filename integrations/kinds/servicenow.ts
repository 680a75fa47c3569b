import { z } from 'zod';
import type { Severity } from '../../exchange/index.js';
import { basicAuth, call, jsonOf } from '../http.js';
import { base, type Integration, secret, webAddress } from '../integration.js';
import { cut, plainText, subjectOf } from '../notice.js';

const config = z.strictObject({
  url: webAddress('Address of the instance: https://example.service-now.com.'),
  user: z.string().default('').describe('User with the role itil. Empty when the password is an OAuth bearer token.'),
  password: secret('Password of the user, or bearer token.'),
  table: z
    .string()
    .regex(/^[a-z0-9_]+$/, 'is a table name such as incident')
    .default('incident')
    .describe('Table that takes the records: incident, or sn_si_incident of Security Incident Response.'),
  assignmentGroup: z.string().default('').describe('Name or sys_id of the assignment group.'),
  category: z.string().default('').describe('Category of the incidents, such as security.'),
});

/** Impact and urgency, 1 high – 3 low; ServiceNow makes the priority from both. */
const WEIGHT: Readonly<Record<Severity, readonly [impact: string, urgency: string]>> = {
  critical: ['1', '1'],
  high: ['2', '1'],
  medium: ['2', '2'],
  low: ['3', '2'],
  info: ['3', '3'],
};
const record = z.object({ sys_id: z.string(), number: z.string() });
const list = z.object({ result: z.array(record) });
const one = z.object({ result: record });

/** The Table API. Records are found again by their correlation id. */
export const servicenow: Integration<z.output<typeof config>> = {
  kind: 'servicenow',
  title: 'ServiceNow',
  description: 'An incident for each issue; later notices of the same issue become work notes on it, as long as it is active.',
  config,
  connect(settings, io) {
    const table = `${base(settings.url)}/api/now/table/${settings.table}`;
    const headers = {
      accept: 'application/json',
      authorization: settings.user === '' ? `Bearer ${settings.password}` : basicAuth(settings.user, settings.password),
    };
    return {
      async deliver(notice) {
        const subject = subjectOf(notice);
        const query = new URLSearchParams({
          // ^ separates conditions in an encoded query.
          sysparm_query: `correlation_id=${subject.replaceAll('^', '')}^active=true`,
          sysparm_fields: 'sys_id,number',
          sysparm_limit: '1',
        });
        const answer = await call(io, `${table}?${query}`, { method: 'GET', headers });
        const [open] = jsonOf(table, answer, (value) => list.parse(value).result);
        if (open !== undefined) {
          await call(io, `${table}/${encodeURIComponent(open.sys_id)}`, {
            method: 'PATCH',
            headers,
            body: { work_notes: `${notice.title}\n\n${plainText(notice)}` },
          });
          return `noted on ${open.number}`;
        }
        const [impact, urgency] = WEIGHT[notice.severity];
        const made = await call(io, table, {
          headers,
          body: {
            short_description: cut(notice.title.replaceAll('\n', ' '), 160),
            description: plainText(notice),
            correlation_id: subject.replaceAll('^', ''),
            correlation_display: 'weir',
            impact,
            urgency,
            ...(settings.assignmentGroup === '' ? {} : { assignment_group: settings.assignmentGroup }),
            ...(settings.category === '' ? {} : { category: settings.category }),
          },
        });
        return `opened ${jsonOf(table, made, (value) => one.parse(value).result).number}`;
      },
    };
  },
};
