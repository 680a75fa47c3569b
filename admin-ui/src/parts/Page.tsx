import { Button, Group, Menu, Stack, Text, Title } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { memo, type ReactNode, useDeferredValue, useEffect } from 'react';
import { useFilters } from './address.ts';

/** Title line of a page with what can be done there. */
export function Page({
  title,
  about,
  actions,
  children,
}: {
  readonly title: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · weir`;
  }, [title]);
  // The title answers a press in the next frame; what stands below is drawn then, without holding up a key or a click.
  const isDrawn = useDeferredValue(true, false);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start">
        <div className="page-head">
          <Title order={1} size="h2" className="page-title">
            {breakable(title)}
          </Title>
          {about !== undefined && (
            <Text c="dimmed" component="div" size="sm">
              {about}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {isDrawn && children}
    </Stack>
  );
}

/** Where a long path may go on in the next line. */
const breakable = (title: string): ReactNode =>
  title.split(/(?<=\S\/)/).flatMap((part, index) => (index === 0 ? [part] : [<wbr key={`${index} ${part}`} />, part]));

/** A titled part of a page. */
export function Card({ title, aside, children }: { readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode }) {
  return (
    <section className="card">
      <Group justify="space-between" mb="xs" wrap="nowrap">
        <Title order={2} size="h5">
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </section>
  );
}

type Query = Readonly<Record<string, string | undefined>>;
/** For a list without filters on a page that has some. */
export const ALL: Query = {};

/** Downloads every row of a list: those that `query` asks for, else those that the page's filters do. */
export const Export = memo(function Export({
  path,
  query,
  small = false,
}: {
  readonly path: string;
  readonly query?: Query;
  /** Beside the title of a card. */
  readonly small?: boolean;
}) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          size={small ? 'compact-xs' : 'sm'}
          style={{ flexShrink: 0 }}
          leftSection={<IconDownload size={small ? 13 : 16} aria-hidden />}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <ExportLinks path={path} query={query} />
      </Menu.Dropdown>
    </Menu>
  );
});

/** Drawn while the menu is open: only then it matters which filters the page has. */
function ExportLinks({ path, query }: { readonly path: string; readonly query: Query | undefined }) {
  const [filters] = useFilters();
  const link = (format: string) => {
    const search = new URLSearchParams({ format });
    for (const [name, value] of Object.entries(query ?? filters)) if (value !== undefined && value !== '') search.set(name, value);
    return `/api/v1${path}?${search}`;
  };
  return (
    <>
      <Menu.Item component="a" href={link('csv')} download>
        CSV
      </Menu.Item>
      <Menu.Item component="a" href={link('ndjson')} download>
        JSON, one row a line
      </Menu.Item>
    </>
  );
}

/** Name and value pairs. */
export function Facts({ items }: { readonly items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
