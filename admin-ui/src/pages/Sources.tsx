import { Alert, Button, FileButton, Group, NumberInput, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconTrash, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { answer, api, reachWithoutHurry, type Schemas } from '../api.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { useServices } from '../parts/filters.tsx';
import { Mark, Status } from '../parts/Marks.tsx';
import { ModeSwitch } from '../parts/ModeSwitch.tsx';
import { ALL, Card, Export, Facts, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { Time } from '../parts/Time.tsx';
import { Working } from '../parts/Working.tsx';
import { textOf, useLongWrite, useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { bytes, count, duration, plural } from '../words.ts';

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
        <Alert color="orange" mb="xs">
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
  readonly packetsPerSecond: number;
}

/** What a sensor hears, place by place, and what came of it. */
function Heard({ source }: { readonly source: Schemas['Source'] }) {
  const places = (source.detail.sources ?? []) as readonly Place[];
  if (source.kind !== 'sensor' || places.length === 0) return null;
  const { exchangesPerSecond = 0, droppedByKernel = 0, encryptedShare = 0 } = source.counters;
  const tls = encryptedShare > 0 ? `; ${Math.round(encryptedShare * 100)} % TLS, invisible` : '';
  return (
    <ul className="plain-list small" aria-label="What it hears">
      {places.map(({ kind, name, state, problem, packetsPerSecond }) => (
        <li key={`${kind} ${name}`}>
          <span className="mono">
            {kind} {name}
          </span>
          <span>{problem ?? (state === 'running' ? `${Math.round(packetsPerSecond)} packets/s` : state)}</span>
        </li>
      ))}
      <li>
        <span>Together</span>
        <span>
          {Math.round(exchangesPerSecond)} exchanges/s, {count(droppedByKernel)} dropped{tls}
        </span>
      </li>
    </ul>
  );
}

type SensorSource = Schemas['SensorSetting']['sources'][number];
const NEW_SOURCE: Readonly<Record<SensorSource['kind'], SensorSource>> = {
  live: { kind: 'live', interface: 'lo' },
  vxlan: { kind: 'vxlan', port: 4789 },
  geneve: { kind: 'geneve', port: 6081 },
};

function Listening() {
  const sensor = useQuery({ queryKey: ['sources', 'sensor'], queryFn: () => answer(api.GET('/api/v1/sensor')) });
  return (
    <Card title="Listen to a copy of the packets">
      <Text size="sm" c="dimmed" mb="sm">
        For services in mirror. weir reads the packets of an interface, or a VXLAN or Geneve mirror that is sent here. Only plain HTTP can
        be read.
      </Text>
      <Await query={sensor}>{(setting) => <SensorForm key={JSON.stringify(setting)} kept={setting.sources} />}</Await>
    </Card>
  );
}

function SensorForm({ kept }: { readonly kept: readonly SensorSource[] }) {
  const [list, setList] = useState<readonly SensorSource[]>(kept);
  const may = useMay('admin');
  const save = useWrite({
    quiet: true,
    refresh: ['sources'],
    write: () => answer(api.PUT('/api/v1/sensor', { body: { sources: [...list] } })),
    done: (setting) =>
      setting.sources.length === 0 ? 'The sensor is stopped.' : `Listening to ${plural(setting.sources.length, 'source')}.`,
  });
  const put = (at: number, source: SensorSource) => setList(list.map((one, index) => (index === at ? source : one)));
  return (
    <Stack gap="xs">
      {list.length === 0 && <Text size="sm">It listens to nothing at the moment.</Text>}
      {list.map((source, at) => (
        // A source has no name; its place in the list is all that tells it apart.
        <Group key={`source ${at}`} gap="xs" align="flex-end" wrap="nowrap">
          <Select
            label="Kind"
            w={120}
            allowDeselect={false}
            value={source.kind}
            data={[
              { value: 'live', label: 'interface' },
              { value: 'vxlan', label: 'VXLAN' },
              { value: 'geneve', label: 'Geneve' },
            ]}
            onChange={(kind) => kind !== null && put(at, NEW_SOURCE[kind as SensorSource['kind']])}
          />
          {source.kind === 'live' ? (
            <>
              <TextInput
                label="Interface"
                w={110}
                value={source.interface}
                onChange={(event) => put(at, { ...source, interface: event.currentTarget.value })}
              />
              <TextInput
                label="Filter"
                placeholder="tcp port 9000"
                className="grow"
                value={source.filter ?? ''}
                onChange={(event) => {
                  const { filter: _before, ...rest } = source;
                  put(at, event.currentTarget.value === '' ? rest : { ...rest, filter: event.currentTarget.value });
                }}
              />
            </>
          ) : (
            <NumberInput
              label="UDP port"
              w={120}
              min={1}
              max={65_535}
              value={source.port ?? ''}
              onChange={(port) => put(at, { ...source, port: Number(port) })}
            />
          )}
          <Button variant="default" aria-label="Remove this source" px={8} onClick={() => setList(list.filter((_, index) => index !== at))}>
            <IconTrash size={16} aria-hidden />
          </Button>
        </Group>
      ))}
      {save.error !== null && (
        <Alert color="red" role="alert">
          {textOf(save.error)}
        </Alert>
      )}
      <Group>
        <Button variant="default" size="xs" onClick={() => setList([...list, NEW_SOURCE.live])}>
          Add a source
        </Button>
        <Button size="xs" disabled={!may || list === kept} loading={save.isPending} onClick={() => save.mutate(undefined)}>
          {list.length === 0 && kept.length > 0 ? 'Stop listening' : 'Listen'}
        </Button>
      </Group>
    </Stack>
  );
}

function typeOf(file: File): 'application/har+json' | 'application/x-ndjson' | 'application/vnd.tcpdump.pcap' {
  if (/\.(?:har|json)$/i.test(file.name)) return 'application/har+json';
  return /\.(?:ndjson|jsonl)$/i.test(file.name) ? 'application/x-ndjson' : 'application/vnd.tcpdump.pcap';
}

function Upload() {
  const services = useServices();
  const may = useMay('analyst');
  const [service, setService] = useState<string | null>(null);
  // So that the same file can be chosen again.
  const forget = useRef<() => void>(null);
  const upload = useLongWrite({
    refresh: ['endpoints', 'overview', 'sources', 'services', 'issues'],
    write: (file: File, signal) =>
      answer(
        api.POST('/api/v1/imports', {
          params: { query: service === null ? {} : { service } },
          headers: { 'content-type': typeOf(file) },
          body: '',
          bodySerializer: () => file,
          signal,
          fetch: reachWithoutHurry,
        }),
      ),
  });
  return (
    <Card title="Learn from a recording">
      <Text size="sm" c="dimmed" mb="sm">
        A capture (pcap, pcapng), a HAR file from a browser, or exchanges as NDJSON. It is read like live traffic.
      </Text>
      <Group align="flex-end" gap="xs">
        <Select
          label="Service"
          placeholder="by host and port"
          clearable
          value={service}
          onChange={setService}
          data={services.data?.items.map((one) => one.name) ?? []}
        />
        <FileButton
          resetRef={forget}
          onChange={(file) => {
            if (file !== null) upload.mutate(file);
            forget.current?.();
          }}
          accept=".pcap,.pcapng,.cap,.har,.json,.ndjson,.jsonl"
          inputProps={{ 'aria-label': 'Recording to upload' }}
        >
          {(props) => (
            <Button
              {...props}
              variant="default"
              disabled={!may}
              loading={upload.isPending}
              leftSection={<IconUpload size={16} aria-hidden />}
            >
              Upload a recording
            </Button>
          )}
        </FileButton>
      </Group>
      {upload.isPending && (
        <Working text={`Sending and reading ${upload.variables.name} (${bytes(upload.variables.size)})`} cancel={upload.cancel} />
      )}
      {upload.error !== null && (
        <Alert color="red" mt="sm" role="alert">
          {textOf(upload.error)}
        </Alert>
      )}
      {upload.data !== undefined && (
        <Alert color={upload.data.exchanges > 0 ? 'teal' : 'orange'} mt="sm" role="status">
          {plural(upload.data.exchanges, 'exchange')} read, {count(upload.data.refused)} refused.{' '}
          {upload.data.problems.slice(0, 5).map((problem) => (
            <div key={problem}>{problem}</div>
          ))}
          <Link to="/inventory">Open the inventory</Link>
        </Alert>
      )}
    </Card>
  );
}

/** Pins the templates of a service to those of its description. */
function Description() {
  const services = useServices();
  const may = useMay('analyst');
  const [chosen, setService] = useState<string | null>(null);
  const service = chosen ?? (services.data?.items.length === 1 ? services.data.items[0]!.name : null);
  const forget = useRef<() => void>(null);
  const read = useWrite({
    quiet: true,
    refresh: ['endpoints', 'services'],
    write: async (file: File) =>
      answer(
        api.POST('/api/v1/services/{name}/openapi', {
          params: { path: { name: service ?? '' } },
          headers: { 'content-type': 'text/plain' },
          body: await file.text(),
          bodySerializer: (text: string) => text,
        }),
      ),
  });
  return (
    <Card title="Learn from a description">
      <Text size="sm" c="dimmed" mb="sm">
        An OpenAPI or Swagger document, or a Postman collection. Its paths become the templates of the service; what is called beside them
        is shadow, what nobody calls is zombie.
      </Text>
      <Group align="flex-end" gap="xs">
        <Select label="Service" value={service} onChange={setService} data={services.data?.items.map((one) => one.name) ?? []} />
        <FileButton
          resetRef={forget}
          onChange={(file) => {
            if (file !== null) read.mutate(file);
            forget.current?.();
          }}
          accept=".json,.yaml,.yml,.har"
          inputProps={{ 'aria-label': 'Description to read' }}
        >
          {(props) => (
            <Button
              {...props}
              variant="default"
              disabled={!may || service === null}
              loading={read.isPending}
              leftSection={<IconUpload size={16} aria-hidden />}
            >
              Read a description
            </Button>
          )}
        </FileButton>
      </Group>
      {read.error !== null && (
        <Alert color="red" mt="sm" role="alert">
          {textOf(read.error)}
        </Alert>
      )}
      {read.data !== undefined && (
        <Alert color="gray" mt="sm" role="status">
          {plural(read.data.imported, 'operation')} of {read.data.format} are pinned. <Link to="/inventory">Open the inventory</Link>
        </Alert>
      )}
    </Card>
  );
}

function SelfTest() {
  const may = useMay('analyst');
  const [id, setId] = useState<string | null>(null);
  const start = useWrite({
    quiet: true,
    refresh: [],
    write: () => answer(api.POST('/api/v1/self-test', { body: { service: null } })),
    after: (test) => setId(test.id),
  });
  const test = useQuery({
    queryKey: ['self-test', id],
    enabled: id !== null,
    queryFn: () => answer(api.GET('/api/v1/self-test/{id}', { params: { path: { id: id ?? '' } } })),
    refetchInterval: (query) => (query.state.data?.state === 'running' || query.state.data === undefined ? 500 : false),
  });
  const isKept = test.data?.state === 'passed';
  const seen = useQuery({
    queryKey: ['exchanges', 'self-test', id],
    enabled: isKept,
    queryFn: () => answer(api.GET('/api/v1/exchanges/{id}', { params: { path: { id: id ?? '' } } })),
  });
  return (
    <Card title="Is it working?">
      <Text size="sm" c="dimmed" mb="sm">
        Sends a marked request through a gateway and follows it to this page. Where it got stuck, if it did, is said here.
      </Text>
      <Button
        variant="default"
        disabled={!may}
        loading={start.isPending || test.data?.state === 'running'}
        onClick={() => start.mutate(undefined)}
      >
        Run the self-test
      </Button>
      {start.error !== null && (
        <Alert color="orange" mt="sm">
          {textOf(start.error)}
        </Alert>
      )}
      {test.data !== undefined && (
        <ul className="plain-list">
          {test.data.steps.map((step) => (
            <li key={step.name}>
              <Mark color={step.state === 'ok' ? 'teal' : step.state === 'failed' ? 'red' : 'gray'}>{step.state}</Mark>
              <span className="grow">
                {step.name} <span className="dimmed">{step.text}</span>
              </span>
              <span className="num dimmed">{step.tookMs === null ? '' : duration(step.tookMs)}</span>
            </li>
          ))}
          <li>
            <Mark color={seen.isSuccess ? 'teal' : seen.isError ? 'red' : 'gray'}>
              {seen.isSuccess ? 'ok' : seen.isError ? 'failed' : 'waiting'}
            </Mark>
            <span className="grow">
              this page has it{' '}
              {seen.data !== undefined && (
                <Link to="/exchanges/$id" params={{ id: seen.data.id }}>
                  the request as weir keeps it
                </Link>
              )}
              {seen.error !== null && <span className="dimmed">{textOf(seen.error)}</span>}
            </span>
          </li>
        </ul>
      )}
    </Card>
  );
}
