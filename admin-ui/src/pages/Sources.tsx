import { Alert, Group, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { answer, api, type Schemas } from '../api.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { useServices } from '../parts/filters.tsx';
import { Status } from '../parts/Marks.tsx';
import { ModeSwitch } from '../parts/ModeSwitch.tsx';
import { ALL, Card, Export, Facts, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { Time } from '../parts/Time.tsx';
import { count, duration } from '../words.ts';
import { Listening } from './sources/Listening.tsx';
import { Description, Upload } from './sources/Recordings.tsx';
import { SelfTest } from './sources/SelfTest.tsx';

export function Sources() {
  return (
    <Page title="Sources" about="Where weir's knowledge comes from: gateways in the path, sensors beside it, recordings.">
      <Services />
      <Running />
      <div className="two">
        <Listening />
        <Upload />
        <Description />
        <SelfTest />
      </div>
    </Page>
  );
}

function Services() {
  const services = useServices();
  return (
    <Card title="Services and their mode" aside={<Export path="/services" query={ALL} small />}>
      <Await query={services}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No service yet">Name one in weir.yaml, start weir with --upstream, or send the first request.</Empty>
          ) : (
            <PlainTable
              label="Services"
              head={[
                'Service',
                'Mode',
                'Upstreams',
                'Endpoints',
                'Open issues',
                'Requests, last hour',
                'Blocked',
                'Would block',
                'Documents',
              ]}
              minWidth={760}
            >
              {items.map((service) => (
                <Table.Tr key={service.name}>
                  <Table.Td>
                    <Link to="/inventory" search={{ service: service.name }}>
                      {service.name}
                    </Link>
                  </Table.Td>
                  <Table.Td>
                    <ModeSwitch service={service.name} mode={service.mode} />
                  </Table.Td>
                  <Table.Td className="mono">{service.upstreams.join(', ')}</Table.Td>
                  <Table.Td className="num">{count(service.endpoints)}</Table.Td>
                  <Table.Td className="num">{count(service.openIssues)}</Table.Td>
                  <Table.Td className="num">{count(service.requestsLastHour)}</Table.Td>
                  <Table.Td className="num">{count(service.blockedLastHour)}</Table.Td>
                  <Table.Td className="num">{count(service.wouldBlockLastHour)}</Table.Td>
                  <Table.Td>
                    <Link to="/reports" search={{ service: service.name }}>
                      Report
                    </Link>
                    {' · '}
                    <a href={`/api/v1/services/${encodeURIComponent(service.name)}/openapi`} download>
                      OpenAPI
                    </a>
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Await>
    </Card>
  );
}

function Running() {
  const sources = useQuery({ queryKey: ['sources'], queryFn: () => answer(api.GET('/api/v1/sources')), refetchInterval: 3_000 });
  return (
    <Card title="Gateways, sensors and engines" aside={<Export path="/sources" query={ALL} small />}>
      <Await query={sources}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing has reported yet">A gateway reports a few seconds after its start.</Empty>
          ) : (
            <div className="two">
              {items.map((source) => (
                <Source key={source.id} source={source} />
              ))}
            </div>
          )
        }
      </Await>
    </Card>
  );
}

function Source({ source }: { readonly source: Schemas['Source'] }) {
  const drops = Object.entries(source.droppedBy).filter(([, value]) => value > 0);
  const counters = Object.entries(source.counters);
  return (
    <section className="card" aria-label={source.id}>
      <Group justify="space-between" mb="xs">
        <b>
          {source.kind} <span className="dimmed mono">{source.id}</span>
        </b>
        <Status value={source.state} />
      </Group>
      {source.problem !== null && (
        <Alert color="orange" mb="xs" className="keep-lines">
          {source.problem}
        </Alert>
      )}
      <Facts
        items={[
          ['Exchanges per second', source.requestsPerSecond.toFixed(1)],
          ['Lag', duration(source.lagMs)],
          ['Dropped', count(source.dropped)],
          ...(source.host === '' ? [] : [['Host', source.host] as const]),
          ['Version', source.version],
          ['Up since', <Time key="u" ms={source.startedAtMs} />],
          ['Seen', <Time key="s" ms={source.seenAtMs} />],
        ]}
      />
      <Heard source={source} />
      {drops.length > 0 && (
        <Text size="sm" mt="xs">
          Dropped because: {drops.map(([reason, value]) => `${reason} (${count(value)})`).join(', ')}
        </Text>
      )}
      {counters.length > 0 && (
        <details>
          <summary className="dimmed small">Counters</summary>
          <ul className="plain-list small">
            {counters.map(([name, value]) => (
              <li key={name}>
                <span>{name}</span>
                <span className="num">{Number.isInteger(value) ? count(value) : value.toFixed(2)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

interface Place {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly problem: string | null;
  readonly remark?: string | null;
  readonly packetsPerSecond: number;
}

/** What a sensor hears, place by place, and what came of it. */
function Heard({ source }: { readonly source: Schemas['Source'] }) {
  const places = (source.detail.sources ?? []) as readonly Place[];
  if (source.kind !== 'sensor' || places.length === 0) return null;
  const { exchangesPerSecond = 0, encryptedShare = 0 } = source.counters;
  const tls = encryptedShare > 0 ? `; ${Math.round(encryptedShare * 100)} % TLS, invisible` : '';
  return (
    <ul className="plain-list small" aria-label="What it hears">
      {places.map(({ kind, name, state, problem, remark, packetsPerSecond }) => (
        <li key={`${kind} ${name}`}>
          <span className="mono">
            {kind} {name}
          </span>
          <span>
            {problem ?? (state === 'running' ? `${Math.round(packetsPerSecond)} packets/s` : state)}
            {remark == null ? '' : `; ${remark}`}
          </span>
        </li>
      ))}
      <li>
        <span>Together</span>
        <span>
          {Math.round(exchangesPerSecond)} exchanges/s, {lost(source.counters)}
          {tls}
        </span>
      </li>
    </ul>
  );
}

/** Packets that the kernel or a thread of the sensor had no room for, and exchanges that the stream had none for. */
function lost({ droppedByKernel = 0, overloaded = 0, teeDropped = 0 }: Schemas['Source']['counters']): string {
  const packets = droppedByKernel + overloaded;
  const parts = [
    ...(packets > 0 ? [`${count(packets)} packets dropped`] : []),
    ...(teeDropped > 0 ? [`${count(teeDropped)} exchanges dropped on the way to the engine`] : []),
  ];
  return parts.join(', ') || '0 dropped';
}
