import { Center, Stack } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Navigate, useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { type ApiError, answer, api } from '../api.ts';
import { Failed, Waiting } from '../parts/Await.tsx';
import { keepSession, type Session, sessionQuery } from '../session.ts';
import { SignIn } from './SignIn.tsx';

// The link works once, and React may run an effect twice: both runs share one call.
let using: { readonly secret: string; readonly session: Promise<Session> } | null = null;
function use(secret: string): Promise<Session> {
  if (using?.secret !== secret)
    using = { secret, session: answer(api.POST('/api/v1/session/link', { body: { secret } })).then(keepSession) };
  return using.session;
}

/** Why single sign-on led back here. */
const PROBLEMS: Readonly<Record<string, string>> = {
  late: 'Signing in took too long. Try again.',
  groups: 'None of your groups may use weir. Ask an admin of weir to let one of them in.',
  disabled: 'Your user is switched off here. Ask an admin of weir.',
  begun: 'This sign-in was not begun on this page. Try again.',
  failed: 'Single sign-on failed. Try again; the log of weir says why.',
};

/** Where the one-time link leads: `/welcome#SECRET`. The secret stands behind the # so that it is in no log. */
export function Welcome() {
  const client = useQueryClient();
  const navigate = useNavigate();
  // Read once: the address changes while the next page is on its way.
  const [secret] = useState(() => window.location.hash.slice(1));
  const [problem] = useState(() => new URLSearchParams(window.location.search).get('problem'));
  const [error, setError] = useState<ApiError | null>(null);
  const enter = useCallback(() => {
    use(secret).then(async (session) => {
      // An earlier question for the session may still be on its way with the answer "nobody".
      await client.cancelQueries({ queryKey: sessionQuery.queryKey });
      client.setQueryData(sessionQuery.queryKey, session);
      void navigate({ to: '/', replace: true });
    }, setError);
  }, [client, navigate, secret]);
  useEffect(() => {
    if (problem === null && secret !== '') enter();
  }, [enter, problem, secret]);
  if (problem !== null) return <SignIn note={PROBLEMS[problem] ?? PROBLEMS.failed!} />;
  // A link that was cut short, or the page is drawn once more on its way to the next one.
  if (secret === '') return <Navigate to="/" replace />;
  if (error !== null && !error.isAway) {
    return (
      <SignIn
        note={`${error.message[0]!.toUpperCase()}${error.message.slice(1)}. Ask weir for a new one, or sign in with your password.`}
      />
    );
  }
  return (
    <Center mih="60vh" component="main">
      <Stack maw={520} p="md">
        {error === null ? (
          <Waiting />
        ) : (
          <Failed
            error={error}
            retry={() => {
              using = null;
              setError(null);
              enter();
            }}
          />
        )}
      </Stack>
    </Center>
  );
}
