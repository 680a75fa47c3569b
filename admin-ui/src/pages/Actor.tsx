import { Alert, Button, Modal, Stack, Table, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { type BlockChoice, BlockForm, DurationSelect } from '../parts/BlockForm.tsx';
import { ExchangeList } from '../parts/ExchangeList.tsx';
import { Bar, Mark, Place, Score, Severity, Status } from '../parts/Marks.tsx';
import { ALL, Card, Export, Facts, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count } from '../words.ts';

const ACTED = { block: 'Blocked', throttle: 'Throttled', tarpit: 'Held back', close: 'Cut off' } as const;

type Doing = 'block' | 'throttle' | 'allow' | null;

export function Actor() {
  const { id } = useParams({ from: '/actors/$id' });
  const query = useQuery({
    queryKey: ['actors', 'one', id],
    queryFn: () => answer(api.GET('/api/v1/actors/{id}', { params: { path: { id } } })),
  });
  return (
    <Page
      title={query.data?.actor.label ?? 'Actor'}
      about={<Link to="/actors">Actors</Link>}
      actions={query.data !== undefined && <Acts id={id} about={query.data} />}
    >
      <Await query={query}>
        {({ actor, links, blocks, allows }) => (
          <Stack>
            {blocks.map((block) => (
              <Alert key={block.id} color="red" title={ACTED[block.action]}>
                {block.reason || 'No reason given'}. By {block.createdBy}, <Time ms={block.createdAtMs} />;{' '}
                {block.expiresAtMs === null ? (
                  'until somebody removes it'
                ) : (
                  <>
                    ends <Time ms={block.expiresAtMs} />
                  </>
                )}
                . {count(block.hits)} requests refused so far
                {block.lastHitMs !== null && (
                  <>
                    , the last <Time ms={block.lastHitMs} />
                  </>
                )}
                {block.tried.length > 0 &&
                  `: ${block.tried
                    .slice(0, 5)
                    .map((one) => `${one.endpoint} (${count(one.count)})`)
                    .join(', ')}`}
                .
              </Alert>
            ))}
            {allows.map((allow) => (
              <Alert key={allow.id} color="gray" title="On the allowlist">
                {allow.reason}. By {allow.createdBy}, <Time ms={allow.createdAtMs} />
                {allow.expiresAtMs !== null && (
                  <>
                    ; ends <Time ms={allow.expiresAtMs} />
                  </>
                )}
                .
              </Alert>
            ))}
            <Facts
              items={[
                ['Score', <Score key="s" value={actor.score} />],
                ['State', <Status key="st" value={actor.state} />],
                ['Kind', actor.kind],
                [
                  actor.kind === 'address' ? 'Address' : 'Key',
                  <span key="v" className="mono">
                    {actor.value}
                  </span>,
                ],
                ['Requests', count(actor.requests)],
                ['Errors', count(actor.errors)],
                ['Blocked', count(actor.blocked)],
                ['Findings', count(actor.findings)],
                ['First seen', <Time key="f" ms={actor.firstSeenMs} />],
                ['Last seen', <Time key="l" ms={actor.lastSeenMs} />],
              ]}
            />
            <div className="two">
              <Stack gap={14}>
                <Card title="Why this score">
                  {(actor.detail.reasons ?? []).length === 0 ? (
                    <Empty title="Nothing held against it">Attacks, odd behaviour and findings add points, which fade with time.</Empty>
                  ) : (
                    <ul className="plain-list">
                      {(actor.detail.reasons ?? []).map((reason) => (
                        <li key={reason.text}>
                          <span className="grow">{reason.text}</span>
                          <b className="num">+{Math.round(reason.points * 10) / 10} points</b>
                        </li>
                      ))}
                    </ul>
                  )}
                </Card>
                <Timeline id={actor.id} />
                <Card title="Records obtained">
                  {Object.keys(actor.detail.records ?? {}).length === 0 ? (
                    <Empty title="No sensitive data went to this actor">
                      Which types weir looks for stands in{' '}
                      <Link to="/settings" search={{ tab: 'data-types' }}>
                        Settings, Data types
                      </Link>
                      .
                    </Empty>
                  ) : (
                    <ul className="plain-list">
                      {Object.entries(actor.detail.records ?? {}).map(([type, records]) => (
                        <li key={type}>
                          <Mark color="grape">{type}</Mark>
                          <span className="num">{count(records)}</span>
                        </li>
                      ))}
                    </ul>
                  )}
                </Card>
              </Stack>
              <Stack gap={14}>
                <Card title="Endpoints touched">
                  {(actor.detail.endpoints ?? []).length === 0 && (
                    <Empty title="None recorded">What it calls from now on is counted here.</Empty>
                  )}
                  <ul className="plain-list">
                    {(actor.detail.endpoints ?? []).slice(0, 12).map((one) => (
                      <li key={one.endpointId} className="with-bar">
                        <Bar part={one.count} of={Math.max(...(actor.detail.endpoints ?? []).map((each) => each.count))} />
                        <Link to="/inventory/$id" params={{ id: one.endpointId }} className="cut">
                          <Place method={one.method} template={one.template} />
                        </Link>
                        <span className="num">{count(one.count)}</span>
                      </li>
                    ))}
                  </ul>
                </Card>
                <Findings id={actor.id} />
                <Links actor={actor} links={links} />
              </Stack>
            </div>
            <Card title="Requests kept">
              <ExchangeList filter={{ actorId: actor.id }} empty="weir keeps a bounded sample of the traffic and all evidence." />
            </Card>
          </Stack>
        )}
      </Await>
    </Page>
  );
}

function Acts({
  id,
  about,
}: {
  readonly id: string;
  readonly about: { readonly actor: Schemas['Actor']; readonly blocks: readonly Schemas['Block'][] };
}) {
  const may = useMay('analyst');
  const [doing, setDoing] = useState<Doing>(null);
  const [reason, setReason] = useState('');
  const [allowForMs, setAllowForMs] = useState<number | null>(null);
  const params = { params: { path: { id } } };
  const close = () => setDoing(null);
  const block = useWrite({
    quiet: true,
    refresh: ['actors', 'blocks', 'overview'],
    write: ({ as, choice }: { as: 'block' | 'throttle'; choice: BlockChoice }) => {
      const { value: _whom, ...body } = choice;
      return answer(
        as === 'block'
          ? api.POST('/api/v1/actors/{id}/block', { ...params, body })
          : api.POST('/api/v1/actors/{id}/throttle', { ...params, body }),
      );
    },
    done: (made) => (made.action === 'throttle' ? 'Throttled from the next request on.' : 'Blocked from the next request on.'),
    after: close,
  });
  const unblock = useWrite({
    refresh: ['actors', 'blocks', 'overview'],
    write: () => answer(api.POST('/api/v1/actors/{id}/unblock', params)),
    done: () => 'Unblocked. The next request passes.',
  });
  const isWatched = about.actor.state === 'watched';
  const watch = useWrite({
    refresh: ['actors'],
    write: () => answer(api.POST('/api/v1/actors/{id}/watch', { ...params, body: { watched: !isWatched } })),
    done: (made) => (made.state === 'watched' ? 'Watched: filter the actors by that state to find it again.' : 'No longer watched.'),
  });
  const allow = useWrite({
    refresh: ['actors', 'blocks'],
    write: () => answer(api.POST('/api/v1/actors/{id}/allow', { ...params, body: { reason, forMs: allowForMs } })),
    done: () => 'On the allowlist now: no block applies.',
    after: close,
  });
  return (
    <>
      {about.blocks.length > 0 ? (
        <Button disabled={!may} loading={unblock.isPending} onClick={() => unblock.mutate(undefined)}>
          Unblock
        </Button>
      ) : (
        <>
          <Button variant="default" disabled={!may} onClick={() => setDoing('throttle')}>
            Throttle
          </Button>
          <Button color="red" disabled={!may} onClick={() => setDoing('block')}>
            Block
          </Button>
        </>
      )}
      {(about.actor.state === 'active' || isWatched) && (
        <Button variant="default" disabled={!may} loading={watch.isPending} onClick={() => watch.mutate(undefined)}>
          {isWatched ? 'Stop watching' : 'Watch'}
        </Button>
      )}
      <Button variant="default" disabled={!may} onClick={() => setDoing('allow')}>
        Allow
      </Button>
      {(doing === 'block' || doing === 'throttle') && (
        <BlockForm
          title={`${doing === 'block' ? 'Block' : 'Throttle'} ${about.actor.label}`}
          verb={doing === 'block' ? 'Block now' : 'Throttle now'}
          whom={about.actor.value}
          busy={block.isPending}
          error={block.error}
          close={() => {
            block.reset();
            close();
          }}
          submit={(choice) => block.mutate({ as: doing, choice })}
        />
      )}
      <Modal opened={doing === 'allow'} onClose={close} title={`Allow ${about.actor.label}`} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <DurationSelect value={allowForMs} onChange={setAllowForMs} />
          <TextInput label="Reason" required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
          <Button disabled={reason.trim() === ''} loading={allow.isPending} onClick={() => allow.mutate(undefined)}>
            Put on the allowlist
          </Button>
        </Stack>
      </Modal>
    </>
  );
}

function Timeline({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['actors', 'timeline', id],
    queryFn: () => answer(api.GET('/api/v1/actors/{id}/timeline', { params: { path: { id }, query: { limit: 100, sort: '-at' } } })),
  });
  return (
    <Card title="Timeline" aside={<Export path={`/actors/${encodeURIComponent(id)}/timeline`} query={ALL} small />}>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing noted yet">Attacks, odd behaviour and what people decide about it are noted here.</Empty>
          ) : (
            <ul className="timeline">
              {folded(items, (event) => `${event.endpointId} ${eventText(event)}`).map(({ first: event, times }) => (
                <li key={event.id}>
                  <Time ms={event.atMs} />
                  <span>
                    {eventText(event)} {times > 1 && <b className="num">× {count(times)} </b>}
                    {event.endpointId !== null && (
                      <Link to="/inventory/$id" params={{ id: event.endpointId }}>
                        endpoint
                      </Link>
                    )}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Await>
    </Card>
  );
}

/** What follows upon its like is counted, not told again; the newest stands for the others. */
function folded<One>(items: readonly One[], likeness: (one: One) => string): readonly { readonly first: One; readonly times: number }[] {
  const runs: { first: One; like: string; times: number }[] = [];
  for (const one of items) {
    const like = likeness(one);
    const last = runs.at(-1);
    if (last?.like === like) last.times++;
    else runs.push({ first: one, like, times: 1 });
  }
  return runs.slice(0, 20);
}

function eventText(event: Schemas['ActorEvent']): string {
  const body = event.body;
  if (body !== null && typeof body === 'object') {
    for (const name of ['text', 'title', 'message', 'reason'] as const) {
      const value = (body as Readonly<Record<string, unknown>>)[name];
      if (typeof value === 'string' && value !== '') return value;
    }
  }
  return event.kind.replace(/[-.]/g, ' ');
}

function Findings({ id }: { readonly id: string }) {
  const query = useQuery({
    queryKey: ['actors', 'findings', id],
    queryFn: () => answer(api.GET('/api/v1/actors/{id}/findings', { params: { path: { id }, query: { limit: 50, sort: '-at' } } })),
  });
  return (
    <Card title="Findings" aside={<Export path={`/actors/${encodeURIComponent(id)}/findings`} query={ALL} small />}>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No finding">Policies and detectors have found nothing; watch it above to be told of more.</Empty>
          ) : (
            <ul className="plain-list">
              {folded(items, (one) => one.issueId).map(({ first: one, times }) => (
                <li key={one.id}>
                  <Severity value={one.severity} />
                  <Link to="/issues/$id" params={{ id: one.issueId }} className="grow cut" title={one.explanation}>
                    {one.title}
                  </Link>
                  {times > 1 && <b className="num">× {count(times)}</b>}
                  <Time ms={one.atMs} />
                </li>
              ))}
            </ul>
          )
        }
      </Await>
    </Card>
  );
}

function Links({ actor, links }: { readonly actor: Schemas['Actor']; readonly links: readonly Schemas['ActorLink'][] }) {
  const other = actor.kind === 'address' ? 'principal' : 'address';
  return (
    <Card title={actor.kind === 'address' ? 'Principals seen at this address' : 'Addresses it came from'}>
      {links.length === 0 ? (
        <Empty title="None seen together">Requests with credentials tie an address to a principal.</Empty>
      ) : (
        <PlainTable label="Seen together" head={[other === 'address' ? 'Address' : 'Principal', 'Requests', 'Last seen']} minWidth={360}>
          {links.slice(0, 20).map((link) => (
            <Table.Tr key={link[other]}>
              <Table.Td className="mono">
                <Link to="/actors/$id" params={{ id: `${other}:${link[other]}` }}>
                  {link[other].length > 40 ? `${link[other].slice(0, 38)}…` : link[other]}
                </Link>
              </Table.Td>
              <Table.Td className="num">{count(link.count)}</Table.Td>
              <Table.Td>
                <Time ms={link.lastSeenMs} />
              </Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      )}
    </Card>
  );
}
