import { SEVERITIES } from '../../exchange/index.js';
import { type EndpointChange, type IssueSummary, isLive, type Page, type StoredFinding, type TrafficCounts } from '../../store/index.js';
import type { Context } from '../context.js';
import { notFound } from '../errors.js';
import { Reply, type Route, route } from '../route.js';
import { nameParams, spanQuery } from '../schema/common.js';
import { serviceNames } from './overview.js';
import { type Span, spanOf, sumOf } from './span.js';

const WEEK_MS = 7 * 86_400_000;

export const reportRoutes: readonly Route[] = [
  route({
    id: 'reports.service',
    method: 'GET',
    path: '/reports/services/:name',
    summary: 'A report for a service and a period as HTML, made for printing: posture, changes, issues, blocked attacks',
    role: 'viewer',
    params: nameParams,
    query: spanQuery.strict(),
    produces: 'text/html',
    async handle({ params, query }, call, context) {
      const { names } = await serviceNames(context);
      if (!names.includes(params.name)) throw notFound('service', params.name);
      const span = spanOf({ ...query, fromMs: query.fromMs ?? call.nowMs - WEEK_MS }, call.nowMs);
      const { inventory, issues } = context.store;
      const [traffic, endpoints, added, risky, counts, list, changes, data] = await Promise.all([
        inventory.serviceTraffic(params.name, span.fromMs, span.toMs, span.stepMs),
        inventory.count({ service: params.name }),
        inventory.count({ service: params.name, firstSeenAfterMs: span.fromMs }),
        inventory.list({ service: params.name }, { sort: '-risk', limit: 20 }),
        issues.counts(params.name),
        issues.list({ service: params.name, status: ['open', 'reopened'] }, { sort: '-priority', limit: 100 }),
        inventory.history({ service: params.name }, { limit: 100 }),
        inventory.dataTotals({ service: params.name, fromMs: span.fromMs }),
      ]);
      const blocked = await blockedAttacks(context, params.name, span);
      const open = SEVERITIES.map((severity) => ({
        severity,
        count: counts.filter((count) => count.severity === severity && isLive(count.status)).reduce((sum, count) => sum + count.count, 0),
      })).reverse();
      const html = page(params.name, span.fromMs, span.toMs, [
        section(
          'Posture',
          summary(sumOf(traffic), endpoints, added),
          table(
            ['Severity', 'Open issues'],
            open.map((one) => [one.severity, one.count]),
          ),
        ),
        section('Open issues', table(['Severity', 'Issue', 'Where', 'Seen', 'Times'], list.items.map(issueRow))),
        section(
          'Blocked attacks',
          blocked.isAll ? '' : `<p>Only the latest ${MAX_FINDINGS.toLocaleString('en')} findings of the period were counted.</p>`,
          table(['What', 'By whom', 'Times', 'Last'], blocked.rows),
        ),
        section('What changed', table(['When', 'What'], changes.items.filter((change) => change.atMs >= span.fromMs).map(changeRow))),
        section(
          'Sensitive data',
          table(
            ['Type', 'Direction', 'Values'],
            data.map((one) => [one.type, one.phase, one.count]),
          ),
        ),
        section(
          'Endpoints by risk',
          table(
            ['Risk', 'Endpoint', 'Access', 'Why'],
            risky.items.map((one) => [one.risk, `${one.method} ${one.template}`, one.access, one.riskReasons.join('; ')]),
          ),
        ),
      ]);
      return new Reply(html, {
        type: 'text/html; charset=utf-8',
        headers: { 'content-security-policy': "default-src 'none'; style-src 'self'" },
      });
    },
  }),
  route({
    id: 'reports.style',
    method: 'GET',
    path: '/reports/style.css',
    summary: 'Style sheet of the reports',
    role: 'anyone',
    produces: 'text/css',
    handle: async () => new Reply(STYLE, { type: 'text/css; charset=utf-8' }),
  }),
];

const MAX_FINDINGS = 20_000;
const FINDINGS_AT_ONCE = 1_000;
const SHOWN_ATTACKS = 50;

/** What policies and blocks stopped in the period, by what it was and who did it. */
async function blockedAttacks(context: Context, service: string, span: Span) {
  const attacks = new Map<string, { title: string; label: string; times: number; lastMs: number }>();
  let cursor: string | null = null;
  let read = 0;
  do {
    const page: Page<StoredFinding> = await context.store.issues.findings(
      { service, sinceMs: span.fromMs, effect: 'acted' },
      { limit: FINDINGS_AT_ONCE, cursor },
    );
    for (const finding of page.items) {
      if (finding.atMs > span.toMs) continue;
      const label = finding.actor?.label ?? finding.client ?? 'unknown';
      const key = `${finding.title}\0${label}`;
      const attack = attacks.get(key) ?? { title: finding.title, label, times: 0, lastMs: finding.atMs };
      attacks.set(key, { ...attack, times: attack.times + 1 });
    }
    read += page.items.length;
    cursor = page.nextCursor;
  } while (cursor !== null && read < MAX_FINDINGS);
  const rows = [...attacks.values()]
    .sort((a, b) => b.times - a.times)
    .slice(0, SHOWN_ATTACKS)
    .map((one): readonly Cell[] => [one.title, one.label, one.times, day(one.lastMs)]);
  return { rows, isAll: cursor === null };
}

type Cell = string | number;

const escaped = (text: Cell) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const day = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const section = (title: string, ...parts: readonly string[]) => `<section><h2>${escaped(title)}</h2>${parts.join('')}</section>`;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '<p>None in this period.</p>';
  const row = (cells: readonly Cell[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(typeof cell === 'number' ? cell.toLocaleString('en') : cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`;
}

function summary(sum: TrafficCounts, endpoints: number, added: number): string {
  const facts: readonly (readonly [string, number])[] = [
    ['Requests', sum.requests],
    ['Blocked', sum.blocked],
    ['Would have been blocked', sum.wouldBlock],
    ['Server errors', sum.status5xx],
    ['Endpoints', endpoints],
    ['New endpoints', added],
  ];
  return `<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value.toLocaleString('en')}</dd></div>`).join('')}</dl>`;
}

const issueRow = (one: IssueSummary): readonly Cell[] => [
  one.severity,
  one.title,
  `${one.method} ${one.template}`.trim(),
  day(one.lastSeenMs),
  one.occurrences,
];
const changeRow = (one: EndpointChange): readonly Cell[] => [day(one.atMs), one.text];

function page(service: string, fromMs: number, toMs: number, sections: readonly string[]): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(service)} — API security report</title>
<link rel="stylesheet" href="/api/v1/reports/style.css"></head><body>
<header><h1>${escaped(service)}</h1><p>API security report, ${day(fromMs)} to ${day(toMs)} UTC</p>
<p class="screen">Print this page (Ctrl P) to keep it as PDF.</p></header>
${sections.join('\n')}</body></html>`;
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin:0}h2{border-bottom:1px solid #ccc;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #e5e5e5;vertical-align:top;overflow-wrap:anywhere}
dl{display:flex;flex-wrap:wrap;gap:1rem 2rem;margin:0}dt{color:#555}dd{margin:0;font-size:1.4rem}
@media print{.screen{display:none}body{margin:0;max-width:none}section{break-inside:avoid-page}tr{break-inside:avoid}}
`;
