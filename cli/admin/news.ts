/** What is new since the last look, as notices: issues from the store, blocks, scores and sources from the shared maps. */
import type { Block } from '../../attackers/index.js';
import { newId } from '../../exchange/index.js';
import { type Notice, noticeOfIssue } from '../../integrations/index.js';
import type { IssueSummary, Store } from '../../store/index.js';
import type { SharedMap } from '../../traffic/index.js';
import type { ProcessStatus, ScoreSetting } from '../shared-maps.js';

/** Kept in the store: what was told, so that a restart tells nothing twice and forgets nothing. */
export interface Told {
  /** Issues filed before this moment were looked at. */
  readonly filedMs: number;
  /** Ids of issues filed in the last while: an engine's commit may become visible later than a younger one's. */
  readonly filed: readonly string[];
  /** `ID@MOMENT` of the issues that are reopened now. */
  readonly reopened: readonly string[];
  readonly blocksMs: number;
  /** Actors over the threshold. */
  readonly actors: readonly string[];
  /** Sources in trouble → when it was told. */
  readonly sources: Readonly<Record<string, number>>;
}

export interface NewsOptions {
  readonly store: Pick<Store, 'issues'>;
  readonly blocks: SharedMap<Block>;
  readonly scores: SharedMap<ScoreSetting>;
  readonly status: SharedMap<ProcessStatus>;
  /** Score from which an actor is told of. */
  readonly actorScore: number;
  readonly publicUrl: string;
  /** Is there anybody who wants this? What nobody wants is not read in full. */
  readonly isWanted: (issue: IssueSummary) => boolean;
}

const FILING_OVERLAP_MS = 60_000;
const STEP_MS = 10_000;
const PAGE = 200;
/** A source that comes and goes is told of once in this time. */
const SOURCE_QUIET_MS = 10 * 60_000;

/** Null `told`: the first look of this installation. It only learns what is there; nobody wants a message about each old issue. */
export async function lookForNews(
  told: Told | null,
  newBlocks: readonly Block[],
  options: NewsOptions,
  nowMs: number,
): Promise<{ readonly notices: readonly Notice[]; readonly told: Told }> {
  const before = told ?? { filedMs: nowMs, filed: [], reopened: [], blocksMs: nowMs, actors: [], sources: {} };
  const filed = await filedIssues(options, before.filedMs - FILING_OVERLAP_MS);
  const reopened = await reopenedIssues(options);
  const actors = [...options.scores.entries()].filter(({ value }) => value.score >= options.actorScore);
  const troubles = troublesOf(options.status);
  const known = { filed: new Set(before.filed), reopened: new Set(before.reopened), actors: new Set(before.actors) };
  const sources = Object.fromEntries(
    Object.entries(before.sources).filter(([name, atMs]) => troubles.has(name) || nowMs - atMs < SOURCE_QUIET_MS),
  );
  const notices: Notice[] = [];
  for (const issue of filed) if (!known.filed.has(issue.id)) notices.push(...(await issueNotice(issue, 'opened', options, nowMs)));
  for (const issue of reopened)
    if (!known.reopened.has(momentOf(issue))) notices.push(...(await issueNotice(issue, 'reopened', options, nowMs)));
  for (const block of newBlocks) if (block.createdAtMs > before.blocksMs) notices.push(blockNotice(block, options, nowMs));
  for (const { key, value } of actors) if (!known.actors.has(key)) notices.push(actorNotice(key, value.score, options, nowMs));
  for (const [name, { service, problem }] of troubles) {
    if (name in sources) continue;
    sources[name] = nowMs;
    notices.push(sourceNotice(name, service, problem, options, nowMs));
  }
  return {
    notices: told === null ? [] : notices,
    told: {
      // In steps, so that a quiet watch is not written with every look.
      filedMs: Math.max(before.filedMs, Math.floor(nowMs / STEP_MS) * STEP_MS),
      filed: filed.map((issue) => issue.id),
      reopened: reopened.map(momentOf),
      blocksMs: Math.max(before.blocksMs, ...newBlocks.map((block) => block.createdAtMs)),
      actors: actors.map(({ key }) => key),
      sources,
    },
  };
}

const momentOf = (issue: IssueSummary): string => `${issue.id}@${issue.statusAtMs}`;

async function filedIssues({ store }: NewsOptions, sinceMs: number): Promise<readonly IssueSummary[]> {
  // The first ten characters of an id are its moment.
  const floor = newId(sinceMs).slice(0, 10);
  const found: IssueSummary[] = [];
  for (let cursor: string | null = null; ; ) {
    const { items, nextCursor } = await store.issues.list({}, { sort: '-filed', limit: PAGE, cursor });
    const young = items.filter((issue) => issue.id >= floor);
    found.push(...young);
    if (young.length < items.length || nextCursor === null) return found.reverse();
    cursor = nextCursor;
  }
}

async function reopenedIssues({ store }: NewsOptions): Promise<readonly IssueSummary[]> {
  const found: IssueSummary[] = [];
  for (let cursor: string | null = null; ; ) {
    const { items, nextCursor } = await store.issues.list({ status: ['reopened'] }, { sort: 'lastSeen', limit: PAGE, cursor });
    found.push(...items);
    if (nextCursor === null) return found;
    cursor = nextCursor;
  }
}

async function issueNotice(
  summary: IssueSummary,
  change: 'opened' | 'reopened',
  options: NewsOptions,
  nowMs: number,
): Promise<readonly Notice[]> {
  if (!options.isWanted(summary)) return [];
  const issue = await options.store.issues.get(summary.id);
  return issue === null ? [] : [noticeOfIssue(issue, change, { publicUrl: options.publicUrl, nowMs })];
}

function blockNotice(block: Block, { publicUrl }: NewsOptions, nowMs: number): Notice {
  const { scope } = block;
  return {
    id: newId(nowMs),
    kind: 'block',
    atMs: block.createdAtMs,
    // What weir did by itself wants more attention than what a colleague did.
    severity: block.origin === 'person' ? 'medium' : 'high',
    service: block.service,
    title: `Blocked ${scope.kind} ${scope.value}`,
    text: `${block.origin === 'person' ? block.createdBy : `The ${block.origin} ${block.createdBy}`} blocked ${scope.kind} ${scope.value}: ${block.reason}`,
    url: `${publicUrl}/actors`,
    blockId: block.id,
    scopeKind: scope.kind,
    scopeValue: scope.value,
    reason: block.reason,
    origin: block.origin,
    by: block.createdBy,
    expiresAtMs: block.expiresAtMs,
  };
}

function actorNotice(actorId: string, score: number, { publicUrl, actorScore }: NewsOptions, nowMs: number): Notice {
  return {
    id: newId(nowMs),
    kind: 'actor',
    atMs: nowMs,
    severity: 'high',
    service: null,
    title: `Actor ${actorId} reached score ${score}`,
    text: `What ${actorId} did adds up to a score of ${score} of 100; the threshold is ${actorScore}.`,
    url: `${publicUrl}/actors/${encodeURIComponent(actorId)}`,
    actorId,
    score,
  };
}

function sourceNotice(source: string, service: string | null, problem: string, { publicUrl }: NewsOptions, nowMs: number): Notice {
  return {
    id: newId(nowMs),
    kind: 'source',
    atMs: nowMs,
    severity: 'medium',
    service,
    title: `${source} is in trouble`,
    text: problem,
    url: `${publicUrl}/sources`,
    source,
    problem,
  };
}

/** Capture sources with a problem, and upstreams that are down, of all processes. */
function troublesOf(status: SharedMap<ProcessStatus>): ReadonlyMap<string, { readonly service: string | null; readonly problem: string }> {
  const troubles = new Map<string, { service: string | null; problem: string }>();
  for (const { value } of status.entries()) {
    for (const source of value.sources ?? [])
      if (source.problem !== null) troubles.set(`source ${source.kind} ${source.name}`, { service: null, problem: source.problem });
    for (const service of value.services ?? [])
      for (const upstream of service.upstreams)
        if (!upstream.up)
          troubles.set(`upstream ${upstream.url}`, {
            service: service.name,
            problem: `The upstream ${upstream.url} of ${service.name} does not answer.`,
          });
  }
  return troubles;
}
