import { Button, Group, Menu } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { memo } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { Empty } from '../parts/Await.tsx';
import { useFilter, useFilters } from '../parts/address.ts';
import { Spark } from '../parts/Chart.tsx';
import { numeric, SearchFilter, SelectFilter, ServiceFilter, useServices } from '../parts/filters.tsx';
import { Mark, Marks, Place, Score } from '../parts/Marks.tsx';
import { Export, Page } from '../parts/Page.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { SavedViews } from '../parts/SavedViews.tsx';
import { Time } from '../parts/Time.tsx';
import { short } from '../words.ts';

type Row = Schemas['EndpointSummary'];

const ACCESS_COLOR = { public: 'orange', partner: 'blue', private: 'gray', unknown: 'gray' } as const;

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'Endpoint',
    width: 'minmax(160px, 4fr)',
    sort: 'template',
    opens: true,
    cell: (row) => (
      <span title={`${row.method} ${row.template}`}>
        <Place method={row.method} template={row.template} />
      </span>
    ),
  },
  { name: 'Service', width: 'minmax(80px, 1fr)', fromPx: 1150, cell: (row) => <span title={row.service}>{row.service}</span> },
  {
    name: 'Risk',
    width: '112px',
    sort: 'risk',
    cell: (row) => (
      <span title={row.riskReasons.join('\n')}>
        <Score value={row.risk} />
      </span>
    ),
  },
  {
    name: 'Access',
    width: '92px',
    cell: (row) =>
      row.access === 'unknown' ? (
        <span className="dimmed small" title="Too little traffic so far to tell who may use it">
          not known
        </span>
      ) : (
        <Mark color={ACCESS_COLOR[row.access]}>{row.access}</Mark>
      ),
  },
  {
    name: 'Auth',
    width: '106px',
    cell: (row) => (row.authRequired === false ? <Mark color="orange">not needed</Mark> : <Marks values={row.auth} most={1} />),
  },
  { name: 'Data types', width: 'minmax(118px, 1.3fr)', cell: (row) => <Marks values={row.dataTypes} color="grape" most={1} /> },
  { name: 'Tags', width: 'minmax(112px, 1.2fr)', fromPx: 900, cell: (row) => <Marks values={row.tags} most={1} /> },
  { name: 'Requests', width: '92px', sort: 'requests', cell: (row) => <span className="num">{short(row.counts.requests)}</span> },
  { name: 'Last day', width: '112px', fromPx: 1150, cell: (row) => <Spark points={row.sparkline} /> },
  { name: 'First seen', width: '106px', sort: 'firstSeen', fromPx: 1300, cell: (row) => <Time ms={row.firstSeenMs} /> },
  { name: 'Last seen', width: '108px', sort: 'lastSeen', cell: (row) => <Time ms={row.lastSeenMs} /> },
];

/** One service needs no column. */
const OF_ONE_SERVICE = COLUMNS.filter((column) => column.name !== 'Service');

export function Inventory() {
  const [filters, setFilters] = useFilters();
  const services = useServices();
  const columns = services.data?.items.length === 1 ? OF_ONE_SERVICE : COLUMNS;
  const sort = filters.sort ?? '-lastSeen';
  const query = {
    search: filters.search,
    service: filters.service,
    method: filters.method,
    access: filters.access as Row['access'] | undefined,
    tag: filters.tag,
    dataType: filters.dataType,
    field: filters.field,
    auth: filters.auth,
    minRisk: numeric(filters.minRisk),
    firstSeenAfterMs: numeric(filters.firstSeenAfterMs),
    sort: sort as '-lastSeen',
  };
  const rows = useRows(['endpoints', query], (page) =>
    answer(api.GET('/api/v1/endpoints', { params: { query: { ...query, ...page, sparkline: 'true' } } })),
  );
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  return (
    <Page
      title="Inventory"
      about="Every endpoint that traffic showed, learned as it flows."
      actions={
        <>
          <SavedViews page="inventory" />
          <Export path="/endpoints" />
          <Descriptions services={services.data?.items ?? []} />
        </>
      }
    >
      <EndpointFilters />
      <Rows
        label="Endpoints"
        query={rows}
        columns={columns}
        rowKey={(row) => row.id}
        sort={sort}
        onSort={(next) => setFilters({ sort: next })}
        page={(row) => `/inventory/${encodeURIComponent(row.id)}`}
        empty={
          isFiltered ? (
            <Empty title="No endpoint fits these filters">Take a filter away, or search for part of a path.</Empty>
          ) : (
            <Empty title="No endpoint yet">
              Send a request through the gateway, or <Link to="/sources">listen to a copy of the traffic or upload a recording</Link>. An
              endpoint shows up here within two seconds.
            </Empty>
          )
        }
      />
    </Page>
  );
}

/** What was learned of a service, as an OpenAPI document. */
function Descriptions({ services }: { readonly services: readonly { readonly name: string }[] }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" disabled={services.length === 0}>
          OpenAPI
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={360} className="scrolls">
        {services.map(({ name }) => (
          <Menu.Item key={name} component="a" href={`/api/v1/services/${encodeURIComponent(name)}/openapi`} download>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Drawn by itself: new rows leave it alone. */
const EndpointFilters = memo(function EndpointFilters() {
  const [dataType] = useFilter('dataType');
  const services = useServices();
  const types = useQuery({ queryKey: ['settings', 'data-types'], queryFn: () => answer(api.GET('/api/v1/data-types')) });
  const typeOptions = [
    ...(types.data?.items.map((type) => ({ value: type.id, label: type.title })) ?? []),
    // A type that was removed since may still be asked for by an old link.
    ...(dataType !== undefined && !types.data?.items.some((type) => type.id === dataType) ? [{ value: dataType, label: dataType }] : []),
  ];
  return (
    <Group gap="xs">
      <SearchFilter placeholder="Search method, path or service" />
      <SearchFilter name="field" placeholder="Field name" narrow />
      {services.data?.items.length !== 1 && <ServiceFilter />}
      <SelectFilter name="method" label="Method" options={['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']} width={106} />
      <SelectFilter name="dataType" label="Data type" options={typeOptions} width={126} />
      <SelectFilter
        name="tag"
        label="Tag"
        options={['shadow', 'zombie', 'unauthenticated', 'sensitive', 'deprecated', 'documented']}
        width={108}
      />
      <SelectFilter name="access" label="Access" options={['public', 'partner', 'private', 'unknown']} width={106} />
      <SelectFilter
        name="auth"
        label="Auth"
        options={['jwt', 'bearer', 'api-key', 'session-cookie', 'basic', 'mtls', 'hmac']}
        width={100}
      />
      <SelectFilter
        name="minRisk"
        label="Risk"
        options={[
          { value: '40', label: 'risk ≥ 40' },
          { value: '75', label: 'risk ≥ 75' },
        ]}
        width={100}
      />
    </Group>
  );
});
