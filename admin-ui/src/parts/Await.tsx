import { Alert, Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconPlugConnectedX, IconTool } from '@tabler/icons-react';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { ApiError } from '../api.ts';
import { textOf, titleOf } from '../queries.ts';

/** What a query says of itself. */
export interface Asked<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly isFetching: boolean;
  readonly refetch: () => unknown;
}

/** Shows what a query brought; until then that it is on its way, and when it failed why, with a way to try again. */
export function Await<T>({ query, children }: { readonly query: Asked<T>; readonly children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) return <Failed error={query.error} busy={query.isFetching} retry={() => void query.refetch()} />;
  return <Waiting />;
}

const SLOW_MS = 3_000;

export function Waiting() {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Group py="xl" justify="center" role="status">
      <Loader size="sm" aria-hidden />
      <Text c="dimmed">{isSlow ? 'This takes longer than usual. weir may be busy; still waiting …' : 'Loading …'}</Text>
    </Group>
  );
}

export function Failed({ error, busy, retry }: { readonly error: Error; readonly busy?: boolean; readonly retry: () => void }) {
  const absent = error instanceof ApiError && error.status === 501;
  return (
    <Alert
      role="alert"
      color={absent ? 'gray' : 'red'}
      variant="light"
      icon={absent ? <IconTool /> : <IconPlugConnectedX />}
      title={titleOf(error)}
      my="md"
    >
      <Stack gap="sm" align="flex-start">
        <Text size="sm" className="keep-lines">
          {textOf(error)}
        </Text>
        <Button size="xs" variant="default" loading={busy ?? false} onClick={retry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  );
}

/** A part of the page that failed while drawing; the rest of weir stays usable. */
export function Crash({ error, reset }: ErrorComponentProps) {
  return <Failed error={error instanceof Error ? error : new Error(String(error))} retry={reset} />;
}

/** Says what would be here and what to do so that it comes. */
export function Empty({ title, children, action }: { readonly title: string; readonly children: ReactNode; readonly action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py={48} className="empty">
      <Title order={3} size="h4">
        {title}
      </Title>
      <Text c="dimmed" ta="center" maw={560} component="div">
        {children}
      </Text>
      {action}
    </Stack>
  );
}
