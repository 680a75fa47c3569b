import { Button, Group, Modal, NumberInput, Stack, Table, Tabs, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { TrafficChart } from '../parts/Chart.tsx';
import { ExchangeList } from '../parts/ExchangeList.tsx';
import { useFilters } from '../parts/filters.tsx';
import { Mark, Marks, Score, Severity, Status, Yaml } from '../parts/Marks.tsx';
import { Card, Facts, Page } from '../parts/Page.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { bytes, count, duration } from '../words.ts';

type Detail = Schemas['Endpoint'];

export function Endpoint() {
  const { id } = useParams({ from: '/inventory/$id' });
  const path = { params: { path: { id } } };
  const endpoint = useQuery({ queryKey: ['endpoints', 'one', id], queryFn: () => answer(api.GET('/api/v1/endpoints/{id}', path)) });
  const title = endpoint.data === undefined ? 'Endpoint' : `${endpoint.data.method} ${endpoint.data.template}`;
  return (
    <Page
      title={title}
      about={<Link to="/inventory">Inventory</Link>}
      actions={
        endpoint.data !== undefined && (
          <Link to="/scans/new" search={{ service: endpoint.data.service, endpointId: id }}>
            Scan this endpoint
          </Link>
        )
      }
    >
      <Await query={endpoint}>{(one) => <Parts endpoint={one} />}</Await>
    </Page>
  );
}

function Parts({ endpoint }: { readonly endpoint: Detail }) {
  const [filters, setFilters] = useFilters();
  const { detail } = endpoint;
  return (
    <Stack>
      <Facts
        items={[
          [
            'Service',
            <Link key="s" to="/inventory" search={{ service: endpoint.service }}>
              {endpoint.service}
            </Link>,
          ],
          ['Risk', <Score key="r" value={endpoint.risk} />],
          ['Access', endpoint.access],
          [
            'Credentials',
            endpoint.authRequired === false
              ? 'not needed'
              : endpoint.authRequired === null
                ? 'not known yet'
                : endpoint.auth.join(', ') || 'needed',
          ],
          ['Requests', count(endpoint.counts.requests)],
          [
            'Latency p50 / p95',
            detail.latencyMs === undefined ? '–' : `${duration(detail.latencyMs.p50)} / ${duration(detail.latencyMs.p95)}`,
          ],
          ['Response size p95', detail.responseBytes === undefined ? '–' : bytes(detail.responseBytes.p95)],
          ['Principals', count(detail.principals ?? 0)],
          ['First seen', <Time key="f" ms={endpoint.firstSeenMs} />],
          ['Last seen', <Time key="l" ms={endpoint.lastSeenMs} />],
        ]}
      />
      <Group gap={6}>
        <Marks values={endpoint.tags} />
        <Marks values={endpoint.dataTypes} color="grape" />
      </Group>
      {endpoint.riskReasons.length > 0 && (
        <Text size="sm">
          <b>Why this risk:</b> {endpoint.riskReasons.join('; ')}.
        </Text>
      )}
      <Tabs value={filters.tab ?? 'parameters'} onChange={(tab) => setFilters({ tab: tab ?? undefined })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="parameters">Parameters</Tabs.Tab>
          <Tabs.Tab value="responses">Schemas</Tabs.Tab>
          <Tabs.Tab value="data">Sensitive data</Tabs.Tab>
          <Tabs.Tab value="traffic">Traffic</Tabs.Tab>
          <Tabs.Tab value="examples">Examples</Tabs.Tab>
          <Tabs.Tab value="issues">Issues</Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
          <Tabs.Tab value="why">Why this template</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="parameters" pt="md">
          <Parameters parameters={detail.parameters ?? []} />
        </Tabs.Panel>
        <Tabs.Panel value="responses" pt="md">
          <Shapes detail={detail} />
        </Tabs.Panel>
        <Tabs.Panel value="data" pt="md">
          <Sightings id={endpoint.id} />
        </Tabs.Panel>
        <Tabs.Panel value="traffic" pt="md">
          <Traffic endpoint={endpoint} />
        </Tabs.Panel>
        <Tabs.Panel value="examples" pt="md">
          <ExchangeList
            filter={{ endpointId: endpoint.id }}
            empty="No example is kept yet. weir keeps a bounded sample of the traffic, with sensitive values masked."
          />
        </Tabs.Panel>
        <Tabs.Panel value="issues" pt="md">
          <IssuesOf id={endpoint.id} />
        </Tabs.Panel>
        <Tabs.Panel value="history" pt="md">
          <History id={endpoint.id} />
        </Tabs.Panel>
        <Tabs.Panel value="why" pt="md">
          <Why endpoint={endpoint} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

function Parameters({ parameters }: { readonly parameters: readonly Schemas['ParameterFacts'][] }) {
  if (parameters.length === 0)
    return (
      <Empty title="No parameter seen yet">Path, query, header and body fields appear here with their types and redacted examples.</Empty>
    );
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {['Where', 'Name', 'Type', 'Data types', 'Required', 'Examples', 'Seen', 'First seen'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
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
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Shapes({ detail }: { readonly detail: Schemas['EndpointDetail'] }) {
  const request = detail.request;
  const responses = detail.responses ?? [];
  if (request === undefined && responses.length === 0) return <Empty title="No body seen yet" />;
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
              seen {count(one.count)} times {one.contentTypes.join(', ')}
            </span>
          }
        >
          <Yaml text={one.schema === null ? 'no body' : JSON.stringify(one.schema, null, 2)} />
        </Card>
      ))}
    </div>
  );
}

function Sightings({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoints', 'sightings', id],
    queryFn: () => answer(api.GET('/api/v1/sightings', { params: { query: { endpointId: id, limit: 200 } } })),
  });
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No sensitive data seen here" />
        ) : (
          <Table>
            <Table.Thead>
              <Table.Tr>
                {['Data type', 'In', 'Place', 'Values', 'First seen', 'Last seen'].map((name) => (
                  <Table.Th key={name}>{name}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
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
            </Table.Tbody>
          </Table>
        )
      }
    </Await>
  );
}

function Traffic({ endpoint }: { readonly endpoint: Detail }) {
  const query = useQuery({
    queryKey: ['endpoint-traffic', endpoint.id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/traffic', { params: { path: { id: endpoint.id } } })),
  });
  return <Await query={query}>{(data) => <TrafficChart {...data} />}</Await>;
}

function IssuesOf({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['issues', 'endpoint', id],
    queryFn: () => answer(api.GET('/api/v1/issues', { params: { query: { endpointId: id, limit: 100 } } })),
  });
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No issue here" />
        ) : (
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
        )
      }
    </Await>
  );
}

function History({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['endpoints', 'history', id],
    queryFn: () => answer(api.GET('/api/v1/endpoints/{id}/history', { params: { path: { id }, query: { limit: 200 } } })),
  });
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing has changed">New fields, data types and changes of its authentication are noted here.</Empty>
        ) : (
          <ul className="timeline">
            {items.map((one) => (
              <li key={one.id}>
                <Time ms={one.atMs} />
                <span>{one.text}</span>
              </li>
            ))}
          </ul>
        )
      }
    </Await>
  );
}

function Why({ endpoint }: { readonly endpoint: Detail }) {
  const may = useMay('analyst');
  const [isOpen, { open, close }] = useDisclosure(false);
  const [parameter, setParameter] = useState(0);
  const [value, setValue] = useState('');
  const path = { path: { id: endpoint.id } };
  const pin = useWrite({
    refresh: ['endpoints'],
    write: () => answer(api.POST('/api/v1/endpoints/{id}/pin', { params: path })),
    done: (edit) => edit.text,
  });
  const split = useWrite({
    refresh: ['endpoints'],
    write: (body: { parameter: number; value: string }) => answer(api.POST('/api/v1/endpoints/{id}/split', { params: path, body })),
    done: (edit) => edit.text,
    after: close,
  });
  const { why = [], pinned, sharing } = endpoint.detail;
  return (
    <Stack>
      {why.length === 0 ? (
        <Text>No reason is recorded: this path was seen as it stands.</Text>
      ) : (
        why.map((sentence) => <Text key={sentence}>{sentence}</Text>)
      )}
      {sharing !== undefined && (
        <Text size="sm" c="dimmed">
          Who may read its objects: {sharing.explanation} (confidence {Math.round(sharing.confidence * 100)} %)
        </Text>
      )}
      <Group>
        <Button variant="default" disabled={!may || pinned === true} loading={pin.isPending} onClick={() => pin.mutate(undefined)}>
          {pinned ? 'Pinned' : 'Pin this template'}
        </Button>
        <Button variant="default" disabled={!may || !endpoint.template.includes('{')} onClick={open}>
          Split a value off
        </Button>
      </Group>
      <Edits />
      <Modal opened={isOpen} onClose={close} title="Make one value an endpoint of its own" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">For example /users/me beside /users/{'{id}'}.</Text>
          <NumberInput
            label="Parameter, counted from 1"
            min={1}
            value={parameter + 1}
            onChange={(next) => setParameter(Number(next) - 1)}
          />
          <TextInput label="Value" value={value} onChange={(event) => setValue(event.currentTarget.value)} />
          <Button disabled={value === ''} loading={split.isPending} onClick={() => split.mutate({ parameter, value })}>
            Split
          </Button>
        </Stack>
      </Modal>
    </Stack>
  );
}

function Edits() {
  const edits = useQuery({
    queryKey: ['endpoints', 'edits'],
    queryFn: () => answer(api.GET('/api/v1/inventory-edits', { params: { query: { limit: 20 } } })),
  });
  const may = useMay('analyst');
  const undo = useWrite({
    refresh: ['endpoints'],
    write: (id: string) => answer(api.POST('/api/v1/inventory-edits/{id}/undo', { params: { path: { id } } })),
    done: () => 'Taken back.',
  });
  const items = edits.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Card title="Latest edits of templates">
      <ul className="plain-list">
        {items.map((edit) => (
          <li key={edit.id}>
            <span className="grow">
              {edit.text}{' '}
              <span className="dimmed small">
                by {edit.by}, <Time ms={edit.atMs} />
              </span>
            </span>
            {edit.undoneMs === null ? (
              <Button size="compact-xs" variant="default" disabled={!may} onClick={() => undo.mutate(edit.id)}>
                Undo
              </Button>
            ) : (
              <span className="dimmed">undone</span>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}
