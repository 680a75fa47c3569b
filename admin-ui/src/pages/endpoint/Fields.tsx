import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { answer, api, type Schemas } from '../../api.ts';
import { Empty } from '../../parts/Await.tsx';
import { Listed } from '../../parts/Listed.tsx';
import { Mark, Marks, Yaml } from '../../parts/Marks.tsx';
import { Card } from '../../parts/Page.tsx';
import { PlainTable } from '../../parts/PlainTable.tsx';
import { Time } from '../../parts/Time.tsx';
import { count, plural } from '../../words.ts';

/** Path, query, header and body fields with what was learned of them. */
export function Parameters({ parameters }: { readonly parameters: readonly Schemas['ParameterFacts'][] }) {
  if (parameters.length === 0)
    return (
      <Empty title="No parameter seen yet">Path, query, header and body fields appear here with their types and redacted examples.</Empty>
    );
  return (
    <PlainTable
      label="Parameters"
      head={['Where', 'Name', 'Type', 'Data types', 'Required', 'Examples', 'Seen', 'First seen']}
      minWidth={760}
    >
      {parameters.map((one) => (
        <Table.Tr key={`${one.in} ${one.name}`}>
          <Table.Td>{one.in}</Table.Td>
          <Table.Td className="mono">
            {one.name}{' '}
            {one.isId && (
              <Mark color="blue" title="Identifies an object">
                id
              </Mark>
            )}
          </Table.Td>
          <Table.Td>
            {one.types.join(' or ')}
            {one.format !== undefined && <span className="dimmed"> {one.format}</span>}
            {one.min !== undefined && one.max !== undefined && (
              <span className="dimmed small">
                {' '}
                {one.min}–{one.max}
              </span>
            )}
          </Table.Td>
          <Table.Td>
            <Marks values={one.dataTypes ?? []} color="grape" />
          </Table.Td>
          <Table.Td>{one.required ? 'always' : 'sometimes'}</Table.Td>
          <Table.Td className="mono">{(one.values ?? one.examples ?? []).slice(0, 4).join(', ')}</Table.Td>
          <Table.Td className="num">{count(one.seen)}</Table.Td>
          <Table.Td>
            <Time ms={one.firstSeenMs} />
          </Table.Td>
        </Table.Tr>
      ))}
    </PlainTable>
  );
}

/** Schemas of the request body and of each status. */
export function Shapes({ detail }: { readonly detail: Schemas['EndpointDetail'] }) {
  const request = detail.request;
  const responses = detail.responses ?? [];
  if (request === undefined && responses.length === 0)
    return <Empty title="No body seen yet">Schemas appear here with the first request or answer that has a body weir can read.</Empty>;
  return (
    <div className="two">
      {request !== undefined && (
        <Card title="Request body" aside={<span className="dimmed small">{request.contentTypes.join(', ')}</span>}>
          <Yaml text={JSON.stringify(request.schema, null, 2)} />
        </Card>
      )}
      {responses.map((one) => (
        <Card
          key={one.status}
          title={`Status ${one.status}`}
          aside={
            <span className="dimmed small">
              seen {plural(one.count, 'time')} {one.contentTypes.join(', ')}
            </span>
          }
        >
          <Yaml text={one.schema === null ? 'no body' : JSON.stringify(one.schema, null, 2)} />
        </Card>
      ))}
    </div>
  );
}

/** Where sensitive data stands, since when, and who was sent it. */
export function Sightings({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoints', 'sightings', id],
    queryFn: () => answer(api.GET('/api/v1/sightings', { params: { query: { endpointId: id, limit: 200 } } })),
  });
  return (
    <Listed
      query={query}
      path="/sightings"
      ask={{ endpointId: id }}
      empty={<Empty title="No sensitive data seen here">Data types that requests or answers carry appear here with their place.</Empty>}
    >
      {(items) => (
        <PlainTable label="Sensitive data" head={['Data type', 'In', 'Place', 'Values', 'First seen', 'Last seen']}>
          {items.map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td>
                <Mark color="grape">{one.type}</Mark>
              </Table.Td>
              <Table.Td>{one.phase}</Table.Td>
              <Table.Td className="mono">
                {one.place} {one.path}
              </Table.Td>
              <Table.Td className="num">{count(one.count)}</Table.Td>
              <Table.Td>
                <Time ms={one.firstSeenMs} />
              </Table.Td>
              <Table.Td>
                <Time ms={one.lastSeenMs} />
              </Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      )}
    </Listed>
  );
}
