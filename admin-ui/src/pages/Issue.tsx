import { Alert, Button, Group, Menu, Select, Stack, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { OWASP, owaspAddress, whyItMatters } from '../owasp.ts';
import { Await, Empty, Failed, Waiting } from '../parts/Await.tsx';
import { BlockActor } from '../parts/BlockActor.tsx';
import { DecideForm, type Decision } from '../parts/DecideForm.tsx';
import { ExchangeList } from '../parts/ExchangeList.tsx';
import { Mark, Method, Place, Severity, Status } from '../parts/Marks.tsx';
import { Messages, readExchange } from '../parts/Message.tsx';
import { ALL, Card, Export, Facts, Page } from '../parts/Page.tsx';
import { Proof } from '../parts/Proof.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count } from '../words.ts';

type Detail = Schemas['Issue'];

/** How the actor of the issue is called, where its evidence says so. */
const actorLabel = (issue: { readonly evidence: readonly { readonly actor: { readonly label: string } | null }[] }) =>
  issue.evidence.find((proof) => proof.actor !== null)?.actor?.label;

export function Issue() {
  const { id } = useParams({ from: '/issues/$id' });
  const query = useQuery({
    queryKey: ['issues', 'one', id],
    queryFn: () => answer(api.GET('/api/v1/issues/{id}', { params: { path: { id } } })),
  });
  const owasp = OWASP[query.data?.owasp ?? ''];
  const why = query.data === undefined ? null : whyItMatters(query.data);
  return (
    <Page
      title={query.data?.title ?? 'Issue'}
      about={<Link to="/issues">Issues</Link>}
      actions={query.data !== undefined && <Acts issue={query.data} />}
    >
      <Await query={query}>
        {(issue) => (
          <Stack>
            <Facts
              items={[
                ['Severity', <Severity key="s" value={issue.severity} />],
                ['Status', <Status key="st" value={issue.status} />],
                ['Confidence', `${Math.round(issue.confidence * 100)} %`],
                [
                  'Where',
                  issue.endpointId === null ? (
                    <Place key="p" method={issue.method} template={issue.template} />
                  ) : (
                    <Link key="p" to="/inventory/$id" params={{ id: issue.endpointId }}>
                      <Place method={issue.method} template={issue.template} />
                    </Link>
                  ),
                ],
                ['Service', issue.service],
                ...(issue.actorId === null
                  ? []
                  : [
                      [
                        'Actor',
                        <Link key="a" to="/actors/$id" params={{ id: issue.actorId }}>
                          {actorLabel(issue) ?? 'Open'}
                        </Link>,
                      ] as const,
                    ]),
                [
                  'OWASP',
                  owasp === undefined ? (
                    issue.owasp || '–'
                  ) : (
                    <a key="o" href={owaspAddress(owasp.page)} target="_blank" rel="noreferrer" title={owasp.name}>
                      {issue.owasp}
                    </a>
                  ),
                ],
                ...(issue.cwe === ''
                  ? []
                  : [
                      [
                        'CWE',
                        <a
                          key="c"
                          href={`https://cwe.mitre.org/data/definitions/${issue.cwe.replace('CWE-', '')}.html`}
                          target="_blank"
                          rel="noreferrer"
                        >
                          {issue.cwe}
                        </a>,
                      ] as const,
                    ]),
                ['Times', `${count(issue.occurrences)}: ${count(issue.acted)} stopped, ${count(issue.succeeded)} got through`],
                ['First seen', <Time key="f" ms={issue.firstSeenMs} />],
                ['Last seen', <Time key="l" ms={issue.lastSeenMs} />],
                ['Found by', <FoundBy key="fb" source={issue.source} />],
              ]}
            />
            {issue.status === 'accepted' && (
              <Alert color="gray">
                Accepted by {issue.statusBy}: {issue.statusReason || 'no reason given'}.{' '}
                {issue.acceptedUntilMs !== null && (
                  <>
                    Until <Time ms={issue.acceptedUntilMs} relative={false} />.
                  </>
                )}
              </Alert>
            )}
            <div className="two">
              <Card title="What happened">
                <Text className="keep-lines">{issue.explanation}</Text>
                {why !== null && (
                  <Text size="sm" c="dimmed" mt="xs">
                    <b>Why it matters:</b> {why}
                  </Text>
                )}
              </Card>
              <Card title="What to do">
                <Text className="keep-lines">{issue.remediation || 'No advice is recorded for this kind of issue.'}</Text>
              </Card>
            </div>
            <Evidence issue={issue} />
            <Session issue={issue} />
            <Life issue={issue} />
          </Stack>
        )}
      </Await>
    </Page>
  );
}

/** The policy opens; detectors and scan tests have no page of their own. */
function FoundBy({ source }: { readonly source: string }) {
  const [kind = '', ...name] = source.split(':');
  const [policy = '', rule] = name.join(':').split('/');
  if (kind !== 'policy' || policy === 'blocklist') return `${kind} ${name.join(':')}`;
  return (
    <Link to="/policies/$name" params={{ name: policy }}>
      policy {policy}
      {rule !== undefined && `, rule ${rule}`}
    </Link>
  );
}

function Acts({ issue }: { readonly issue: Detail }) {
  const may = useMay('analyst');
  const navigate = useNavigate();
  const [deciding, setDeciding] = useState<Decision['status'] | null>(null);
  const params = { params: { path: { id: issue.id } } };
  const decide = useWrite({
    refresh: ['issues', 'overview'],
    write: (body: Decision) => answer(api.POST('/api/v1/issues/{id}/status', { ...params, body })),
    done: (changed) => `The issue is ${changed.status} now.`,
    after: () => setDeciding(null),
  });
  const verify = useWrite({
    refresh: ['issues', 'scans'],
    write: () => answer(api.POST('/api/v1/issues/{id}/verify', params)),
    after: ({ runId }) => void navigate({ to: '/scans/runs/$id', params: { id: runId } }),
  });
  const draft = (kind: 'policy' | 'exception') =>
    void navigate({ to: '/policies/$name', params: { name: 'new' }, search: { issue: issue.id, draft: kind } });
  return (
    <>
      <Button disabled={!may} onClick={() => draft('policy')}>
        Make a policy
      </Button>
      <Button variant="default" disabled={!may} onClick={() => draft('exception')}>
        Make an exception
      </Button>
      {issue.actorId !== null && <BlockActor id={issue.actorId} label={actorLabel(issue)} />}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" disabled={!may}>
            Decide
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {issue.status !== 'fixed' && <Menu.Item onClick={() => setDeciding('fixed')}>Mark as fixed</Menu.Item>}
          {issue.status !== 'accepted' && <Menu.Item onClick={() => setDeciding('accepted')}>Accept the risk</Menu.Item>}
          {(issue.status === 'fixed' || issue.status === 'accepted') && (
            <Menu.Item onClick={() => setDeciding('open')}>Open again</Menu.Item>
          )}
          {issue.source.startsWith('scan:') && <Menu.Item onClick={() => verify.mutate(undefined)}>Test again</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {deciding !== null && (
        <DecideForm
          status={deciding}
          busy={decide.isPending}
          close={() => setDeciding(null)}
          submit={(decision) => decide.mutate(decision)}
        />
      )}
    </>
  );
}

function Evidence({ issue }: { readonly issue: Detail }) {
  const [at, setAt] = useState(0);
  const proof = issue.evidence[at];
  if (proof === undefined)
    return (
      <Card title="Evidence">
        <Empty title="No evidence is kept any more">Its time has run out: see Settings, Retention.</Empty>
      </Card>
    );
  return (
    <Card
      title="Evidence"
      aside={
        issue.evidence.length > 1 && (
          <Select
            size="xs"
            aria-label="Which proof"
            allowDeselect={false}
            value={String(at)}
            onChange={(value) => setAt(Number(value ?? 0))}
            data={issue.evidence.map((_proof, index) => ({
              value: String(index),
              label: `${index === 0 ? 'first' : `no. ${index + 1}`} of ${issue.evidence.length}`,
            }))}
          />
        )
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          <Time ms={proof.atMs} />
          {proof.explanation === issue.explanation ? '' : `: ${proof.explanation}`}{' '}
          {proof.actor !== null && (
            <Link to="/actors/$id" params={{ id: `${proof.actor.kind}:${proof.actor.value}` }}>
              {proof.actor.label}
            </Link>
          )}
        </Text>
        {proof.evidence.length > 0 && (
          <ul className="plain-list wraps" aria-label="Places">
            {proof.evidence.map((one) => (
              <li key={`${one.location.phase} ${one.location.in} ${one.location.path} ${one.excerpt}`}>
                {one.type !== undefined && <Mark color="grape">{one.type}</Mark>}
                <span className="grow">
                  {one.location.phase}, {one.location.in} <span className="mono">{one.location.path}</span>
                </span>
                <span className="mono">{one.excerpt}</span>
              </li>
            ))}
          </ul>
        )}
        {proof.exchangeIds.slice(-2).map((id) => (
          <Exchanged key={id} id={id} evidence={proof.evidence} />
        ))}
        {proof.beforeIds.length > 0 && (
          <Stack gap={4}>
            <Text size="sm" fw={600}>
              Before it, the same actor had sent
            </Text>
            <ul className="plain-list" aria-label="Sent before">
              {proof.beforeIds.map((id) => (
                <SentBefore key={id} id={id} />
              ))}
            </ul>
          </Stack>
        )}
        {issue.source.startsWith('scan:') && <Tested issue={issue} />}
      </Stack>
    </Card>
  );
}

/** One line of what came before a proof, while it is kept. */
function SentBefore({ id }: { readonly id: string }) {
  const { data } = useQuery({ queryKey: ['exchanges', 'one', id], queryFn: () => readExchange(id) });
  if (data === undefined) return null;
  const { request, response, atMs } = data;
  return (
    <li>
      <Link to="/exchanges/$id" params={{ id }} className="cut grow">
        <Method value={request.method} /> <span className="mono">{request.target}</span>
      </Link>
      <Mark color="gray">before</Mark>
      <span className="num">{response?.status ?? 'no answer'}</span>
      <Time ms={atMs} />
    </li>
  );
}

function Exchanged({ id, evidence }: { readonly id: string; readonly evidence: readonly Schemas['Evidence'][] }) {
  const query = useQuery({
    queryKey: ['exchanges', 'one', id],
    queryFn: () => readExchange(id),
  });
  if (query.data === undefined) {
    if (query.error === null) return <Waiting />;
    if ('status' in query.error && query.error.status === 404) return <Text c="dimmed">The exchange itself is not kept any more.</Text>;
    return <Failed error={query.error} busy={query.isFetching} retry={() => void query.refetch()} />;
  }
  return (
    <Stack gap={4}>
      <Messages exchange={query.data} evidence={evidence} />
      <Text size="xs" c="dimmed">
        Sensitive values are masked.{' '}
        <Link to="/exchanges/$id" params={{ id }}>
          {query.data.unmaskable ? 'Open this exchange; its real values are kept' : 'Open this exchange'}
        </Link>
      </Text>
    </Stack>
  );
}

/** What the scan that found it sent and got. */
function Tested({ issue }: { readonly issue: Detail }) {
  const query = useQuery({
    queryKey: ['scans', 'of-endpoint', issue.endpointId],
    enabled: issue.endpointId !== null,
    queryFn: () =>
      answer(api.GET('/api/v1/endpoints/{id}/tests', { params: { path: { id: issue.endpointId ?? '' }, query: { limit: 100 } } })),
  });
  if (issue.endpointId === null) return null;
  return (
    <Await query={query}>
      {({ items }) => {
        const result = items.find((one) => one.issueId === issue.id) ?? items.find((one) => `scan:${one.testId}` === issue.source);
        if (result === undefined) return <Text c="dimmed">The run that found it is not kept any more.</Text>;
        return (
          <>
            <Proof body={result.body} isExplained />
            <Link to="/scans/runs/$id" params={{ id: result.runId }}>
              Open the scan run
            </Link>
          </>
        );
      }}
    </Await>
  );
}

const SESSION_MS = 15 * 60_000;

/** What the same actor did before. */
function Session({ issue }: { readonly issue: Detail }) {
  const first = issue.evidence[0];
  const actor = first?.actor ?? null;
  if (first === undefined || actor === null) return null;
  return (
    <Card title="What led to it" aside={<span className="dimmed small">kept requests of {actor.label} in the 15 minutes before</span>}>
      <ExchangeList
        filter={{ actorId: `${actor.kind}:${actor.value}`, sinceMs: first.atMs - SESSION_MS, untilMs: first.atMs }}
        empty="weir keeps a bounded sample of the traffic; of the time before this, nothing is left."
      />
    </Card>
  );
}

function eventText({ kind, text, detail }: Schemas['IssueEvent']): string {
  if (kind === 'comment') return text;
  if (kind === 'assigned') return text === '' ? 'assigned it to nobody' : `assigned it to ${text}`;
  const what = kind === 'status' ? `decided: ${(detail as { readonly status?: string } | null)?.status ?? 'another status'}` : kind;
  return text === '' ? what : `${what}: ${text}`;
}

function Life({ issue }: { readonly issue: Detail }) {
  const may = useMay('analyst');
  const [text, setText] = useState('');
  const params = { path: { id: issue.id } };
  const events = useQuery({
    queryKey: ['issues', 'events', issue.id],
    queryFn: () => answer(api.GET('/api/v1/issues/{id}/events', { params: { ...params, query: { limit: 200 } } })),
  });
  const names = useQuery({ queryKey: ['settings', 'user-names'], queryFn: () => answer(api.GET('/api/v1/user-names')) });
  const integrations = useQuery({ queryKey: ['settings', 'integrations'], queryFn: () => answer(api.GET('/api/v1/integrations')) });
  const comment = useWrite({
    refresh: ['issues'],
    write: () => answer(api.POST('/api/v1/issues/{id}/comments', { params, body: { text } })),
    after: () => setText(''),
  });
  const assign = useWrite({
    refresh: ['issues'],
    write: (assignee: string) => answer(api.PUT('/api/v1/issues/{id}/assignee', { params, body: { assignee } })),
    done: () => 'Assigned.',
  });
  const send = useWrite({
    refresh: ['issues'],
    write: (integrationId: string) => answer(api.POST('/api/v1/issues/{id}/send', { params, body: { integrationId } })),
    done: () => 'On its way.',
  });
  return (
    <Card
      title="Life of this issue"
      aside={
        <Group gap="xs">
          {(integrations.data?.items.length ?? 0) > 0 && (
            <Select
              size="xs"
              w={150}
              aria-label="Send to an integration"
              placeholder="Send to …"
              disabled={!may}
              value={null}
              onChange={(id) => id !== null && send.mutate(id)}
              data={integrations.data?.items.map((one) => ({ value: one.id, label: one.name })) ?? []}
            />
          )}
          <Select
            size="xs"
            w={150}
            aria-label="Assigned to"
            placeholder="Nobody"
            clearable
            disabled={!may}
            value={issue.assignee || null}
            onChange={(name) => assign.mutate(name ?? '')}
            data={names.data?.items ?? []}
          />
          <Export path={`/issues/${encodeURIComponent(issue.id)}/events`} query={ALL} small />
        </Group>
      }
    >
      <Await query={events}>
        {({ items }) => (
          <ul className="timeline">
            {items.map((event) => (
              <li key={event.id}>
                <Time ms={event.atMs} />
                <span className="keep-lines">
                  <b>{event.by}</b> {eventText(event)}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Await>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          comment.mutate(undefined);
        }}
      >
        <Group align="flex-end" mt="sm">
          <Textarea
            label="Comment"
            autosize
            minRows={1}
            className="grow"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" disabled={!may || text.trim() === ''} loading={comment.isPending}>
            Comment
          </Button>
        </Group>
      </form>
    </Card>
  );
}
