import { Button, Group, Select } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { answer, api, type Schemas } from '../api.ts';
import { Empty } from '../parts/Await.tsx';
import { SearchFilter, SelectFilter, useFilters } from '../parts/filters.tsx';
import { Mark, Severity, Status } from '../parts/Marks.tsx';
import { Export, Page } from '../parts/Page.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
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
          <Export path="/policies" query={filters} />
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
        onOpen={(row) => void navigate({ to: '/policies/$name', params: { name: row.name } })}
        empty={<Empty title="No policy fits">Press “New policy” to write one; the editor knows the language and checks as you type.</Empty>}
      />
    </Page>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'Policy',
    width: 'minmax(240px, 3fr)',
    sort: 'name',
    cell: (row) => (
      <Link to="/policies/$name" params={{ name: row.name }} title={row.description}>
        {row.title || row.name}
      </Link>
    ),
  },
  { name: 'Mode', width: '150px', cell: (row) => <PolicyMode policy={row} /> },
  { name: 'Severity', width: '92px', cell: (row) => <Severity value={row.severity} /> },
  {
    name: 'Origin',
    width: '104px',
    cell: (row) => (
      <span title={row.file}>{row.origin === 'ui' ? 'written here' : row.origin === 'folder' ? 'from a file' : 'built in'}</span>
    ),
  },
  { name: 'Hits', width: '80px', sort: 'hits', cell: (row) => <span className="num">{short(row.hits)}</span> },
  { name: 'Acted', width: '80px', cell: (row) => <span className="num">{short(row.acted)}</span> },
  { name: 'Would act', width: '88px', cell: (row) => <span className="num">{short(row.wouldAct)}</span> },
  { name: 'Mean time', width: '92px', cell: (row) => <span className="num">{meanTime(row)}</span> },
  { name: 'Changed', width: '110px', sort: 'changedAt', cell: (row) => (row.changedAtMs === null ? '' : <Time ms={row.changedAtMs} />) },
  {
    name: 'Health',
    width: '96px',
    cell: (row) =>
      row.problem === null ? (
        ''
      ) : (
        <Mark color="red" title={row.problem}>
          broken
        </Mark>
      ),
  },
];

function meanTime(policy: Row): string {
  const evaluations = policy.rules.reduce((sum, rule) => sum + rule.evaluations, 0);
  if (evaluations === 0) return '–';
  const nanoseconds = policy.rules.reduce((sum, rule) => sum + rule.meanNs * rule.evaluations, 0) / evaluations;
  return nanoseconds < 1_000 ? `${Math.round(nanoseconds)} ns` : `${(nanoseconds / 1_000).toFixed(1)} µs`;
}

/** Observe, enforce or off in one click, for policies that are written here. */
export function PolicyMode({ policy }: { readonly policy: Row }) {
  const may = useMay('admin');
  const write = useWrite({
    refresh: ['policies'],
    write: (mode: Row['mode']) =>
      answer(api.PUT('/api/v1/policies/{name}/mode', { params: { path: { name: policy.name } }, body: { mode, percentage: null } })),
    done: (changed) => `${policy.name} is in ${changed.mode} now.`,
  });
  if (policy.readOnly || !may) return <Status value={policy.mode === 'inherit' ? "its service's" : policy.mode} />;
  return (
    <Select
      size="xs"
      w={128}
      aria-label={`Mode of ${policy.name}`}
      allowDeselect={false}
      disabled={write.isPending}
      value={policy.mode}
      data={[
        { value: 'enforce', label: 'enforce' },
        { value: 'observe', label: 'observe' },
        { value: 'off', label: 'off' },
        { value: 'inherit', label: "its service's" },
      ]}
      onChange={(mode) => mode !== null && mode !== policy.mode && write.mutate(mode as Row['mode'])}
    />
  );
}
