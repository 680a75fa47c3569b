import { Alert, Button, Group, Modal, Select, Stack, Table, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { diffLines } from '../diff.ts';
import type { JsonSchema } from '../editor/schema.ts';
import { YamlEditor } from '../editor/YamlEditor.tsx';
import { Await, Empty, Failed } from '../parts/Await.tsx';
import { useServices } from '../parts/filters.tsx';
import { Mark, Method, Status } from '../parts/Marks.tsx';
import { ALL, Card, Export, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { Time } from '../parts/Time.tsx';
import { Working } from '../parts/Working.tsx';
import { textOf, useLongWrite, useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count, plural } from '../words.ts';
import { PolicyMode } from './Policies.tsx';

const NEW = `policy: my-policy
title: What it is for, in a few words
severity: high
mode: observe
match:
  path: /api/**
rules:
  - rule: no-ssn-in-answers
    phase: response
    when:
      data: {types: [us_ssn]}
    action: block
`;

export function Policy() {
  const { name } = useParams({ from: '/policies/$name' });
  const { issue, draft } = useSearch({ from: '/policies/$name' });
  if (name !== 'new') return <Existing name={name} key={name} />;
  if (issue !== undefined) return <FromIssue issue={issue} kind={draft === 'exception' ? 'exception' : 'policy'} />;
  return (
    <Page title="New policy" about={<Link to="/policies">Policies</Link>}>
      <Editor start={NEW} present={null} />
    </Page>
  );
}

function FromIssue({ issue, kind }: { readonly issue: string; readonly kind: 'policy' | 'exception' }) {
  const params = { params: { path: { id: issue } } };
  const query = useQuery({
    queryKey: ['draft', kind, issue],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      answer(
        kind === 'policy' ? api.GET('/api/v1/issues/{id}/policy-draft', params) : api.GET('/api/v1/issues/{id}/exception-draft', params),
      ),
  });
  return (
    <Page
      title={kind === 'policy' ? 'Policy from an issue' : 'Exception from an issue'}
      about={
        <Link to="/issues/$id" params={{ id: issue }}>
          Back to the issue
        </Link>
      }
    >
      <Await query={query}>
        {(draft) => (
          <Stack>
            <Alert color="blue" variant="light">
              {draft.explanation} It starts in observe: look at what it would have done, save it, and enforce it when you like that.
            </Alert>
            <Editor start={draft.text} present={null} replaysAtOnce />
          </Stack>
        )}
      </Await>
    </Page>
  );
}

function Existing({ name }: { readonly name: string }) {
  const query = useQuery({
    queryKey: ['policies', 'one', name],
    queryFn: () => answer(api.GET('/api/v1/policies/{name}', { params: { path: { name } } })),
  });
  return (
    <Page
      title={query.data?.title || name}
      about={<Link to="/policies">Policies</Link>}
      actions={query.data !== undefined && <PolicyMode policy={query.data} />}
    >
      <Await query={query}>
        {(policy) => (
          <Stack>
            {policy.description !== '' && <Text size="sm">{policy.description}</Text>}
            {policy.problem !== null && (
              <Alert color="red" title="This text is not in force">
                {policy.problem} The last good one is.
              </Alert>
            )}
            {policy.readOnly && (
              <Alert color="gray" variant="light">
                {policy.origin === 'library' ? (
                  'This policy comes with weir'
                ) : (
                  <>
                    This policy comes from <span className="mono">{policy.file}</span>
                  </>
                )}{' '}
                and is read-only here.
                {policy.origin === 'folder' && ' Change the file; it is read again at once.'}
              </Alert>
            )}
            <Tabs defaultValue="text" keepMounted={false}>
              <Tabs.List>
                <Tabs.Tab value="text">Text</Tabs.Tab>
                <Tabs.Tab value="rules">Rules and hits</Tabs.Tab>
                {policy.origin === 'ui' && <Tabs.Tab value="history">History</Tabs.Tab>}
              </Tabs.List>
              <Tabs.Panel value="text" pt="md">
                <Editor key={policy.version} start={policy.text} present={policy} />
              </Tabs.Panel>
              <Tabs.Panel value="rules" pt="md">
                <Rules policy={policy} />
              </Tabs.Panel>
              <Tabs.Panel value="history" pt="md">
                <History name={policy.name} present={policy.version} />
              </Tabs.Panel>
            </Tabs>
          </Stack>
        )}
      </Await>
    </Page>
  );
}

type Checked = Schemas['CheckedPolicy'];

function Editor({
  start,
  present,
  replaysAtOnce = false,
}: {
  readonly start: string;
  readonly present: Schemas['Policy'] | null;
  readonly replaysAtOnce?: boolean;
}) {
  const may = useMay('admin');
  const navigate = useNavigate();
  const readOnly = present?.readOnly === true;
  const [text, setText] = useState(start);
  const [checked, setChecked] = useState<Checked | null>(null);
  const [checkError, setCheckError] = useState<Error | null>(null);
  const schema = useQuery({
    queryKey: ['policy-schema'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await answer(api.GET('/api/v1/policy-schema'))).schema as JsonSchema,
  });
  const check = useCallback(async (present: string) => {
    try {
      const result = await answer(api.POST('/api/v1/policy-check', { body: { text: present } }));
      setChecked(result);
      setCheckError(null);
      return result.problems;
    } catch (error) {
      setCheckError(error as Error);
      return [];
    }
  }, []);
  const save = useWrite({
    quiet: true,
    refresh: ['policies'],
    write: (name: string) =>
      answer(
        api.PUT('/api/v1/policies/{name}', {
          params: { path: { name } },
          headers: present !== null && present.name === name ? { 'if-match': `"v${present.version}"` } : {},
          body: { text, note: '' },
        }),
      ),
    done: (policy) => `${policy.name} is saved and in force on every gateway.`,
    after: (policy) =>
      void (present?.name !== policy.name && navigate({ to: '/policies/$name', params: { name: policy.name }, search: {} })),
  });
  const errors = checked?.problems.filter((one) => one.severity === 'error') ?? [];
  const failing = checked?.cases.filter((one) => !one.ok) ?? [];
  const isFine = checked !== null && errors.length === 0 && failing.length === 0;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text size="sm" role="status" c={isFine || checked === null ? 'dimmed' : 'red'}>
          {checkError !== null
            ? `Not checked: ${textOf(checkError)} It is checked again with the next change.`
            : checked === null
              ? 'Checking …'
              : errors.length > 0
                ? `${plural(errors.length, 'error')}. Line ${errors[0]!.line}: ${errors[0]!.message}`
                : failing.length > 0
                  ? `${plural(failing.length, 'case')} of ${count(checked.cases.length)} fail`
                  : `No error${checked.cases.length > 0 ? `, ${plural(checked.cases.length, 'case')} pass` : ''}. Ctrl+Space completes.`}
        </Text>
        {!readOnly && (
          <Group gap="xs">
            {present !== null && <Remove name={present.name} />}
            <Button
              disabled={!may || !isFine || (present !== null && text === present.text)}
              loading={save.isPending}
              onClick={() => save.mutate(checked?.name ?? present?.name ?? '')}
            >
              Save
            </Button>
          </Group>
        )}
      </Group>
      {save.error !== null && (
        <Alert color="red" role="alert" className="keep-lines">
          {textOf(save.error)}
        </Alert>
      )}
      {schema.error !== null && <Failed error={schema.error} busy={schema.isFetching} retry={() => void schema.refetch()} />}
      <YamlEditor label="Text of the policy" text={start} readOnly={readOnly} schema={schema.data} check={check} onChange={setText} />
      <div className="two">
        <Cases checked={checked} />
        <Replay text={text} isValid={errors.length === 0} atOnce={replaysAtOnce} />
      </div>
    </Stack>
  );
}

function Cases({ checked }: { readonly checked: Checked | null }) {
  const cases = checked?.cases ?? [];
  return (
    <Card title="Cases" aside={<span className="dimmed small">run as you type</span>}>
      {(checked?.problems ?? []).length > 0 && (
        <ul className="plain-list" aria-label="Problems">
          {checked!.problems.map((problem) => (
            <li key={`${problem.line} ${problem.column} ${problem.code}`}>
              <Mark color={problem.severity === 'error' ? 'red' : 'orange'}>{`line ${problem.line}`}</Mark>
              <span className="grow">
                {problem.message} {problem.hint !== undefined && <span className="dimmed">{problem.hint}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
      {cases.length === 0 ? (
        <Empty title="No case yet">
          Add <code>cases:</code> with a request and what must fire. They prove the policy here and with <code>weir policies test</code>.
        </Empty>
      ) : (
        <ul className="plain-list">
          {cases.map((one) => (
            <li key={one.name}>
              <Status value={one.ok ? 'passed' : 'failed'} />
              <span className="grow">
                {one.name}
                {!one.ok && (
                  <span className="dimmed">
                    {' '}
                    expected {one.expected}, got {one.actual}
                  </span>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Replay({ text, isValid, atOnce }: { readonly text: string; readonly isValid: boolean; readonly atOnce: boolean }) {
  const services = useServices();
  const [hours, setHours] = useState('24');
  const [service, setService] = useState<string | null>(null);
  const replay = useLongWrite({
    refresh: [],
    write: (_: undefined, signal) =>
      answer(
        api.POST('/api/v1/policy-replay', {
          body: { text, hours: Number(hours), maxHits: 100, ...(service === null ? {} : { service }) },
          signal,
        }),
      ),
  });
  const { mutate } = replay;
  useEffect(() => {
    if (atOnce) mutate(undefined);
  }, [atOnce, mutate]);
  return (
    <Card title="Replay" aside={<span className="dimmed small">on traffic that weir kept</span>}>
      <Group gap="xs" align="flex-end" mb="sm">
        <Select
          label="Time"
          size="xs"
          w={130}
          allowDeselect={false}
          value={hours}
          onChange={(value) => setHours(value ?? '24')}
          data={[
            { value: '1', label: 'last hour' },
            { value: '24', label: 'last 24 hours' },
            { value: '168', label: 'last 7 days' },
          ]}
        />
        <Select
          label="Service"
          size="xs"
          w={130}
          clearable
          placeholder="every"
          value={service}
          onChange={setService}
          data={services.data?.items.map((one) => one.name) ?? []}
        />
        <Button size="xs" variant="default" disabled={!isValid} loading={replay.isPending} onClick={() => replay.mutate(undefined)}>
          Replay
        </Button>
      </Group>
      {replay.isPending && <Working text="Looking at what was kept" cancel={replay.cancel} />}
      {replay.error !== null && <Alert color="red">{textOf(replay.error)}</Alert>}
      {replay.data !== undefined && (
        <Stack gap="xs">
          <Text role="status">
            Would have acted on <b>{count(replay.data.wouldAct)}</b> of {count(replay.data.examined)} exchanges
            {replay.data.alerts > 0 && `, and raised ${plural(replay.data.alerts, 'alert')}`}.
            {!replay.data.complete && ' More were kept than it looked at.'}
          </Text>
          <ul className="plain-list">
            {replay.data.hits.slice(0, 30).map((hit) => (
              <li key={`${hit.exchangeId} ${hit.rule} ${hit.phase}`}>
                <Link to="/exchanges/$id" params={{ id: hit.exchangeId }} className="cut grow" title={hit.message}>
                  <Method value={hit.method} /> <span className="mono">{hit.target}</span>
                </Link>
                <span className="dimmed">{hit.rule}</span>
                <Mark color="red">{hit.action}</Mark>
              </li>
            ))}
          </ul>
        </Stack>
      )}
    </Card>
  );
}

function Remove({ name }: { readonly name: string }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const may = useMay('admin');
  const navigate = useNavigate();
  const remove = useWrite({
    refresh: ['policies'],
    write: () => answer(api.DELETE('/api/v1/policies/{name}', { params: { path: { name } } })),
    done: () => `${name} is removed. Its history stays.`,
    after: () => void navigate({ to: '/policies' }),
  });
  return (
    <>
      <Button variant="default" disabled={!may} onClick={open}>
        Remove
      </Button>
      <Modal opened={isOpen} onClose={close} title={`Remove ${name}?`} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">No gateway uses it from then on. Its history stays.</Text>
          <Button color="red" loading={remove.isPending} onClick={() => remove.mutate(undefined)}>
            Remove
          </Button>
        </Stack>
      </Modal>
    </>
  );
}

function Rules({ policy }: { readonly policy: Schemas['Policy'] }) {
  return (
    <PlainTable label="Rules" head={['Rule', 'Evaluated', 'Hits', 'Acted', 'Would act', 'Errors', 'Mean time']}>
      {policy.rules.map((rule) => (
        <Table.Tr key={rule.rule}>
          <Table.Td>{rule.rule}</Table.Td>
          {(['evaluations', 'hits', 'acted', 'wouldAct', 'errors'] as const).map((name) => (
            <Table.Td key={name} className="num">
              {count(rule[name])}
            </Table.Td>
          ))}
          <Table.Td className="num">{rule.evaluations === 0 ? '–' : `${Math.round(rule.meanNs)} ns`}</Table.Td>
        </Table.Tr>
      ))}
    </PlainTable>
  );
}

function History({ name, present }: { readonly name: string; readonly present: number }) {
  const may = useMay('admin');
  const query = useQuery({
    queryKey: ['policies', 'versions', name],
    queryFn: () => answer(api.GET('/api/v1/policies/{name}/versions', { params: { path: { name } } })),
  });
  const [shown, setShown] = useState<number | null>(null);
  const revert = useWrite({
    refresh: ['policies'],
    write: (version: number) => answer(api.POST('/api/v1/policies/{name}/revert', { params: { path: { name } }, body: { version } })),
    done: () => 'The old text is in force again.',
  });
  return (
    <Await query={query}>
      {({ items }) => {
        const textOfVersion = (version: number) => items.find((one) => one.version === version)?.text ?? '';
        return (
          <Stack>
            <ul className="timeline">
              {items.map((version) => (
                <li key={version.version}>
                  <Time ms={version.atMs} />
                  <Group justify="space-between">
                    <span>
                      Version {version.version} by {version.author} {version.note !== '' && <span className="dimmed">{version.note}</span>}
                    </span>
                    <Group gap={4}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setShown(shown === version.version ? null : version.version)}
                      >
                        {shown === version.version ? 'Hide' : 'Compare'}
                      </Button>
                      {version.version !== present && !version.deleted && (
                        <Button size="compact-xs" variant="default" disabled={!may} onClick={() => revert.mutate(version.version)}>
                          Revert to this
                        </Button>
                      )}
                    </Group>
                  </Group>
                </li>
              ))}
            </ul>
            <Group>
              <Export path={`/policies/${encodeURIComponent(name)}/versions`} query={ALL} small />
            </Group>
            {shown !== null && (
              <Card title={shown === 1 ? 'Version 1' : `What version ${shown} changed`}>
                <Diff before={textOfVersion(shown - 1)} after={textOfVersion(shown)} />
              </Card>
            )}
          </Stack>
        );
      }}
    </Await>
  );
}

const SIGN = { same: ' ', added: '+', removed: '-' } as const;

/** Two texts as one, with what was removed and what was added. */
function Diff({ before, after }: { readonly before: string; readonly after: string }) {
  return (
    <pre className="diff mono" tabIndex={0}>
      {diffLines(before, after).map((line, at) => (
        // Lines of a finished text never change their order.
        <span key={`${at} ${line.kind}`} data-kind={line.kind}>
          {SIGN[line.kind]} {line.text}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}
