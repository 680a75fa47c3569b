import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { WeirError } from '../../exchange/index.js';
import type { CommandContext } from '../main.js';
import { type AdminFlags, adminOf, withAdminOptions } from './options.js';

interface ImportAnswer {
  readonly exchanges: number;
  readonly refused: number;
  readonly problems: readonly string[];
}

const CAPTURE = 'application/vnd.tcpdump.pcap';
const CHUNK_BYTES = 16 * 1024 * 1024;
/** Captures above this size go in parts of about this size. */
const PART_BYTES = 32 * 1024 * 1024;

/** `weir import FILE.pcap|FILE.har` and `weir import exchanges FILE|-`: recorded traffic into the running weir, or learned on the spot and printed. */
export function registerImport(program: Command, context: CommandContext): void {
  const { output } = context;
  // Or `import` would take the options of `import exchanges` for its own; the program has them in order too.
  const command = program
    .command('import')
    .enablePositionalOptions()
    .description('learn from recorded traffic: pcap, pcapng, HAR or NDJSON exchanges');
  withAdminOptions(command.argument('[file]', 'capture, HAR or NDJSON file'))
    .option('--service <name>', 'count it as traffic of this service')
    .action(async (file: string | undefined, flags: AdminFlags & { service?: string }) => {
      if (file === undefined)
        throw new WeirError('IMPORT_NO_FILE', 'Name the file to import.', {
          hint: 'weir import traffic.pcap, or weir import exchanges - for NDJSON on standard input.',
        });
      await send(file, mediaTypeOf(file), flags);
    });
  withAdminOptions(
    command
      .command('exchanges')
      .description('NDJSON {method, host, path, status?, requestHeaders?, requestBody?, responseHeaders?, responseBody?, responseKeys?}')
      .argument('<file>', 'file, or - for standard input'),
  )
    .option('--print <what>', 'print "endpoints" as NDJSON {method, host, template} at the end, without a running weir')
    .option('--service <name>', 'count it as traffic of this service')
    .action(async (file: string, flags: AdminFlags & { print?: string; service?: string }) => {
      if (flags.print === undefined) return send(file, 'application/x-ndjson', flags);
      if (flags.print !== 'endpoints') throw new WeirError('IMPORT_PRINT', `--print knows "endpoints", not "${flags.print}".`);
      const { importExchanges, printedEndpoints } = await import('../../learning/index.js');
      const { inventory } = await importExchanges(file === '-' ? process.stdin : createReadStream(existing(file)), {
        file,
        nowMs: Date.now(),
      });
      for (const endpoint of printedEndpoints(inventory)) output.write(`${JSON.stringify(endpoint)}\n`);
    });

  const send = async (file: string, mediaType: string, flags: AdminFlags & { service?: string }): Promise<void> => {
    const admin = adminOf(flags);
    const query = flags.service === undefined ? '' : `?service=${encodeURIComponent(flags.service)}`;
    const total: { exchanges: number; refused: number; problems: string[] } = { exchanges: 0, refused: 0, problems: [] };
    for await (const { bytes, done, problem } of piecesOf(file, mediaType)) {
      const answer = await admin.upload<ImportAnswer>(`/imports${query}`, mediaType, bytes).catch((error: unknown) => {
        throw error instanceof WeirError ? new WeirError(error.code, error.message.replace(/^upload(?=:)/, file), error) : error;
      });
      total.exchanges += answer.exchanges;
      total.refused += answer.refused;
      total.problems.push(...answer.problems);
      if (problem !== null && !total.problems.includes(problem)) {
        total.refused++;
        total.problems.push(problem);
      }
      if (output.isTty && !flags.json) output.write(`\r${progressBar(done)} ${total.exchanges} exchanges`);
    }
    if (flags.json) output.write(`${JSON.stringify(total)}\n`);
    else
      output.write(
        `${output.isTty ? '\n' : ''}${total.exchanges} exchanges imported${shortfall(mediaType, total.refused)}\n${total.problems.map((problem) => `  ${problem}\n`).join('')}`,
      );
    if (total.refused > 0) context.exitCode = 1;
  };
}

/** Rows that are no exchange are refused one by one; a capture is read up to what is wrong with it. */
function shortfall(mediaType: string, problems: number): string {
  if (problems === 0) return '';
  return mediaType === CAPTURE ? '; not all of the capture could be read:' : `, ${problems} refused`;
}

function existing(file: string): string {
  if (!existsSync(file)) throw new WeirError('IMPORT_NO_FILE', `There is no file ${file}.`);
  const found = statSync(file);
  if (found.isDirectory()) throw new WeirError('IMPORT_NO_FILE', `${file} is a folder.`, { hint: 'Import its files one by one.' });
  if (found.isFile() && found.size === 0) throw new WeirError('IMPORT_NO_FILE', `${file} is empty.`);
  return file;
}

function mediaTypeOf(file: string): string {
  if (/\.(nd)?jsonl?(\.gz)?$/.test(file) && !/\.json$/.test(file)) return 'application/x-ndjson';
  if (/\.(har|json)$/.test(file)) return 'application/har+json';
  return CAPTURE;
}

interface Piece {
  readonly bytes: Buffer;
  /** Share of the file that is sent with it, 0–1. */
  readonly done: number;
  readonly problem: string | null;
}

/** What is sent at once: large captures by connections, NDJSON by lines, everything else whole. */
async function* piecesOf(file: string, mediaType: string): AsyncGenerator<Piece> {
  const size = file === '-' ? 0 : statSync(existing(file)).size * (file.endsWith('.gz') ? 4 : 1);
  if (mediaType === CAPTURE && size > PART_BYTES) {
    const { captureParts, openCapture } = await import('../../sensor/index.js');
    const parts = await captureParts(file, () => openCapture(file), Math.ceil(size / PART_BYTES));
    if (parts !== null) {
      for await (const { bytes, done, problem } of parts) yield { bytes, done, problem: problem?.message ?? null };
      return;
    }
  }
  const bytes = file === '-' ? await standardInput() : await readFile(existing(file));
  let sentBytes = 0;
  for (const chunk of chunksOf(bytes, mediaType)) {
    sentBytes += chunk.length;
    yield { bytes: chunk, done: sentBytes / Math.max(1, bytes.length), problem: null };
  }
}

/** NDJSON may be cut at any line; a small capture or a HAR file is one piece. */
function* chunksOf(bytes: Buffer, mediaType: string): Generator<Buffer> {
  if (mediaType !== 'application/x-ndjson') {
    yield bytes;
    return;
  }
  for (let start = 0; start < bytes.length; ) {
    const end = start + CHUNK_BYTES >= bytes.length ? bytes.length : bytes.lastIndexOf(10, start + CHUNK_BYTES) + 1;
    const stop = end > start ? end : bytes.length;
    yield bytes.subarray(start, stop);
    start = stop;
  }
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function progressBar(share: number): string {
  const filled = Math.round(Math.min(1, share) * 30);
  return `[${'█'.repeat(filled)}${'·'.repeat(30 - filled)}] ${String(Math.round(share * 100)).padStart(3)} %`;
}
