import { Alert, Button, Group, Progress, Select, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { Await, Empty, Failed } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { SelectFilter } from '../parts/filters.tsx';
import { Mark, Place, Severity, Status, TestName } from '../parts/Marks.tsx';
import { Card, Export, Facts, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { Proof } from '../parts/Proof.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count, plural } from '../words.ts';

type Run = Schemas['ScanRun'];
const isOver = (run: Run) => run.state === 'finished' || run.state === 'stopped' || run.state === 'failed';

export function ScanRun() {
  const { id } = useParams({ from: '/scans/runs/$id' });
  const query = useQuery({
    queryKey: ['scans', 'run', id],
    queryFn: () => answer(api.GET('/api/v1/scan-runs/{id}', { params: { path: { id } } })),
    refetchInterval: ({ state }) => (state.data !== undefined && isOver(state.data) ? false : 1_000),
  });
  return (
    <Page
      title="Scan run"
      about={
        <Link to="/scans" search={{ tab: 'runs' }}>
          Runs
        </Link>
      }
      actions={query.data !== undefined && <Steer run={query.data} />}
    >
      <Await query={query}>
        {(run) => (
          <Stack>
            <Facts
              items={[
                ['State', <Status key="s" value={run.state} />],
                ['Service', run.service],
                ['Started', <Time key="t" ms={run.startedMs} />],
                ['Ended', run.finishedMs === null ? '–' : <Time key="e" ms={run.finishedMs} />],
                ['Started by', run.trigger],
                ['Requests', count(run.progress.requests ?? 0)],
                ['Vulnerable', count(run.summary.vulnerable ?? 0)],
                ['Safe', count(run.summary.safe ?? 0)],
                ['Skipped', count(run.summary.skipped ?? 0)],
                ['Errors', count(run.summary.errors ?? 0)],
              ]}
            />
            {run.summary.problem !== undefined && run.summary.problem !== '' && <Alert color="orange">{run.summary.problem}</Alert>}
            {!isOver(run) && (
              <div>
                <Progress
                  aria-label="Progress of the scan"
                  value={(100 * (run.progress.done ?? 0)) / Math.max(1, run.progress.total ?? 1)}
                  animated={run.state === 'running'}
                />
                <Text size="sm" c="dimmed" role="status">
                  {count(run.progress.done ?? 0)} of {count(run.progress.total ?? 0)} {run.progress.current ?? ''}
                </Text>
              </div>
            )}
            <Results run={run} />
            <Compare run={run} />
          </Stack>
        )}
      </Await>
    </Page>
  );
}

function Steer({ run }: { readonly run: Run }) {
  const may = useMay('analyst');
  const params = { params: { path: { id: run.id } } };
  const stop = useWrite({ refresh: ['scans'], write: () => answer(api.POST('/api/v1/scan-runs/{id}/stop', params)) });
  const pause = useWrite({ refresh: ['scans'], write: () => answer(api.POST('/api/v1/scan-runs/{id}/pause', params)) });
  const resume = useWrite({ refresh: ['scans'], write: () => answer(api.POST('/api/v1/scan-runs/{id}/resume', params)) });
  if (isOver(run)) return null;
  return (
    <>
      {run.state === 'paused' ? (
        <Button variant="default" disabled={!may} onClick={() => resume.mutate(undefined)}>
          Go on
        </Button>
      ) : (
        <Button variant="default" disabled={!may} onClick={() => pause.mutate(undefined)}>
          Pause
        </Button>
      )}
      <Button color="red" disabled={!may || run.stopRequested} onClick={() => stop.mutate(undefined)}>
        {run.stopRequested ? 'Stopping …' : 'Stop'}
      </Button>
    </>
  );
}

function Results({ run }: { readonly run: Run }) {
  const [filters] = useFilters();
  const [shown, setShown] = useState<string | null>(null);
  const query = useQuery({
    queryKey: ['scans', 'results', run.id, filters.verdict],
    queryFn: async () => {
      const read = async (verdict: string | undefined) =>
        (
          await answer(
            api.GET('/api/v1/scan-runs/{id}/results', {
              params: { path: { id: run.id }, query: { limit: 500, sort: '-severity', verdict } },
            }),
          )
        ).items;
      if (filters.verdict !== undefined) return { items: await read(filters.verdict) };
      // What was found first; a long run has more results than one page.
      const [found, all] = await Promise.all([read('vulnerable'), read(undefined)]);
      return { items: [...found, ...all.filter((one) => one.verdict !== 'vulnerable')] };
    },
    refetchInterval: isOver(run) ? false : 2_000,
  });
  return (
    <Card
      title="Results"
      aside={
        <Group gap="xs">
          <SelectFilter name="verdict" label="Verdict" options={['vulnerable', 'safe', 'skipped', 'error']} />
          <Export path={`/scan-runs/${run.id}/results`} query={{ verdict: filters.verdict }} />
        </Group>
      }
    >
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={isOver(run) ? 'No result' : 'No result yet'}>
              {isOver(run)
                ? 'No test fitted an endpoint of this service. Auth contexts or more traffic may be missing.'
                : 'Results appear here as they come.'}
            </Empty>
          ) : (
            <PlainTable label="Results" head={['Verdict', 'Severity', 'Test', 'Endpoint', 'Issue', 'Proof']}>
              {items.map((result) => (
                <Result
                  key={result.id}
                  result={result}
                  isShown={shown === result.id}
                  toggle={() => setShown(shown === result.id ? null : result.id)}
                />
              ))}
            </PlainTable>
          )
        }
      </Await>
    </Card>
  );
}

function Result({
  result,
  isShown,
  toggle,
}: {
  readonly result: Schemas['ScanResult'];
  readonly isShown: boolean;
  readonly toggle: () => void;
}) {
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <Status value={result.verdict} />
        </Table.Td>
        <Table.Td>
          <Severity value={result.severity} />
        </Table.Td>
        <Table.Td>
          <TestName {...result} />
        </Table.Td>
        <Table.Td>
          <Link to="/inventory/$id" params={{ id: result.endpointId }}>
            <Place method={result.method} template={result.template} />
          </Link>
        </Table.Td>
        <Table.Td>
          {result.issueId !== null && (
            <Group gap="xs" wrap="nowrap">
              <Link to="/issues/$id" params={{ id: result.issueId }}>
                Open
              </Link>
              <TestAgain issueId={result.issueId} />
            </Group>
          )}
        </Table.Td>
        <Table.Td>
          <Button size="compact-xs" variant="default" aria-expanded={isShown} onClick={toggle}>
            {isShown ? 'Hide' : 'Show'}
          </Button>
        </Table.Td>
      </Table.Tr>
      {isShown && (
        <Table.Tr>
          <Table.Td colSpan={6}>
            <Proof body={result.body} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** Runs the one test again on the one endpoint; what it finds decides whether the issue is fixed. */
function TestAgain({ issueId }: { readonly issueId: string }) {
  const may = useMay('analyst');
  const navigate = useNavigate();
  const again = useWrite({
    refresh: ['issues', 'scans'],
    write: () => answer(api.POST('/api/v1/issues/{id}/verify', { params: { path: { id: issueId } } })),
    after: ({ runId }) => void navigate({ to: '/scans/runs/$id', params: { id: runId } }),
  });
  return (
    <Button size="compact-xs" variant="default" disabled={!may} loading={again.isPending} onClick={() => again.mutate(undefined)}>
      Test again
    </Button>
  );
}

function Compare({ run }: { readonly run: Run }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const runs = useQuery({
    queryKey: ['scans', 'runs-of', run.scanId],
    enabled: run.scanId !== '',
    queryFn: () => answer(api.GET('/api/v1/scan-runs', { params: { query: { scanId: run.scanId, limit: 20 } } })),
  });
  const others = (runs.data?.items ?? []).filter((one) => one.id !== run.id && isOver(one));
  const previous = others.find((one) => one.startedMs < run.startedMs);
  const other = chosen ?? previous?.id ?? null;
  const comparison = useQuery({
    queryKey: ['scans', 'compare', run.id, other],
    enabled: other !== null && isOver(run),
    queryFn: () => answer(api.GET('/api/v1/scan-runs/{id}/compare', { params: { path: { id: run.id }, query: { with: other ?? '' } } })),
  });
  if (others.length === 0 || !isOver(run)) return null;
  return (
    <Card title={other === previous?.id ? 'Compared with the run before' : 'Compared with another run'}>
      <Select
        aria-label="Other run"
        placeholder="Choose a run"
        maw={380}
        value={other}
        onChange={setChosen}
        data={others.map((one) => ({ value: one.id, label: `${new Date(one.startedMs).toLocaleString('en-GB')} (${one.state})` }))}
      />
      {comparison.error !== null && <Failed error={comparison.error} retry={() => void comparison.refetch()} />}
      {comparison.data !== undefined && (
        <Stack mt="sm" gap="xs">
          <Text role="status">
            {comparison.data.added.length + comparison.data.gone.length === 0
              ? `Nothing changed: ${plural(comparison.data.same, 'vulnerable result')} in both.`
              : `${plural(comparison.data.added.length, 'vulnerable result')} new, ${count(comparison.data.gone.length)} gone, ${count(comparison.data.same)} the same.`}
          </Text>
          <ul className="plain-list">
            {[
              ...comparison.data.added.map((one) => ['added', one] as const),
              ...comparison.data.gone.map((one) => ['gone', one] as const),
            ].map(([change, one]) => (
              <li key={`${change} ${one.id}`}>
                <Mark color={change === 'added' ? 'red' : 'teal'}>{change === 'added' ? 'new' : 'gone'}</Mark>
                <span className="grow">
                  <TestName {...one} />
                </span>
                <Place method={one.method} template={one.template} />
              </li>
            ))}
          </ul>
        </Stack>
      )}
    </Card>
  );
}
