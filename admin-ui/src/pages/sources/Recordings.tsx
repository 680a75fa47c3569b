import { Alert, Button, FileButton, Group, Select, Text } from '@mantine/core';
import { IconUpload } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { answer, api, reachWithoutHurry } from '../../api.ts';
import { useServices } from '../../parts/filters.tsx';
import { Card } from '../../parts/Page.tsx';
import { Working } from '../../parts/Working.tsx';
import { textOf, useLongWrite, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';
import { bytes, count, plural } from '../../words.ts';

function typeOf(file: File): 'application/har+json' | 'application/x-ndjson' | 'application/vnd.tcpdump.pcap' {
  if (/\.(?:har|json)$/i.test(file.name)) return 'application/har+json';
  return /\.(?:ndjson|jsonl)$/i.test(file.name) ? 'application/x-ndjson' : 'application/vnd.tcpdump.pcap';
}

export function Upload() {
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
export function Description() {
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
