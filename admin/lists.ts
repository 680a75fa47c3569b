import { Readable } from 'node:stream';
import type { Context } from './context.js';
import { csvLine, flatRow } from './csv.js';
import type { Call, Route } from './route.js';

const ROWS_AT_ONCE = 500;
const MAX_ROWS = 100_000;

interface ListPage {
  readonly items: readonly unknown[];
  /** Absent where a list comes whole. */
  readonly nextCursor?: string | null;
}

/** Every row of a list as CSV or NDJSON, read page by page as the client takes it. The columns of CSV are those of the first page. */
export async function exportList(
  route: Route,
  raw: { readonly params: unknown; readonly query: unknown },
  format: 'csv' | 'ndjson',
  call: Call,
  context: Context,
): Promise<Readable> {
  const read = async (cursor: string | null) =>
    (await route.run(
      {
        params: raw.params,
        query: {
          ...(raw.query as object),
          format: undefined,
          ...(route.list === 'pages' ? { limit: ROWS_AT_ONCE } : {}),
          ...(cursor === null ? {} : { cursor }),
        },
        body: undefined,
      },
      call,
      context,
    )) as ListPage;
  // The first page is read before the answer begins, so that a bad query is still an error and not half a file.
  const first = await read(null);
  async function* lines() {
    let columns: readonly string[] | null = null;
    let page = first;
    for (let rows = 0; ; ) {
      if (format === 'ndjson') for (const item of page.items) yield `${JSON.stringify(item)}\n`;
      else {
        const flat = page.items.map(flatRow);
        if (columns === null) {
          columns = [...new Set(flat.flatMap((row) => Object.keys(row)))];
          yield csvLine(columns);
        }
        for (const row of flat) yield csvLine(columns.map((column) => row[column] ?? ''));
      }
      rows += page.items.length;
      if (page.nextCursor == null || rows >= MAX_ROWS) return;
      page = await read(page.nextCursor);
    }
  }
  return Readable.from(lines());
}
