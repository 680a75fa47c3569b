import { Alert, Button, Group, NumberInput, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api, type Schemas } from '../../api.ts';
import { Await } from '../../parts/Await.tsx';
import { Card } from '../../parts/Page.tsx';
import { textOf, useWrite } from '../../queries.ts';
import { useMay } from '../../session.ts';
import { bytes, count } from '../../words.ts';

type Kept = Schemas['Retention'];

const FIELDS: readonly { readonly name: keyof Kept; readonly label: string; readonly unit: string }[] = [
  { name: 'minuteCounterHours', label: 'Counters by the minute', unit: 'hours' },
  { name: 'counterDays', label: 'Counters by the hour', unit: 'days' },
  { name: 'findingDays', label: 'Findings', unit: 'days' },
  { name: 'evidenceDays', label: 'Evidence', unit: 'days' },
  { name: 'realValueDays', label: 'Real values of evidence', unit: 'days, where they are kept' },
  { name: 'sampleDays', label: 'Samples of traffic', unit: 'days' },
  { name: 'actorEventDays', label: 'Timelines of actors', unit: 'days' },
  { name: 'actorDays', label: 'Actors not seen since', unit: 'days' },
  { name: 'scanRunDays', label: 'Scan runs', unit: 'days' },
  { name: 'auditDays', label: 'Audit log', unit: 'days' },
  { name: 'samplesPerEndpoint', label: 'Samples of an endpoint', unit: 'at most' },
  { name: 'samplesInAll', label: 'Samples in all', unit: 'at most' },
  { name: 'findingsInAll', label: 'Findings in all', unit: 'at most' },
  { name: 'actorEventsInAll', label: 'Actor events in all', unit: 'at most' },
];

export function Retention() {
  const query = useQuery({ queryKey: ['settings', 'retention'], queryFn: () => answer(api.GET('/api/v1/settings/retention')) });
  return (
    <Await query={query}>
      {({ retention, usedBytes, swept }) => (
        <Stack>
          <Text>
            The store takes {bytes(usedBytes)} of {bytes(retention.diskCapBytes)}.{' '}
            {Object.values(swept).some((value) => value > 0) &&
              `Forgotten so far: ${Object.entries(swept)
                .filter(([, value]) => value > 0)
                .map(([name, value]) => `${count(value)} ${name.replace(/^swept-/, '').replaceAll('-', ' ')}`)
                .join(', ')}.`}
          </Text>
          <Form key={JSON.stringify(retention)} kept={retention} />
        </Stack>
      )}
    </Await>
  );
}

function Form({ kept }: { readonly kept: Kept }) {
  const may = useMay('admin');
  const [values, setValues] = useState(kept);
  const save = useWrite({
    quiet: true,
    refresh: ['settings'],
    write: () => answer(api.PUT('/api/v1/settings/retention', { body: values })),
    done: () => 'Saved. What is older goes with the next sweep.',
  });
  return (
    <Card title="How long things are kept">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(undefined);
        }}
      >
        <Stack>
          <div className="tiles">
            {FIELDS.map((field) => (
              <NumberInput
                key={field.name}
                label={field.label}
                description={field.unit}
                min={0}
                thousandSeparator=","
                disabled={!may}
                value={values[field.name]}
                onChange={(next) => setValues({ ...values, [field.name]: Number(next) })}
              />
            ))}
            <NumberInput
              label="Disk"
              description="GB, at most"
              min={0.02}
              decimalScale={2}
              disabled={!may}
              value={values.diskCapBytes / 1e9}
              onChange={(next) => setValues({ ...values, diskCapBytes: Math.round(Number(next) * 1e9) })}
            />
          </div>
          {save.error !== null && <Alert color="red">{textOf(save.error)}</Alert>}
          <Group>
            <Button type="submit" disabled={!may || values === kept} loading={save.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
