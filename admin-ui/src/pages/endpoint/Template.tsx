import { Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { MergeTemplate } from '../../parts/MergeTemplate.tsx';
import { ALL, Card, Export } from '../../parts/Page.tsx';
import { Time } from '../../parts/Time.tsx';
import { useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';

/** Why this template exists, and what a person can do about it: pin, split, merge, undo. */
export function Why({ endpoint }: { readonly endpoint: Schemas['Endpoint'] }) {
  const may = useMay('analyst');
  const [isOpen, { open, close }] = useDisclosure(false);
  const [isMerging, merging] = useDisclosure(false);
  const [parameter, setParameter] = useState(0);
  const [value, setValue] = useState('');
  const path = { path: { id: endpoint.id } };
  const parameters = endpoint.template.match(/\{[^}]*\}/g) ?? [];
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
  const { why = [], pinned } = endpoint.detail;
  return (
    <Stack>
      {why.length === 0 ? (
        <Text>No reason is recorded: this path was seen as it stands.</Text>
      ) : (
        why.map((sentence) => <Text key={sentence}>{sentence}</Text>)
      )}
      <Group>
        <Button variant="default" disabled={!may || pinned === true} loading={pin.isPending} onClick={() => pin.mutate(undefined)}>
          {pinned ? 'Pinned' : 'Pin this template'}
        </Button>
        <Button variant="default" disabled={!may || parameters.length === 0} onClick={open}>
          Split a value off
        </Button>
        <Button variant="default" disabled={!may} onClick={merging.open}>
          Merge with others
        </Button>
      </Group>
      <Edits />
      {isMerging && <MergeTemplate endpoint={endpoint} close={merging.close} />}
      <Modal opened={isOpen} onClose={close} title="Make one value an endpoint of its own" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">For example /users/me beside /users/{'{id}'}.</Text>
          <Select
            label="Parameter"
            allowDeselect={false}
            data={parameters.map((name, at) => ({ value: String(at), label: name }))}
            value={String(parameter)}
            onChange={(at) => setParameter(Number(at))}
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
    <Card title="Latest edits of templates" aside={<Export path="/inventory-edits" query={ALL} small />}>
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
