import { Alert, Anchor, Button, Center, Divider, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { answer, api } from '../api.ts';
import { textOf, useWrite } from '../queries.ts';
import { keepSession, sessionQuery } from '../session.ts';
import { Logo } from './Logo.tsx';

export function SignIn({ note }: { readonly note?: string }) {
  const client = useQueryClient();
  const router = useRouter();
  const methods = useQuery({ queryKey: ['sign-in-methods'], queryFn: () => answer(api.GET('/api/v1/session/methods')) });
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useWrite({
    quiet: true,
    refresh: [],
    write: (body: { name: string; password: string }) => answer(api.POST('/api/v1/session', { body })),
    after: (session) => {
      client.setQueryData(sessionQuery.queryKey, keepSession(session));
      if (window.location.pathname === '/welcome') void router.navigate({ to: '/', replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate({ name, password });
  };
  const single = methods.data?.singleSignOn ?? null;
  return (
    <Center mih="90vh" component="main">
      <Paper withBorder p="xl" w={380} radius="md">
        <Stack>
          <div>
            <Logo />
            <Title order={1} size="h3" mt="sm">
              Sign in
            </Title>
          </div>
          {note !== undefined && <Alert color="yellow">{note}</Alert>}
          {single !== null && (
            <>
              <Button component="a" href={single.path}>
                Continue with {single.name}
              </Button>
              {methods.data?.password && <Divider label="or" />}
            </>
          )}
          {methods.data?.password === false && single === null ? (
            <Text size="sm">
              Nobody has a password here yet. Open the one-time link that weir printed when it started. A restart prints a new one.
            </Text>
          ) : (
            <form onSubmit={submit}>
              <Stack gap="sm">
                <TextInput
                  label="Name"
                  autoComplete="username"
                  required
                  value={name}
                  onChange={(event) => setName(event.currentTarget.value)}
                />
                <PasswordInput
                  label="Password"
                  autoComplete="current-password"
                  required
                  value={password}
                  onChange={(event) => setPassword(event.currentTarget.value)}
                />
                {signIn.error !== null && (
                  <Alert color="red" role="alert">
                    {textOf(signIn.error)}
                  </Alert>
                )}
                <Button type="submit" loading={signIn.isPending}>
                  Sign in
                </Button>
              </Stack>
            </form>
          )}
          <Text size="xs" c="dimmed">
            weir {methods.data?.version ?? ''} · <Anchor href="/api/v1/openapi.json">API document</Anchor>
          </Text>
        </Stack>
      </Paper>
    </Center>
  );
}
