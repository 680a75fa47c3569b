import { Group } from '@mantine/core';
import { answer, api, type Schemas } from '../api.ts';
import { Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { numeric, SearchFilter, SelectFilter } from '../parts/filters.tsx';
import { Score, Status } from '../parts/Marks.tsx';
import { Export, Page } from '../parts/Page.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { Time } from '../parts/Time.tsx';
import { short } from '../words.ts';

type Row = Schemas['Actor'];

const number = (name: string, sort: string | undefined, value: (row: Row) => number): Column<Row> => ({
  name,
  width: '88px',
  ...(sort === undefined ? {} : { sort }),
  cell: (row) => <span className="num">{short(value(row))}</span>,
});

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'Actor',
    width: 'minmax(120px, 1.6fr)',
    opens: true,
    cell: (row) => <span title={row.value}>{row.label}</span>,
  },
  { name: 'Kind', width: '84px', fromPx: 900, cell: (row) => row.kind },
  { name: 'Score', width: '116px', sort: 'score', cell: (row) => <Score value={row.score} /> },
  { name: 'State', width: '88px', cell: (row) => <Status value={row.state} /> },
  {
    name: 'Why',
    width: 'minmax(190px, 3fr)',
    cell: (row) => <span title={(row.detail.reasons ?? []).map((one) => one.text).join('\n')}>{row.detail.reasons?.[0]?.text ?? ''}</span>,
  },
  number('Findings', 'findings', (row) => row.findings),
  number('Requests', 'requests', (row) => row.requests),
  { ...number('Errors', undefined, (row) => row.errors), fromPx: 1150 },
  { ...number('Blocked', undefined, (row) => row.blocked), fromPx: 900 },
  { name: 'Last seen', width: '108px', sort: 'lastSeen', cell: (row) => <Time ms={row.lastSeenMs} /> },
];

export function Actors() {
  const [filters, setFilters] = useFilters();
  const sort = filters.sort ?? '-score';
  const query = {
    search: filters.search,
    kind: filters.kind as Row['kind'] | undefined,
    state: filters.state as Row['state'] | undefined,
    minScore: numeric(filters.minScore),
    sort: sort as '-score',
  };
  const rows = useRows(['actors', query], (page) => answer(api.GET('/api/v1/actors', { params: { query: { ...query, ...page } } })));
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  return (
    <Page title="Actors" about="Whoever calls your APIs: the principal, else the client address." actions={<Export path="/actors" />}>
      <Group gap="xs">
        <SearchFilter placeholder="Search name or address" />
        <SelectFilter name="kind" label="Kind" options={['principal', 'address']} />
        <SelectFilter name="state" label="State" options={['active', 'watched', 'blocked', 'allowed']} />
        <SelectFilter
          name="minScore"
          label="Score"
          options={[
            { value: '20', label: 'score ≥ 20' },
            { value: '50', label: 'score ≥ 50' },
            { value: '80', label: 'score ≥ 80' },
          ]}
        />
      </Group>
      <Rows
        label="Actors"
        query={rows}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        sort={sort}
        onSort={(next) => setFilters({ sort: next })}
        page={(row) => `/actors/${encodeURIComponent(row.id)}`}
        empty={
          isFiltered ? (
            <Empty title="No actor fits these filters">Take a filter away, or search for another word.</Empty>
          ) : (
            <Empty title="No actor yet">Actors appear with the first traffic. Who only behaves well keeps a score of 0.</Empty>
          )
        }
      />
    </Page>
  );
}
