import { Button, Group, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { memo, useDeferredValue, useMemo, useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { OWASP } from '../owasp.ts';
import { Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { DecideForm, type Decision } from '../parts/DecideForm.tsx';
import { SearchFilter, SelectFilter, ServiceFilter, SeveralFilter, useServices } from '../parts/filters.tsx';
import { Place, Severity, Status } from '../parts/Marks.tsx';
import { Export, Page } from '../parts/Page.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { SavedViews } from '../parts/SavedViews.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { plural, short } from '../words.ts';

type Row = Schemas['IssueSummary'];

/** The API changes so many at once. */
const MOST_AT_ONCE = 1_000;

const COLUMNS: readonly Column<Row>[] = [
  { name: 'Severity', width: '88px', sort: 'severity', cell: (row) => <Severity value={row.severity} /> },
  { name: 'Issue', width: 'minmax(220px, 4fr)', opens: true, cell: (row) => <span title={row.title}>{row.title}</span> },
  {
    name: 'Where',
    width: 'minmax(160px, 3fr)',
    cell: (row) => (
      <span title={`${row.method} ${row.template}`}>
        <Place method={row.method} template={row.template} />
      </span>
    ),
  },
  { name: 'Service', width: '110px', fromPx: 1100, cell: (row) => row.service },
  { name: 'Status', width: '88px', fromPx: 700, cell: (row) => <Status value={row.status} /> },
  { name: 'OWASP', width: '96px', fromPx: 900, cell: (row) => <span title={OWASP[row.owasp]?.name}>{row.owasp}</span> },
  { name: 'Assigned', width: '100px', fromPx: 900, cell: (row) => row.assignee },
  { name: 'Times', width: '74px', sort: 'occurrences', cell: (row) => <span className="num">{short(row.occurrences)}</span> },
  { name: 'Last seen', width: '108px', sort: 'lastSeen', cell: (row) => <Time ms={row.lastSeenMs} /> },
];

const useUserNames = () => useQuery({ queryKey: ['settings', 'user-names'], queryFn: () => answer(api.GET('/api/v1/user-names')) });

export function Issues() {
  const [filters, setFilters] = useFilters();
  const may = useMay('analyst');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  // The tick answers first.
  const isChosen = useDeferredValue(chosen.size > 0);
  const [deciding, setDeciding] = useState<Decision['status'] | null>(null);
  const sort = filters.sort ?? '-priority';
  const query = {
    search: filters.search,
    status: filters.status,
    severity: filters.severity,
    service: filters.service,
    kind: filters.kind,
    owasp: filters.owasp,
    assignee: filters.assignee,
    endpointId: filters.endpointId,
    actorId: filters.actorId,
    sort: sort as '-priority',
  };
  const rows = useRows(['issues', query], (page) => answer(api.GET('/api/v1/issues', { params: { query: { ...query, ...page } } })));
  const services = useServices();
  const isOfOneService = services.data?.items.length === 1;
  const isAnyAssigned = rows.data?.pages.some(({ items }) => items.some(({ assignee }) => assignee !== '')) ?? false;
  // One service needs no column, and nobody who is assigned neither.
  const columns = useMemo(
    () => COLUMNS.filter(({ name }) => !(name === 'Service' && isOfOneService) && !(name === 'Assigned' && !isAnyAssigned)),
    [isOfOneService, isAnyAssigned],
  );
  const names = useUserNames();
  const bulk = useWrite({
    refresh: ['issues', 'overview'],
    write: (decision: Decision) => answer(api.POST('/api/v1/issues/bulk', { body: { ids: [...chosen], decision } })),
    done: (result) =>
      `${plural(result.changed, 'issue')} changed${result.failed.length > 0 ? `, ${result.failed.length} not: ${result.failed[0]!.detail}` : ''}.`,
    after: () => {
      setChosen(new Set());
      setDeciding(null);
    },
  });
  const assign = useWrite({
    refresh: ['issues'],
    write: (assignee: string) => answer(api.POST('/api/v1/issues/bulk', { body: { ids: [...chosen], assignee } })),
    done: (result) => `${plural(result.changed, 'issue')} assigned.`,
    after: () => setChosen(new Set()),
  });
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  return (
    <Page
      title="Issues"
      about="What policies, detectors and scans found. Findings with one cause are one issue; the worst and surest come first."
      actions={
        <>
          <SavedViews page="issues" />
          <Export path="/issues" />
        </>
      }
    >
      <IssueFilters />
      {isChosen && chosen.size > 0 && (
        <Group gap="xs" role="toolbar" aria-label="Chosen issues">
          <span>{plural(chosen.size, 'issue')} chosen</span>
          <Button size="xs" variant="default" disabled={!may} onClick={() => setDeciding('fixed')}>
            Mark as fixed
          </Button>
          <Button size="xs" variant="default" disabled={!may} onClick={() => setDeciding('accepted')}>
            Accept
          </Button>
          <Button size="xs" variant="default" disabled={!may} onClick={() => setDeciding('open')}>
            Open again
          </Button>
          <Select
            size="xs"
            w={150}
            aria-label="Assign the chosen issues"
            placeholder="Assign to …"
            disabled={!may}
            value={null}
            onChange={(name) => name !== null && assign.mutate(name)}
            data={names.data?.items ?? []}
          />
          <Button size="xs" variant="subtle" onClick={() => setChosen(new Set())}>
            Choose none
          </Button>
        </Group>
      )}
      <Rows
        label="Issues"
        query={rows}
        columns={columns}
        rowKey={(row) => row.id}
        sort={sort}
        onSort={(next) => setFilters({ sort: next })}
        page={(row) => `/issues/${encodeURIComponent(row.id)}`}
        choice={{ chosen, choose: setChosen, name: (row) => row.title, most: MOST_AT_ONCE }}
        empty={
          isFiltered ? (
            <Empty title="No issue fits these filters">Take a filter away, or search for another word.</Empty>
          ) : (
            <Empty title="No issue yet">
              Issues come from policies, from detectors that watch the traffic, and from <Link to="/scans/new">scans</Link>.
            </Empty>
          )
        }
      />
      {deciding !== null && (
        <DecideForm status={deciding} busy={bulk.isPending} close={() => setDeciding(null)} submit={(decision) => bulk.mutate(decision)} />
      )}
    </Page>
  );
}

/** Drawn by itself: a choice among the rows leaves it alone. */
const IssueFilters = memo(function IssueFilters() {
  const services = useServices();
  const names = useUserNames();
  return (
    <Group gap="xs">
      <SearchFilter placeholder="Search issues" />
      <SeveralFilter name="status" label="Status" options={['open', 'reopened', 'accepted', 'fixed']} />
      <SeveralFilter name="severity" label="Severity" options={['critical', 'high', 'medium', 'low', 'info']} />
      {services.data?.items.length !== 1 && <ServiceFilter />}
      <SelectFilter
        name="owasp"
        label="OWASP"
        options={Object.entries(OWASP).map(([value, { name }]) => ({ value, label: `${value.replace(':2023', '')} ${name}` }))}
        width={150}
      />
      <SelectFilter name="assignee" label="Assigned to" options={names.data?.items ?? []} width={130} />
    </Group>
  );
});
