import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { type Finding, SEVERITIES, type Severity, severityRank } from '../exchange/index.js';
import { parsed } from './endpoint-rows.js';
import { StoreError } from './errors.js';
import { ISSUE_FACETS, IssueTally, lockIssue, noteIssue, saveIssue } from './filing.js';
import { decidedIssue, type IssueRow, issuePriority } from './issue-life.js';
import { among, containing, type Page, type PageRequest, page, pageByIds, type Sorting, walked } from './page.js';
import type { Engine, Tables } from './tables.js';
import type { Issue, IssueEvent, IssueEvidence, IssueStatus, IssueSummary, Json, StoredFinding } from './types.js';

export interface IssueFilter {
  readonly status?: readonly IssueStatus[];
  readonly severity?: readonly Severity[];
  readonly service?: string;
  readonly kind?: string;
  readonly endpointId?: string;
  readonly actorId?: string;
  readonly assignee?: string;
  readonly owasp?: string;
  readonly search?: string;
  readonly firstSeenAfterMs?: number;
  readonly ids?: readonly string[];
}

export interface FindingFilter {
  readonly service?: string;
  readonly kind?: string;
  readonly issueId?: string;
  readonly endpointId?: string;
  readonly actorId?: string;
  readonly incidentId?: string;
  readonly effect?: Finding['effect'];
  readonly severity?: readonly Severity[];
  readonly sinceMs?: number;
}

export interface IssueDecision {
  readonly status: IssueStatus;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** For `accepted`: reopens when seen after this moment; null accepts for good. */
  readonly untilMs: number | null;
}

export interface Issues {
  /** Sorts: lastSeen, firstSeen, priority, severity, occurrences; `filed`: when weir opened it, whatever the time of its traffic. */
  list(filter: IssueFilter, request: PageRequest): Promise<Page<IssueSummary>>;
  get(id: string): Promise<Issue | null>;
  counts(
    service?: string,
  ): Promise<readonly { readonly service: string; readonly status: IssueStatus; readonly severity: Severity; readonly count: number }[]>;
  /**
   * @param expectedVersion refuses with `STORE_CONFLICT` when somebody decided meanwhile; undefined skips the check
   * @throws StoreError STORE_NOT_FOUND, STORE_CONFLICT
   */
  decide(id: string, decision: IssueDecision, expectedVersion?: number): Promise<Issue>;
  assign(id: string, assignee: string, by: string, atMs: number, expectedVersion?: number): Promise<Issue>;
  comment(id: string, by: string, text: string, atMs: number): Promise<IssueEvent>;
  /** Records that something was made from the issue: a policy, a ticket. */
  link(id: string, by: string, text: string, detail: Json, atMs: number): Promise<IssueEvent>;
  events(id: string, request: PageRequest & { readonly kind?: string }): Promise<Page<IssueEvent>>;
  /** Sorts: at. */
  findings(filter: FindingFilter, request: PageRequest): Promise<Page<StoredFinding>>;
  finding(id: string): Promise<StoredFinding | null>;
}

const ISSUE_SORTING: Sorting = {
  columns: {
    lastSeen: 'lastSeenMs',
    firstSeen: 'firstSeenMs',
    priority: 'priority',
    severity: 'severity',
    occurrences: 'occurrences',
    // Ids sort by the moment of filing.
    filed: 'id',
  },
  initial: '-lastSeen',
  id: 'id',
};
/** A page is 50 rows: a word that a thousandth of a million issues have is found by walking 50,000 of them. */
const FEW_ISSUES = 1_000;
/** Rows that have all trigrams of the words, in whatever order: past so many, a walk meets one soon. */
const MOST_CANDIDATES = 20_000;
const AT_SORTING: Sorting = { columns: { at: 'atMs' }, initial: '-at', id: 'id' };

export function issuesOf(db: Kysely<Tables>, engine: Engine): Issues {
  const change = async (
    id: string,
    expectedVersion: number | undefined,
    next: (issue: IssueRow) => IssueRow,
    note: Omit<IssueEvent, 'id' | 'issueId'>,
  ) =>
    db.transaction().execute(async (trx) => {
      const exists = await trx.selectFrom('issues').select('id').where('id', '=', id).executeTakeFirst();
      if (exists === undefined) throw new StoreError('STORE_NOT_FOUND', `there is no issue ${id}`);
      const before = await lockIssue(trx, 'id', id);
      if (expectedVersion !== undefined && before.version !== expectedVersion) {
        throw new StoreError(
          'STORE_CONFLICT',
          `issue ${id} is at version ${before.version}, the change was made for version ${expectedVersion}`,
        );
      }
      const after = next(before);
      const tally = new IssueTally();
      await saveIssue(trx, before, after, tally);
      await tally.write(trx, engine);
      await noteIssue(trx, { issueId: id, ...note });
      return issueOf(after);
    });

  const note = async (issueId: string, event: Omit<IssueEvent, 'id' | 'issueId'>): Promise<IssueEvent> => {
    const exists = await db.selectFrom('issues').select('id').where('id', '=', issueId).executeTakeFirst();
    if (exists === undefined) throw new StoreError('STORE_NOT_FOUND', `there is no issue ${issueId}`);
    return { id: await noteIssue(db, { issueId, ...event }), issueId, ...event };
  };

  return {
    async list(filter, request) {
      const narrow: RawBuilder<boolean>[] = [];
      for (const few of [fewWithFacets, fewWith, fewWithWords]) {
        const found = await few(db, engine, filter);
        if (found === 'none') return { items: [], nextCursor: null };
        if (found !== null) narrow.push(found);
      }
      const rows = (ids: readonly string[]) =>
        db
          .selectFrom('issues')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute();
      return pageByIds(reachable(filteredIssues(db, filter, narrow), filter, request), ISSUE_SORTING, request, rows, summaryOfIssue);
    },
    async get(id) {
      const row = await db.selectFrom('issues').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : issueOf(row);
    },
    async counts(service) {
      let query = db.selectFrom('issue_counts').where('count', '>', 0);
      if (service) query = query.where('service', '=', service);
      const rows = await query
        .select(['service', 'status', 'severity', ({ fn }) => fn.sum<number>('count').as('count')])
        .groupBy(['service', 'status', 'severity'])
        .execute();
      return rows.map((row) => ({
        service: row.service,
        status: row.status as IssueStatus,
        severity: SEVERITIES[row.severity]!,
        count: Number(row.count),
      }));
    },
    decide: (id, decision, expectedVersion) =>
      change(id, expectedVersion, (issue) => decidedIssue(issue, decision), {
        atMs: decision.atMs,
        kind: 'status',
        by: decision.by,
        text: decision.reason,
        detail: { status: decision.status, untilMs: decision.untilMs },
      }),
    assign: (id, assignee, by, atMs, expectedVersion) =>
      change(id, expectedVersion, (issue) => ({ ...issue, assignee, version: issue.version + 1 }), {
        atMs,
        kind: 'assigned',
        by,
        text: assignee,
        detail: null,
      }),
    comment: (id, by, text, atMs) => note(id, { atMs, kind: 'comment', by, text, detail: null }),
    link: (id, by, text, detail, atMs) => note(id, { atMs, kind: 'linked', by, text, detail }),
    events: (id, { kind, ...request }) =>
      page(
        db
          .selectFrom('issue_events')
          .selectAll()
          .where('issueId', '=', id)
          .$if(kind !== undefined, (query) => query.where('kind', '=', kind!)),
        AT_SORTING,
        { sort: 'at', ...request },
        ({ detailJson, ...row }) => ({
          ...row,
          kind: row.kind as IssueEvent['kind'],
          detail: parsed(detailJson),
        }),
      ),
    findings(filter, request) {
      let query: SelectQueryBuilder<Tables, 'findings', object> = db.selectFrom('findings');
      for (const column of ['service', 'kind', 'issueId', 'endpointId', 'actorId', 'incidentId', 'effect'] as const) {
        const value = filter[column];
        if (value) query = query.where(column, '=', value);
      }
      if (filter.severity?.length) query = query.where(walked('severity', filter.severity.map(severityRank)));
      if (filter.sinceMs !== undefined) query = query.where('atMs', '>=', filter.sinceMs);
      const rows = (ids: readonly string[]) =>
        db
          .selectFrom('findings')
          .select(['id', 'issueId', 'bodyJson'])
          .where('id', 'in', [...ids])
          .execute();
      return pageByIds(query, AT_SORTING, request, rows, findingOfRow);
    },
    async finding(id) {
      const row = await db.selectFrom('findings').select(['issueId', 'bodyJson']).where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : findingOfRow(row);
    },
  };
}

const wordsOf = (filter: IssueFilter): readonly string[] => (filter.search ?? '').toLowerCase().split(/\s+/).filter(Boolean);

const hasWord = (word: string) => sql<boolean>`${sql.ref('search')} like ${containing(word)} escape '\\'`;

/** A condition that few issues fulfil, from which their list starts; `none` where nobody does; null where they may be many. */
type Narrow = RawBuilder<boolean> | 'none' | null;

function narrowTo(engine: Engine, column: string, values: readonly (string | number)[], most: number): Narrow {
  if (values.length > most) return null;
  return values.length === 0 ? 'none' : among(engine, column, values);
}

/** Combinations in one question: SQLite's expressions may be a thousand deep. */
const FACETS_AT_ONCE = 100;

/** The issues of the wanted services, states, severities, kinds and OWASP categories, where the counts say that they are few. */
async function fewWithFacets(db: Kysely<Tables>, engine: Engine, filter: IssueFilter): Promise<Narrow> {
  const { status = [], severity = [], service, kind, owasp } = filter;
  if (status.length === 0 && severity.length === 0 && !service && !kind && !owasp) return null;
  let counts = db.selectFrom('issue_counts').selectAll().where('count', '>', 0);
  if (service) counts = counts.where('service', '=', service);
  const ranks = severity.map(severityRank);
  const wanted = (await counts.execute()).filter(
    (row) =>
      (status.length === 0 || status.includes(row.status as IssueStatus)) &&
      (ranks.length === 0 || ranks.includes(row.severity)) &&
      (!owasp || row.owasp === owasp) &&
      (!kind || row.kind === kind || row.kind.startsWith(`${kind}.`)),
  );
  if (wanted.reduce((sum, row) => sum + row.count, 0) > FEW_ISSUES) return null;
  const ids: string[] = [];
  for (let from = 0; from < wanted.length; from += FACETS_AT_ONCE) {
    const rows = await db
      .selectFrom('issues')
      .select('id')
      .where(({ and, or }) =>
        or(
          wanted
            .slice(from, from + FACETS_AT_ONCE)
            .map((facets) => and(Object.fromEntries(ISSUE_FACETS.map((column) => [column, facets[column]])))),
        ),
      )
      .execute();
    ids.push(...rows.map((row) => row.id));
  }
  return narrowTo(engine, 'id', ids, FEW_ISSUES);
}

/** The issues with a value that few have mostly, or first seen since then, where they are few indeed. */
async function fewWith(db: Kysely<Tables>, engine: Engine, filter: IssueFilter): Promise<Narrow> {
  let query = db.selectFrom('issues').select('id');
  if (filter.assignee) query = query.where('assignee', '=', filter.assignee);
  else if (filter.firstSeenAfterMs !== undefined)
    query = query.where('firstSeenMs', '>=', filter.firstSeenAfterMs).orderBy('firstSeenMs', 'desc');
  else return null;
  const ids = (await query.limit(FEW_ISSUES + 1).execute()).map((row) => row.id);
  return narrowTo(engine, 'id', ids, FEW_ISSUES);
}

/** What the severities say about the sort order: the walk begins at the first row that may have them, not at the end of the order. */
function reachable(
  query: SelectQueryBuilder<Tables, 'issues', object>,
  filter: IssueFilter,
  request: PageRequest,
): SelectQueryBuilder<Tables, 'issues', object> {
  const ranks = (filter.severity ?? []).map(severityRank);
  if (ranks.length === 0) return query;
  const sort = request.sort?.replace(/^-/, '');
  if (sort === 'priority') return query.where('priority', '<=', issuePriority(Math.max(...ranks), 1));
  if (sort === 'severity') return query.where('severity', '>=', Math.min(...ranks)).where('severity', '<=', Math.max(...ranks));
  return query;
}

/**
 * The issues that may have all the words, where they are few: walking the list finds a page of a common word sooner than reading all of its rows, and
 * would read everything for a rare one.
 */
async function fewWithWords(db: Kysely<Tables>, engine: Engine, filter: IssueFilter): Promise<Narrow> {
  const words = wordsOf(filter);
  if (words.every((word) => trigrams(word).length === 0 && (engine === 'postgres' || !SHORT.test(word)))) return null;
  if (engine === 'postgres') {
    let query = db
      .selectFrom('issues')
      .select('id')
      .limit(FEW_ISSUES + 1);
    for (const word of words) query = query.where(hasWord(word));
    const ids = (await query.execute()).map((row) => row.id);
    return narrowTo(engine, 'id', ids, FEW_ISSUES);
  }
  const groups = words.map((word) => trigrams(word).map(quoted).join(' AND ')).filter(Boolean);
  for (const word of words.filter((one) => SHORT.test(one))) {
    const terms = await termsOf(db, word);
    if (terms?.length === 0) return 'none';
    if (terms !== null) groups.push(`(${terms.map(quoted).join(' OR ')})`);
  }
  if (groups.length === 0) return null;
  const { rows } = await sql<{ rowid: number }>`select rowid from issues_search where issues_search match ${groups.join(' AND ')}
    limit ${MOST_CANDIDATES + 1}`.execute(db);
  return narrowTo(
    engine,
    'rowid',
    rows.map((row) => row.rowid),
    MOST_CANDIDATES,
  );
}

const quoted = (gram: string) => `"${gram.replaceAll('"', '""')}"`;

/** Words that have no trigram of their own, of characters that the index keeps as they are. */
const SHORT = /^[!-~]{1,2}$/;

/** Issues with a trigram, over all that begin with a short word: with more of them the word narrows nothing down. */
const MOST_WITH_SHORT = 300_000;

/** The trigrams that begin with a short word, of which each text with the word has one; null where very many issues do. */
async function termsOf(db: Kysely<Tables>, word: string): Promise<readonly string[] | null> {
  const terms: string[] = [];
  let issues = 0;
  // To count the issues of a frequent trigram takes tens of milliseconds: the first may be enough to tell.
  for (let many = 1; ; many *= 2) {
    const rows = await db
      .selectFrom('issues_search_terms')
      .select(['term', 'doc'])
      .where('term', '>', terms.at(-1) ?? word)
      .where('term', '<', `${word}\u{10ffff}`)
      .limit(many)
      .execute();
    terms.push(...rows.map((row) => row.term));
    issues += rows.reduce((sum, row) => sum + row.doc, 0);
    if (issues > MOST_WITH_SHORT) return null;
    if (rows.length < many) return terms;
  }
}

/** The runs of three characters in a word; none in a shorter one. */
function trigrams(word: string): string[] {
  const characters = [...word];
  return characters.slice(2).map((_, at) => characters.slice(at, at + 3).join(''));
}

function filteredIssues(
  db: Kysely<Tables>,
  filter: IssueFilter,
  narrow: readonly RawBuilder<boolean>[],
): SelectQueryBuilder<Tables, 'issues', object> {
  let query: SelectQueryBuilder<Tables, 'issues', object> = db.selectFrom('issues');
  const statuses = [...new Set(filter.status ?? [])];
  if (statuses.length === 2 && statuses.includes('open') && statuses.includes('reopened')) query = query.where(walked('live', [1]));
  else if (statuses.length > 0) query = query.where(walked('status', statuses));
  const ranks = (filter.severity ?? []).map(severityRank);
  if (ranks.length > 0) query = query.where(walked('severity', ranks));
  for (const column of ['service', 'owasp'] as const) {
    const value = filter[column];
    if (value) query = query.where(walked(column, [value]));
  }
  // Of these, few issues have the same.
  for (const column of ['endpointId', 'actorId', 'assignee'] as const) {
    const value = filter[column];
    if (value) query = query.where(column, '=', value);
  }
  // A family (`bola`) stands for all of its kinds.
  if (filter.kind)
    query = filter.kind.includes('.') ? query.where(walked('kind', [filter.kind])) : query.where('kind', 'like', `${filter.kind}.%`);
  if (filter.firstSeenAfterMs !== undefined) query = query.where('firstSeenMs', '>=', filter.firstSeenAfterMs);
  if (filter.ids?.length) query = query.where('id', 'in', [...filter.ids]);
  for (const few of narrow) query = query.where(few);
  for (const word of wordsOf(filter)) query = query.where(hasWord(word));
  return query;
}

function summaryOfIssue(row: IssueRow): IssueSummary {
  const { live: _live, bodyJson: _body, evidenceJson: _evidence, search: _search, ...summary } = row;
  return { ...summary, severity: SEVERITIES[row.severity]!, status: row.status as IssueStatus };
}

/** Evidence as it was written; what came before was not always kept. */
type Kept = Omit<IssueEvidence, 'beforeIds'> & Partial<Pick<IssueEvidence, 'beforeIds'>>;

function issueOf(row: IssueRow): Issue {
  const texts = JSON.parse(row.bodyJson) as Pick<Issue, 'explanation' | 'remediation' | 'cwe'>;
  const evidence = JSON.parse(row.evidenceJson) as readonly Kept[];
  return { ...summaryOfIssue(row), ...texts, evidence: evidence.map((one) => ({ ...one, beforeIds: one.beforeIds ?? [] })) };
}

const findingOfRow = (row: { issueId: string; bodyJson: string }): StoredFinding => ({
  ...(JSON.parse(row.bodyJson) as Finding),
  issueId: row.issueId,
});
