import { Alert, Button, Group, Modal, MultiSelect, Select, Stack, Switch, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await, Empty } from '../../parts/Await.tsx';
import { useServices } from '../../parts/filters.tsx';
import { Mark, Severity, Status } from '../../parts/Marks.tsx';
import { ALL, Card, Export } from '../../parts/Page.tsx';
import { type ObjectSchema, SchemaForm } from '../../parts/SchemaForm.tsx';
import { Sure } from '../../parts/Sure.tsx';
import { Time } from '../../parts/Time.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';

type Integration = Schemas['Integration'];

export function Integrations() {
  const may = useMay('admin');
  const query = useQuery({ queryKey: ['settings', 'integrations'], queryFn: () => answer(api.GET('/api/v1/integrations')) });
  const kinds = useQuery({ queryKey: ['settings', 'integration-kinds'], queryFn: () => answer(api.GET('/api/v1/integration-kinds')) });
  const [edited, setEdited] = useState<{ readonly kind: Schemas['IntegrationKind']; readonly present: Integration | null } | null>(null);
  const test = useWrite({
    refresh: [],
    write: (id: string) => answer(api.POST('/api/v1/integrations/{id}/test', { params: { path: { id } } })),
    after: (result) => notifications.show({ message: result.text, color: result.ok ? 'teal' : 'red' }),
  });
  const remove = useWrite({
    refresh: ['settings'],
    write: (id: string) => answer(api.DELETE('/api/v1/integrations/{id}', { params: { path: { id } } })),
    done: () => 'Removed.',
  });
  return (
    <Stack>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No integration yet">
              Issues, blocks and changes can be sent to chat, tickets, a SIEM or any webhook. Choose one below.
            </Empty>
          ) : (
            <div className="two">
              {items.map((one) => (
                <Card
                  key={one.id}
                  title={one.name}
                  aside={
                    <Group gap={4}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        disabled={!may}
                        loading={test.isPending}
                        onClick={() => test.mutate(one.id)}
                      >
                        Send a test
                      </Button>
                      <Button
                        size="compact-xs"
                        variant="default"
                        disabled={!may || kinds.data === undefined}
                        onClick={() => {
                          const kind = kinds.data?.items.find((each) => each.kind === one.kind);
                          if (kind !== undefined) setEdited({ kind, present: one });
                        }}
                      >
                        Change
                      </Button>
                      <Sure
                        verb="Remove"
                        what={one.name}
                        text="It is told nothing any more, and its secrets are forgotten."
                        disabled={!may}
                        busy={remove.isPending}
                        run={() => remove.mutate(one.id)}
                      />
                    </Group>
                  }
                >
                  <Group gap="xs">
                    <Mark>{one.kind}</Mark>
                    {!one.enabled && <Mark color="orange">off</Mark>}
                    <span>
                      from <Severity value={one.minSeverity} /> on, {one.services.length === 0 ? 'every service' : one.services.join(', ')}
                    </span>
                  </Group>
                  <Deliveries id={one.id} />
                </Card>
              ))}
            </div>
          )
        }
      </Await>
      <Group justify="flex-end">
        <Export path="/integrations" query={ALL} />
      </Group>
      <Card title="Add an integration">
        <Await query={kinds}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="None can be added in this setup">
                The process that delivers notices is not running: start weir up, or weir engine.
              </Empty>
            ) : (
              <ul className="plain-list">
                {items.map((kind) => (
                  <li key={kind.kind}>
                    <div className="grow">
                      <b>{kind.title}</b>
                      <Text size="sm" c="dimmed">
                        {kind.description}
                      </Text>
                    </div>
                    <Button
                      size="xs"
                      variant="default"
                      disabled={!may}
                      aria-label={`Add ${kind.title}`}
                      onClick={() => setEdited({ kind, present: null })}
                    >
                      Add
                    </Button>
                  </li>
                ))}
              </ul>
            )
          }
        </Await>
      </Card>
      {edited !== null && <IntegrationForm {...edited} close={() => setEdited(null)} />}
    </Stack>
  );
}

function IntegrationForm({
  kind,
  present,
  close,
}: {
  readonly kind: Schemas['IntegrationKind'];
  readonly present: Integration | null;
  readonly close: () => void;
}) {
  const services = useServices();
  const [name, setName] = useState(present?.name ?? kind.title);
  const [minSeverity, setMinSeverity] = useState<Schemas['Severity']>(present?.minSeverity ?? 'medium');
  const [only, setOnly] = useState<string[]>([...(present?.services ?? [])]);
  const [enabled, setEnabled] = useState(present?.enabled ?? true);
  const [config, setConfig] = useState<Readonly<Record<string, unknown>>>(present?.config ?? {});
  const save = useWrite({
    quiet: true,
    refresh: ['settings'],
    write: () => {
      const body = { kind: kind.kind, name, enabled, minSeverity, services: only, config };
      return answer(
        present === null
          ? api.POST('/api/v1/integrations', { body })
          : api.PUT('/api/v1/integrations/{id}', { params: { path: { id: present.id } }, body }),
      );
    },
    done: (saved) => `${saved.name} is saved.`,
    after: close,
  });
  return (
    <Modal opened onClose={close} title={kind.title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Name" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <SchemaForm schema={kind.schema as ObjectSchema} value={config} onChange={setConfig} />
          <Select
            label="From which severity on"
            allowDeselect={false}
            value={minSeverity}
            data={['info', 'low', 'medium', 'high', 'critical']}
            onChange={(value) => setMinSeverity((value ?? 'medium') as Schemas['Severity'])}
          />
          <MultiSelect
            label="Services"
            placeholder={only.length === 0 ? 'every service' : undefined}
            value={only}
            onChange={setOnly}
            data={services.data?.items.map((one) => one.name) ?? []}
          />
          <Switch label="On" checked={enabled} onChange={(event) => setEnabled(event.currentTarget.checked)} />
          {save.error !== null && (
            <Alert color="red" role="alert" className="keep-lines">
              {textOf(save.error)}
            </Alert>
          )}
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

function Deliveries({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['settings', 'deliveries', id],
    queryFn: () =>
      answer(api.GET('/api/v1/integrations/{id}/deliveries', { params: { path: { id }, query: { limit: 5, sort: '-created' } } })),
    refetchInterval: 5_000,
  });
  const items = query.data?.items ?? [];
  if (items.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nothing was sent yet.
      </Text>
    );
  return (
    <>
      <ul className="plain-list small">
        {items.map((one) => (
          <li key={one.id}>
            <Status value={one.state} />
            <span className="grow">{one.lastError}</span>
            <Time ms={one.createdMs} />
          </li>
        ))}
      </ul>
      <Export path={`/integrations/${encodeURIComponent(id)}/deliveries`} query={ALL} small />
    </>
  );
}
