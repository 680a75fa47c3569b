/**
 * What the admin API asks of the rest of weir. `cli/` joins these with the modules that do the work; a part that this process does not
 * have may be left out, and its operations answer 501.
 *
 * Times are Unix epoch ms. Errors are WeirError: code, message, status and hint reach the client as they are.
 */
import type { z } from 'zod';
import type { Mode } from '../exchange/index.js';
import type { allowEntry, block, explanation, feed, newBlock, newFeed } from './schema/attackers.js';
import type { dataHit, integrationKind, selfTest, sensorSetting, sourceReport } from './schema/operations.js';
import type { checkedPolicy, policyMode, policySummary, replayResult, sourceProblem } from './schema/policies.js';
import type { scanDefinition, scanTest } from './schema/scans.js';

type Readable<T> = T extends readonly (infer U)[]
  ? readonly Readable<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Readable<T[K]> }
    : T;
type Of<S extends z.ZodType> = Readable<z.output<S>>;

/** The request and response phase of a service may differ; `mirror` is always both. */
export interface ServiceMode {
  readonly request: Mode;
  readonly response: Mode;
}

/** Services as configured, and their modes as every gateway sees them. */
export interface ServicesPort {
  list(): readonly { readonly name: string; readonly upstreams: readonly string[]; readonly hosts: readonly string[] }[];
  mode(service: string): ServiceMode;
  /** Resolves when shared with every gateway. */
  setMode(service: string, mode: ServiceMode, by: string): Promise<void>;
}

export type BlockView = Of<typeof block>;
export type AllowView = Of<typeof allowEntry>;
export type NewBlock = Of<typeof newBlock>;
export type BlockExplanation = Of<typeof explanation>;
export type FeedView = Of<typeof feed>;
export type NewFeed = Of<typeof newFeed>;
export const BLOCK_EXPORTS = ['plain', 'nftables', 'nginx', 'haproxy', 'aws-waf', 'json'] as const;
export type BlockExport = (typeof BLOCK_EXPORTS)[number];

/** The blocklist. It refuses what would block everybody, a trusted proxy, an upstream or the caller (`callerAddress`) unless forced. */
/** An entry as the blocklist has it; what came of it is counted elsewhere. */
export type BlockEntry = Omit<BlockView, 'action' | 'hits' | 'lastHitMs' | 'tried'> & Partial<Pick<BlockView, 'action'>>;

export interface BlocksPort {
  /** In no order, and without a copy of anything: there may be a million. */
  list(): Iterable<BlockEntry>;
  hits(id: string): number;
  /** An entry of the list with what came of it. */
  view(entry: BlockEntry): BlockView;
  get(id: string): BlockView | null;
  /** What the lists say of an actor now; null: nothing. */
  stateOf(actor: { readonly kind: 'principal' | 'address'; readonly value: string }): 'blocked' | 'allowed' | null;
  add(block: NewBlock, by: { readonly name: string; readonly callerAddress: string; readonly nowMs: number }): Promise<BlockView>;
  remove(id: string, by: string): Promise<boolean>;
  allowlist(): readonly AllowView[];
  allow(
    entry: {
      readonly value: string;
      readonly kind?: NewBlock['kind'];
      readonly reason: string;
      readonly feed: string | null;
      /** Null: until somebody removes it. */
      readonly forMs: number | null;
    },
    by: { readonly name: string; readonly nowMs: number },
  ): Promise<AllowView>;
  disallow(id: string, by: string): Promise<boolean>;
  /** `subject`: address, CIDR, principal key, AS number, country, block id. */
  explain(subject: string): BlockExplanation;
  /** What is to be said of the entry that stopped a client, by the name that the record has of it; entries may be gone by now. */
  describe(name: string, client: { readonly ip: string; readonly principalKey: string | null; readonly service: string }): string;
  /** Feeds are left out unless asked for. */
  export(format: BlockExport, withFeeds: boolean): { readonly text: string; readonly mediaType: string };
  feeds(): readonly FeedView[];
  addFeed(feed: NewFeed, by: string): Promise<FeedView>;
  removeFeed(id: string): Promise<boolean>;
  refreshFeed(id: string): Promise<FeedView>;
}

export type CheckedPolicy = Of<typeof checkedPolicy>;
export type PolicyView = Of<typeof policySummary>;
export type ReplayResult = Of<typeof replayResult>;
export type SourceProblem = Of<typeof sourceProblem>;
export type PolicyModeName = z.output<typeof policyMode>;

/** The policy language and the set in force. Texts of the UI are kept by the admin; `publish` brings them to every gateway. */
export interface PoliciesPort {
  /** Everything in force or broken, from all origins, with the counters of all gateways. `version`, `changedAtMs`, `changedBy` are filled for origin `ui` by the admin. */
  list(): readonly PolicyView[];
  /** YAML of one policy, whatever its origin. */
  text(name: string): string | null;
  /** Never throws for a bad text: problems have line and column. Runs the text's own cases. */
  check(text: string): CheckedPolicy;
  /** JSON Schema of a policy document, for completion. */
  schema(): unknown;
  /** The same text with another mode (and roll-out percentage), comments and layout kept. */
  withMode(text: string, mode: PolicyModeName, percentage: number | null): string;
  /** Another mode for a policy whose text comes from a file, kept beside the text; null takes the file's own again. Absent: such modes cannot be switched. */
  overrideMode?(
    name: string,
    override: { readonly mode: PolicyModeName; readonly percentage: number | null } | null,
    by: string,
  ): Promise<void>;
  /** The texts of all UI policies, as they must be in force from now on. Resolves when shared with the gateways. */
  publish(texts: readonly { readonly name: string; readonly text: string }[]): Promise<void>;
  /** Resolves when what was published or overridden shows in `list`. */
  settled(): Promise<void>;
  /** Evaluates a text on kept exchanges (encoded, newest first), as enforce would. */
  replay(
    text: string,
    exchanges: AsyncIterable<Uint8Array>,
    options: { readonly maxHits: number; readonly signal: AbortSignal },
  ): Promise<Omit<ReplayResult, 'fromMs' | 'toMs' | 'complete'>>;
}

/** Decisions of people about path templates. */
export interface TemplatesPort {
  pin(service: string, method: string, template: string, by: string): Promise<void>;
  unpin(service: string, method: string, template: string, by: string): Promise<void>;
  /** Keeps `value` at the place of parameter `parameter` (from 0) as a template of its own. */
  split(service: string, method: string, template: string, parameter: number, value: string, by: string): Promise<void>;
  unsplit(service: string, method: string, template: string, parameter: number, value: string, by: string): Promise<void>;
  /** Pins the templates of an API description. @throws WeirError with line and column where it can */
  importDocument(
    service: string,
    text: string,
    by: string,
  ): Promise<{ readonly imported: number; readonly format: string; readonly warnings: readonly string[] }>;
}

export type ScanTestView = Of<typeof scanTest>;
export type ScanDefinition = Of<typeof scanDefinition>;

/** The scanner. Definitions, runs and results lie in the store; the scheduler takes due scans and queued runs from there. */
export interface ScansPort {
  /** Later, where the library is still being read. */
  tests(): Promise<readonly ScanTestView[]>;
  testText(id: string): Promise<string | null>;
  checkTest(text: string): Promise<{ readonly ok: boolean; readonly problems: readonly SourceProblem[] }>;
  /** Brings the tests written or switched in the UI to the runner. */
  publishTests(tests: readonly { readonly id: string; readonly text: string | null; readonly enabled: boolean }[]): Promise<void>;
  /** Wakes the scheduler: a run was queued, paused, resumed or is to stop. */
  wake(): void;
  /** Tries the identity now. */
  checkAuthContext(id: string): Promise<{ readonly ok: boolean; readonly text: string }>;
}

export type SourceView = Of<typeof sourceReport>;
export type SelfTestView = Of<typeof selfTest>;

export type SensorSettingView = Of<typeof sensorSetting>;

/** Gateways, sensors, engines: what they report of themselves. */
export interface SourcesPort {
  list(): readonly SourceView[];
  /** What gateways say of themselves in Prometheus' text format, one text a gateway. */
  metrics?(): readonly string[];
  sensor(): SensorSettingView;
  /** Resolves when every sensor listens to it, or has said why it cannot; at the latest after some seconds. */
  setSensor(setting: SensorSettingView, by: string): Promise<void>;
  /** Sends a marked request through a gateway and follows it. Resolves with the first state; `selfTest` gives the later ones. */
  startSelfTest(service: string | null): Promise<SelfTestView>;
  selfTest(id: string): SelfTestView | null;
  /** Takes recorded traffic: NDJSON exchanges, HAR, pcap. Aborted, it stops where it is, and says so among the problems; what was read stays. */
  importTraffic(
    service: string | null,
    mediaType: string,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly exchanges: number; readonly refused: number; readonly problems: readonly string[] }>;
}

export type DataHitView = Of<typeof dataHit>;
export interface BuiltInDataType {
  readonly id: string;
  readonly title: string;
  readonly sensitivity: string;
  readonly fieldNames: readonly string[];
  readonly examples: { readonly match: readonly string[]; readonly ignore: readonly string[] };
}
export interface OwnDataType {
  readonly id: string;
  readonly title: string;
  readonly sensitivity: string;
  readonly enabled: boolean;
  readonly fieldNames: readonly string[];
  readonly pattern: string | null;
  readonly keywords: readonly string[];
  readonly requireKeywords: boolean;
  readonly validator: string | null;
  readonly caseSensitive: boolean;
}
export interface DataTypesPort {
  builtIn(): readonly BuiltInDataType[];
  /** Classifies a text with the built-in types and the given own ones. @throws WeirError for an own type that could not be found anywhere */
  test(text: string, own: readonly OwnDataType[]): readonly DataHitView[];
  publish(own: readonly OwnDataType[], disabled: readonly string[]): Promise<void>;
}

export type IntegrationKindView = Of<typeof integrationKind>;
export interface IntegrationsPort {
  kinds(): readonly IntegrationKindView[];
  /** Names of config fields that are secrets. */
  secrets(kind: string): readonly string[];
  /** @throws WeirError that names the field when the config does not fit */
  validate(kind: string, config: { readonly [key: string]: unknown }): void;
  /** Sends a test notice now. */
  test(kind: string, config: { readonly [key: string]: unknown }): Promise<{ readonly ok: boolean; readonly text: string }>;
}

export interface Ports {
  readonly services: ServicesPort;
  readonly blocks?: BlocksPort;
  readonly policies?: PoliciesPort;
  readonly templates?: TemplatesPort;
  readonly scans?: ScansPort;
  readonly sources?: SourcesPort;
  readonly dataTypes?: DataTypesPort;
  readonly integrations?: IntegrationsPort;
}
