/** The shared maps by which weir's processes agree: names and what is in them. Blocks and allowlist are opened by `attackers`. */
import type { SensorSettingView } from '../admin/index.js';
import type { Mode } from '../exchange/index.js';
import type { ServiceRules } from '../learning/index.js';
import type { CustomType } from '../policies/index.js';
import type { SharedMap, SharedState } from '../traffic/index.js';

/** Key: service name. Set by people at run time; wins over the configuration. */
export interface ModeSetting {
  readonly request: Mode;
  readonly response: Mode;
  readonly by: string;
  readonly atMs: number;
}

/** Key: file name below `ui/`. A policy written in the UI or by the API. */
export interface PolicyText {
  readonly text: string;
  readonly by: string;
  readonly atMs: number;
}

/** Key: policy name or `policy/rule`. */
export interface PolicyModeSetting {
  readonly mode?: 'enforce' | 'observe' | 'off' | 'inherit';
  readonly rollout?: number;
  readonly by: string;
  readonly atMs: number;
}

/** Key: endpoint id. What the inventory has learned, as gateways match it. */
export interface TemplateSetting {
  readonly service: string;
  readonly method: string;
  readonly template: string;
  readonly tags: readonly string[];
}

/** Key: `principal:KEY` or `address:TEXT`. Only actors that stand out are shared. */
export interface ScoreSetting {
  readonly score: number;
}

/** Key: process id of the weir. Expires by itself when the process is gone. */
export interface ProcessStatus {
  readonly role: 'gateway' | 'sensor' | 'engine' | 'admin';
  readonly version: string;
  readonly startedAtMs: number;
  readonly atMs: number;
  /** Addresses it listens on. */
  readonly addresses: readonly string[];
  /** Counters by name; gauges among them. Every drop, skip and gap is here. */
  readonly counters: Readonly<Record<string, number>>;
  readonly services?: readonly ServiceStatus[];
  readonly sources?: readonly SourceView[];
  /** The `SensorSetting` that this sensor has carried out. */
  readonly revision?: string;
  readonly policies?: PolicyStatus;
  /** Why the configuration as it was last read is not in force, one line a mistake; the last good one is. Null or absent: it is. */
  readonly configProblem?: string | null;
}

export interface ServiceStatus {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly pathPrefix: string;
  readonly mode: { readonly request: Mode; readonly response: Mode };
  readonly upstreams: readonly { readonly url: string; readonly up: boolean }[];
}

export interface SourceView {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly problem: string | null;
  /** What is odd though it works; absent or null when nothing is. */
  readonly remark?: string | null;
  readonly packetsPerSecond: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface PolicyStatus {
  readonly version: string;
  /** Files whose new content is broken: the last good content is in force. */
  readonly stale: readonly { readonly file: string; readonly line: number; readonly column: number; readonly message: string }[];
  readonly rules: readonly RuleCounts[];
}

export interface RuleCounts {
  readonly policy: string;
  readonly rule: string;
  readonly evaluations: number;
  readonly hits: number;
  readonly acted: number;
  readonly wouldAct: number;
  readonly errors: number;
  readonly totalNs: number;
}

/** Key: `sources`. What the sensor listens to; set with the switch to mirror. */
export interface SensorSetting {
  readonly sources: SensorSettingView['sources'];
  /** New with each change; a sensor names the one it has carried out. */
  readonly revision?: string;
}

/** Key: service name. What people decided about its templates, and the API description that pins some. */
export interface PinSetting {
  readonly pins: readonly { readonly template: string; readonly method: string | null; readonly source: string }[];
  readonly document: { readonly name: string; readonly text: string } | null;
}

/** Key: process id of a gateway. Prometheus text. */
export interface MetricsText {
  readonly text: string;
}

/** Key: `own`. Data types that people wrote in the UI, and the built-in ones that they switched off. */
export interface OwnTypesSetting {
  readonly own: readonly CustomType[];
  readonly disabled: readonly string[];
}

/** Key: `key`. By what scans mark their requests and gateways know them. */
export interface ScanKey {
  readonly secret: string;
}

/** Key: name of a cookie that a server sets as a session, and that no list of such names has. */
export interface SessionCookie {
  readonly atMs: number;
}

export interface SharedMaps {
  readonly metrics: SharedMap<MetricsText>;
  readonly modes: SharedMap<ModeSetting>;
  readonly policies: SharedMap<PolicyText>;
  readonly policyModes: SharedMap<PolicyModeSetting>;
  readonly templates: SharedMap<TemplateSetting>;
  readonly scores: SharedMap<ScoreSetting>;
  readonly status: SharedMap<ProcessStatus>;
  readonly sensor: SharedMap<SensorSetting>;
  readonly pins: SharedMap<PinSetting>;
  readonly scanKeys: SharedMap<ScanKey>;
  /** Key: service name. What its requests may hold. */
  readonly schemas: SharedMap<ServiceRules>;
  readonly dataTypes: SharedMap<OwnTypesSetting>;
  readonly sessionCookies: SharedMap<SessionCookie>;
}

export async function openSharedMaps(shared: SharedState): Promise<SharedMaps> {
  const [metrics, modes, policies, policyModes, templates, scores, status, sensor, pins, scanKeys, schemas, dataTypes, sessionCookies] =
    await Promise.all([
      shared.open<MetricsText>('metrics'),
      shared.open<ModeSetting>('modes'),
      shared.open<PolicyText>('policies'),
      shared.open<PolicyModeSetting>('policy-modes'),
      shared.open<TemplateSetting>('templates'),
      shared.open<ScoreSetting>('scores'),
      shared.open<ProcessStatus>('status'),
      shared.open<SensorSetting>('sensor'),
      shared.open<PinSetting>('pins'),
      shared.open<ScanKey>('scan-keys'),
      shared.open<ServiceRules>('schemas'),
      shared.open<OwnTypesSetting>('data-types'),
      shared.open<SessionCookie>('session-cookies'),
    ]);
  return { metrics, modes, policies, policyModes, templates, scores, status, sensor, pins, scanKeys, schemas, dataTypes, sessionCookies };
}

/** How long a status stays when its process no longer renews it. */
export const STATUS_TTL_MS = 10_000;
