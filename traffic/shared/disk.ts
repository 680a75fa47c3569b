import { appendFile, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { trafficError } from '../errors.js';
import type { Delta } from './delta.js';

/**
 * The last good content of one map: a file of JSON lines, one delta a line, appended to and rewritten (beside, then renamed) when most of it is
 * outdated. A line cut off by a crash is skipped and counted.
 */
export class DiskLog {
  /** Lines that could not be read. */
  damaged = 0;
  private readonly file: string;
  private lines = 0;
  private pending: string[] = [];
  private tail: Promise<void> = Promise.resolve();
  private queued: Promise<void> | null = null;
  /** The file ends within a line. */
  private cutOff = false;

  private constructor(
    dir: string,
    name: string,
    private readonly content: () => { readonly size: number; snapshot(): Iterable<Delta> },
  ) {
    this.file = join(dir, `${name}.jsonl`);
  }

  /** Throws WeirError TRAFFIC_STATE_DISK when the directory cannot be made or read. */
  static async open(dir: string, name: string, content: DiskLog['content']): Promise<{ log: DiskLog; deltas: Delta[] }> {
    const log = new DiskLog(dir, name, content);
    try {
      await mkdir(dir, { recursive: true });
      return { log, deltas: log.parse(await readFile(log.file, 'utf8').catch(missingIsEmpty)) };
    } catch (cause) {
      throw trafficError('TRAFFIC_STATE_DISK', `${log.file} cannot be read`, cause);
    }
  }

  /** Resolves when written. Appends that come while a write runs go out together in the next one. */
  append(delta: Delta): Promise<void> {
    this.pending.push(JSON.stringify(delta));
    return this.enqueue();
  }

  /** Writes the whole content anew. */
  rewrite(): Promise<void> {
    this.lines = Number.POSITIVE_INFINITY;
    return this.enqueue();
  }

  async close(): Promise<void> {
    await this.tail.catch(() => undefined);
  }

  private enqueue(): Promise<void> {
    if (this.queued === null) {
      this.queued = this.tail.catch(() => undefined).then(() => this.write());
      this.tail = this.queued;
    }
    return this.queued;
  }

  private async write(): Promise<void> {
    this.queued = null;
    const lines = this.pending;
    this.pending = [];
    this.lines += lines.length;
    try {
      if (this.lines > 1000 + 2 * this.content().size) await this.compact();
      else await appendFile(this.file, `${this.cutOff ? '\n' : ''}${lines.join('\n')}\n`);
      this.cutOff = false;
    } catch (cause) {
      // Whatever was not written is still in memory: the next write is a whole one.
      this.lines = Number.POSITIVE_INFINITY;
      throw trafficError('TRAFFIC_STATE_DISK', `${this.file} cannot be written`, cause);
    }
  }

  private async compact(): Promise<void> {
    const temporary = `${this.file}.new`;
    const out = await open(temporary, 'w');
    let lines = 0;
    try {
      let chunk: string[] = [];
      for (const delta of this.content().snapshot()) {
        chunk.push(JSON.stringify(delta));
        lines++;
        if (chunk.length < 4096) continue;
        await out.appendFile(`${chunk.join('\n')}\n`);
        chunk = [];
      }
      if (chunk.length > 0) await out.appendFile(`${chunk.join('\n')}\n`);
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(temporary, this.file);
    this.lines = lines;
  }

  private parse(text: string): Delta[] {
    const deltas: Delta[] = [];
    this.cutOff = text !== '' && !text.endsWith('\n');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      this.lines++;
      try {
        const delta = JSON.parse(line) as Delta;
        if (typeof delta.k === 'string' && typeof delta.n === 'string' && delta.n.length >= 14) deltas.push(delta);
        else this.damaged++;
      } catch {
        this.damaged++;
      }
    }
    return deltas;
  }
}

function missingIsEmpty(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
