import { Button, Group } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { answer, api, type Schemas } from '../api.ts';
import { Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { SearchFilter, SelectFilter } from '../parts/filters.tsx';
import { Mark, Severity, Status } from '../parts/Marks.tsx';
import { Export, Page } from '../parts/Page.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { Pick } from '../parts/Tick.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { short } from '../words.ts';

type Row = Schemas['PolicySummary'];

export function Policies() {
  const [filters, setFilters] = useFilters();
  const navigate = useNavigate();
  const may = useMay('admin');
  const sort = filters.sort ?? 'name';
  const query = {
    search: filters.search,
    origin: filters.origin as Row['origin'] | undefined,
    mode: filters.mode as Row['mode'] | undefined,
    sort: sort as 'name',
  };
  const rows = useRows(['policies', query], (page) => answer(api.GET('/api/v1/policies', { params: { query: { ...query, ...page } } })), {
    refetchInterval: 10_000,
  });
  return (
    <Page
      title="Policies"
      about="What is forbidden, and what happens then. Policies from files are read-only here; those you write here reach every gateway at once."
      actions={
        <>
          <Export path="/policies" />
          <Button
            disabled={!may}
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => void navigate({ to: '/policies/$name', params: { name: 'new' } })}
          >
            New policy
          </Button>
        </>
      }
    >
      <Group gap="xs">
        <SearchFilter placeholder="Search policies" />
        <SelectFilter
          name="origin"
          label="Origin"
          options={[
            { value: 'library', label: 'built in' },
            { value: 'folder', label: 'from a file' },
            { value: 'ui', label: 'written here' },
          ]}
        />
        <SelectFilter name="mode" label="Mode" options={['enforce', 'observe', 'off', 'inherit']} />
      </Group>
      <Rows
        label="Policies"
        query={rows}
        columns={COLUMNS}
        rowKey={(row) => row.name}
        sort={sort}
        onSort={(next) => setFilters({ sort: next })}
        page={(row) => `/policies/${encodeURIComponent(row.name)}`}
        empty={<Empty title="No policy fits">Press “New policy” to write one; the editor knows the language and checks as you type.</Empty>}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'Policy',
    width: 'minmax(220px, 3fr)',
    sort: 'name',
    opens: true,
    cell: (row) => (
      <>
        {row.problem !== null && (
          <>
            <Mark color="red" title={row.problem}>
              broken
            </Mark>{' '}
          </>
        )}
        <span title={`${row.title}\n${row.description}`}>{row.title || row.name}</span>
      </>
    ),
  },
  { name: 'Mode', width: '200px', cell: (row) => <PolicyMode policy={row} /> },
  { name: 'Severity', width: '92px', cell: (row) => <Severity value={row.severity} /> },
  {
    name: 'Origin',
    width: '96px',
    fromPx: 900,
    cell: (row) => (
      <span title={row.file}>{row.origin === 'ui' ? 'written here' : row.origin === 'folder' ? 'from a file' : 'built in'}</span>
    ),
  },
  { name: 'Hits', width: '64px', sort: 'hits', cell: (row) => <span className="num">{short(row.hits)}</span> },
  { name: 'Acted', width: '64px', cell: (row) => <span className="num">{short(row.acted)}</span> },
  { name: 'Would act', width: '88px', cell: (row) => <span className="num">{short(row.wouldAct)}</span> },
  { name: 'Mean time', width: '92px', fromPx: 900, cell: (row) => <span className="num">{meanTime(row)}</span> },
  {
    name: 'Changed',
    width: '92px',
    sort: 'changedAt',
    fromPx: 1150,
    cell: (row) => (row.changedAtMs === null ? '' : <Time ms={row.changedAtMs} />),
  },
];

function meanTime(policy: Row): string {
  const evaluations = policy.rules.reduce((sum, rule) => sum + rule.evaluations, 0);
  if (evaluations === 0) return '–';
  const nanoseconds = policy.rules.reduce((sum, rule) => sum + rule.meanNs * rule.evaluations, 0) / evaluations;
  return nanoseconds < 100 ? '< 0.1 µs' : `${(nanoseconds / 1_000).toFixed(1)} µs`;
}

const SHARES = [1, 5, 10, 25, 50, 100];

/** Observe, enforce (for a share of the traffic) or off in one click; a policy from a file keeps its text and gets another mode. */
export function PolicyMode({ policy }: { readonly policy: Row }) {
  const may = useMay('admin');
  const write = useWrite({
    refresh: ['policies'],
    write: ({ mode, percentage }: { mode: Row['mode']; percentage: number | null }) =>
      answer(api.PUT('/api/v1/policies/{name}/mode', { params: { path: { name: policy.name } }, body: { mode, percentage } })),
    done: (changed) =>
      `${policy.name} is in ${changed.mode === 'inherit' ? 'the mode of its service' : changed.mode} now${
        changed.mode === 'enforce' && changed.percentage !== null ? ` for ${changed.percentage} % of the traffic` : ''
      }.`,
  });
  const percentage = policy.percentage ?? 100;
  if (!may) return <Status value={policy.mode === 'inherit' ? "its service's" : policy.mode} />;
  return (
    <Group gap={4} wrap="nowrap">
      <Pick
        label={`Mode of ${policy.name}`}
        disabled={write.isPending}
        value={policy.mode}
        options={[
          { value: 'enforce', label: 'enforce' },
          { value: 'observe', label: 'observe' },
          { value: 'off', label: 'off' },
          { value: 'inherit', label: "its service's" },
        ]}
        onPick={(mode) => write.mutate({ mode, percentage: null })}
      />
      {policy.mode === 'enforce' && (
        <Pick
          label={`Share of the traffic that ${policy.name} acts on`}
          disabled={write.isPending}
          value={String(percentage)}
          options={[...new Set([...SHARES, percentage])]
            .sort((a, b) => a - b)
            .map((share) => ({ value: String(share), label: `${share} %` }))}
          onPick={(share) => write.mutate({ mode: 'enforce', percentage: share === '100' ? null : Number(share) })}
        />
      )}
    </Group>
  );
}
