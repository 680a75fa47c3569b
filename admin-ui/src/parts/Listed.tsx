import { Group, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Asked, Await } from './Await.tsx';
import { ALL, Export } from './Page.tsx';

/** The rows of a short list with the way to download them, or what to do where there are none. */
export function Listed<Row>({
  query,
  empty,
  path,
  ask = ALL,
  children,
}: {
  readonly query: Asked<{ readonly items: readonly Row[] }>;
  readonly empty: ReactNode;
  /** Address of the list in the API, and its filters. */
  readonly path: string;
  readonly ask?: typeof ALL;
  readonly children: (rows: readonly Row[]) => ReactNode;
}) {
  return (
    <Await query={query}>
      {({ items }) =>
        items.length === 0 ? (
          empty
        ) : (
          <Stack gap="xs">
            {children(items)}
            <Group>
              <Export path={path} query={ask} small />
            </Group>
          </Stack>
        )
      }
    </Await>
  );
}
