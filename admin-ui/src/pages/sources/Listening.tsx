import { Alert, Button, Group, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await } from '../../parts/Await.tsx';
import { Card } from '../../parts/Page.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';
import { plural } from '../../words.ts';

type SensorSource = Schemas['SensorSetting']['sources'][number];
const NEW_SOURCE: Readonly<Record<SensorSource['kind'], SensorSource>> = {
  live: { kind: 'live', interface: 'lo' },
  vxlan: { kind: 'vxlan', port: 4789 },
  geneve: { kind: 'geneve', port: 6081 },
};

export function Listening() {
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
        <Group key={`source ${at}`} gap="xs" align="flex-end">
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
                miw={160}
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
