/** Talks to a running weir's admin API, found by its data folder or named by URL and token. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { WeirError } from '../exchange/index.js';
import { findRunning } from './data-dir.js';

export interface AdminTarget {
  readonly data: string;
  readonly admin?: string;
  readonly token?: string;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

interface Problem {
  readonly type?: string;
  readonly errors?: readonly { readonly at: string }[];
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly hint?: string;
}

export class AdminClient {
  private constructor(
    readonly base: string,
    private readonly token: string,
  ) {}

  /** Throws WeirError ADMIN_NOT_FOUND when no weir runs on the folder. */
  static find(target: AdminTarget): AdminClient {
    if (target.admin !== undefined) {
      const token = target.token ?? process.env.WEIR_TOKEN;
      if (token === undefined)
        throw new WeirError('ADMIN_TOKEN_MISSING', '--admin needs a token.', {
          hint: 'Give --token or set WEIR_TOKEN; tokens are made in the UI under Settings.',
        });
      if (!URL.canParse(target.admin) || !/^https?:/.test(target.admin))
        throw new WeirError('ADMIN_URL', `--admin: "${target.admin}" is not a URL such as http://127.0.0.1:9090.`);
      return new AdminClient(target.admin.replace(/\/$/, ''), token);
    }
    const run = findRunning(target.data);
    if (run === null || run.admin === null) {
      throw new WeirError('ADMIN_NOT_FOUND', `No weir runs on the data folder ${target.data}.`, {
        hint: 'Start one with npm start, or name it with --data DIR, or --admin URL --token TOKEN.',
      });
    }
    const file = path.join(target.data, 'admin-token');
    if (!existsSync(file))
      throw new WeirError('ADMIN_TOKEN_MISSING', `The running weir has left no token in ${file}.`, {
        hint: 'Give --admin URL --token TOKEN.',
      });
    return new AdminClient(run.admin, readFileSync(file, 'utf8').trim());
  }

  get<T>(path: string, query: Readonly<Record<string, string | number | boolean | undefined>> = {}): Promise<T> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    return this.call<T>('GET', search.size === 0 ? path : `${path}?${search}`);
  }

  /** A short list, which comes whole. */
  async all<T>(path: string): Promise<readonly T[]> {
    return (await this.get<{ readonly items: readonly T[] }>(path)).items;
  }

  /** Walks the pages of a long list, at most `limit` rows. */
  async list<T>(
    path: string,
    query: Readonly<Record<string, string | number | boolean | undefined>> = {},
    limit = 1_000_000,
  ): Promise<T[]> {
    const rows: T[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Page<T> = await this.get(path, { ...query, limit: Math.min(500, limit - rows.length), cursor: cursor ?? undefined });
      rows.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && cursor !== undefined && rows.length < limit);
    return rows;
  }

  call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.send<T>(method, path, body === undefined ? undefined : JSON.stringify(body), 'application/json');
  }

  /** Sends bytes of another media type. */
  upload<T>(path: string, mediaType: string, bytes: Uint8Array): Promise<T> {
    return this.send<T>('POST', path, bytes, mediaType);
  }

  private async send<T>(method: string, path: string, body: string | Uint8Array | undefined, mediaType: string): Promise<T> {
    let answer: Response;
    try {
      answer = await fetch(`${this.base}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': mediaType }),
        },
        body,
      });
    } catch (cause) {
      throw new WeirError('ADMIN_UNREACHABLE', `The admin API at ${this.base} does not answer.`, {
        hint: 'Is weir running? Try weir doctor.',
        cause,
      });
    }
    const text = await answer.text();
    const value: unknown = text === '' ? null : parse(text);
    if (answer.ok) return value as T;
    if (answer.status === 401)
      throw new WeirError('ADMIN_TOKEN_REFUSED', `The admin API at ${this.base} does not know this token.`, {
        status: 401,
        hint: 'It may have ended or been removed: make another in the UI under Settings, Tokens.',
      });
    const problem: Problem = typeof value === 'object' && value !== null ? value : {};
    if (problem.code === undefined || !problem.type?.startsWith('urn:weir:'))
      throw new WeirError('ADMIN_REFUSED', `What answers at ${this.base} (${answer.status}) is not the admin API of a weir.`, {
        status: answer.status,
        hint: 'Its address is printed when weir starts; the gateway has another port.',
      });
    throw new WeirError(problem.code, inFull(problem), {
      status: answer.status,
      // Its own hint is about the list of errors, all of which are in the message.
      hint: problem.code === 'ADMIN_BAD_REQUEST' ? undefined : problem.hint,
    });
  }
}

/** With the place in a file where the answer names one. */
function inFull({ detail, title, errors = [] }: Problem): string {
  const said = detail ?? title ?? 'It was refused.';
  const place = errors.map(({ at }) => at).find((at) => /:\d+:\d+$/.test(at));
  return place === undefined || said.includes(place) ? said : `${place} ${said}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
