import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

/** A short table that is drawn whole: column names and rows. Where the page is too narrow it scrolls by itself, not the page. Long lists are `Rows`. */
export function PlainTable({
  label,
  head,
  minWidth = 640,
  children,
}: {
  readonly label: string;
  readonly head: readonly string[];
  readonly minWidth?: number;
  readonly children: ReactNode;
}) {
  return (
    <Table.ScrollContainer minWidth={minWidth} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label } }}>
      <Table aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {head.map((name) => (
              <Table.Th key={name} scope="col">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
