import { Button, Group, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { type InfiniteData, type QueryKey, useInfiniteQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type MouseEvent, memo, type ReactNode, useEffect, useMemo, useRef } from 'react';
import { Failed, Waiting } from './Await.tsx';
import { useSoon } from './address.ts';
import { isOurs } from './clicks.ts';
import { Tick } from './Tick.tsx';

export interface Page<Row> {
  readonly items: readonly Row[];
  readonly nextCursor: string | null;
}
const PAGE_ROWS = 200;

/** A list of the API, read page by page as the person scrolls. */
export function useRows<Row>(
  queryKey: QueryKey,
  read: (page: { limit: number; cursor?: string }) => Promise<Page<Row>>,
  options: { readonly refetchInterval?: number } = {},
) {
  return useInfiniteQuery<Page<Row>, Error, InfiniteData<Page<Row>>, QueryKey, string | null>({
    queryKey,
    queryFn: ({ pageParam }) => read({ limit: PAGE_ROWS, ...(pageParam === null ? {} : { cursor: pageParam }) }),
    initialPageParam: null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: (before) => before,
    ...options,
  });
}

export interface Column<Row> {
  readonly name: string;
  /** Width as a CSS grid track: `120px`, `2fr`. */
  readonly width: string;
  /** Name that the API sorts by. */
  readonly sort?: string;
  /** Left out where the table is narrower than this, in pixels. */
  readonly fromPx?: number;
  /** What the cell shows is the link to the row's page. */
  readonly opens?: true;
  readonly cell: (row: Row) => ReactNode;
}

interface RowsProps<Row> {
  readonly label: string;
  readonly query: ReturnType<typeof useRows<Row>>;
  readonly columns: readonly Column<Row>[];
  readonly rowKey: (row: Row) => string;
  readonly empty: ReactNode;
  readonly sort?: string | undefined;
  readonly onSort?: (sort: string) => void;
  /** Address of the row's page; a click anywhere in the row opens it. */
  readonly page?: (row: Row) => string;
  /** Instead of a page of its own. */
  readonly onOpen?: (row: Row) => void;
  readonly choice?: Choice<Row>;
  readonly height?: string;
}

/** Rows that the person chose, by their keys. */
interface Choice<Row> {
  readonly chosen: ReadonlySet<string>;
  readonly choose: (chosen: ReadonlySet<string>) => void;
  /** How a row is called beside its checkbox. */
  readonly name: (row: Row) => string;
  /** "Choose all" takes so many at most. */
  readonly most: number;
}

const ROW_PX = 42;
/** Navigation and margins, until the table has been measured. */
const BESIDE_PX = 224;

/** A table that draws only the rows in sight. Arrow keys, Home and End move between rows; Enter opens one. */
export function Rows<Row>({ label, query, columns: all, rowKey, empty, sort, onSort, page, onOpen, choice, height }: RowsProps<Row>) {
  const { history } = useRouter();
  const scroller = useRef<HTMLDivElement>(null);
  const { ref: frame, width } = useElementSize<HTMLDivElement>();
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
  });
  const columns = useMemo(
    () => all.filter((column) => column.fromPx === undefined || column.fromPx <= (width || window.innerWidth - BESIDE_PX)),
    [all, width],
  );
  const [order, sortBy] = useSoon(sort, (next) => next !== undefined && onSort?.(next));
  const visible = virtual.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - 40) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  if (query.data === undefined) {
    return query.error === null ? <Waiting /> : <Failed error={query.error} busy={query.isFetching} retry={() => void query.refetch()} />;
  }
  if (rows.length === 0) return <>{empty}</>;
  const template = [...(choice === undefined ? [] : ['40px']), ...columns.map((column) => column.width)].join(' ');
  const open = (row: Row) => (page === undefined ? onOpen?.(row) : history.push(page(row)));
  const isOpening = page !== undefined || onOpen !== undefined;
  const toggle = (key: string) => {
    const next = new Set(choice?.chosen);
    if (!next.delete(key)) next.add(key);
    choice?.choose(next);
  };
  const click = (event: MouseEvent<HTMLDivElement>, row: Row) => {
    // Clicks in a menu that a cell opened elsewhere on the page arrive here too.
    if (!event.currentTarget.contains(event.target as Node)) return;
    const inner = (event.target as HTMLElement).closest('a, button, input, select, label');
    if (inner?.hasAttribute('data-row-page')) {
      if (!isOurs(event)) return;
      event.preventDefault();
    } else if (inner !== null || window.getSelection()?.isCollapsed === false) return;
    open(row);
  };
  const move = (event: KeyboardEvent<HTMLDivElement>, index: number) => {
    const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1, PageDown: index + 12, PageUp: index - 12 }[
      event.key
    ];
    if (event.key === 'Enter' && event.target === event.currentTarget) open(rows[index]!);
    if (target === undefined || event.target !== event.currentTarget) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, target));
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };
  return (
    <div
      ref={frame}
      className="rows"
      role="table"
      aria-label={label}
      aria-rowcount={hasNextPage ? -1 : rows.length + 1}
      aria-busy={query.isFetching}
    >
      <div className="rows-head" role="row" style={{ gridTemplateColumns: template }}>
        {choice !== undefined && (
          <div role="columnheader" className="cell" aria-label="Choose">
            <Tick
              label="Choose all that are loaded"
              checked={rows.length > 0 && choice.chosen.size >= Math.min(choice.most, rows.length)}
              partly={choice.chosen.size > 0 && choice.chosen.size < Math.min(choice.most, rows.length)}
              onChange={(checked) => choice.choose(new Set(checked ? rows.slice(0, choice.most).map(rowKey) : []))}
            />
          </div>
        )}
        {columns.map((column) => (
          <HeadCell key={column.name} column={column} sort={order} onSort={onSort === undefined ? undefined : sortBy} />
        ))}
      </div>
      <div ref={scroller} className="rows-scroll" role="rowgroup" style={{ maxHeight: height ?? 'calc(100vh - 260px)' }}>
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {visible.map((item) => {
            const row = rows[item.index]!;
            const key = rowKey(row);
            return (
              <div
                key={key}
                role="row"
                aria-rowindex={item.index + 2}
                data-index={item.index}
                data-opens={isOpening}
                tabIndex={item.index === 0 ? 0 : -1}
                className="row"
                style={{ gridTemplateColumns: template, height: ROW_PX, transform: `translateY(${item.start}px)` }}
                onKeyDown={(event) => move(event, item.index)}
                onClick={(event) => click(event, row)}
              >
                {choice !== undefined && (
                  <div role="cell" className="cell">
                    <Tick label={`Choose ${choice.name(row)}`} checked={choice.chosen.has(key)} onChange={() => toggle(key)} />
                  </div>
                )}
                <Cells row={row} columns={columns} href={page?.(row)} />
              </div>
            );
          })}
        </div>
      </div>
      <Group justify="space-between" px="sm" py={6} className="rows-foot">
        <Text size="xs" c="dimmed">
          {rows.length.toLocaleString('en')}
          {hasNextPage ? ' loaded, more as you scroll' : rows.length === 1 ? ' row' : ' rows'}
        </Text>
        {query.error !== null && (
          <Button size="compact-xs" variant="subtle" color="red" onClick={() => void query.refetch()}>
            Could not be refreshed. Try again
          </Button>
        )}
      </Group>
    </div>
  );
}

function CellsOf<Row>({
  row,
  columns,
  href,
}: {
  readonly row: Row;
  readonly columns: readonly Column<Row>[];
  readonly href: string | undefined;
}): ReactNode {
  return columns.map((column) => (
    <div key={column.name} role="cell" className="cell">
      {column.opens === true && href !== undefined ? (
        // Not the router's link, which watches the address: a table has hundreds. The row takes the click.
        <a href={href} data-row-page>
          {column.cell(row)}
        </a>
      ) : (
        column.cell(row)
      )}
    </div>
  ));
}
/** Scrolling draws the rows that come into sight, not again those that stay. */
const Cells = memo(CellsOf) as typeof CellsOf;

function HeadCell<Row>({
  column,
  sort,
  onSort,
}: {
  readonly column: Column<Row>;
  readonly sort?: string | undefined;
  readonly onSort?: ((sort: string) => void) | undefined;
}) {
  const name = column.sort;
  if (name === undefined || onSort === undefined) {
    return (
      <div role="columnheader" className="cell">
        {column.name}
      </div>
    );
  }
  const isDown = sort === `-${name}`;
  const isUp = sort === name;
  return (
    <div role="columnheader" className="cell" aria-sort={isDown ? 'descending' : isUp ? 'ascending' : 'none'}>
      <button type="button" className="sort" onClick={() => onSort(isDown ? name : `-${name}`)}>
        {column.name}
        {isDown && <IconArrowDown size={13} aria-hidden />}
        {isUp && <IconArrowUp size={13} aria-hidden />}
      </button>
    </div>
  );
}
