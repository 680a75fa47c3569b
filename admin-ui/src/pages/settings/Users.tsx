import { Alert, Button, Code, CopyButton, Group, Modal, Select, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await } from '../../parts/Await.tsx';
import { Mark } from '../../parts/Marks.tsx';
import { ALL, Export } from '../../parts/Page.tsx';
import { PlainTable } from '../../parts/PlainTable.tsx';
import { Sure } from '../../parts/Sure.tsx';
import { Time } from '../../parts/Time.tsx';
import { textOf, useWrite } from '../../queries.ts';

const ROLES = ['viewer', 'analyst', 'admin'];

export function Users() {
  const query = useQuery({ queryKey: ['settings', 'users'], queryFn: () => answer(api.GET('/api/v1/users')) });
  const [isAdding, setAdding] = useState(false);
  const [link, setLink] = useState<{ readonly name: string; readonly url: string; readonly expiresMs: number } | null>(null);
  const change = useWrite({
    refresh: ['settings'],
    write: ({ id, ...body }: { id: string; role?: Schemas['Role']; disabled?: boolean; unlock?: true }) =>
      answer(api.PATCH('/api/v1/users/{id}', { params: { path: { id } }, body })),
  });
  const makeLink = useWrite({
    refresh: [],
    write: ({ id }: Schemas['User']) => answer(api.POST('/api/v1/users/{id}/sign-in-link', { params: { path: { id } } })),
    after: (made, user) => setLink({ name: user.name, url: `${window.location.origin}${made.path}`, expiresMs: made.expiresMs }),
  });
  const remove = useWrite({
    refresh: ['settings'],
    write: (id: string) => answer(api.DELETE('/api/v1/users/{id}', { params: { path: { id } } })),
    done: () => 'Removed.',
  });
  return (
    <Stack>
      <Await query={query}>
        {({ items }) => (
          <PlainTable label="Users" head={['Name', 'E-mail', 'Role', 'Signs in by', 'Last sign-in', 'May sign in', 'Do']} minWidth={760}>
            {items.map((user) => (
              <Table.Tr key={user.id}>
                <Table.Td>{user.name}</Table.Td>
                <Table.Td>{user.email}</Table.Td>
                <Table.Td>
                  <Select
                    size="xs"
                    w={110}
                    aria-label={`Role of ${user.name}`}
                    allowDeselect={false}
                    value={user.role}
                    data={ROLES}
                    onChange={(role) => role !== null && change.mutate({ id: user.id, role: role as Schemas['Role'] })}
                  />
                </Table.Td>
                <Table.Td>
                  {[user.hasPassword ? 'password' : '', user.singleSignOn ? 'single sign-on' : ''].filter(Boolean).join(', ') ||
                    'link only'}
                </Table.Td>
                <Table.Td>
                  <Time ms={user.lastLoginMs} />
                </Table.Td>
                <Table.Td>
                  <Switch
                    aria-label={`${user.name} may sign in`}
                    checked={!user.disabled}
                    onChange={(event) => change.mutate({ id: user.id, disabled: !event.currentTarget.checked })}
                  />
                </Table.Td>
                <Table.Td>
                  <Group gap={4} wrap="nowrap">
                    {user.lockedUntilMs > Date.now() && (
                      <Button size="compact-xs" variant="default" onClick={() => change.mutate({ id: user.id, unlock: true })}>
                        Unlock
                      </Button>
                    )}
                    <Button
                      size="compact-xs"
                      variant="default"
                      aria-label={`Sign-in link for ${user.name}`}
                      onClick={() => makeLink.mutate(user)}
                    >
                      Sign-in link
                    </Button>
                    <Sure
                      verb="Remove"
                      what={user.name}
                      text="Their sessions and tokens end at once. What they did stays in the audit log."
                      busy={remove.isPending}
                      run={() => remove.mutate(user.id)}
                    />
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        )}
      </Await>
      <Group>
        <Button variant="default" onClick={() => setAdding(true)}>
          Add a user
        </Button>
        <Export path="/users" query={ALL} />
      </Group>
      {isAdding && <NewUser close={() => setAdding(false)} />}
      {link !== null && (
        <Modal opened onClose={() => setLink(null)} title={`Sign-in link for ${link.name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
          <Stack>
            <Text size="sm">
              It works once, until <Time ms={link.expiresMs} relative={false} />.
            </Text>
            <Secret text={link.url} />
          </Stack>
        </Modal>
      )}
    </Stack>
  );
}

/** Something that is shown once, to be copied. */
export function Secret({ text }: { readonly text: string }) {
  return (
    <Group wrap="nowrap">
      <Code className="cut grow">{text}</Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="xs" variant="default" onClick={copy}>
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

function NewUser({ close }: { readonly close: () => void }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Schemas['Role']>('viewer');
  const add = useWrite({
    quiet: true,
    refresh: ['settings'],
    write: () => answer(api.POST('/api/v1/users', { body: { name, email, role } })),
    done: (user) => `${user.name} is added. Send them a sign-in link.`,
    after: close,
  });
  return (
    <Modal opened onClose={close} title="Add a user" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Name" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <TextInput label="E-mail" type="email" value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
          <Select
            label="Role"
            allowDeselect={false}
            value={role}
            data={ROLES}
            onChange={(value) => setRole((value ?? 'viewer') as Schemas['Role'])}
          />
          <Text size="sm" c="dimmed">
            <Mark>viewer</Mark> looks, <Mark>analyst</Mark> also decides on issues, blocks and scans, <Mark>admin</Mark> also changes
            policies, modes and settings.
          </Text>
          {add.error !== null && <Alert color="red">{textOf(add.error)}</Alert>}
          <Button type="submit" loading={add.isPending}>
            Add
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
