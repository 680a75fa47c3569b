import { Alert, Button, Group, Menu, Modal, Stack, Table, Tabs, TextInput } from '@mantine/core';
import { IconPlus, IconWall } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, api, type Schemas } from '../api.ts';
import { Await, Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { type BlockChoice, BlockForm, DurationSelect } from '../parts/BlockForm.tsx';
import { SearchFilter, SelectFilter, useServices } from '../parts/filters.tsx';
import { Mark } from '../parts/Marks.tsx';
import { ALL, Card, Export, Page } from '../parts/Page.tsx';
import { PlainTable } from '../parts/PlainTable.tsx';
import { type Column, Rows, useRows } from '../parts/Rows.tsx';
import { Sure } from '../parts/Sure.tsx';
import { Time } from '../parts/Time.tsx';
import { useWrite } from '../queries.ts';
import { useMay } from '../session.ts';
import { count, plural } from '../words.ts';

type Block = Schemas['Block'];

export function Blocklist() {
  const [filters, setFilters] = useFilters();
  const [isAdding, setAdding] = useState(false);
  const may = useMay('analyst');
  const add = useWrite({
    quiet: true,
    refresh: ['blocks', 'actors'],
    write: (choice: BlockChoice) => answer(api.POST('/api/v1/blocks', { body: choice })),
    done: (block) => [`${block.scope.value} is blocked from the next request on.`, ...(block.notes ?? [])].join(' '),
    after: () => setAdding(false),
  });
  return (
    <Page
      title="Blocklist"
      about="Who is refused, who never is, and why."
      actions={
        <>
          {(filters.tab ?? 'blocks') === 'blocks' && (
            <>
              <ForFirewalls />
              <Export path="/blocks" query={{ search: filters.search, origin: filters.origin, kind: filters.kind }} />
            </>
          )}
          <Button disabled={!may} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            Block
          </Button>
        </>
      }
    >
      <WhereItHolds />
      <Tabs value={filters.tab ?? 'blocks'} onChange={(tab) => setFilters({ tab: tab ?? undefined })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="blocks">Blocked</Tabs.Tab>
          <Tabs.Tab value="allow">Allowlist</Tabs.Tab>
          <Tabs.Tab value="feeds">Feeds</Tabs.Tab>
          <Tabs.Tab value="explain">Explain</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="blocks">
          <Blocks />
        </Tabs.Panel>
        <Tabs.Panel value="allow">
          <Allowlist />
        </Tabs.Panel>
        <Tabs.Panel value="feeds">
          <Feeds />
        </Tabs.Panel>
        <Tabs.Panel value="explain">
          <Explain />
        </Tabs.Panel>
      </Tabs>
      {isAdding && (
        <BlockForm
          title="Block"
          verb="Block now"
          busy={add.isPending}
          error={add.error}
          close={() => {
            add.reset();
            setAdding(false);
          }}
          submit={(choice) => add.mutate(choice)}
        />
      )}
    </Page>
  );
}

const FIREWALLS = [
  ['nftables', 'nftables set'],
  ['nginx', 'nginx deny file'],
  ['haproxy', 'HAProxy map'],
  ['aws-waf', 'AWS WAF IP sets'],
  ['plain', 'Plain list'],
] as const;

/** The list as others can enforce it. */
function ForFirewalls() {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconWall size={16} aria-hidden />}>
          For firewalls
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {FIREWALLS.map(([format, title]) => (
          <Menu.Item key={format} component="a" href={`/api/v1/blocks-export/${format}?feeds=true`} download={`weir-blocks.${format}`}>
            {title}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** A list that refuses nobody must not look as if it did. */
function WhereItHolds() {
  const services = useServices().data?.items ?? [];
  const named = (mode: string) => services.filter((one) => one.mode.request === mode).map((one) => one.name);
  const [mirrored, observed] = [named('mirror'), named('observe')];
  return (
    <>
      {mirrored.length > 0 && (
        <Alert color="orange" mb="md">
          <b>{mirrored.join(', ')}: in mirror mode weir itself refuses nothing.</b> Entries act there only through what you feed with them:
          the list in the form of your firewall or edge (“For firewalls”), or a webhook that is told of each block (
          <Link to="/settings">Settings, Integrations</Link>).
        </Alert>
      )}
      {observed.length > 0 && (
        <Alert color="yellow" mb="md">
          <b>{observed.join(', ')}: in observe mode blocked clients pass.</b> What would have been refused is recorded. Switch to enforce on
          the overview to make entries act.
        </Alert>
      )}
    </>
  );
}

function Blocks() {
  const [filters] = useFilters();
  const may = useMay('analyst');
  const remove = useWrite({
    refresh: ['blocks', 'actors'],
    write: (id: string) => answer(api.DELETE('/api/v1/blocks/{id}', { params: { path: { id } } })),
    done: () => 'Removed. The next request passes.',
  });
  const query = {
    search: filters.search,
    origin: filters.origin as Block['origin'] | undefined,
    kind: filters.kind as Block['scope']['kind'] | undefined,
    sort: '-createdAt' as const,
  };
  const rows = useRows(['blocks', query], (page) => answer(api.GET('/api/v1/blocks', { params: { query: { ...query, ...page } } })));
  const columns: readonly Column<Block>[] = [
    {
      name: 'Whom',
      width: 'minmax(140px, 2fr)',
      cell: (row) =>
        row.scope.kind === 'address' || row.scope.kind === 'principal' ? (
          <Link to="/actors/$id" params={{ id: `${row.scope.kind}:${row.scope.value}` }} className="mono">
            {row.scope.value}
          </Link>
        ) : (
          <span className="mono">{row.scope.value}</span>
        ),
    },
    { name: 'Kind', width: '76px', fromPx: 1020, cell: (row) => row.scope.kind },
    { name: 'Action', width: '84px', cell: (row) => <Mark color={row.action === 'block' ? 'red' : 'orange'}>{row.action}</Mark> },
    { name: 'Service', width: '80px', fromPx: 1020, cell: (row) => row.service ?? 'every' },
    { name: 'Reason', width: 'minmax(110px, 2fr)', cell: (row) => <span title={row.reason}>{row.reason}</span> },
    { name: 'By', width: '90px', cell: (row) => `${row.createdBy}` },
    { name: 'Since', width: '96px', fromPx: 900, cell: (row) => <Time ms={row.createdAtMs} /> },
    { name: 'Ends', width: '96px', cell: (row) => (row.expiresAtMs === null ? 'never' : <Time ms={row.expiresAtMs} />) },
    {
      name: 'Hits',
      width: '64px',
      cell: (row) => (
        <span className="num" title={row.tried.map((one) => `${one.endpoint}: ${count(one.count)}`).join('\n')}>
          {count(row.hits)}
        </span>
      ),
    },
    { name: 'Last hit', width: '96px', fromPx: 900, cell: (row) => (row.lastHitMs === null ? '' : <Time ms={row.lastHitMs} />) },
    {
      name: 'Remove',
      width: '88px',
      cell: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          disabled={!may}
          aria-label={`Unblock ${row.scope.value}`}
          onClick={() => remove.mutate(row.id)}
        >
          Unblock
        </Button>
      ),
    },
  ];
  return (
    <Stack>
      <Group gap="xs">
        <SearchFilter placeholder="Search address or reason" />
        <SelectFilter name="origin" label="Origin" options={['person', 'policy', 'detector', 'feed']} />
        <SelectFilter name="kind" label="Kind" options={['address', 'cidr', 'principal', 'asn', 'country']} />
      </Group>
      <Rows
        label="Blocks"
        query={rows}
        columns={columns}
        rowKey={(row) => row.id}
        empty={
          <Empty title="Nobody is blocked">
            Block an actor on their page, or press “Block” above for an address, a network or a principal.
          </Empty>
        }
      />
    </Stack>
  );
}

function Allowlist() {
  const may = useMay('analyst');
  const query = useQuery({ queryKey: ['blocks', 'allow'], queryFn: () => answer(api.GET('/api/v1/allowlist')) });
  const [value, setValue] = useState('');
  const [reason, setReason] = useState('');
  const [forMs, setForMs] = useState<number | null>(null);
  const add = useWrite({
    refresh: ['blocks', 'actors'],
    write: () => answer(api.POST('/api/v1/allowlist', { body: { value, reason, forMs } })),
    done: (entry) => `${entry.scope.value} is on the allowlist.`,
    after: () => {
      setValue('');
      setReason('');
    },
  });
  const remove = useWrite({
    refresh: ['blocks', 'actors'],
    write: (id: string) => answer(api.DELETE('/api/v1/allowlist/{id}', { params: { path: { id } } })),
    done: () => 'Taken off the allowlist.',
  });
  return (
    <Stack>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(undefined);
        }}
      >
        <Group align="flex-end" gap="xs">
          <TextInput
            label="Address, network or principal"
            required
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
          <TextInput
            label="Reason"
            required
            value={reason}
            className="grow"
            miw={200}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <DurationSelect value={forMs} onChange={setForMs} />
          <Button type="submit" disabled={!may} loading={add.isPending}>
            Allow
          </Button>
          <Export path="/allowlist" query={ALL} />
        </Group>
      </form>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="The allowlist is empty">
              Entries here win over every block, whoever made it: monitoring, your office, a partner.
            </Empty>
          ) : (
            <PlainTable label="Allowlist" head={['Who', 'Kind', 'Reason', 'By', 'Since', 'Until', 'Feed', 'Remove']}>
              {items.map((entry) => (
                <Table.Tr key={entry.id}>
                  <Table.Td className="mono">{entry.scope.value}</Table.Td>
                  <Table.Td>{entry.scope.kind}</Table.Td>
                  <Table.Td>{entry.reason}</Table.Td>
                  <Table.Td>{entry.createdBy}</Table.Td>
                  <Table.Td>
                    <Time ms={entry.createdAtMs} />
                  </Table.Td>
                  <Table.Td>{entry.expiresAtMs === null ? 'removed' : <Time ms={entry.expiresAtMs} />}</Table.Td>
                  <Table.Td>{entry.feed ?? ''}</Table.Td>
                  <Table.Td>
                    <Button size="compact-xs" variant="default" disabled={!may} onClick={() => remove.mutate(entry.id)}>
                      Remove
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Await>
    </Stack>
  );
}

function Feeds() {
  const may = useMay('admin');
  const [isAdding, setAdding] = useState(false);
  const [name, setName] = useState('');
  const [url, setUrl] = useState('');
  const query = useQuery({ queryKey: ['blocks', 'feeds'], queryFn: () => answer(api.GET('/api/v1/feeds')) });
  const add = useWrite({
    refresh: ['blocks'],
    write: () => answer(api.POST('/api/v1/feeds', { body: { name, url, format: 'auto', everyMs: 3_600_000, enabled: true } })),
    done: (feed) => `${feed.name}: ${plural(feed.entries, 'entry', 'entries')}.`,
    after: () => setAdding(false),
  });
  const refresh = useWrite({
    refresh: ['blocks'],
    write: (id: string) => answer(api.POST('/api/v1/feeds/{id}/refresh', { params: { path: { id } } })),
    done: (feed) => `${feed.name}: ${plural(feed.entries, 'entry', 'entries')}.`,
  });
  const remove = useWrite({
    refresh: ['blocks'],
    write: (id: string) => answer(api.DELETE('/api/v1/feeds/{id}', { params: { path: { id } } })),
    done: () => 'Feed removed.',
  });
  return (
    <Stack>
      <Await query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No feed yet">A feed is a list of bad addresses that somebody else keeps, read again every hour.</Empty>
          ) : (
            <div className="two">
              {items.map((feed) => (
                <Card
                  key={feed.id}
                  title={feed.name}
                  aside={
                    <Group gap={4}>
                      <Button size="compact-xs" variant="default" disabled={!may} onClick={() => refresh.mutate(feed.id)}>
                        Read again
                      </Button>
                      <Sure
                        verb="Remove"
                        what={feed.name}
                        text="The addresses that only this feed names are let in again at once."
                        disabled={!may}
                        busy={remove.isPending}
                        run={() => remove.mutate(feed.id)}
                      />
                    </Group>
                  }
                >
                  <div className="mono cut">{feed.url}</div>
                  <div>
                    {plural(feed.entries, 'entry', 'entries')}, read <Time ms={feed.loadedAtMs} />; {count(feed.hits)} requests refused;{' '}
                    {plural(feed.overridden, 'false positive')} let through by the allowlist
                  </div>
                  {feed.refused > 0 && (
                    <details>
                      <summary>{plural(feed.refused, 'line')} left out</summary>
                      <ul className="plain-list">
                        {feed.errors.map((one) => (
                          <li key={one.line}>
                            <span className="num">line {one.line}</span>
                            <span className="mono grow cut">{one.text}</span>
                            <span>{one.why}</span>
                          </li>
                        ))}
                      </ul>
                    </details>
                  )}
                  {feed.error !== null && (
                    <Alert color="red" mt="xs">
                      {feed.error}
                    </Alert>
                  )}
                </Card>
              ))}
            </div>
          )
        }
      </Await>
      <Group>
        <Button variant="default" disabled={!may} onClick={() => setAdding(true)}>
          Add a feed
        </Button>
        <Export path="/feeds" query={ALL} />
      </Group>
      <Modal opened={isAdding} onClose={() => setAdding(false)} title="Add a feed" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <TextInput
            label="Where"
            description="https:// address or a file"
            value={url}
            onChange={(event) => setUrl(event.currentTarget.value)}
          />
          <Button loading={add.isPending} disabled={name === '' || url === ''} onClick={() => add.mutate(undefined)}>
            Add
          </Button>
        </Stack>
      </Modal>
    </Stack>
  );
}

function Explain() {
  const [filters, setFilters] = useFilters();
  const [text, setText] = useState(filters.subject ?? '');
  const subject = filters.subject ?? '';
  const query = useQuery({
    queryKey: ['blocks', 'explain', subject],
    enabled: subject !== '',
    queryFn: () => answer(api.GET('/api/v1/blocks-explain', { params: { query: { subject } } })),
  });
  return (
    <Stack>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setFilters({ subject: text.trim() });
        }}
      >
        <Group align="flex-end" gap="xs">
          <TextInput
            label="Why is somebody blocked?"
            description="An address, a principal, or the incident id from a block page"
            value={text}
            className="grow"
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button type="submit">Explain</Button>
        </Group>
      </form>
      {subject !== '' && (
        <Await query={query}>
          {(found) => (
            <Alert color={found.verdict === 'blocked' ? 'red' : found.verdict === 'allowed' ? 'teal' : 'gray'} title={found.subject}>
              {found.text}
              {found.incident?.issueId != null && (
                <div>
                  <Link to="/issues/$id" params={{ id: found.incident.issueId }}>
                    The issue
                  </Link>
                </div>
              )}
              {found.incident?.policy != null && (
                <div>
                  <Link to="/policies/$name" params={{ name: found.incident.policy }}>
                    Policy {found.incident.policy}
                  </Link>
                </div>
              )}
            </Alert>
          )}
        </Await>
      )}
    </Stack>
  );
}
