import { Alert, Button, Group, Stack, Switch, Table, Tabs, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { AuthContexts } from '../parts/AuthContexts.tsx';
import { Await, Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { SearchFilter, SelectFilter } from '../parts/filters.tsx';
import { Mark, Severity, Status, Yaml } from '../parts/Marks.tsx';
import { ALL, Export, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { Sure } from '../parts/Sure.tsx';
import { Turn } from '../parts/Tick.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count } from '../words.ts';

export function Scans() {
  const [filters, setFilters] = useFilters();
  const may = useMay('analyst');
  const navigate = useNavigate();
  return (
    <Page
      title="Scans"
      about="Tests that weir runs against your APIs, by hand or on a schedule."
      actions={
        <>
          {(filters.tab ?? 'scans') === 'scans' && <Export path="/scans" query={ALL} />}
          {filters.tab === 'runs' && <Export path="/scan-runs" query={ALL} />}
          <Button disabled={!may} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => void navigate({ to: '/scans/new' })}>
            New scan
          </Button>
        </>
      }
    >
      <Tabs
        value={filters.tab ?? 'scans'}
        onChange={(tab) => setFilters({ tab: tab ?? undefined, search: undefined, category: undefined, severity: undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="scans">Scans</Tabs.Tab>
          <Tabs.Tab value="runs">Runs</Tabs.Tab>
          <Tabs.Tab value="tests">Tests</Tabs.Tab>
          <Tabs.Tab value="contexts">Auth contexts</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="scans">
          <Definitions />
        </Tabs.Panel>
        <Tabs.Panel value="runs">
          <Runs />
        </Tabs.Panel>
        <Tabs.Panel value="tests">
          <Tests />
        </Tabs.Panel>
        <Tabs.Panel value="contexts">
          <AuthContexts />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Definitions() {
  const may = useMay('analyst');
  const navigate = useNavigate();
  const query = useQuery({
    queryKey: ['scans', 'list'],
    queryFn: () => answer(api.GET('/api/v1/scans', { params: { query: { limit: 500 } } })),
  });
  const run = useWrite({
    refresh: ['scans'],
    write: (id: string) => answer(api.POST('/api/v1/scans/{id}/runs', { params: { path: { id } }, body: { trigger: 'person' } })),
    after: (started) => void navigate({ to: '/scans/runs/$id', params: { id: started.id } }),
  });
  const change = useWrite({
    refresh: ['scans'],
    write: ({ id, name, service, definition, cron, zone, enabled }: Schemas['Scan']) =>
      answer(api.PUT('/api/v1/scans/{id}', { params: { path: { id } }, body: { name, service, definition, cron, zone, enabled } })),
  });
  const remove = useWrite({
    refresh: ['scans'],
    write: (id: string) => answer(api.DELETE('/api/v1/scans/{id}', { params: { path: { id } } })),
    done: () => 'Removed. Its runs stay.',
  });
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No scan yet" action={<Link to="/scans/new">Make the first one</Link>}>
            Choose a service, identities to test with, and tests; run it now or on a schedule.
          </Empty>
        ) : (
          <PlainTable label="Scans" head={['Scan', 'Service', 'Schedule', 'Next run', 'On', 'By', 'Do']} minWidth={760}>
            {items.map((scan) => (
              <Table.Tr key={scan.id}>
                <Table.Td>{scan.name}</Table.Td>
                <Table.Td>{scan.service}</Table.Td>
                <Table.Td>
                  {scan.cron === '' ? (
                    'by hand'
                  ) : (
                    <>
                      <span className="mono">{scan.cron}</span> <span className="dimmed small">{scan.zone}</span>
                    </>
                  )}
                </Table.Td>
                <Table.Td>{scan.nextRunMs === null ? '–' : <Time ms={scan.nextRunMs} relative={false} />}</Table.Td>
                <Table.Td>
                  <Switch
                    aria-label={`Schedule of ${scan.name}`}
                    checked={scan.enabled}
                    disabled={!may || scan.cron === ''}
                    onChange={(event) => change.mutate({ ...scan, enabled: event.currentTarget.checked })}
                  />
                </Table.Td>
                <Table.Td>{scan.createdBy}</Table.Td>
                <Table.Td>
                  <Group gap={4} wrap="nowrap">
                    <Button
                      size="compact-xs"
                      disabled={!may}
                      loading={run.isPending}
                      aria-label={`Run now: ${scan.name}`}
                      onClick={() => run.mutate(scan.id)}
                    >
                      Run now
                    </Button>
                    <Sure
                      verb="Remove"
                      what={scan.name}
                      text="Its schedule ends. The runs it made and what they found stay."
                      disabled={!may}
                      busy={remove.isPending}
                      run={() => remove.mutate(scan.id)}
                    />
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        )
      }
    </Await>
  );
}

type Run = Schemas['ScanRun'];
const RUNS: readonly Column<Run>[] = [
  {
    name: 'Started',
    width: '160px',
    opens: true,
    cell: (run) => <Time ms={run.startedMs} />,
  },
  { name: 'Service', width: 'minmax(110px, 1fr)', cell: (run) => run.service },
  { name: 'State', width: '110px', cell: (run) => <Status value={run.state} /> },
  { name: 'Started by', width: '110px', fromPx: 740, cell: (run) => run.trigger },
  { name: 'Progress', width: '130px', cell: (run) => `${count(run.progress.done ?? 0)} of ${count(run.progress.total ?? 0)}` },
  { name: 'Requests', width: '100px', fromPx: 950, cell: (run) => count(run.progress.requests ?? 0) },
  {
    name: 'Vulnerable',
    width: '110px',
    cell: (run) => ((run.summary.vulnerable ?? 0) > 0 ? <Mark color="red">{count(run.summary.vulnerable ?? 0)}</Mark> : '0'),
  },
  { name: 'Problem', width: '2fr', cell: (run) => <span title={run.summary.problem}>{run.summary.problem ?? ''}</span> },
];

function Runs() {
  const rows = useRows(['scans', 'runs'], (page) =>
    answer(api.GET('/api/v1/scan-runs', { params: { query: { ...page, sort: '-started' } } })),
  );
  return (
    <Rows
      label="Runs"
      query={rows}
      columns={RUNS}
      rowKey={(run) => run.id}
      page={(run) => `/scans/runs/${encodeURIComponent(run.id)}`}
      empty={<Empty title="No run yet">Press “Run now” beside a scan.</Empty>}
    />
  );
}

type Test = Schemas['ScanTest'];

function Tests() {
  const [filters] = useFilters();
  const may = useMay('admin');
  const [shown, setShown] = useState<string | null>(null);
  const turn = useWrite({
    refresh: ['scans'],
    write: ({ id, enabled }: { id: string; enabled: boolean }) =>
      answer(api.PUT('/api/v1/scan-tests/{id}', { params: { path: { id } }, body: { enabled } })),
  });
  const query = { search: filters.search, category: filters.category, severity: filters.severity };
  const rows = useRows(['scans', 'tests', query], (page) =>
    answer(api.GET('/api/v1/scan-tests', { params: { query: { ...query, ...page } } })),
  );
  const categories = [...new Set(rows.data?.pages.flatMap((page) => page.items.map((test) => test.category)) ?? [])];
  const columns: readonly Column<Test>[] = [
    { name: 'Test', width: 'minmax(200px, 3fr)', cell: (test) => <span title={test.description}>{test.name}</span> },
    { name: 'Category', width: 'minmax(120px, 1fr)', cell: (test) => test.category },
    { name: 'Severity', width: '96px', cell: (test) => <Severity value={test.severity} /> },
    { name: 'OWASP', width: '100px', fromPx: 760, cell: (test) => test.owasp },
    { name: 'Intrusive', width: '84px', cell: (test) => (test.intrusive ? <Mark color="orange">intrusive</Mark> : '') },
    {
      name: 'Origin',
      width: '92px',
      cell: (test) => (test.origin === 'library' ? 'built in' : test.origin === 'folder' ? 'from a file' : 'written here'),
    },
    {
      name: 'On',
      width: '80px',
      cell: (test) => (
        <Turn
          label={`Use ${test.name}`}
          checked={test.enabled}
          disabled={!may}
          onChange={(enabled) => turn.mutate({ id: test.id, enabled })}
        />
      ),
    },
  ];
  return (
    <Stack>
      <Group gap="xs">
        <SearchFilter placeholder="Search tests" />
        <SelectFilter name="category" label="Category" options={categories} />
        <SelectFilter name="severity" label="Severity" options={['critical', 'high', 'medium', 'low', 'info']} />
        <Export path="/scan-tests" query={query} />
      </Group>
      <Rows
        label="Tests"
        query={rows}
        columns={columns}
        rowKey={(test) => test.id}
        onOpen={(test) => setShown(shown === test.id ? null : test.id)}
        height="50vh"
        empty={
          <Empty title="No test fits">
            Take a filter away, or search for another word. Tests of your own are YAML files in the scan folder.
          </Empty>
        }
      />
      {shown !== null && <TestText id={shown} />}
    </Stack>
  );
}

function TestText({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['scans', 'test', id],
    queryFn: () => answer(api.GET('/api/v1/scan-tests/{id}', { params: { path: { id } } })),
  });
  return (
    <Await query={query}>
      {(test) => (
        <Stack gap="xs">
          <Text>
            <b>{test.name}</b>: {test.description}
          </Text>
          {test.problem !== null && <Alert color="red">{test.problem}</Alert>}
          <Yaml text={test.text} />
        </Stack>
      )}
    </Await>
  );
}
