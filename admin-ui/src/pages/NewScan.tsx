import { Alert, Button, Checkbox, Group, MultiSelect, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError, answer, api } from '../api.ts';
import { AuthContextForm } from '../parts/AuthContexts.tsx';
import { Failed } from '../parts/Await.tsx';
import { useServices } from '../parts/filters.tsx';
import { Card, Page } from '../parts/Page.tsx';
import { Time } from '../parts/Time.tsx';
import { textOf, useWrite } from '../queries.ts';
import { zone as ownZone } from '../words.ts';

const SCHEDULES = [
  { value: '', label: 'by hand' },
  { value: '0 3 * * *', label: 'every night at 3' },
  { value: '0 3 * * 1', label: 'every Monday at 3' },
  { value: 'own', label: 'by a cron expression' },
];

export function NewScan() {
  const start = useSearch({ from: '/scans/new' });
  const navigate = useNavigate();
  const services = useServices();
  const [name, setName] = useState('');
  const [chosenService, setService] = useState<string | null>(start.service ?? null);
  const only = services.data?.items.length === 1 ? services.data.items[0]!.name : null;
  const service = chosenService ?? only;
  const [endpoints, setEndpoints] = useState<string[]>(start.endpointId === undefined ? [] : [start.endpointId]);
  const [changedOnly, setChangedOnly] = useState(false);
  const [contexts, setContexts] = useState<string[]>([]);
  const [tests, setTests] = useState<string[]>([]);
  const [categories, setCategories] = useState<string[]>([]);
  const [schedule, setSchedule] = useState('');
  const [cron, setCron] = useState('');
  const [zone, setZone] = useState(ownZone);
  const [targetUrl, setTargetUrl] = useState('');
  const [rate, setRate] = useState(20);
  const [intrusive, setIntrusive] = useState(false);
  const [isAddingContext, setAddingContext] = useState(false);

  const { choices, sought, setSought } = useEndpointChoices(service, endpoints);
  const library = useQuery({
    queryKey: ['scans', 'tests', 'all'],
    queryFn: () => answer(api.GET('/api/v1/scan-tests', { params: { query: { limit: 500 } } })),
  });
  const known = useQuery({
    queryKey: ['scans', 'contexts', service],
    enabled: service !== null,
    queryFn: () => answer(api.GET('/api/v1/auth-contexts', { params: { query: { service: service ?? '' } } })),
  });
  const wanted = schedule === 'own' ? cron.trim() : schedule;
  const [asked] = useDebouncedValue(wanted, 250);
  const preview = useQuery({
    queryKey: ['schedule', asked, zone],
    enabled: asked !== '',
    retry: false,
    queryFn: () => answer(api.GET('/api/v1/schedule-preview', { params: { query: { cron: asked, zone } } })),
  });
  const add = useWrite({
    quiet: true,
    refresh: ['scans'],
    write: async ({ run }: { run: boolean }) => {
      const scan = await answer(
        api.POST('/api/v1/scans', {
          body: {
            name,
            service: service ?? '',
            cron: wanted,
            zone,
            enabled: true,
            definition: {
              targetUrl: targetUrl === '' ? null : targetUrl,
              allowHosts: [],
              concurrency: 4,
              maxMinutes: 60,
              maxRequests: 100_000,
              authContexts: contexts,
              tests,
              categories,
              intrusive,
              requestsPerSecond: rate,
              endpoints: { ...(endpoints.length === 0 ? {} : { ids: endpoints }), ...(changedOnly ? { changedOnly } : {}) },
            },
          },
        }),
      );
      if (!run) return null;
      return (await answer(api.POST('/api/v1/scans/{id}/runs', { params: { path: { id: scan.id } }, body: { trigger: 'person' } }))).id;
    },
    after: (runId) => void (runId === null ? navigate({ to: '/scans' }) : navigate({ to: '/scans/runs/$id', params: { id: runId } })),
  });
  const items = library.data?.items ?? [];
  const isReady = name.trim() !== '' && service !== null && (wanted === '' || preview.error === null);
  return (
    <Page title="New scan" about={<Link to="/scans">Scans</Link>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate({ run: wanted === '' });
        }}
      >
        <Stack maw={860}>
          {services.error !== null && <Failed error={services.error} busy={services.isFetching} retry={() => void services.refetch()} />}
          <Card title="What">
            <Stack gap="sm">
              <TextInput
                label="Name"
                placeholder="Nightly check of the shop"
                required
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
              <Select
                label="Service"
                required
                value={service}
                onChange={(next) => {
                  setService(next);
                  setEndpoints([]);
                }}
                data={services.data?.items.map((one) => one.name) ?? []}
              />
              <MultiSelect
                label="Endpoints"
                description="None chosen: every endpoint of the service"
                placeholder={endpoints.length === 0 ? 'search method or path' : undefined}
                searchable
                searchValue={sought}
                onSearchChange={setSought}
                disabled={service === null}
                nothingFoundMessage="No endpoint of this service has that in its path"
                // weir has searched already.
                filter={({ options }) => options}
                value={endpoints}
                onChange={setEndpoints}
                data={choices}
              />
              <Checkbox
                label="Only those that are new or have changed since the run before"
                checked={changedOnly}
                onChange={(event) => setChangedOnly(event.currentTarget.checked)}
              />
              <TextInput
                label="Target"
                placeholder="the service's upstream"
                description="Another address of the same API, such as staging"
                value={targetUrl}
                onChange={(event) => setTargetUrl(event.currentTarget.value)}
              />
            </Stack>
          </Card>
          <Card title="As whom">
            <Group align="flex-end">
              <MultiSelect
                className="grow"
                label="Auth contexts"
                description="Tests of object access need two users"
                placeholder={contexts.length === 0 ? 'choose identities' : undefined}
                value={contexts}
                onChange={setContexts}
                data={
                  known.data?.items.map((one) => ({ value: one.id, label: one.role === '' ? one.name : `${one.name} (${one.role})` })) ?? []
                }
              />
              <Button variant="default" disabled={service === null} onClick={() => setAddingContext(true)}>
                Add one
              </Button>
            </Group>
          </Card>
          <Card title="Which tests">
            <Stack gap="sm">
              {library.error !== null && <Failed error={library.error} busy={library.isFetching} retry={() => void library.refetch()} />}
              <MultiSelect
                label="Categories"
                description="None chosen, and no single test: every test that is on"
                value={categories}
                onChange={setCategories}
                data={[...new Set(items.map((test) => test.category))].sort()}
              />
              <MultiSelect
                label="Tests"
                searchable
                value={tests}
                onChange={setTests}
                data={items.map((test) => ({ value: test.id, label: test.name }))}
              />
              <Checkbox
                label="Also tests that may change data (intrusive)"
                checked={intrusive}
                onChange={(event) => setIntrusive(event.currentTarget.checked)}
              />
              <NumberInput
                label="Requests per second, at most"
                min={1}
                max={10_000}
                maw={240}
                value={rate}
                onChange={(value) => setRate(Number(value) || 1)}
              />
            </Stack>
          </Card>
          <Card title="When">
            <Stack gap="sm">
              <Group align="flex-start">
                <Select
                  label="Runs"
                  allowDeselect={false}
                  value={schedule}
                  onChange={(value) => setSchedule(value ?? '')}
                  data={SCHEDULES}
                />
                {schedule === 'own' && (
                  <TextInput
                    label="Cron expression"
                    placeholder="30 2 * * 1-5"
                    description="minute, hour, day, month, weekday"
                    className="mono"
                    value={cron}
                    error={preview.error instanceof ApiError && wanted === asked ? preview.error.message : undefined}
                    onChange={(event) => setCron(event.currentTarget.value)}
                  />
                )}
                {schedule !== '' && (
                  <Select
                    label="Time zone"
                    searchable
                    allowDeselect={false}
                    value={zone}
                    onChange={(value) => setZone(value ?? ownZone)}
                    data={zones}
                  />
                )}
              </Group>
              {preview.data !== undefined && (
                <div>
                  <Text size="sm" fw={600}>
                    The next five times, in your zone ({ownZone})
                  </Text>
                  <ol aria-label="Next times" className="small">
                    {preview.data.times.map((ms) => (
                      <li key={ms}>
                        <Time ms={ms} relative={false} />
                      </li>
                    ))}
                  </ol>
                </div>
              )}
            </Stack>
          </Card>
          {add.error !== null && (
            <Alert color="red" role="alert" title="The scan was not started">
              {textOf(add.error)}
            </Alert>
          )}
          <Group>
            <Button type="submit" disabled={!isReady} loading={add.isPending}>
              {wanted === '' ? 'Save and run now' : 'Save the schedule'}
            </Button>
            {wanted !== '' && (
              <Button variant="default" disabled={!isReady} onClick={() => add.mutate({ run: true })}>
                Save and run now too
              </Button>
            )}
          </Group>
        </Stack>
      </form>
      {isAddingContext && service !== null && (
        <AuthContextForm
          service={service}
          close={() => setAddingContext(false)}
          added={(context) => setContexts((before) => [...before, context.id])}
        />
      )}
    </Page>
  );
}

const FOUND = 50;

/** Endpoints of a service that fit what is being typed, and those that are chosen already whatever is typed. */
function useEndpointChoices(service: string | null, chosen: readonly string[]) {
  const [sought, setSought] = useState('');
  const [asked] = useDebouncedValue(sought.trim(), 250);
  const found = useQuery({
    queryKey: ['endpoints', 'for-scan', service, asked],
    enabled: service !== null,
    placeholderData: keepPreviousData,
    queryFn: () =>
      answer(
        api.GET('/api/v1/endpoints', {
          params: { query: { service: service ?? '', limit: FOUND, ...(asked === '' ? {} : { search: asked }) } },
        }),
      ),
  });
  const known = useQueries({
    queries: chosen.map((id) => ({
      queryKey: ['endpoints', 'one', id],
      queryFn: () => answer(api.GET('/api/v1/endpoints/{id}', { params: { path: { id } } })),
    })),
  });
  const rows = [...(found.data?.items ?? []), ...known.flatMap((one) => one.data ?? [])];
  const named = new Map(rows.map((one) => [one.id, `${one.method} ${one.template}`]));
  const choices = [...new Set([...named.keys(), ...chosen])].map((id) => ({ value: id, label: named.get(id) ?? id }));
  return { choices, sought, setSought };
}

const zones = [...new Set(['UTC', ownZone, ...Intl.supportedValuesOf('timeZone')])];
