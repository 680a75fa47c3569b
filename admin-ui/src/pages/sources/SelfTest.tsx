import { Alert, Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api } from '../../api.ts';
import { Mark } from '../../parts/Marks.tsx';
import { Card } from '../../parts/Page.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';
import { duration } from '../../words.ts';

export function SelfTest() {
  const may = useMay('analyst');
  const [id, setId] = useState<string | null>(null);
  const start = useWrite({
    quiet: true,
    refresh: [],
    write: () => answer(api.POST('/api/v1/self-test', { body: { service: null } })),
    after: (test) => setId(test.id),
  });
  const test = useQuery({
    queryKey: ['self-test', id],
    enabled: id !== null,
    queryFn: () => answer(api.GET('/api/v1/self-test/{id}', { params: { path: { id: id ?? '' } } })),
    refetchInterval: (query) => (query.state.data?.state === 'running' || query.state.data === undefined ? 500 : false),
  });
  const isKept = test.data?.state === 'passed';
  const seen = useQuery({
    queryKey: ['exchanges', 'self-test', id],
    enabled: isKept,
    queryFn: () => answer(api.GET('/api/v1/exchanges/{id}', { params: { path: { id: id ?? '' } } })),
  });
  return (
    <Card title="Is it working?">
      <Text size="sm" c="dimmed" mb="sm">
        Sends a marked request through a gateway and follows it to this page. Where it got stuck, if it did, is said here.
      </Text>
      <Button
        variant="default"
        disabled={!may}
        loading={start.isPending || test.data?.state === 'running'}
        onClick={() => start.mutate(undefined)}
      >
        Run the self-test
      </Button>
      {start.error !== null && (
        <Alert color="orange" mt="sm">
          {textOf(start.error)}
        </Alert>
      )}
      {test.data !== undefined && (
        <ul className="plain-list">
          {test.data.steps.map((step) => (
            <li key={step.name}>
              <Mark color={step.state === 'ok' ? 'teal' : step.state === 'failed' ? 'red' : 'gray'}>{step.state}</Mark>
              <span className="grow">
                {step.name} <span className="dimmed">{step.text}</span>
              </span>
              <span className="num dimmed">{step.tookMs === null ? '' : duration(step.tookMs)}</span>
            </li>
          ))}
          <li>
            <Mark color={seen.isSuccess ? 'teal' : seen.isError ? 'red' : 'gray'}>
              {seen.isSuccess ? 'ok' : seen.isError ? 'failed' : 'waiting'}
            </Mark>
            <span className="grow">
              this page has it{' '}
              {seen.data !== undefined && (
                <Link to="/exchanges/$id" params={{ id: seen.data.id }}>
                  the request as weir keeps it
                </Link>
              )}
              {seen.error !== null && <span className="dimmed">{textOf(seen.error)}</span>}
            </span>
          </li>
        </ul>
      )}
    </Card>
  );
}
