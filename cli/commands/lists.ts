import { type Command, Option } from 'commander';
import type { CommandContext } from '../main.js';
import { ago, table } from '../output.js';
import { type Progress, untilLearned } from '../until-learned.js';
import { type AdminFlags, adminOf, positive, withAdminOptions } from './options.js';

interface EndpointRow {
  readonly id: string;
  readonly service: string;
  readonly method: string;
  readonly template: string;
  readonly auth: readonly string[];
  readonly authRequired: boolean | null;
  readonly dataTypes: readonly string[];
  readonly tags: readonly string[];
  readonly risk: number;
  readonly counts: { readonly requests: number };
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

interface IssueRow {
  readonly id: string;
  readonly severity: string;
  readonly status: string;
  readonly title: string;
  readonly service: string;
  readonly method: string;
  readonly template: string;
  readonly occurrences: number;
  readonly acted: number;
  readonly lastSeenMs: number;
}

interface FindingRow {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly confidence: number;
  readonly service: string;
  readonly explanation: string;
  readonly requestIds: readonly string[];
  readonly atMs: number;
}

interface ActorRow {
  readonly id: string;
  readonly label: string;
  readonly score: number;
  readonly state: string;
  readonly requests: number;
  readonly findings: number;
  readonly lastSeenMs: number;
}

type ListFlags = AdminFlags & {
  readonly limit?: number;
  readonly service?: string;
  readonly severity?: string;
  readonly status?: string;
  readonly kind?: string;
};

/** `inventory`, `issues`, `findings`, `actors`: what the running weir has learned, as a table or as JSON. */
export function registerLists(program: Command, context: CommandContext): void {
  const list = (name: string, description: string) =>
    withAdminOptions(program.command(name).description(description))
      .option('--limit <n>', 'at most this many rows', positive)
      .option('--service <name>', 'of one service');
  const show = async <T>(
    flags: ListFlags,
    path: string,
    query: Record<string, string | undefined>,
    print: (rows: readonly T[]) => string,
  ) => {
    const admin = adminOf(flags);
    const isNarrowed = [flags.service, ...Object.values(query)].some((one) => one !== undefined);
    await untilLearned(() => admin.all<Progress>('/sources'));
    const rows = await admin.list<T>(path, { service: flags.service, ...query }, flags.limit ?? (flags.json ? 1_000_000 : 50));
    context.output.write(
      flags.json ? `${JSON.stringify(rows)}\n` : rows.length === 0 ? (isNarrowed ? 'nothing fits\n' : 'nothing yet\n') : print(rows),
    );
  };
  const width = context.output.isTty ? context.output.columns : 200;

  list('inventory', 'endpoints learned from traffic').action((flags: ListFlags) =>
    show<EndpointRow>(flags, '/endpoints', {}, (rows) =>
      table(
        rows,
        [
          { title: 'RISK', of: (row) => Math.round(row.risk), right: true },
          { title: 'REQUESTS', of: (row) => row.counts.requests, right: true },
          { title: 'METHOD', of: (row) => row.method },
          { title: 'ENDPOINT', of: (row) => row.template },
          { title: 'AUTH', of: (row) => `${row.auth.join('+') || 'none'}${row.authRequired === false ? ' (not required)' : ''}` },
          { title: 'TAGS', of: (row) => row.tags.join(' ') },
          { title: 'DATA', of: (row) => row.dataTypes.join(' ') },
        ],
        width,
      ),
    ),
  );
  list('issues', 'what is wrong, one row a cause')
    .addOption(new Option('--severity <severity>', 'only these').choices(['info', 'low', 'medium', 'high', 'critical']))
    .addOption(new Option('--status <status>', 'only these').choices(['open', 'accepted', 'fixed', 'reopened']))
    .action((flags: ListFlags) =>
      show<IssueRow>(flags, '/issues', { severity: flags.severity, status: flags.status }, (rows) =>
        table(
          rows,
          [
            { title: 'SEVERITY', of: (row) => row.severity },
            { title: 'STATUS', of: (row) => row.status },
            { title: 'TIMES', of: (row) => row.occurrences, right: true },
            { title: 'STOPPED', of: (row) => row.acted, right: true },
            { title: 'LAST', of: (row) => ago(row.lastSeenMs, Date.now()) },
            { title: 'ENDPOINT', of: (row) => `${row.method} ${row.template}`.trim() },
            { title: 'ISSUE', of: (row) => row.title },
          ],
          width,
        ),
      ),
    );
  list('findings', 'every report, with the ids of the requests it is about')
    .option('--kind <kind>', 'e.g. bola.foreign-object')
    .action((flags: ListFlags) =>
      show<FindingRow>(flags, '/findings', { kind: flags.kind }, (rows) =>
        table(
          rows,
          [
            { title: 'WHEN', of: (row) => ago(row.atMs, Date.now()) },
            { title: 'SEVERITY', of: (row) => row.severity },
            { title: 'KIND', of: (row) => row.kind },
            { title: 'REQUEST', of: (row) => row.requestIds[row.requestIds.length - 1] ?? '' },
            { title: 'WHY', of: (row) => row.explanation },
          ],
          width,
        ),
      ),
    );
  list('actors', 'who uses the APIs, most suspicious first').action((flags: ListFlags) =>
    show<ActorRow>(flags, '/actors', {}, (rows) =>
      table(
        rows,
        [
          { title: 'SCORE', of: (row) => Math.round(row.score), right: true },
          { title: 'STATE', of: (row) => row.state },
          { title: 'ACTOR', of: (row) => row.label },
          { title: 'REQUESTS', of: (row) => row.requests, right: true },
          { title: 'FINDINGS', of: (row) => row.findings, right: true },
          { title: 'LAST', of: (row) => ago(row.lastSeenMs, Date.now()) },
          { title: 'ID', of: (row) => row.id },
        ],
        width,
      ),
    ),
  );
}
