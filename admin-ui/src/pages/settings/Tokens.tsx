import { Alert, Button, Group, Select, Stack, Table, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await, Empty } from '../../parts/Await.tsx';
import { ALL, Export } from '../../parts/Page.tsx';
import { PlainTable } from '../../parts/PlainTable.tsx';
import { Sure } from '../../parts/Sure.tsx';
import { Time } from '../../parts/Time.tsx';
import { useWrite } from '../../queries.ts';
import { Secret } from './Users.tsx';

export function Tokens() {
  const query = useQuery({ queryKey: ['settings', 'tokens'], queryFn: () => answer(api.GET('/api/v1/tokens')) });
  const [name, setName] = useState('');
  const [role, setRole] = useState<Schemas['Role']>('viewer');
  const [days, setDays] = useState('90');
  const [secret, setSecret] = useState<string | null>(null);
  const add = useWrite({
    refresh: ['settings'],
    write: () => answer(api.POST('/api/v1/tokens', { body: { name, role, days: days === '0' ? null : Number(days) } })),
    after: (made) => {
      setSecret(made.secret);
      setName('');
    },
  });
  const remove = useWrite({
    refresh: ['settings'],
    write: (id: string) => answer(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })),
    done: () => 'The token is of no use any more.',
  });
  return (
    <Stack>
      {secret !== null && (
        <Alert
          color="gray"
          title="Copy the token now: it is shown only once"
          withCloseButton
          closeButtonLabel="Close"
          onClose={() => setSecret(null)}
        >
          <Secret text={secret} />
        </Alert>
      )}
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No token yet">Scripts, CI and the command line on other machines use tokens: --admin URL --token TOKEN.</Empty>
          ) : (
            <PlainTable label="Tokens" head={['Name', 'Role', 'Scopes', 'Owner', 'Made', 'Last used', 'Ends', 'Do']}>
              {items.map((token) => (
                <Table.Tr key={token.id}>
                  <Table.Td>{token.name}</Table.Td>
                  <Table.Td>{token.role}</Table.Td>
                  <Table.Td>{token.scopes.join(', ') || 'all of its role'}</Table.Td>
                  <Table.Td>{token.owner ?? ''}</Table.Td>
                  <Table.Td>
                    <Time ms={token.createdMs} />
                  </Table.Td>
                  <Table.Td>
                    <Time ms={token.lastUsedMs} />
                  </Table.Td>
                  <Table.Td>{token.expiresMs === null ? 'never' : <Time ms={token.expiresMs} />}</Table.Td>
                  <Table.Td>
                    <Sure
                      verb="Revoke"
                      what={token.name}
                      text="Whatever uses this token is refused from the next request on."
                      busy={remove.isPending}
                      run={() => remove.mutate(token.id)}
                    />
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Await>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(undefined);
        }}
      >
        <Group align="flex-end">
          <TextInput label="Name" placeholder="CI" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Select
            label="Role"
            allowDeselect={false}
            w={120}
            value={role}
            data={['viewer', 'analyst', 'admin']}
            onChange={(value) => setRole((value ?? 'viewer') as Schemas['Role'])}
          />
          <Select
            label="Lasts"
            allowDeselect={false}
            w={120}
            value={days}
            onChange={(value) => setDays(value ?? '90')}
            data={[
              { value: '30', label: '30 days' },
              { value: '90', label: '90 days' },
              { value: '365', label: 'a year' },
              { value: '0', label: 'for good' },
            ]}
          />
          <Button type="submit" variant="default" loading={add.isPending}>
            Make a token
          </Button>
          <Export path="/tokens" query={ALL} />
        </Group>
      </form>
    </Stack>
  );
}
