/** One notice as one line: RFC 5424 around plain text, CEF, LEEF or JSON. */
import type { Severity } from '../exchange/index.js';
import type { Notice } from './notice.js';

export const SYSLOG_FORMATS = ['plain', 'cef', 'leef', 'json'] as const;
export type SyslogFormat = (typeof SYSLOG_FORMATS)[number];

/** RFC 5424 §6.2.1, table 2. */
const SYSLOG_SEVERITY: Readonly<Record<Severity, number>> = { critical: 2, high: 3, medium: 4, low: 5, info: 6 };
/** CEF and LEEF count from 0 to 10. */
const CEF_SEVERITY: Readonly<Record<Severity, number>> = { critical: 10, high: 8, medium: 5, low: 3, info: 1 };
/** RFC 5424 §6.3.2 wants a private enterprise number; 32473 is the one that RFC 5612 sets aside for examples. */
const STRUCTURED_ID = 'weir@32473';

/**
 * RFC 5424 §6: `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.
 *
 * @param facility 0–23
 */
export function syslogLine(
  notice: Notice,
  options: { readonly facility: number; readonly hostname: string; readonly format: SyslogFormat },
): string {
  const priority = options.facility * 8 + SYSLOG_SEVERITY[notice.severity];
  const header = `<${priority}>1 ${new Date(notice.atMs).toISOString()} ${printable(options.hostname, 255)} weir - ${notice.kind}`;
  return `${header} ${structuredData(notice)} ${bodyOf(notice, options.format)}`;
}

function bodyOf(notice: Notice, format: SyslogFormat): string {
  switch (format) {
    case 'plain':
      return oneLine(`[${notice.severity}] ${notice.title}: ${notice.text}${notice.url === null ? '' : ` ${notice.url}`}`);
    case 'cef':
      return cef(notice);
    case 'leef':
      return leef(notice);
    case 'json':
      return JSON.stringify(notice);
  }
}

/** PARAM-VALUE escapes `"`, `\` and `]` (RFC 5424 §6.3.3). */
function structuredData(notice: Notice): string {
  const values = Object.entries({ id: notice.id, kind: typeOf(notice), severity: notice.severity, service: notice.service ?? '' });
  const params = values
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}="${oneLine(value).replace(/["\\\]]/g, '\\$&')}"`);
  return `[${STRUCTURED_ID} ${params.join(' ')}]`;
}

/** ArcSight Common Event Format, revision 25: `CEF:0|vendor|product|version|class|name|severity|extension`. */
function cef(notice: Notice): string {
  const head = (text: string): string => oneLine(text).replace(/[\\|]/g, '\\$&');
  const value = (text: string): string => text.replace(/[\\=]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n');
  const fields = fieldsOf(notice, {
    time: 'rt',
    text: 'msg',
    id: 'externalId',
    method: 'requestMethod',
    path: 'request',
    address: 'src',
    actor: 'suser',
    url: 'deviceCustomURL',
    count: 'cnt',
    reason: 'reason',
    service: 'deviceFacility',
    outcome: 'act',
  });
  const extension = fields.map(([name, text]) => `${name}=${value(text)}`).join(' ');
  return `CEF:0|weir|weir|1|${head(typeOf(notice))}|${head(notice.title)}|${CEF_SEVERITY[notice.severity]}|${extension}`;
}

/** IBM Log Event Extended Format 2.0, with a tab between the attributes. */
function leef(notice: Notice): string {
  const clean = (text: string): string => oneLine(text).replaceAll('\t', ' ');
  const fields = fieldsOf(notice, {
    time: 'devTime',
    text: 'msg',
    id: 'externalId',
    method: 'method',
    path: 'url',
    address: 'src',
    actor: 'usrName',
    url: 'link',
    count: 'count',
    reason: 'reason',
    service: 'service',
    outcome: 'action',
  });
  const attributes = [['cat', typeOf(notice)], ['sev', String(CEF_SEVERITY[notice.severity])], ['title', notice.title], ...fields];
  const pairs = attributes.map(([name, text]) => `${name}=${clean(text)}`);
  return `LEEF:2.0|weir|weir|1|${clean(typeOf(notice)).replaceAll('|', ' ')}|x09|${pairs.join('\t')}`;
}

type Names = Readonly<
  Record<'time' | 'text' | 'id' | 'method' | 'path' | 'address' | 'actor' | 'url' | 'count' | 'reason' | 'service' | 'outcome', string>
>;

function fieldsOf(notice: Notice, names: Names): [name: string, value: string][] {
  const fields: [string, string | null][] = [
    [names.time, names.time === 'rt' ? String(Math.floor(notice.atMs)) : new Date(notice.atMs).toISOString()],
    [names.id, notice.id],
    [names.service, notice.service],
    [names.text, notice.text],
    [names.url, notice.url],
  ];
  if (notice.kind === 'issue')
    fields.push(
      [names.outcome, notice.change],
      [names.method, notice.method],
      [names.path, notice.template],
      [names.actor, notice.actor],
      [names.count, String(notice.occurrences)],
    );
  if (notice.kind === 'block')
    fields.push(
      [notice.scopeKind === 'address' ? names.address : names.actor, notice.scopeValue],
      [names.reason, notice.reason],
      [names.outcome, 'blocked'],
    );
  if (notice.kind === 'actor') fields.push([names.actor, notice.actorId]);
  if (notice.kind === 'source') fields.push([names.reason, notice.problem]);
  return fields.filter((field): field is [string, string] => field[1] !== null && field[1] !== '');
}

const typeOf = (notice: Notice): string => (notice.kind === 'issue' ? notice.issueKind : notice.kind);
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ');
const printable = (text: string, length: number): string => text.replace(/[^\x21-\x7e]/g, '').slice(0, length) || '-';
