/**
 * The record that everything in weir speaks: one request/response pair, seen inline, on the wire, in a file or by a scan.
 *
 * All types here are readonly values. Nothing in this folder does I/O.
 */

/** Header fields in wire order and spelling, flat: `[name, value, name, value, …]`. Text is latin1 as received (RFC 9110 §5.5). */
export type HeaderList = readonly string[];

/** A hole in captured bytes: `length` bytes are absent at `offset` of the full body. */
export interface Gap {
  readonly offset: number;
  readonly length: number;
}

/**
 * A captured message body, after transfer coding is removed and before content coding is.
 *
 * `bytes` holds the captured bytes, in order, without the holes; `totalLength` is the length on the wire. A body that was cut at the
 * capture cap has `totalLength > bytes.length` and one trailing gap, so a truncated body never looks like a short one.
 */
export interface Body {
  readonly bytes: Uint8Array;
  readonly totalLength: number;
  readonly missing: readonly Gap[];
}

export type HttpVersion = '1.0' | '1.1' | '2';

export interface RequestMessage {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Authority as the client named it (Host or :authority), lower case, without a default port. */
  readonly host: string;
  /** Request target in origin form, raw, with the query: `/a/b?x=1`. */
  readonly target: string;
  readonly httpVersion: HttpVersion;
  readonly headers: HeaderList;
  readonly body: Body;
  readonly trailers: HeaderList;
}

export interface ResponseMessage {
  readonly status: number;
  readonly httpVersion: HttpVersion;
  readonly headers: HeaderList;
  readonly body: Body;
  readonly trailers: HeaderList;
}

/** One side of a connection. `ip` is in canonical text form (RFC 5952 for IPv6, IPv4-mapped addresses as IPv4). */
export interface Peer {
  readonly ip: string;
  readonly port: number;
}

/** Who made the record. Gateways and sensors that see the same pair are told apart by this. */
export interface Observer {
  readonly kind: 'gateway' | 'sensor' | 'import' | 'scan' | 'plugin';
  /** Stable id of the process, interface or file. */
  readonly id: string;
}

/** How a service's traffic is treated. See DESIGN "Modes". */
export type Mode = 'enforce' | 'observe' | 'mirror';
export const MODES: readonly Mode[] = ['enforce', 'observe', 'mirror'];

export type CredentialKind = 'jwt' | 'bearer' | 'basic' | 'api-key' | 'session-cookie' | 'mtls' | 'hmac' | 'other';

/**
 * The identity seen on one request. The credential itself is never kept: `key` is a keyed hash.
 *
 * `key` is stable for one identity as far as the request alone tells (JWT: issuer and subject; other kinds: the credential). Learning may
 * join several keys to one principal later.
 */
export interface Principal {
  readonly key: string;
  readonly kind: CredentialKind;
  /** Where it stood, e.g. `header:authorization`, `cookie:sid`, `query:api_key`. */
  readonly carrier: string;
  /** Redacted name for people, e.g. `al…@example.com`; empty when nothing printable is known. */
  readonly label: string;
  /** JWT facts, unverified; only claims weir reads (sub, iss, aud, exp, roles, tenant, scope) with identifiers as they are on the wire. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** What was done with the traffic, and what would have been. */
export interface Outcome {
  /** What the client experienced. `passed`: nothing was changed. `failed`: weir or the upstream could not answer (see Exchange.failure). */
  readonly action: 'passed' | 'blocked' | 'redacted' | 'throttled' | 'tarpitted' | 'challenged' | 'closed' | 'failed';
  /** Mode in force for this exchange. */
  readonly mode: Mode;
  /** Phase in which the client-visible action was taken; null when nothing was. */
  readonly phase: 'connection' | 'request' | 'response' | null;
  /** Given to the client in the block page; finds the issue in the UI. */
  readonly incidentId?: string;
  /** Id of the blocklist entry that acted, if one did. */
  readonly blockId?: string;
  /** Every rule that fired inline, acting or observing. */
  readonly acts: readonly Act[];
}

export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical';
export const SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];

export type Phase = 'request' | 'response';

export type ActionKind =
  | 'allow'
  | 'alert'
  | 'tag'
  | 'redact'
  | 'block'
  | 'throttle'
  | 'tarpit'
  | 'challenge'
  | 'close'
  | 'block-actor'
  | 'require-header';

/** One rule that fired. `acted` is false in observe mode (would have acted) and for rules that only alert. */
export interface Act {
  readonly policy: string;
  readonly rule: string;
  readonly phase: Phase;
  readonly action: ActionKind;
  readonly acted: boolean;
  readonly severity: Severity;
  /** 0–1. */
  readonly confidence: number;
  /** One sentence for a person; never holds the matched value. */
  readonly message: string;
  readonly evidence: readonly Evidence[];
  readonly owasp?: string;
  readonly cwe?: string;
}

/** A place in a message. `path` is a JSON pointer-like dotted path for bodies, a name for headers, cookies and parameters. */
export interface Location {
  readonly phase: Phase;
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'body' | 'status' | 'method' | 'trailer' | 'connection';
  /** `user.ssn`, `items[*].card`, `x-debug`, `0` for the first path segment; empty for the whole. Array indices are written `[*]`. */
  readonly path: string;
}

/** Proof of something at a place, redacted: shape, length and a keyed hash survive, the value does not. */
export interface Evidence {
  readonly location: Location;
  /** Redacted excerpt, e.g. `•••-••-6789`. */
  readonly excerpt: string;
  /** Data type or attack class that was recognised here. */
  readonly type?: string;
  /** Keyed hash of the value: equal values can be recognised, the value cannot be read. */
  readonly valueHash?: string;
  readonly count?: number;
}

/**
 * One request and its answer.
 *
 * `startedAtMs` is wall clock for gateways and packet time for sensors (Unix epoch, fractional milliseconds). `response` is null when none was
 * seen; `failure` then says why.
 */
export interface Exchange {
  /** weir's own id, unique over all observers (26 characters, sorts by time). */
  readonly id: string;
  /** The client's or upstream-propagated X-Request-Id where one of sane shape was seen, else `id`. */
  readonly requestId: string;
  readonly kind: 'http' | 'websocket';
  readonly observer: Observer;
  readonly service: string;
  /** The real client (rightmost untrusted address). */
  readonly client: Peer;
  readonly server: Peer;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Time until the first byte of the answer; null when there was none. */
  readonly upstreamMs: number | null;
  readonly request: RequestMessage;
  readonly response: ResponseMessage | null;
  readonly failure?: string;
  readonly principal: Principal | null;
  readonly outcome: Outcome;
  /** Free marks: `scan`, `self-test`, VNI of a mirror, policy tags. */
  readonly tags: readonly string[];
}

/** Method and path template of a service. `id` is a short stable hash of the other three. */
export interface EndpointRef {
  readonly id: string;
  readonly service: string;
  readonly method: string;
  readonly template: string;
}

/** An actor: the principal where one was seen, else the client's address (IPv6 by /64). */
export interface ActorRef {
  readonly kind: 'principal' | 'address';
  /** Principal key or address text. */
  readonly value: string;
  readonly label: string;
}

/**
 * One immutable report that something is wrong. Findings with the same `fingerprint` are one issue.
 *
 * Raised by detectors, policies and scans; scored by `attackers`, kept by `store`.
 */
export interface Finding {
  readonly id: string;
  /** Dotted kind from the catalogue in `exchange/kinds.ts`, e.g. `bola.foreign-object`, `data.exposed`, `attack.sql`, `inventory.new-endpoint`. */
  readonly kind: string;
  readonly atMs: number;
  readonly service: string;
  readonly endpoint: EndpointRef | null;
  readonly actor: ActorRef | null;
  readonly client: string | null;
  readonly severity: Severity;
  /** 0–1. */
  readonly confidence: number;
  readonly title: string;
  /** One sentence with the numbers: why this was raised. */
  readonly explanation: string;
  readonly owasp?: string;
  readonly cwe?: string;
  readonly source: { readonly kind: 'policy' | 'detector' | 'scan' | 'inventory'; readonly id: string };
  /** What happened to the traffic: nothing, would have been acted on, or was. */
  readonly effect: 'none' | 'would-act' | 'acted';
  /** Did the attempt get through (2xx answer)? null when it cannot be said. */
  readonly succeeded: boolean | null;
  readonly exchangeIds: readonly string[];
  readonly requestIds: readonly string[];
  /** Exchanges that the actor sent before: what led to it, and no part of what it accuses. Oldest first. */
  readonly beforeIds?: readonly string[];
  readonly incidentId?: string;
  readonly evidence: readonly Evidence[];
  readonly remediation: string;
  readonly fingerprint: string;
}

/** A recognised value of a data type at a place. Produced by the classifier, kept by inventory. */
export interface DataHit {
  readonly type: string;
  readonly location: Location;
  readonly confidence: number;
  readonly count: number;
}

/** What learning derives from one exchange before detectors see it. */
export interface Observation {
  readonly exchange: Exchange;
  readonly endpoint: EndpointRef;
  /** Values of the template's parameters in order. */
  readonly pathParameters: readonly string[];
  readonly dataHits: readonly DataHit[];
}

/** Learned facts about an endpoint that inline rules may ask for. */
export interface EndpointFacts {
  readonly endpoint: EndpointRef;
  readonly tags: readonly string[];
}

/**
 * What learned ownership says about one request (or its answer).
 *
 * `enforceable` is set only for a confident other owner on an owner-private slot that was proven in shadow; everything else may alert.
 */
export interface AccessVerdict {
  readonly relation: 'own' | 'granted' | 'listed' | 'group' | 'public' | 'privileged' | 'foreign' | 'enumeration' | 'unknown';
  readonly confidence: number;
  readonly enforceable: boolean;
  /** Where the object reference stood. */
  readonly location: Location;
  readonly resource: string;
  /** The request was written in a way that requests to this place never are: its id given more than once, or inside another structure, or its body longer than what is read. */
  readonly form?: 'repeated' | 'wrapped' | 'long';
  /** One sentence with the numbers. */
  readonly explanation: string;
}
