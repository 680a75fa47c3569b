import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api } from '../api.ts';
import { Await } from '../parts/Await.tsx';
import { Mark, Status } from '../parts/Marks.tsx';
import { type Exchange as Kept, Messages, readExchange } from '../parts/Message.tsx';
import { Card, Facts, Page } from '../parts/Page.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { duration } from '../words.ts';

export function Exchange() {
  const { id } = useParams({ from: '/exchanges/$id' });
  const query = useQuery({
    queryKey: ['exchanges', 'one', id],
    queryFn: () => readExchange(id),
  });
  const [raw, setRaw] = useState<Kept | null>(null);
  return (
    <Page
      title="Exchange"
      about={`One request and its answer, as weir kept it. Sensitive values ${raw === null ? 'are masked' : 'are shown'}.`}
      actions={query.data !== undefined && raw === null && <Unmask id={id} kept={query.data.unmaskable} show={setRaw} />}
    >
      <Await query={query}>
        {(masked) => {
          const one = raw ?? masked;
          return (
            <Stack>
              <Facts
                items={[
                  ['When', <Time key="t" ms={one.atMs} relative={false} />],
                  ['Took', duration(one.durationMs)],
                  ['Service', one.service],
                  [
                    'Client',
                    <span key="c" className="mono">
                      {one.client}
                    </span>,
                  ],
                  ['Principal', one.principal ?? 'none'],
                  ['Mode', <Status key="m" value={one.outcome.mode} />],
                  [
                    'Outcome',
                    <Mark key="o" color={one.outcome.action === 'passed' ? 'teal' : 'red'}>
                      {one.outcome.action}
                    </Mark>,
                  ],
                  [
                    'Request id',
                    <span key="r" className="mono">
                      {one.requestId}
                    </span>,
                  ],
                  ...(one.incidentId === null
                    ? []
                    : [
                        [
                          'Incident',
                          <span key="i" className="mono">
                            {one.incidentId}
                          </span>,
                        ] as const,
                      ]),
                ]}
              />
              <Group gap="md">
                {one.endpointId !== null && (
                  <Link to="/inventory/$id" params={{ id: one.endpointId }}>
                    Endpoint
                  </Link>
                )}
                {one.actorId !== null && (
                  <Link to="/actors/$id" params={{ id: one.actorId }}>
                    Actor
                  </Link>
                )}
              </Group>
              <Messages exchange={one} />
              {one.outcome.acts.length > 0 && (
                <Card title="What the policies said">
                  <ul className="plain-list">
                    {one.outcome.acts.map((act) => (
                      <li key={`${act.policy} ${act.rule} ${act.phase}`}>
                        <Link to="/policies/$name" params={{ name: act.policy }}>
                          {act.policy} / {act.rule}
                        </Link>
                        <span className="grow">{act.message}</span>
                        <Mark color={act.acted ? 'red' : 'gray'}>{act.acted ? act.action : `would ${act.action}`}</Mark>
                      </li>
                    ))}
                  </ul>
                </Card>
              )}
            </Stack>
          );
        }}
      </Await>
    </Page>
  );
}

function Unmask({ id, kept, show }: { readonly id: string; readonly kept: boolean; readonly show: (exchange: Kept) => void }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState('');
  const may = useMay('admin');
  const unmask = useWrite({
    refresh: ['settings'],
    write: () => answer(api.POST('/api/v1/exchanges/{id}/unmask', { params: { path: { id } }, body: { reason } })),
    after: (exchange) => {
      show(exchange);
      close();
    },
  });
  if (!kept)
    return (
      <Text size="sm" c="dimmed">
        Its real values are not kept.{' '}
        <Link to="/settings" search={{ tab: 'redaction' }}>
          Redaction
        </Link>
      </Text>
    );
  return (
    <>
      <Button variant="default" disabled={!may} title={may ? undefined : 'Only an admin may see them'} onClick={open}>
        Show real values
      </Button>
      <Modal opened={isOpen} onClose={close} title="Show the real values" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Alert color="orange">Your name, the time and this reason go into the audit log.</Alert>
          <TextInput label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
          <Button disabled={reason.trim().length < 3} loading={unmask.isPending} onClick={() => unmask.mutate(undefined)}>
            Show
          </Button>
        </Stack>
      </Modal>
    </>
  );
}
