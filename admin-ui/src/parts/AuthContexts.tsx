import { Alert, Button, Group, JsonInput, Modal, PasswordInput, Select, Stack, Table, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { textOf, useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { Await, Empty } from './Await.tsx';
import { useServices } from './filters.tsx';
import { Status } from './Marks.tsx';
import { ALL, Export } from './Page.tsx';
import { PlainTable } from './PlainTable.tsx';
import { Sure } from './Sure.tsx';
import { Time } from './Time.tsx';

type Kind = Schemas['AuthContext']['kind'];

const KINDS: readonly { readonly value: Kind; readonly label: string; readonly start: Readonly<Record<string, unknown>> }[] = [
  { value: 'none', label: 'nobody: no credentials', start: {} },
  { value: 'header', label: 'a header', start: { name: 'authorization', value: '' } },
  {
    value: 'login',
    label: 'a login request',
    start: {
      method: 'POST',
      path: '/login',
      headers: { 'content-type': 'application/json' },
      body: '{"username":"","password":""}',
      extract: '$.token',
      header: 'authorization',
      prefix: 'Bearer ',
    },
  },
  { value: 'form', label: 'a login page', start: { path: '/login', username: '', password: '' } },
  { value: 'basic', label: 'a name and a password (basic)', start: { username: '', password: '' } },
  { value: 'cookies', label: 'cookies', start: { cookie: 'session=' } },
  { value: 'oauth2', label: 'OAuth 2 client credentials', start: { tokenUrl: '', clientId: '', clientSecret: '', scope: '' } },
  { value: 'mtls', label: 'a client certificate', start: { certificate: '', key: '' } },
];

/** Identities that probes of scans may use. */
export function AuthContexts() {
  const may = useMay('analyst');
  const [isAdding, setAdding] = useState(false);
  const query = useQuery({ queryKey: ['scans', 'contexts'], queryFn: () => answer(api.GET('/api/v1/auth-contexts')) });
  const check = useWrite({
    refresh: ['scans'],
    write: (id: string) => answer(api.POST('/api/v1/auth-contexts/{id}/check', { params: { path: { id } } })),
    done: (context) => (context.state === 'ok' ? `${context.name} can log in.` : `${context.name} cannot log in: ${context.problem ?? ''}`),
  });
  const remove = useWrite({
    refresh: ['scans'],
    write: (id: string) => answer(api.DELETE('/api/v1/auth-contexts/{id}', { params: { path: { id } } })),
    done: () => 'Forgotten.',
  });
  return (
    <Stack>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No identity yet">
              Tests of object and function access need two users with different rights. Secrets are kept encrypted.
            </Empty>
          ) : (
            <PlainTable label="Auth contexts" head={['Name', 'Service', 'Role', 'Kind', 'State', 'Checked', 'Do']}>
              {items.map((context) => (
                <Table.Tr key={context.id}>
                  <Table.Td>{context.name}</Table.Td>
                  <Table.Td>{context.service}</Table.Td>
                  <Table.Td>{context.role}</Table.Td>
                  <Table.Td>{context.kind}</Table.Td>
                  <Table.Td title={context.problem ?? ''}>
                    <Status value={context.state} />
                  </Table.Td>
                  <Table.Td>
                    <Time ms={context.checkedAtMs} />
                  </Table.Td>
                  <Table.Td>
                    <Group gap={4}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        disabled={!may}
                        aria-label={`Check ${context.name}`}
                        onClick={() => check.mutate(context.id)}
                      >
                        Check
                      </Button>
                      <Sure
                        verb="Forget"
                        what={context.name}
                        text="Its secrets are gone for good, and scans that use it go on without it."
                        disabled={!may}
                        busy={remove.isPending}
                        run={() => remove.mutate(context.id)}
                      />
                    </Group>
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Await>
      <Group>
        <Button variant="default" disabled={!may} onClick={() => setAdding(true)}>
          Add an auth context
        </Button>
        <Export path="/auth-contexts" query={ALL} />
      </Group>
      {isAdding && <AuthContextForm close={() => setAdding(false)} />}
    </Stack>
  );
}

export function AuthContextForm({
  service: given,
  close,
  added,
}: {
  readonly service?: string;
  readonly close: () => void;
  readonly added?: (context: Schemas['AuthContext']) => void;
}) {
  const services = useServices();
  const [name, setName] = useState('');
  const [service, setService] = useState<string | null>(given ?? null);
  const [role, setRole] = useState('');
  const [kind, setKind] = useState<Kind>('header');
  const [config, setConfig] = useState<Record<string, unknown>>({ name: 'authorization', value: '' });
  const [json, setJson] = useState('');
  const add = useWrite({
    quiet: true,
    refresh: ['scans'],
    write: () =>
      answer(
        api.POST('/api/v1/auth-contexts', {
          body: {
            name,
            service: service ?? '',
            role,
            kind,
            config: kind === 'header' || kind === 'none' ? config : (JSON.parse(json) as Record<string, unknown>),
          },
        }),
      ),
    done: (context) => `${context.name} is ready to be used by scans.`,
    after: (context) => {
      added?.(context);
      close();
    },
  });
  const choose = (next: Kind) => {
    const { start } = KINDS.find((one) => one.value === next)!;
    setKind(next);
    setConfig({ ...start });
    setJson(JSON.stringify(start, null, 2));
  };
  return (
    <Modal opened onClose={close} title="Add an auth context" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            placeholder="ada, an ordinary customer"
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Select label="Service" required value={service} onChange={setService} data={services.data?.items.map((one) => one.name) ?? []} />
          <TextInput
            label="Role"
            description="user, admin, …: tests of function access go by it"
            value={role}
            onChange={(event) => setRole(event.currentTarget.value)}
          />
          <Select
            label="It shows itself by"
            allowDeselect={false}
            value={kind}
            onChange={(next) => choose((next ?? 'header') as Kind)}
            data={KINDS.map(({ value, label }) => ({ value, label }))}
          />
          {kind === 'header' ? (
            <>
              <TextInput
                label="Header"
                required
                value={String(config.name ?? '')}
                onChange={(event) => setConfig({ ...config, name: event.currentTarget.value })}
              />
              <PasswordInput
                label="Value"
                placeholder="Bearer …"
                required
                value={String(config.value ?? '')}
                onChange={(event) => setConfig({ ...config, value: event.currentTarget.value })}
              />
            </>
          ) : (
            kind !== 'none' && (
              <JsonInput label="How" autosize minRows={5} formatOnBlur validationError="This is not JSON" value={json} onChange={setJson} />
            )
          )}
          {add.error !== null && (
            <Alert color="red" role="alert">
              {textOf(add.error)}
            </Alert>
          )}
          <Button type="submit" loading={add.isPending}>
            Add
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
