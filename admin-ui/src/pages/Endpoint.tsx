import { Button, Group, Stack, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { answer, api, type Schemas } from '../api.ts';
import { Await } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { ExchangeList } from '../parts/ExchangeList.tsx';
import { Marks, Score } from '../parts/Marks.tsx';
import { Facts, Page } from '../parts/Page.tsx';
import { Time } from '../parts/Time.tsx';
import { useMay } from '../session.ts';
import { bytes, count, duration } from '../words.ts';
import { Parameters, Shapes, Sightings } from './endpoint/Fields.tsx';
import { Callers, History, IssuesOf, Since, TestsOf, Traffic } from './endpoint/Life.tsx';
import { Why } from './endpoint/Template.tsx';

type Detail = Schemas['Endpoint'];

export function Endpoint() {
  const { id } = useParams({ from: '/inventory/$id' });
  const navigate = useNavigate();
  const may = useMay('analyst');
  const path = { params: { path: { id } } };
  const endpoint = useQuery({ queryKey: ['endpoints', 'one', id], queryFn: () => answer(api.GET('/api/v1/endpoints/{id}', path)) });
  const title = endpoint.data === undefined ? 'Endpoint' : `${endpoint.data.method} ${endpoint.data.template}`;
  return (
    <Page
      title={title}
      about={<Link to="/inventory">Inventory</Link>}
      actions={
        endpoint.data !== undefined && (
          <Button
            variant="default"
            disabled={!may}
            onClick={() => void navigate({ to: '/scans/new', search: { service: endpoint.data.service, endpointId: id } })}
          >
            Scan this endpoint
          </Button>
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
                ? endpoint.auth.length === 0
                  ? 'not known yet'
                  : `${endpoint.auth.join(', ')}; nobody came without`
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
        <Marks values={endpoint.tags} most={8} />
        <Marks values={endpoint.dataTypes} color="grape" most={8} />
      </Group>
      {endpoint.riskReasons.length > 0 && (
        <Text size="sm">
          <b>Why this risk:</b> {endpoint.riskReasons.join('; ')}.
        </Text>
      )}
      {detail.sharing !== undefined && (
        <Text size="sm">
          <b>Its objects</b> are {detail.sharing.explanation}
          {detail.sharing.confidence > 0 && ` (confidence ${Math.round(detail.sharing.confidence * 100)} %)`}.
        </Text>
      )}
      <Tabs value={filters.tab ?? 'parameters'} onChange={(tab) => setFilters({ tab: tab ?? undefined })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="parameters">Parameters</Tabs.Tab>
          <Tabs.Tab value="responses">Schemas</Tabs.Tab>
          <Tabs.Tab value="data">Sensitive data</Tabs.Tab>
          <Tabs.Tab value="callers">Callers</Tabs.Tab>
          <Tabs.Tab value="traffic">Traffic</Tabs.Tab>
          <Tabs.Tab value="examples">Examples</Tabs.Tab>
          <Tabs.Tab value="issues">Issues</Tabs.Tab>
          <Tabs.Tab value="tests">Tests</Tabs.Tab>
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
        <Tabs.Panel value="callers" pt="md">
          <Callers id={endpoint.id} />
        </Tabs.Panel>
        <Tabs.Panel value="traffic" pt="md">
          <Traffic id={endpoint.id} />
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
        <Tabs.Panel value="tests" pt="md">
          <TestsOf id={endpoint.id} service={endpoint.service} />
        </Tabs.Panel>
        <Tabs.Panel value="history" pt="md">
          <Stack>
            <History id={endpoint.id} />
            <Since seen={detail.seen ?? []} />
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="why" pt="md">
          <Why endpoint={endpoint} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
