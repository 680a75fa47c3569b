/**
 * Everything the sensor counts, by name. Numbers only grow. Three sums hold at every moment (`balance` checks them):
 *
 * - packets:  captured + reassembledDatagrams = tcp + notTcp + notIp + malformed + fragments + tooDeep + checksumBad + unknownLink
 * - bytes:    payloadBytes = deliveredBytes + duplicateBytes + ignoredBytes + evictedBytes + bytes still queued
 * - delivery: deliveredBytes = httpBytes + encryptedBytes + notHttpBytes + skippedBytes + tunnelledBytes
 */
export interface Counters {
  /** Packets handed over by sources. */
  captured: number;
  capturedBytes: number;
  /** Packets whose tail was cut off by the capture (snap length, mirror MTU). */
  truncated: number;
  tcp: number;
  /** IP, but neither TCP nor a tunnel. */
  notTcp: number;
  /** ARP, LLDP and the like. */
  notIp: number;
  /** Headers that contradict themselves or were cut off. */
  malformed: number;
  unknownLink: number;
  tooDeep: number;
  checksumBad: number;
  /** IP fragments held for reassembly. */
  fragments: number;
  reassembledDatagrams: number;
  /** Fragments given up: time, space, overlap. */
  fragmentsDropped: number;
  /** Segments passed over because the thread that looks after their connection was too far behind, or was lost with them. */
  overloaded: number;
  /** Tunnel headers removed: VXLAN, Geneve, GRE, ERSPAN, GTP, Teredo, AYIYA, IP in IP. */
  tunnels: number;

  payloadBytes: number;
  deliveredBytes: number;
  /** Bytes that were delivered before: retransmissions, keep-alive probes, the same packet mirrored twice. */
  duplicateBytes: number;
  /** Queued bytes that came again with other content: an evasion signal. */
  conflictingBytes: number;
  /** Payload of closed flows, refused resets, of segments outside of any window, and of `overloaded`. */
  ignoredBytes: number;
  /** Queued bytes of flows that were evicted, or lost with their thread. */
  evictedBytes: number;
  outOfOrder: number;
  gaps: number;
  /** Bytes that were on the wire and not in the capture. */
  gapBytes: number;
  flows: number;
  flowsClosed: number;
  flowsReset: number;
  flowsIdle: number;
  /** Flows ended to stay within the bounds. */
  flowsEvicted: number;
  resetsRefused: number;
  midstreamFlows: number;

  httpBytes: number;
  /** TLS: invisible to a mirror. */
  encryptedBytes: number;
  encryptedFlows: number;
  notHttpBytes: number;
  notHttpFlows: number;
  /** HTTP bytes passed over after a loss, until the next message start; and those that a lost thread had just begun to read. */
  skippedBytes: number;
  /** Behind CONNECT or an upgrade to something that is not HTTP. */
  tunnelledBytes: number;

  requests: number;
  responses: number;
  /** Exchanges handed over. */
  exchanges: number;
  paired: number;
  unpairedRequests: number;
  unpairedResponses: number;
  /** 1xx answers other than 101. */
  informational: number;
  webSocketMessages: number;
  /** Messages given up because of the header bound. */
  tooBig: number;
  /** Bodies cut at the body bound. */
  bodiesCapped: number;
  /** Framing that contradicts itself: CL with TE, CLs that differ, bad chunk sizes. */
  badFraming: number;
  /** Message starts found again after a loss. */
  resyncs: number;
  /** HTTP/2 header fields whose table entry was lost with the capture's start or a gap. */
  unknownHeaders: number;
}

export function newCounters(): Counters {
  return {
    captured: 0,
    capturedBytes: 0,
    truncated: 0,
    tcp: 0,
    notTcp: 0,
    notIp: 0,
    malformed: 0,
    unknownLink: 0,
    tooDeep: 0,
    checksumBad: 0,
    fragments: 0,
    reassembledDatagrams: 0,
    fragmentsDropped: 0,
    overloaded: 0,
    tunnels: 0,
    payloadBytes: 0,
    deliveredBytes: 0,
    duplicateBytes: 0,
    conflictingBytes: 0,
    ignoredBytes: 0,
    evictedBytes: 0,
    outOfOrder: 0,
    gaps: 0,
    gapBytes: 0,
    flows: 0,
    flowsClosed: 0,
    flowsReset: 0,
    flowsIdle: 0,
    flowsEvicted: 0,
    resetsRefused: 0,
    midstreamFlows: 0,
    httpBytes: 0,
    encryptedBytes: 0,
    encryptedFlows: 0,
    notHttpBytes: 0,
    notHttpFlows: 0,
    skippedBytes: 0,
    tunnelledBytes: 0,
    requests: 0,
    responses: 0,
    exchanges: 0,
    paired: 0,
    unpairedRequests: 0,
    unpairedResponses: 0,
    informational: 0,
    webSocketMessages: 0,
    tooBig: 0,
    bodiesCapped: 0,
    badFraming: 0,
    resyncs: 0,
    unknownHeaders: 0,
  };
}

/** Adds `from` to `to`, field by field. */
export function addCounters(to: Counters, from: Counters): Counters {
  for (const name of Object.keys(from) as (keyof Counters)[]) to[name] += from[name];
  return to;
}

/** The differences of the three sums; all zero when nothing vanished uncounted. `queuedBytes` are those held out of order right now. */
export function balance(counted: Counters, queuedBytes: number): { packets: number; bytes: number; delivery: number } {
  const c = counted;
  return {
    packets:
      c.captured +
      c.reassembledDatagrams -
      (c.tcp + c.notTcp + c.notIp + c.malformed + c.fragments + c.tooDeep + c.checksumBad + c.unknownLink),
    bytes: c.payloadBytes - (c.deliveredBytes + c.duplicateBytes + c.ignoredBytes + c.evictedBytes + queuedBytes),
    delivery: c.deliveredBytes - (c.httpBytes + c.encryptedBytes + c.notHttpBytes + c.skippedBytes + c.tunnelledBytes),
  };
}
