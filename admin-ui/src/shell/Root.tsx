import { Center, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { Failed, Waiting } from '../parts/Await.tsx';
import { sessionQuery } from '../session.ts';
import { Shell } from './Shell.tsx';
import { SignIn } from './SignIn.tsx';

/** Sign-in first, then the pages in their shell. */
export function Root() {
  const isWelcome = useRouterState({ select: (state) => state.location.pathname === '/welcome' });
  const session = useQuery({
    ...sessionQuery,
    enabled: !isWelcome,
    refetchInterval: (query) => (query.state.status === 'error' ? 2_000 : false),
  });
  if (isWelcome) return <Outlet />;
  if (session.data === undefined) {
    return (
      <Center mih="60vh" component="main">
        <Stack maw={520} p="md">
          {session.error === null ? (
            <Waiting />
          ) : (
            <Failed error={session.error} busy={session.isFetching} retry={() => void session.refetch()} />
          )}
        </Stack>
      </Center>
    );
  }
  return session.data === null ? <SignIn /> : <Shell session={session.data} />;
}
