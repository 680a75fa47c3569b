import { Alert, Button, PasswordInput, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { answer, api } from '../../api.ts';
import { Card } from '../../parts/Page.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useSession } from '../../session.ts';

export function Account() {
  const session = useSession();
  const [present, setPresent] = useState('');
  const [password, setPassword] = useState('');
  const save = useWrite({
    quiet: true,
    refresh: ['session'],
    write: () => answer(api.PUT('/api/v1/session/password', { body: { password, ...(session?.passwordSet ? { present } : {}) } })),
    done: () => 'Your password is set.',
    after: () => {
      setPresent('');
      setPassword('');
    },
  });
  if (session === null) return null;
  if (session.kind !== 'user') return <Alert color="gray">You are here as {session.name}, which has no password.</Alert>;
  return (
    <Card title={session.passwordSet ? 'Change your password' : 'Set a password'}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(undefined);
        }}
      >
        <Stack maw={380}>
          <Text size="sm" c="dimmed">
            You are signed in as {session.name}; your role is {session.role}.
          </Text>
          {session.passwordSet && (
            <PasswordInput
              label="Present password"
              autoComplete="current-password"
              required
              value={present}
              onChange={(event) => setPresent(event.currentTarget.value)}
            />
          )}
          <PasswordInput
            label="New password"
            autoComplete="new-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {save.error !== null && (
            <Alert color="red" role="alert">
              {textOf(save.error)}
            </Alert>
          )}
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
