/**
 * What `weir.yaml`, the environment and the flags say, as one checked value. The one place where settings of all modules meet.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type Place, parseCidr, problemSentence, readYaml, schemaProblems, systemReason, WeirError } from '../exchange/index.js';
import { Classifier, CustomTypeError, customTypeSchema } from '../policies/index.js';
import { type ServiceConfig as GatewayServiceConfig, limitsSchema, listenerSchema, serviceSchema } from '../proxy/index.js';

const mode = z
  .enum(['enforce', 'observe', 'mirror'])
  .describe('enforce acts, observe records what would have been done, mirror stays out of the path');
const milliseconds = z.number().int().positive();
const url = z.url({ protocol: /^https?$/, error: 'expected a URL such as http://127.0.0.1:9000' });
const cidr = z.string().refine(isCidr, { error: 'expected an IP address or CIDR such as 10.0.0.0/8' });

function isCidr(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

const role = z.enum(['viewer', 'analyst', 'admin']);

const oidcSchema = z
  .strictObject({
    name: z.string().default('single sign-on').describe('On the button'),
    issuer: z.url().describe('https://, or http:// on this machine'),
    clientId: z.string(),
    clientSecret: z.string().optional(),
    roleClaim: z.string().default('groups').describe('The claim that names groups or roles'),
    roles: z.record(z.string(), role).default({}).describe('Value of the claim to role; the highest wins'),
    otherwise: role.nullable().default(null).describe('Role of people whom no value fits; null refuses them'),
  })
  .describe('Single sign-on with OpenID Connect; its redirect address is EXTERNAL_URL/api/v1/session/oidc/callback');

const service = serviceSchema.extend({
  mode: serviceSchema.shape.mode.unwrap().optional().describe('As in the gateway; default: the mode of the whole weir.'),
});

export const configSchema = z.strictObject({
  listeners: z.array(listenerSchema).min(1).prefault([{}]),
  limits: limitsSchema.prefault({}),
  services: z.array(service).default([]),
  mode: mode.default('observe'),
  data: z.string().default('./data').describe('Folder for everything that weir keeps'),
  policies: z.string().optional().describe('Folder of policy files; reloaded on change'),
  trustedProxies: z.array(cidr).default([]),
  admin: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.number().int().min(0).max(65535).default(9090),
      tls: z.strictObject({ cert: z.string(), key: z.string() }).optional().describe('PEM files'),
      behindTls: z
        .boolean()
        .default(false)
        .describe('A proxy on this machine speaks TLS: cookies are Secure, its X-Forwarded-For is believed'),
      externalUrl: url.optional().describe('Where browsers reach it: for links in notices, and for single sign-on'),
      oidc: oidcSchema.optional(),
    })
    .prefault({}),
  stream: z
    .strictObject({
      redis: z.string().optional(),
      maxMb: z
        .number()
        .positive()
        .default(512)
        .describe('About how much memory the stream may take in Redis before the oldest traffic goes'),
    })
    .prefault({}),
  store: z
    .strictObject({
      sqlite: z.string().optional(),
      postgres: z.string().optional(),
      retentionDays: z.number().positive().default(30),
      diskCapMb: z.number().positive().default(2_048),
    })
    .prefault({}),
  accessLog: z
    .union([z.literal(false), z.string()])
    .optional()
    .describe('File, `-` for standard output, or false; default DATA/access.log'),
  sensor: z
    .strictObject({
      sources: z
        .array(
          z.discriminatedUnion('kind', [
            z.strictObject({
              kind: z.literal('live'),
              interface: z.string(),
              filter: z.string().optional().describe('pcap-filter(7) expression'),
              driver: z.enum(['tcpdump', 'cap']).optional().describe('tcpdump when absent'),
              bufferKib: z.number().int().min(64).max(4_194_304).optional().describe('Ring in the kernel; 131,072 when absent'),
            }),
            z.strictObject({ kind: z.literal('vxlan'), port: z.number().int().default(4789), host: z.string().default('0.0.0.0') }),
            z.strictObject({ kind: z.literal('geneve'), port: z.number().int().default(6081), host: z.string().default('0.0.0.0') }),
            z.strictObject({ kind: z.literal('pcap'), path: z.string() }),
          ]),
        )
        .default([]),
      workers: z.number().int().min(1).max(64).default(1).describe('Threads that share what is live'),
      vnis: z
        .record(z.string().regex(/^\d{1,8}$/, 'not a network id (VNI): a number of at most 8 digits'), z.string().min(1))
        .default({})
        .describe('Network id of a mirror (VXLAN, Geneve) → service'),
      keyByVni: z.boolean().default(false).describe('Networks use the same addresses: tell connections apart by the network id'),
      bodyBytes: z.number().int().min(0).max(67_108_864).default(1_048_576).describe('Kept of each body'),
      flows: z.number().int().min(100).max(10_000_000).default(200_000).describe('Connections followed at once'),
      totalMb: z.number().int().min(1).max(65_536).default(512).describe('Buffered over all connections'),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      workers: z.number().int().min(1).max(256).default(1),
      drainMs: milliseconds.default(10_000).describe('How long requests in progress may take after SIGTERM'),
      readinessMs: z
        .number()
        .int()
        .min(0)
        .max(600_000)
        .default(0)
        .describe('After SIGTERM, how long connections are still accepted while readiness already fails, so that balancers notice'),
      status: z
        .strictObject({ host: z.string().default('127.0.0.1'), port: z.number().int().min(0).max(65535) })
        .optional()
        .describe('Where this gateway serves /healthz, /readyz and /metrics of its own; each further worker takes the next port'),
    })
    .prefault({}),
  actors: z
    .strictObject({
      autoBlockScore: z
        .number()
        .min(1)
        .max(100)
        .optional()
        .describe('Score from which an actor is blocked for 4 h × how often; absent: nobody is, timelines say who would have been at 80'),
      autoBlock: z
        .enum(['simulate', 'enforce'])
        .default('enforce')
        .describe('simulate: with autoBlockScore set, timelines say who would have been blocked, and nobody is'),
      ipv6Prefix: z.number().int().min(32).max(128).default(64).describe('IPv6 clients are told apart by networks of this length'),
    })
    .prefault({}),
  scans: z
    .strictObject({
      learnIdentities: z
        .boolean()
        .default(false)
        .describe('Keep credentials of up to three users a service, encrypted, so that scans can act as them'),
      callbackHost: z.string().optional().describe('Name under which targets reach this machine, for out-of-band tests; default 127.0.0.1'),
    })
    .prefault({}),
  geo: z
    .strictObject({ country: z.string().optional(), asn: z.string().optional() })
    .optional()
    .describe('MaxMind database files (.mmdb) of your own'),
  dataTypes: z
    .array(customTypeSchema)
    .default([])
    .describe(
      'Data types of your own: id, pattern (RE2), title, sensitivity, fields, words, requireWords, caseSensitive, validator; see docs/data-types.md',
    ),
  keySets: z
    .record(z.string(), z.string())
    .default({})
    .describe('Name to JWKS file or URL: what the condition jwt.invalidSignature checks signatures against; read again every ten minutes'),
  secret: z
    .string()
    .min(16)
    .optional()
    .describe('Key of all hashes; all processes of one weir need the same; made and kept in DATA when absent'),
});

export type Config = z.infer<typeof configSchema>;
export type ServiceConfig = Config['services'][number];

/** Values of the command line; absent ones leave the file's or the default value. */
export interface ConfigFlags {
  readonly config?: string;
  readonly upstream?: string;
  readonly port?: number;
  readonly host?: string;
  readonly adminPort?: number;
  readonly adminHost?: string;
  readonly data?: string;
  readonly mode?: Config['mode'];
  readonly policies?: string;
  readonly trustedProxies?: readonly string[];
  readonly redis?: string;
  readonly postgres?: string;
  readonly workers?: number;
}

const DEFAULT_FILE = 'weir.yaml';

/**
 * Reads `--config FILE` (or `weir.yaml` in the working folder if there is one), then the environment (WEIR_UPSTREAM, WEIR_DATA, WEIR_REDIS,
 * WEIR_POSTGRES, WEIR_SECRET), then the flags; later wins. Relative paths are taken from the file's folder, else the working folder.
 *
 * Throws SourceErrors for the file, with all that is wrong in it, WeirError CONFIG_INVALID for flags and environment, POLICY_FOLDER_MISSING.
 */
export function loadConfig(flags: ConfigFlags, environment: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Config {
  const file = configFile(flags, cwd);
  const config = file === null ? configSchema.parse({}) : fromFile(file);
  const merged: Config = { ...config };
  const upstream = flags.upstream ?? environment.WEIR_UPSTREAM;
  if (upstream !== undefined) merged.services = [serviceFor(upstream, flags.upstream === undefined ? 'WEIR_UPSTREAM' : '--upstream')];
  const [first, ...others] = merged.listeners;
  merged.listeners = [{ ...first, port: flags.port ?? first.port, host: flags.host ?? first.host }, ...others];
  merged.admin = { ...merged.admin, port: flags.adminPort ?? merged.admin.port, host: flags.adminHost ?? merged.admin.host };
  merged.data = path.resolve(cwd, flags.data ?? environment.WEIR_DATA ?? config.data);
  if (flags.policies !== undefined) merged.policies = path.resolve(cwd, flags.policies);
  needPolicyFolder(merged.policies);
  merged.mode = flags.mode ?? merged.mode;
  for (const text of flags.trustedProxies ?? [])
    if (!isCidr(text)) throw invalid(`--trusted-proxies: "${text}" is not an IP address or CIDR`);
  merged.trustedProxies = flags.trustedProxies === undefined ? merged.trustedProxies : [...flags.trustedProxies];
  merged.stream = { ...merged.stream, redis: flags.redis ?? environment.WEIR_REDIS ?? merged.stream.redis };
  merged.store = { ...merged.store, postgres: flags.postgres ?? environment.WEIR_POSTGRES ?? merged.store.postgres };
  const { postgres } = merged.store;
  if (postgres !== undefined && !(URL.canParse(postgres) && /^postgres(?:ql)?:/.test(postgres)))
    // What stands before an `@` may be a password.
    throw new WeirError('CONFIG_INVALID', `--postgres: ${postgres.includes('@') ? 'this' : `"${postgres}"`} is not a PostgreSQL URL.`, {
      status: 422,
      hint: 'Write postgres://user:password@host[:port]/database.',
    });
  merged.gateway = { ...merged.gateway, workers: flags.workers ?? merged.gateway.workers };
  merged.secret = environment.WEIR_SECRET ?? merged.secret;
  return merged;
}

/** Throws WeirError POLICY_FOLDER_MISSING. */
export function needPolicyFolder(folder: string | undefined): void {
  if (folder === undefined) return;
  const isThere = existsSync(folder);
  if (isThere && statSync(folder).isDirectory()) return;
  const what = isThere ? `The policy folder ${folder} is a file.` : `There is no policy folder ${folder}.`;
  const hint = isThere ? 'Give the folder that holds it.' : 'Make it, or correct --policies.';
  throw new WeirError('POLICY_FOLDER_MISSING', what, { status: 422, hint });
}

/** The file that `loadConfig` reads; null when there is none. */
export function configFile(flags: ConfigFlags, cwd: string = process.cwd()): string | null {
  const file = flags.config ?? (existsSync(path.join(cwd, DEFAULT_FILE)) ? DEFAULT_FILE : null);
  return file === null ? null : path.resolve(cwd, file);
}

function fromFile(file: string): Config {
  if (!existsSync(file))
    throw new WeirError('CONFIG_MISSING', `There is no config file ${file}.`, {
      status: 422,
      hint: 'Check --config, or leave it out to use the defaults.',
    });
  const value = readYaml(textOf(file), file, configSchema, beyondSchema);
  const folder = path.dirname(file);
  return {
    ...value,
    data: path.resolve(folder, value.data),
    admin: value.admin.tls === undefined ? value.admin : { ...value.admin, tls: pathsOf(value.admin.tls, folder) },
    listeners: value.listeners.map((one) => (one.tls === undefined ? one : { ...one, tls: pathsOf(one.tls, folder) })),
    services: value.services.map((one) => ({ ...one, tls: pathsOf(one.tls, folder) })),
    ...(value.policies === undefined ? {} : { policies: path.resolve(folder, value.policies) }),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new WeirError('CONFIG_UNREADABLE', `The config file ${file} cannot be read: ${systemReason(cause)}.`, { status: 422, cause });
  }
}

interface Misuse {
  readonly place: Place;
  readonly message: string;
}

/** What no schema says of `weir.yaml`: names that are there twice, and data types that cannot be used. `plain`: what was written. */
function beyondSchema(plain: unknown): Misuse[] {
  return [
    ...twice(plain, 'services', 'name', (name) => `two services are named "${name}"`),
    ...twice(plain, 'dataTypes', 'id', (id) => `two data types have the id "${id}"`),
    ...listIn(plain, 'dataTypes').flatMap((type, index) => unusable(type, ['dataTypes', index])),
  ];
}

function listIn(plain: unknown, key: string): readonly unknown[] {
  const list: unknown = typeof plain === 'object' && plain !== null ? (plain as Record<string, unknown>)[key] : null;
  return Array.isArray(list) ? list : [];
}

function unusable(type: unknown, place: Place): Misuse[] {
  const parsed = customTypeSchema.safeParse(type);
  if (!parsed.success) return [];
  try {
    Classifier.of([], [parsed.data]);
    return [];
  } catch (error) {
    if (!(error instanceof CustomTypeError)) throw error;
    return [{ place: [...place, error.field], message: error.reason }];
  }
}

function twice(plain: unknown, list: string, key: string, message: (name: string) => string): Misuse[] {
  const seen = new Set<string>();
  return listIn(plain, list).flatMap((item, index) => {
    const name = (item as Record<string, unknown> | null)?.[key];
    if (typeof name !== 'string') return [];
    const isTaken = seen.has(name);
    seen.add(name);
    return isTaken ? [{ place: [list, index, key], message: message(name) }] : [];
  });
}

/** Paths of certificates and keys are those beside the config file, whatever folder weir is started in; PEM text stays as it is. */
function pathsOf<Tls extends object>(tls: Tls, folder: string): Tls {
  const isPath = (name: string, value: unknown): value is string =>
    ['cert', 'key', 'ca', 'clientCa'].includes(name) && typeof value === 'string' && !value.includes('-----BEGIN');
  return Object.fromEntries(
    Object.entries(tls).map(([name, value]) => [name, isPath(name, value) ? path.resolve(folder, value) : value]),
  ) as Tls;
}

/** A service for a bare upstream URL, for every host and path. */
export function serviceFor(text: string, where: string, name = 'api'): ServiceConfig {
  const given = { name, upstreams: [text] };
  const parsed = service.safeParse(given);
  if (parsed.success) return parsed.data;
  const [problem] = schemaProblems(service, given, parsed.error.issues);
  throw invalid(problemSentence({ ...problem, path: where }));
}

export function invalid(message: string): WeirError {
  return new WeirError('CONFIG_INVALID', message, { status: 422, hint: 'See weir up --help.' });
}

/** A service as the gateway wants it: with the mode of the whole weir where it names none. */
export function gatewayService(one: ServiceConfig, config: Config): GatewayServiceConfig {
  return { ...one, mode: one.mode ?? config.mode };
}
