/** The policies in force in this process: built-in ones, the folder, and what people wrote in the UI; the last good text stays when a new one is broken. */
import { Redactor } from '../../exchange/index.js';
import { Classifier, compilePolicies, dataTypes, type FullPolicySet, loadLibrary, PolicyFolder } from '../../policies/index.js';
import type { Config } from '../config.js';
import type { PolicyStatus, SharedMaps } from '../shared-maps.js';
import { openVocabulary, type Vocabulary } from './vocabulary.js';

export interface PolicyBook {
  current(): FullPolicySet;
  /** Recognises the data types that policies know. */
  classifier(): Classifier;
  status(): PolicyStatus;
  /** Resolves when what was written before is in force here: policies are compiled in turns with other work. */
  settled(): Promise<void>;
  close(): void;
}

export interface PolicyBookOptions {
  /** Folder of policies, own data types, key sets. */
  readonly config: Pick<Config, 'policies' | 'dataTypes' | 'keySets'>;
  readonly secret: string;
  readonly maps: SharedMaps;
  readonly log: (message: string) => void;
  /** One that is open already; closed with the book all the same. */
  readonly vocabulary?: Vocabulary;
}

/** Mistakes in files do not stop a start: they are logged and shown as stale. */
export async function openPolicyBook({ config, secret, maps, log, vocabulary: given }: PolicyBookOptions): Promise<PolicyBook> {
  const redactor = new Redactor(secret);
  const vocabulary = given ?? openVocabulary({ dataTypes: config.dataTypes, keySets: config.keySets, maps, log });
  const told = new Set<string>();
  // Followed before anything is read: what changes while the folder is compiled is caught up with afterwards.
  let isBehind = false;
  const act = {
    edit: () => {
      isBehind = true;
    },
    reload: () => {
      isBehind = true;
    },
  };
  const unsubscribe = [
    maps.policies.subscribe(() => act.edit()),
    maps.policyModes.subscribe(() => act.reload()),
    vocabulary.onChange(() => act.reload()),
  ];
  const policies = await PolicyFolder.load({
    path: config.policies ?? null,
    base: loadLibrary(),
    compile: () => ({
      redactor,
      classifier: vocabulary.classifier(),
      keys: vocabulary.keys,
      overrides: new Map([...maps.policyModes.entries()].map(({ key, value }) => [key, { mode: value.mode, rollout: value.rollout }])),
    }),
    onStale: (problems) => {
      for (const problem of problems) {
        const line = `${problem.file}:${problem.line}:${problem.column} ${problem.message}`;
        if (!told.has(line)) log(`policies: ${line}; the last good text stays in force`);
        told.add(line);
      }
    },
    onChange: () => told.clear(),
  });
  policies.watch();
  const edit = async (): Promise<void> => {
    const sources = [...maps.policies.entries()].map(({ key, value }) => ({ file: `ui/${key}`, text: value.text, origin: 'ui' as const }));
    await policies.edit(sources).catch((error: unknown) => log(`policies: ${error instanceof Error ? error.message : String(error)}`));
  };
  let work: Promise<unknown> = Promise.resolve();
  act.edit = () => {
    work = Promise.all([work, edit()]);
  };
  act.reload = () => {
    const reloading = policies
      .reload()
      .catch((error: unknown) => log(`policies: ${error instanceof Error ? error.message : String(error)}`));
    work = Promise.all([work, reloading]);
  };
  if (maps.policies.size > 0 || isBehind) await edit();
  if (isBehind) await policies.reload();
  return {
    current: () => policies.set,
    classifier: () => vocabulary.classifier(),
    status: () => ({
      version: policies.set.version,
      stale: [...policies.state.stale.values()].flat().map(({ file, line, column, message }) => ({ file, line, column, message })),
      rules: policies.set.stats().filter((rule) => rule.evaluations > 0),
    }),
    async settled() {
      await work;
    },
    close() {
      for (const stop of unsubscribe) stop();
      vocabulary.close();
      policies.close();
    },
  };
}

/**
 * A book that is opened only when somebody asks, or a moment after the start: the admin must be ready before it has compiled what only its pages show.
 * Until then the built-in policies stand for all.
 */
export function lazyPolicyBook(options: PolicyBookOptions, delayMs = 1_500): PolicyBook {
  let book: PolicyBook | null = null;
  let closed = false;
  let builtIn: FullPolicySet | null = null;
  let opening: Promise<void> | null = null;
  const open = (): Promise<void> => {
    opening ??= openPolicyBook(options).then(
      (opened) => {
        if (closed) opened.close();
        else book = opened;
      },
      (error: unknown) => options.log(`policies: ${error instanceof Error ? error.message : String(error)}`),
    );
    return opening;
  };
  const timer = setTimeout(() => void open(), delayMs);
  return {
    current() {
      if (book !== null) return book.current();
      builtIn ??= compilePolicies(loadLibrary());
      return builtIn;
    },
    classifier: () => book?.classifier() ?? Classifier.of(dataTypes),
    status: () => book?.status() ?? { version: '', stale: [], rules: [] },
    async settled() {
      await open();
      await book?.settled();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      book?.close();
    },
  };
}
