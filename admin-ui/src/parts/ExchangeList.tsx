import { Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { answer, api } from '../api.ts';
import { Await, Empty } from './Await.tsx';
import { Mark, Method } from './Marks.tsx';
import { Export } from './Page.tsx';
import { Time } from './Time.tsx';

/** The status beside it is the upstream's: of an answer that was held back it says success. */
const actionText = ({ action, status }: { readonly action: string; readonly status: number | null }): string =>
  action === 'blocked' && status !== null && status < 400 ? 'answer blocked' : action;

/** The newest kept exchanges of an endpoint or actor, or those before a moment. */
export function ExchangeList({
  filter,
  empty,
}: {
  readonly filter: { readonly endpointId?: string; readonly actorId?: string; readonly sinceMs?: number; readonly untilMs?: number };
  readonly empty: string;
}) {
  const query = useQuery({
    queryKey: ['exchanges', filter],
    queryFn: () => answer(api.GET('/api/v1/exchanges', { params: { query: { ...filter, limit: 50, sort: '-at' } } })),
  });
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No example kept">{empty}</Empty>
        ) : (
          <Stack gap="xs">
            <ul className="plain-list wraps">
              {items.map((one) => (
                <li key={one.id}>
                  <Link to="/exchanges/$id" params={{ id: one.id }} className="cut grow">
                    <Method value={one.method} /> <span className="mono">{one.target}</span>
                  </Link>
                  {one.evidence && <Mark color="orange">evidence</Mark>}
                  {one.action !== 'passed' && <Mark color="red">{actionText(one)}</Mark>}
                  <span className="num">{one.status}</span>
                  <Time ms={one.atMs} />
                </li>
              ))}
            </ul>
            <Group>
              <Export
                path="/exchanges"
                query={Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)]))}
                small
              />
            </Group>
          </Stack>
        )
      }
    </Await>
  );
}
