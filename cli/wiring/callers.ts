import { type HeaderList, type Principal, PrincipalReader } from '../../exchange/index.js';
import { Credentials, type Standing } from '../../learning/index.js';

const NOBODY: readonly Principal[] = [];

/** Whose requests are: by all credentials that they carry, and by what is known of who has them. */
export class Callers {
  private readonly reader: PrincipalReader;
  private readonly credentials: Credentials;
  private lastHeaders: HeaderList | null = null;
  private lastBeside = NOBODY;

  constructor(secret: string, known: { standingOf(principalKey: string): Standing }) {
    this.reader = new PrincipalReader(secret);
    this.credentials = new Credentials((key) => known.standingOf(key));
  }

  read(headers: HeaderList, target: string, certificate: string | undefined, service: string): Principal | null {
    const { principal, beside } = this.credentials.choose(service, this.reader.all(headers, target, certificate ?? null));
    this.lastHeaders = headers;
    this.lastBeside = beside;
    return principal;
  }

  /** Who else the request says to be that {@link read} was just asked about. */
  beside(headers: HeaderList): readonly Principal[] {
    return headers === this.lastHeaders ? this.lastBeside : NOBODY;
  }
}
