/** The sensor of this process: follows the configured and the switched-on sources, and puts what it hears into the stream. */
import { setTimeout as delay } from 'node:timers/promises';
import { PrincipalReader, SCAN_MARK_HEADER } from '../../exchange/index.js';
import { createSensor, type Sensor, type ServiceNames, type ServiceOf, type SourceOptions, serviceFinder } from '../../sensor/index.js';
import type { RecordPublisher } from '../../traffic/index.js';
import type { Config } from '../config.js';
import { scanMarks } from '../scan-keys.js';
import { type ProcessStatus, type SharedMaps, type SourceView, STATUS_TTL_MS } from '../shared-maps.js';
import { teeCounters } from '../wiring/tee-counters.js';

/** The kernel hands packets on in blocks, a second late at most: what passed before the switch is still to come. */
const DRAIN_MS = 1_500;

export interface SensorRun {
  readonly id: string;
  readonly version: string;
  readonly config: Config;
  readonly secret: string;
  readonly maps: SharedMaps;
  readonly publisher: RecordPublisher;
  readonly log: (message: string) => void;
}

export async function runSensor(run: SensorRun): Promise<{ close(): Promise<void> }> {
  const { config, maps, publisher } = run;
  const startedAtMs = Date.now();
  const principals = new PrincipalReader(run.secret);
  const marks = scanMarks(maps);
  let sensor: Sensor | null = null;
  let listening: readonly SourceOptions[] = [];
  let revision: string | undefined;
  let changing: Promise<void> = Promise.resolve();
  let tellClosing = (): void => {};
  const closing = new Promise<void>((resolve) => {
    tellClosing = resolve;
  });

  const wanted = (): SourceOptions[] => {
    const switched = maps.sensor.get('sources')?.sources ?? [];
    return [...config.sensor.sources, ...switched];
  };
  const services = serviceNames(config);
  /** What is reported as carried out is what was wanted when it began, or earlier. */
  const carryOut = async (): Promise<void> => {
    const asked = maps.sensor.get('sources')?.revision;
    await change();
    revision = asked;
    publish();
  };
  const change = async (): Promise<void> => {
    if (JSON.stringify(wanted()) === JSON.stringify(listening)) return;
    const isLeft = listening.some((one) => !wanted().some((other) => JSON.stringify(other) === JSON.stringify(one)));
    if (isLeft) await Promise.race([delay(DRAIN_MS, undefined, { ref: false }), closing]);
    // Who switches back meanwhile goes on listening.
    const sources = wanted();
    if (JSON.stringify(sources) === JSON.stringify(listening)) return;
    listening = sources;
    if (sensor !== null && sources.length > 0) {
      await sensor.listenTo(sources);
      return;
    }
    await sensor?.stop();
    sensor = null;
    if (sources.length === 0) return;
    sensor = createSensor(
      {
        id: run.id,
        sources,
        workers: config.sensor.workers,
        keyByVni: config.sensor.keyByVni,
        limits: {
          bodyBytes: config.sensor.bodyBytes,
          flows: config.sensor.flows,
          totalBytes: config.sensor.totalMb * 1024 * 1024,
        },
      },
      {
        emit: (exchange) => void publisher.publish(marks.tagged(exchange)),
        records: { take: (records) => void publisher.publishRecords(records), services, secret: run.secret, apart: SCAN_MARK_HEADER },
        serviceOf: serviceFinder(services),
        principals,
        now: () => Date.now(),
      },
    );
    await sensor.start();
  };
  const follow = () => {
    changing = changing
      .then(carryOut)
      .catch((error: unknown) => run.log(`sensor: ${error instanceof Error ? error.message : String(error)}`));
  };

  const status = (): ProcessStatus => {
    const now = sensor?.status();
    return {
      role: 'sensor',
      version: run.version,
      startedAtMs,
      atMs: Date.now(),
      addresses: [],
      ...(revision === undefined ? {} : { revision }),
      counters: {
        ...(now === undefined
          ? {}
          : {
              ...now.counters,
              exchangesPerSecond: now.exchangesPerSecond,
              encryptedShare: now.encryptedShare,
              openFlows: now.openFlows,
              bufferedBytes: now.bufferedBytes,
              droppedByKernel: now.droppedByKernel,
            }),
        ...teeCounters(publisher.stats()),
      },
      sources: (now?.sources ?? []).map(
        (source): SourceView => ({
          kind: source.kind,
          name: source.name,
          state: source.state,
          problem: source.problem === null ? null : `${source.problem.message}. ${source.problem.hint}`,
          remark: source.remark,
          packetsPerSecond: source.packetsPerSecond,
          counters: {
            packets: source.packets,
            bytes: source.bytes,
            malformed: source.malformed,
            droppedByKernel: source.droppedByKernel ?? 0,
            restarts: source.restarts,
          },
        }),
      ),
    };
  };
  const publish = () => void maps.status.set(run.id, status(), { expiresAtMs: Date.now() + STATUS_TTL_MS }).catch(() => undefined);
  publish();
  const unsubscribe = maps.sensor.subscribe(follow);
  follow();
  await changing;
  const heartbeat = setInterval(publish, 1000);
  return {
    async close() {
      clearInterval(heartbeat);
      unsubscribe();
      tellClosing();
      await changing;
      await sensor?.stop();
      await publisher.close(2_000);
    },
  };
}

/** The services of the configuration by network id, host and upstream. With one service without hosts, everything is its. */
export function serviceNames(config: Config): ServiceNames {
  const { services, sensor } = config;
  return {
    vnis: sensor.vnis,
    hosts: Object.fromEntries(services.flatMap(({ hosts, name }) => hosts.map((host) => [host.toLowerCase(), name]))),
    servers: Object.fromEntries(services.flatMap(({ upstreams, name }) => upstreams.map((one) => [new URL(one).host, name]))),
    others: services.length === 1 && services[0].hosts.length === 0 ? services[0].name : null,
  };
}

/** Finds the configured service of what is not heard live. */
export function serviceOfConfig(config: Config): ServiceOf {
  return serviceFinder(serviceNames(config));
}
