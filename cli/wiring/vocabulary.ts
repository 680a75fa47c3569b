/** What policies may name besides their own words: data types, built in and people's own, and key sets against which tokens are checked. */
import { readFile } from 'node:fs/promises';
import { dotted, problemSentence, schemaProblems, WeirError } from '../../exchange/index.js';
import {
  Classifier,
  type CustomType,
  CustomTypeError,
  customTypeSchema,
  type DataType,
  dataTypes,
  type Jwk,
  KeyRing,
} from '../../policies/index.js';
import type { Config } from '../config.js';
import type { SharedMaps } from '../shared-maps.js';

export interface Vocabulary {
  /** The same object until data types change. */
  classifier(): Classifier;
  readonly keys: KeyRing;
  /** Calls back when policies must be compiled anew. Returns what ends it. */
  onChange(changed: () => void): () => void;
  close(): void;
}

export interface VocabularyOptions {
  readonly dataTypes: Config['dataTypes'];
  readonly keySets: Config['keySets'];
  readonly maps: SharedMaps;
  readonly log: (message: string) => void;
}

/** Key under which people's own types of the UI stand. */
export const OWN_TYPES = 'own';
const KEYS_EVERY_MS = 600_000;
const KEYS_RETRY_MS = 15_000;
const FETCH_MS = 5_000;
const MAX_JWKS_CHARS = 1_000_000;

/** Throws WeirError CONFIG_INVALID for a data type of the configuration that cannot be used. Key sets that cannot be had yet are tried again. */
export function openVocabulary({ dataTypes: configured, keySets, maps, log }: VocabularyOptions): Vocabulary {
  const fromFile = configured.map(readType);
  const keys = new KeyRing();
  const follow = Object.entries(keySets).map(([name, source]) => followKeys(keys, name, source, log));
  let classifier = classifierOf(fromFile, null);
  const rebuild = (): void => {
    try {
      classifier = classifierOf(fromFile, maps);
    } catch (error) {
      log(`data types: ${error instanceof Error ? error.message : String(error)}; the last good ones stay in force`);
    }
  };
  if (maps.dataTypes.size > 0) rebuild();
  const stops: (() => void)[] = [];
  return {
    classifier: () => classifier,
    keys,
    onChange(changed) {
      const stop = maps.dataTypes.subscribe(() => {
        rebuild();
        changed();
      });
      stops.push(stop);
      return stop;
    },
    close() {
      for (const stop of [...stops, ...follow]) stop();
    },
  };
}

/** The same for one-shot commands: names are known, keys are not read. Throws as `openVocabulary`. */
export function configuredVocabulary(config: Pick<Config, 'dataTypes' | 'keySets'>): {
  readonly classifier: Classifier;
  readonly keys: KeyRing;
} {
  const keys = new KeyRing();
  for (const name of Object.keys(config.keySets)) keys.declare(name);
  return { classifier: classifierOf(config.dataTypes.map(readType), null), keys };
}

let builtIn: Classifier | null = null;

/** Tables of the built-in types are made once a thread. */
function classifierOf(fromFile: readonly CustomType[], maps: SharedMaps | null): Classifier {
  const setting = maps?.dataTypes.get(OWN_TYPES) ?? { own: [], disabled: [] };
  const custom = [...fromFile, ...setting.own.map(readType)];
  if (custom.length === 0 && setting.disabled.length === 0) {
    builtIn ??= Classifier.of(dataTypes);
    return builtIn;
  }
  const disabled = new Set(setting.disabled);
  // A type that is switched off keeps its name, since policies may name it, and is found nowhere.
  const off = (type: DataType): DataType => (disabled.has(type.id) ? { ...type, fields: [], words: [], find: [] } : type);
  const unused = Classifier.of(
    [],
    custom.filter((type) => disabled.has(type.id)),
  ).types.map(off);
  return Classifier.of(
    [...dataTypes.map(off), ...unused],
    custom.filter((type) => !disabled.has(type.id)),
  );
}

function readType(source: unknown): CustomType {
  const result = customTypeSchema.safeParse(source);
  if (result.success) {
    try {
      Classifier.of([], [result.data]);
      return result.data;
    } catch (error) {
      if (!(error instanceof CustomTypeError)) throw error;
      throw refused(error.message);
    }
  }
  const [problem] = schemaProblems(customTypeSchema, source, result.error.issues);
  throw refused(`${JSON.stringify(source).slice(0, 80)}: ${problemSentence({ ...problem, path: dotted(problem.place) })}`);
}

const refused = (message: string): WeirError =>
  new WeirError('CONFIG_INVALID', `dataTypes: ${message}`, { status: 422, hint: 'docs/data-types.md lists the keys of a custom type.' });

/** Keeps one key set up to date. Until it was read once, no signature is held against it. Returns what ends it. */
function followKeys(keys: KeyRing, name: string, source: string, log: (message: string) => void): () => void {
  keys.declare(name);
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;
  let lastError = '';
  const read = async (): Promise<void> => {
    let waitMs = KEYS_EVERY_MS;
    try {
      const taken = keys.set(name, await readJwks(source));
      if (taken === 0) log(`keySets: ${name} holds no key that can be used`);
      lastError = '';
    } catch (error) {
      waitMs = KEYS_RETRY_MS;
      const message = error instanceof Error ? error.message : String(error);
      if (message !== lastError) log(`keySets: ${name} cannot be read from ${source}: ${message}`);
      lastError = message;
    }
    if (isClosed) return;
    timer = setTimeout(() => void read(), waitMs);
    timer.unref();
  };
  void read();
  return () => {
    isClosed = true;
    if (timer !== null) clearTimeout(timer);
  };
}

async function readJwks(source: string): Promise<readonly Jwk[]> {
  const text = /^https?:/.test(source) ? await fetched(source) : await readFile(source, 'utf8');
  if (text.length > MAX_JWKS_CHARS) throw new Error(`more than ${MAX_JWKS_CHARS} characters`);
  const document = JSON.parse(text) as { readonly keys?: unknown };
  if (!Array.isArray(document.keys)) throw new Error('there is no list "keys" in it (RFC 7517)');
  return document.keys as readonly Jwk[];
}

async function fetched(url: string): Promise<string> {
  const answer = await fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(FETCH_MS) });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return answer.text();
}
