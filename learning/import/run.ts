import type { Exchange } from '../../exchange/index.js';
import { Inventory } from '../inventory/index.js';
import { ExchangeRows } from './exchanges.js';

export interface ImportRun {
  /** Name for error messages; `-` for standard input. */
  readonly file: string;
  readonly nowMs: number;
  readonly service?: string | null;
  readonly secret?: string;
  /** Learns into this one; without it a fresh one that lives as long as the run. */
  readonly inventory?: Inventory;
  /** Called with each exchange after it was learned, e.g. to send it to a running weir. */
  readonly onExchange?: (exchange: Exchange) => void | Promise<void>;
}

export interface ImportResult {
  readonly rows: number;
  readonly inventory: Inventory;
}

/** One line of `--print endpoints`. */
export interface PrintedEndpoint {
  readonly method: string;
  readonly host: string;
  readonly template: string;
}

/**
 * Learns from NDJSON exchanges (see `ExchangeRows`), in order. `input` gives text in chunks of any size. Throws IMPORT_BAD_ROW with file and line at the first
 * row that cannot be read; what came before is learned.
 */
export async function importExchanges(input: AsyncIterable<string | Uint8Array>, run: ImportRun): Promise<ImportResult> {
  const inventory = run.inventory ?? new Inventory();
  const rows = new ExchangeRows(run);
  const decoder = new TextDecoder();
  let line = 0;
  let learned = 0;
  let rest = '';
  const take = async (text: string): Promise<void> => {
    line++;
    const exchange = rows.read(text, line);
    if (exchange === null) return;
    inventory.observe(exchange);
    learned++;
    if (run.onExchange !== undefined) await run.onExchange(exchange);
  };
  for await (const chunk of input) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop()!;
    for (const text of lines) await take(text);
  }
  if (rest !== '') await take(rest);
  inventory.settle();
  return { rows: learned, inventory };
}

/** The endpoints of an inventory for `--print endpoints`, by host and template. A service that an import made is its host. */
export function printedEndpoints(inventory: Inventory): PrintedEndpoint[] {
  const list = inventory.templates().map(({ service, method, template }) => ({ method, host: service, template }));
  for (const state of inventory.endpoints())
    if (state.ref.template.includes('#')) list.push({ method: state.ref.method, host: state.ref.service, template: state.ref.template });
  return list.sort((a, b) => (a.host + a.template + a.method < b.host + b.template + b.method ? -1 : 1));
}
