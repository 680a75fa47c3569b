import { Group, Stack } from '@mantine/core';
import { answer, api, type Schemas } from '../../api.ts';
import { Empty } from '../../parts/Await.tsx';
import { useFilter } from '../../parts/address.ts';
import { SearchFilter } from '../../parts/filters.tsx';
import { Mark } from '../../parts/Marks.tsx';
import { Export } from '../../parts/Page.tsx';
import { type Column, Rows, useRows } from '../../parts/Rows.tsx';
import { Time } from '../../parts/Time.tsx';

type Entry = Schemas['AuditEntry'];

const COLUMNS: readonly Column<Entry>[] = [
  { name: 'When', width: '190px', cell: (row) => <Time ms={row.atMs} relative={false} /> },
  { name: 'Who', width: '1fr', cell: (row) => row.actor },
  { name: 'What', width: '1fr', cell: (row) => <span className="mono">{row.action}</span> },
  { name: 'On what', width: '1.5fr', cell: (row) => <span title={row.target}>{row.target}</span> },
  { name: 'Outcome', width: '92px', cell: (row) => <Mark color={row.outcome === 'ok' ? 'teal' : 'red'}>{row.outcome}</Mark> },
  { name: 'From', width: '130px', fromPx: 800, cell: (row) => <span className="mono">{row.address}</span> },
  {
    name: 'Detail',
    width: '2fr',
    fromPx: 800,
    cell: (row) => (
      <span className="mono" title={JSON.stringify(row.detail, null, 2)}>
        {row.detail === null ? '' : JSON.stringify(row.detail)}
      </span>
    ),
  },
];

export function Audit() {
  const [actor] = useFilter('actor');
  const [action] = useFilter('action');
  const query = { actor, action };
  const rows = useRows(['settings', 'audit', query], (page) =>
    answer(api.GET('/api/v1/audit', { params: { query: { ...query, ...page, sort: '-at' } } })),
  );
  return (
    <Stack>
      <Group>
        <SearchFilter name="actor" placeholder="Who, e.g. user:ann" />
        <SearchFilter name="action" placeholder="What, e.g. policies.put" />
        <Export path="/audit" query={query} />
      </Group>
      <Rows
        label="Audit log"
        query={rows}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        empty={<Empty title="Nothing is noted yet">Every write is, with who, when and from where.</Empty>}
      />
    </Stack>
  );
}
