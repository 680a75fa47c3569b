import type { HeaderList } from '../../exchange/index.js';
import { compileGlobs, type Predicate } from './values.js';

/** The request has a query. */
export const HAS_QUERY = 1;
/** The message of this phase has a body, whether or not all of it was captured. */
export const HAS_BODY = 2;
/** The Authorization header of the request holds something that looks like a JSON Web Token. */
export const HAS_TOKEN = 4;
/** Bits from here on stand for lists of header names. */
const FIRST_HEADER = 3;
const BITS = 32;
const MAX_SPELLINGS = 4096;
const CROWD = 1000;

/**
 * What a condition asks of a message before it is worth looking at: each mask stands for things of which one must be there. A message that has none
 * of one mask cannot fulfil the condition, so its rule costs one comparison.
 */
export type Asks = readonly number[];

export const ASKS_NOTHING: Asks = [];

/** False: the condition certainly does not hold. */
export function mayHold(asks: Asks, has: number): boolean {
  for (let index = 0; index < asks.length; index++) if ((asks[index] & has) === 0) return false;
  return true;
}

/** What a disjunction asks: of the first things that each part asks for, one. Nothing, when some part asks nothing. */
export function anyOf(parts: readonly Asks[]): Asks {
  let mask = 0;
  for (const asks of parts) {
    if (asks.length === 0) return ASKS_NOTHING;
    mask |= asks[0];
  }
  return mask === 0 ? ASKS_NOTHING : [mask];
}

/** Bits of the header names that the rules of one set ask for, so that the names of a message are looked at once for all of them. */
export class HeaderNames {
  private readonly lists = new Map<string, number>();
  private readonly tests: { readonly bit: number; readonly has: Predicate<string> }[] = [];
  private readonly spellings = new Map<string, number>();

  /** So many lists share each bit that telling them apart is worth little; sets that are compiled one after another bring ever more. */
  get isCrowded(): boolean {
    return this.lists.size > CROWD;
  }

  /** The bit of a list of names or globs. Sets with more lists than bits share some, which costs a look and changes no verdict. */
  bit(names: readonly string[]): number {
    const key = names.join('\n').toLowerCase();
    let bit = this.lists.get(key);
    if (bit === undefined) {
      bit = 1 << (FIRST_HEADER + (this.lists.size % (BITS - FIRST_HEADER)));
      this.lists.set(key, bit);
      this.tests.push({ bit, has: compileGlobs(names, true) });
      this.spellings.clear();
    }
    return bit;
  }

  /** Bits of the lists that some header of a message is on. */
  of(headers: HeaderList): number {
    let bits = 0;
    for (let index = 0; index < headers.length; index += 2) bits |= this.spellings.get(headers[index]) ?? this.learn(headers[index]);
    return bits;
  }

  private learn(spelling: string): number {
    let bits = 0;
    for (const { bit, has } of this.tests) if (has(spelling)) bits |= bit;
    if (this.spellings.size >= MAX_SPELLINGS) this.spellings.clear();
    this.spellings.set(spelling, bits);
    return bits;
  }
}
