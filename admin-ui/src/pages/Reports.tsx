import { Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { Await, Empty } from '../parts/Await.tsx';
import { useFilters } from '../parts/address.ts';
import { useServices } from '../parts/filters.tsx';
import { Card, Page } from '../parts/Page.tsx';
import { DAY, zone } from '../words.ts';

const PERIODS = [
  { value: '7', label: 'Last 7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
] as const;

/** A day as the date field writes it, in the person's zone. */
const dayOf = (ms: number) => {
  const date = new Date(ms);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
};

/** A report for one service and a period, to be read on a screen, printed, or saved as PDF. */
export function Reports() {
  const [filters, setFilters] = useFilters();
  const services = useServices();
  const today = dayOf(Date.now());
  const from = filters.from ?? dayOf(Date.now() - 7 * DAY);
  const to = filters.to ?? today;
  const fromMs = new Date(`${from}T00:00`).getTime();
  const toMs = new Date(`${to}T24:00`).getTime();
  const isPeriod = fromMs < toMs;
  const preset = to === today ? PERIODS.find((period) => dayOf(Date.now() - Number(period.value) * DAY) === from) : undefined;
  return (
    <Page title="Report" about="Posture, changes, issues and blocked attacks of one service in a period, on one page.">
      <Await query={services}>
        {({ items }) => {
          const names = items.map((one) => one.name);
          const service = filters.service ?? names[0];
          if (service === undefined)
            return (
              <Empty title="No service yet" action={<Link to="/sources">Open Sources</Link>}>
                A report is about a service; the first one appears with its first request.
              </Empty>
            );
          return (
            <Card title="What it is about">
              <Stack gap="sm" maw={620}>
                <Select
                  label="Service"
                  allowDeselect={false}
                  searchable={names.length > 8}
                  data={names}
                  value={service}
                  onChange={(name) => setFilters({ service: name ?? undefined })}
                />
                <SegmentedControl
                  aria-label="Period"
                  data={[...PERIODS, { value: 'own', label: 'From … to …' }]}
                  value={preset?.value ?? 'own'}
                  onChange={(value) =>
                    setFilters(
                      value === 'own'
                        ? { from, to: dayOf(Date.now() - DAY) }
                        : { from: dayOf(Date.now() - Number(value) * DAY), to: today },
                    )
                  }
                />
                <Group align="flex-start">
                  <TextInput
                    type="date"
                    label="From"
                    value={from}
                    max={to}
                    onChange={(event) => setFilters({ from: event.currentTarget.value })}
                  />
                  <TextInput
                    type="date"
                    label="To, and with"
                    value={to}
                    max={today}
                    error={isPeriod ? undefined : 'It ends before it begins'}
                    onChange={(event) => setFilters({ to: event.currentTarget.value })}
                  />
                </Group>
                <Text size="sm" c="dimmed">
                  Days in your zone ({zone}). The report opens in a tab of its own; print it to keep it as PDF.
                </Text>
                <Group>
                  <Button
                    component="a"
                    href={`/api/v1/reports/services/${encodeURIComponent(service)}?fromMs=${fromMs}&toMs=${Math.min(toMs, Date.now())}`}
                    target="_blank"
                    rel="noreferrer"
                    data-disabled={!isPeriod || undefined}
                    leftSection={<IconExternalLink size={16} aria-hidden />}
                  >
                    Open the report
                  </Button>
                </Group>
              </Stack>
            </Card>
          );
        }}
      </Await>
    </Page>
  );
}
