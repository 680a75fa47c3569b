import { type HeaderList, type Principal, PrincipalReader } from '../../exchange/index.js';
import { Credentials, type Standing } from '../../learning/index.js';
import type { SharedMap } from '../../traffic/index.js';
import type { SessionCookie } from '../shared-maps.js';

const NOBODY: readonly Principal[] = [];

/** Whose requests are: by all credentials that they carry, and by what is known of who has them. */
export class Callers {
  private readonly reader: PrincipalReader;
  private readonly credentials: Credentials;
  private lastHeaders: HeaderList | null = null;
  private lastBeside = NOBODY;

  private readonly unsubscribe: () => void;

  /** `sessions`: what servers made sessions so far, here and at all others. */
  constructor(
    secret: string,
    known: { standingOf(principalKey: string): Standing },
    private readonly sessions: SharedMap<SessionCookie>,
  ) {
    this.reader = new PrincipalReader(secret);
    this.credentials = new Credentials((key) => known.standingOf(key));
    const knowAll = (): void => {
      for (const { key } of sessions.entries()) this.reader.know(key);
    };
    knowAll();
    this.unsubscribe = sessions.subscribe(knowAll);
  }

  close(): void {
    this.unsubscribe();
  }

  read(headers: HeaderList, target: string, certificate: string | undefined, service: string): Principal | null {
    const { principal, beside } = this.credentials.choose(service, this.reader.all(headers, target, certificate ?? null));
    this.lastHeaders = headers;
    this.lastBeside = beside;
    return principal;
  }

  /** An answer may make a cookie the session of whoever gets it. */
  noteAnswer(headers: HeaderList): void {
    // Who is away hears of it when a server sets it there.
    for (const name of this.reader.noteAnswer(headers)) void this.sessions.set(name, { atMs: Date.now() }).catch(() => undefined);
  }

  /** Who else the request says to be that {@link read} was just asked about. */
  beside(headers: HeaderList): readonly Principal[] {
    return headers === this.lastHeaders ? this.lastBeside : NOBODY;
  }
}
