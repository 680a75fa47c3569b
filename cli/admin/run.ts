/** The admin process or thread: API, UI, scan scheduler and integrations, joined with what they ask. */
import { readFileSync } from 'node:fs';

import { createAdmin, createSeal, openedConfig, type Ports } from '../../admin/index.js';
import { type BlockHits, Blocklist, BlockTable, FeedBook, followFeeds, openGeo } from '../../attackers/index.js';
import { newId, Redactor, systemReason, tellIpv6ActorsBy, WeirError } from '../../exchange/index.js';
import type { SharedState, TrafficPublisher } from '../../traffic/index.js';
import type { Config } from '../config.js';
import { configuredRetention, openConfiguredStore } from '../engine/run.js';
import { ensureScanKey, publishScanKey, scanMarks } from '../scan-keys.js';
import { openSharedMaps, type ProcessStatus, STATUS_TTL_MS } from '../shared-maps.js';
import { protectedAddresses } from '../wiring/gateway.js';
import { lazyPolicyBook } from '../wiring/policies.js';
import { type RepeatCount, RepeatSums } from '../wiring/repeat-counts.js';
import { blocksPort } from './blocks-port.js';
import { dataTypesPort } from './data-types-port.js';
import { runDelivery } from './delivery.js';
import { importPort } from './import-port.js';
import { integrationsPort } from './integrations-port.js';
import { lateScanner } from './late-scanner.js';
import { policiesPort } from './policies-port.js';
import { selfTests } from './self-test.js';
import { gatewayOf, servicesPort, sourcesPort } from './sources-port.js';
import { templatesPort } from './templates-port.js';

const FEED_CHECK_MS = 30_000;
/** From here on an actor is told of, where no score for automatic blocks is set. */
const ACTOR_NOTICE_SCORE = 80;

export interface AdminRun {
  readonly id: string;
  readonly version: string;
  readonly config: Config;
  readonly secret: string;
  readonly shared: SharedState;
  /** For imported traffic. */
  readonly publisher: TrafficPublisher;
  readonly log: (message: string) => void;
}

export interface RunningAdmin {
  readonly url: string;
  /** Null once somebody has a password. */
  readonly signIn: string | null;
  close(): Promise<void>;
}

export async function runAdmin(run: AdminRun): Promise<RunningAdmin> {
  const { config, secret, shared, log } = run;
  tellIpv6ActorsBy(config.actors.ipv6Prefix);
  const store = await openConfiguredStore(config);
  const maps = await openSharedMaps(shared);
  const policies = lazyPolicyBook({ config, secret, maps, log });
  const geo = config.geo === undefined ? null : await openGeo(config.geo);
  const blocklist = await Blocklist.open(shared, { protect: protectedAddresses(config), geo });
  const table = new BlockTable(geo);
  table.follow(blocklist.blocks, blocklist.allowlist);
  const feeds = await FeedBook.open(shared);
  const feedTimer = setInterval(() => void feeds.refreshDue().catch(() => undefined), FEED_CHECK_MS);
  const followed = await followFeeds(shared, table, (error) => log(`feeds: ${error instanceof Error ? error.message : String(error)}`));
  const services = servicesPort(config, maps);
  const seal = createSeal(secret);
  await ensureScanKey(maps);
  publishScanKey(maps, config.data);
  const marks = scanMarks(maps);
  let announce: (runId: string) => void = () => undefined;
  const scanner = lateScanner(
    {
      holder: `${run.id}-${newId()}`,
      ...(config.scans.callbackHost === undefined ? {} : { callback: { host: '0.0.0.0', port: 0, publicHost: config.scans.callbackHost } }),
    },
    {
      store,
      upstreamOf: (name) => services.list().find((service) => service.name === name)?.upstreams[0] ?? null,
      gatewayOf: (name) => gatewayOf(maps, name),
      openConfig: (opened) => openedConfig(opened, seal),
      mark: (runId, method, target) => marks.write(runId, { method, target }),
      log,
      changed: (runId) => announce(runId),
    },
  );
  const ports: Ports = {
    services,
    scans: scanner,
    blocks: blocksPort({
      blocklist,
      table,
      feeds,
      feedsSettled: () => followed.settled(),
      hits: await shared.open<BlockHits>('block-hits'),
      repeats: new RepeatSums(await shared.open<RepeatCount>('block-repeats')),
      modes: () => services.list().map(({ name }) => ({ name, mode: services.mode(name).request })),
    }),
    policies: policiesPort(policies, maps, new Redactor(secret)),
    sources: sourcesPort(maps, importPort(config, secret, run.publisher), selfTests(store, maps)),
    dataTypes: dataTypesPort(maps),
    templates: templatesPort(maps),
    integrations: integrationsPort(config.admin.externalUrl ?? null),
  };
  const admin = await createAdmin(
    {
      secret,
      host: config.admin.host,
      port: config.admin.port,
      dataDir: config.data,
      version: run.version,
      retention: configuredRetention(config),
      ...(config.admin.externalUrl === undefined ? {} : { publicUrl: config.admin.externalUrl }),
      ...(config.admin.tls === undefined ? {} : { tls: readTls(config.admin.tls) }),
      ...(config.admin.oidc === undefined ? {} : { oidc: config.admin.oidc }),
      behindTls: config.admin.behindTls,
      log: (level, message) => {
        if (level !== 'info') log(`admin: ${message}`);
      },
    },
    { store, ...ports },
  );
  announce = (runId) => admin.announce('scans', 'run', runId);
  let url: string;
  try {
    url = await admin.listen();
  } catch (cause) {
    await scanner.close();
    await admin.close();
    await store.close();
    throw listenError(cause, config);
  }
  const delivery = runDelivery({
    store,
    maps,
    blocks: blocklist.blocks,
    seal,
    actorScore: config.actors.autoBlockScore ?? ACTOR_NOTICE_SCORE,
    publicUrl: config.admin.externalUrl ?? url,
    log,
  });
  const startedAtMs = Date.now();
  const status = (): ProcessStatus => ({
    role: 'admin',
    version: run.version,
    startedAtMs,
    atMs: Date.now(),
    addresses: [url],
    counters: { ...delivery.counters() },
  });
  const publish = () => void maps.status.set(run.id, status(), { expiresAtMs: Date.now() + STATUS_TTL_MS }).catch(() => undefined);
  publish();
  const heartbeat = setInterval(publish, 2_000);
  return {
    url,
    signIn: await admin.signInLink(),
    async close() {
      clearInterval(heartbeat);
      clearInterval(feedTimer);
      await scanner.close();
      followed.stop();
      policies.close();
      await delivery.close();
      await admin.close();
      await run.publisher.close(2_000);
      await store.close();
    },
  };
}

function readTls(files: { readonly cert: string; readonly key: string }): { readonly cert: string; readonly key: string } {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new WeirError('ADMIN_TLS_UNREADABLE', `admin.tls: ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, {
        hint: 'Give the paths of a certificate and its key as PEM files.',
        cause,
      });
    }
  };
  return { cert: read(files.cert), key: read(files.key) };
}

function listenError(cause: unknown, config: Config): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  const where = `${config.admin.host}:${config.admin.port}`;
  if (code === 'EADDRINUSE')
    return new WeirError('ADMIN_PORT_IN_USE', `The admin address ${where} is in use.`, {
      hint: 'Give another with --admin-port; 0 takes any free one.',
      cause,
    });
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new WeirError('ADMIN_CANNOT_LISTEN', `The admin API cannot listen on ${where}: ${systemReason(cause)}.`, {
      hint: 'Check --admin-host and --admin-port.',
      cause,
    });
  return cause;
}
