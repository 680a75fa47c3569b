/**
 * The sensor: packets in, exchanges out. Sources at the rim hand packets to protocol layers without I/O:
 * decode → reassembly → http → exchange.
 */
export { PCAP_FORMATS, type PcapCommandOptions, type PcapCommandOutput, type PcapFormat, runPcapCommand } from './command.js';
export { balance, type Counters, newCounters } from './counters.js';
export { SENSOR_ERRORS, type SensorErrorCode } from './errors.js';
export { type CapturePart, captureParts } from './parts.js';
export { openCapture, type PcapSummary, type ReadPcapOptions, readPcap } from './pcap.js';
export { createSensor, type Sensor, type SensorOptions, type SensorStatus, type SourceState, type SourceStatus } from './sensor.js';
export { type ServiceNames, type ServiceOf, serviceFinder } from './services.js';
export type { CaptureBytes } from './sources/capture-bytes.js';
export type { SourceOptions } from './sources/index.js';
export { DEFAULT_LIMITS, type Limits, type RecordsPort, type SensorPorts, type SourceStats } from './types.js';
