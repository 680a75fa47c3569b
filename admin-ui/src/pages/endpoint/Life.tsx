import { Group, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { answer, api, type Schemas } from '../../api.ts';
import { Await, Empty } from '../../parts/Await.tsx';
import { TrafficChart } from '../../parts/Chart.tsx';
import { Listed } from '../../parts/Listed.tsx';
import { Mark, Severity, Status, TestName } from '../../parts/Marks.tsx';
import { PlainTable } from '../../parts/PlainTable.tsx';
import { Time } from '../../parts/Time.tsx';
import { count } from '../../words.ts';

/** Requests over the last day. */
export function Traffic({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoint-traffic', id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/traffic', { params: { path: { id: id } } })),
  });
  return <Await query={query}>{(data) => <TrafficChart {...data} />}</Await>;
}

export function IssuesOf({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['issues', 'endpoint', id],
    queryFn: () => answer(api.GET('/api/v1/issues', { params: { query: { endpointId: id, limit: 100 } } })),
  });
  return (
    <Listed
      query={query}
      path="/issues"
      ask={{ endpointId: id }}
      empty={<Empty title="No issue here">Policies, detectors and scans file issues; the tab Tests says what was tried.</Empty>}
    >
      {(items) => (
        <ul className="plain-list">
          {items.map((issue) => (
            <li key={issue.id}>
              <Severity value={issue.severity} />
              <Link to="/issues/$id" params={{ id: issue.id }} className="grow">
                {issue.title}
              </Link>
              <Status value={issue.status} />
            </li>
          ))}
        </ul>
      )}
    </Listed>
  );
}

const FACTS: Readonly<Record<NonNullable<Schemas['EndpointDetail']['seen']>[number]['what'], string>> = {
  auth: 'Credential',
  claim: 'Claim of the token',
  role: 'Role',
  'request-type': 'Sent as',
  status: 'Status',
  'response-type': 'Answered as',
};

/** Since when and until when each credential, claim, role, status and content type was seen. */
export function Since({ seen }: { readonly seen: NonNullable<Schemas['EndpointDetail']['seen']> }) {
  if (seen.length === 0) return null;
  return (
    <PlainTable label="First and last seen" head={['What', 'Which', 'First seen', 'Last seen']}>
      {seen.map((one) => (
        <Table.Tr key={`${one.what} ${one.name}`}>
          <Table.Td>{FACTS[one.what]}</Table.Td>
          <Table.Td className="mono">{one.name}</Table.Td>
          <Table.Td>
            <Time ms={one.firstSeenMs} />
          </Table.Td>
          <Table.Td>
            <Time ms={one.lastSeenMs} />
          </Table.Td>
        </Table.Tr>
      ))}
    </PlainTable>
  );
}

/** What changed: new fields and data types, weaker authentication. */
export function History({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoints', 'history', id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/history', { params: { path: { id }, query: { limit: 200 } } })),
  });
  return (
    <Listed
      query={query}
      path={`/endpoints/${encodeURIComponent(id)}/history`}
      empty={<Empty title="Nothing has changed">New fields, data types and changes of its authentication are noted here.</Empty>}
    >
      {(items) => (
        <ul className="timeline">
          {items.map((one) => (
            <li key={one.id}>
              <Time ms={one.atMs} />
              <span>{one.text}</span>
            </li>
          ))}
        </ul>
      )}
    </Listed>
  );
}

/** Who calls it, and which data types they were sent. */
export function Callers({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoints', 'callers', id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/callers', { params: { path: { id } } })),
  });
  return (
    <Listed
      query={query}
      path={`/endpoints/${encodeURIComponent(id)}/callers`}
      empty={
        <Empty title="Nobody yet">
          Who calls this endpoint, and which data types they were sent, appears here with the first kept exchanges.
        </Empty>
      }
    >
      {(items) => (
        <>
          <Text size="sm" c="dimmed" mb="xs">
            By the exchanges that are kept of this endpoint: a sample of its traffic, and all evidence.
          </Text>
          <PlainTable label="Callers" head={['Who', 'Exchanges kept', 'Data types in the answers', 'Last']}>
            {items.map((one) => (
              <Table.Tr key={one.actorId}>
                <Table.Td>
                  <Link to="/actors/$id" params={{ id: one.actorId }}>
                    {one.label || one.actorId}
                  </Link>
                </Table.Td>
                <Table.Td className="num">{count(one.exchanges)}</Table.Td>
                <Table.Td>
                  <Group gap={4}>
                    {Object.entries(one.dataTypes).map(([type, values]) => (
                      <Mark key={type} color="grape">{`${type} × ${count(values)}`}</Mark>
                    ))}
                    {Object.keys(one.dataTypes).length === 0 && <span className="dimmed">none</span>}
                  </Group>
                </Table.Td>
                <Table.Td>
                  <Time ms={one.lastSeenMs} />
                </Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        </>
      )}
    </Listed>
  );
}

/** What scans found out about it. */
export function TestsOf({ id, service }: { readonly id: string; readonly service: string }) {
  const query = useQuery({
    queryKey: ['scans', 'of-endpoint', id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/tests', { params: { path: { id }, query: { limit: 100 } } })),
  });
  return (
    <Listed
      query={query}
      path={`/endpoints/${encodeURIComponent(id)}/tests`}
      empty={
        <Empty
          title="Not tested yet"
          action={
            <Link to="/scans/new" search={{ service, endpointId: id }}>
              Scan this endpoint
            </Link>
          }
        >
          Scans try what an attacker would: other users' objects, missing credentials, injected values.
        </Empty>
      }
    >
      {(items) => (
        <PlainTable label="Tests" head={['Verdict', 'Severity', 'Test', 'When', 'Run', 'Issue']}>
          {items.map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td>
                <Status value={one.verdict} />
              </Table.Td>
              <Table.Td>
                <Severity value={one.severity} />
              </Table.Td>
              <Table.Td>
                <TestName {...one} />
              </Table.Td>
              <Table.Td>
                <Time ms={one.atMs} />
              </Table.Td>
              <Table.Td>
                <Link to="/scans/runs/$id" params={{ id: one.runId }}>
                  Open
                </Link>
              </Table.Td>
              <Table.Td>
                {one.issueId !== null && (
                  <Link to="/issues/$id" params={{ id: one.issueId }}>
                    Open
                  </Link>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      )}
    </Listed>
  );
}
