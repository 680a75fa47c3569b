import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A forwarder under test: how to start it in front of `upstream` on `port`, pinned like all the others. */
export interface BenchPeer {
  readonly name: string;
  /** What it stands for in the ratios. */
  readonly about: string;
  /** Null: it cannot run on this machine; say why in `about`. */
  readonly command: ((place: BenchPlace) => readonly string[]) | null;
  readonly env?: Readonly<Record<string, string>>;
  /** Not part of a run that names no peers. */
  readonly onlyWhenNamed?: boolean;
  /** Runs once when it answers, before any load. */
  readonly prepare?: (place: BenchPlace) => Promise<void>;
  /** A whole weir: only the gateway's thread stays on the gateway's core; engine, admin and file threads move to the other, beside load and upstream. */
  readonly isWholeWeir?: boolean;
}

export interface BenchPlace {
  readonly port: number;
  readonly upstreamPort: number;
  /** Scratch directory of the run. */
  readonly dir: string;
}

/** All peers share one core while they start, so a minute is not too much. */
const START_ATTEMPTS = 600;
const START_PAUSE_MS = 100;
const TSX = ['--import', 'tsx'];
const WEIR = new URL('../bin/weir', import.meta.url).pathname;
const NODE_PEER = new URL('./gateway-peer.ts', import.meta.url).pathname;
const node =
  (kind: string) =>
  ({ port, upstreamPort, dir }: BenchPlace): readonly string[] => [
    process.execPath,
    ...TSX,
    NODE_PEER,
    kind,
    String(port),
    String(upstreamPort),
    dir,
  ];

/** nginx as the upstream and as a direct reference, one worker; `/varied.json?n=7` is the file `varied/7.json`. Resolves when it runs; call the result to stop it. */
export async function startNginx(
  dir: string,
  port: number,
  core: number,
  files: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
  const root = join(dir, `nginx-${port}`);
  mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  const config = join(root, 'nginx.conf');
  writeFileSync(
    config,
    `worker_processes 1; daemon off; pid ${root}/pid; error_log ${root}/error.log; user root;
events { worker_connections 4096; }
http { access_log off; server_tokens off; keepalive_requests 100000000; keepalive_timeout 600s; default_type application/json; types { }
  client_body_temp_path ${root}/b; proxy_temp_path ${root}/p; fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  open_file_cache max=2000; server { listen 127.0.0.1:${port} backlog=4096; root ${root}; location = /varied.json { try_files /varied/$arg_n.json =404; } } }`,
  );
  return run(['taskset', '-c', String(core), 'nginx', '-c', config, '-p', root], port);
}

/** Where the data folder of a whole weir lies. */
export const weirData = (place: Pick<BenchPlace, 'port' | 'dir'>): string => join(place.dir, `weir-${place.port}`);
export const weirAdminPort = (port: number): number => port + 500;

/** `bin/weir up` as users run it, with everything on: tee, engine, store, access log, built-in policies. */
const weirUp =
  (mode: 'observe' | 'enforce') =>
  ({ port, upstreamPort, dir }: BenchPlace): readonly string[] => [
    process.execPath,
    WEIR,
    'up',
    '--json',
    ...['--mode', mode],
    ...['--host', '127.0.0.1', '--port', String(port), '--admin-port', String(weirAdminPort(port))],
    ...['--upstream', `http://127.0.0.1:${upstreamPort}`, '--data', weirData({ port, dir })],
  ];

const BLOCKED = 100_000;

/** Asks the admin API of a whole weir. Throws with what it said when it refuses. */
export async function adminApi<T>(place: Pick<BenchPlace, 'port' | 'dir'>, method: string, where: string, body?: object): Promise<T> {
  const authorization = `Bearer ${readFileSync(join(weirData(place), 'admin-token'), 'utf8').trim()}`;
  const answer = await fetch(`http://127.0.0.1:${weirAdminPort(place.port)}/api/v1${where}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}

/** The release configuration: every built-in policy in enforce, whatever it says of itself, and a blocklist of 100,000 addresses. */
async function release(place: BenchPlace): Promise<void> {
  const { items } = await adminApi<{ items: { name: string }[] }>(place, 'GET', '/policies');
  for (const { name } of items) await adminApi(place, 'PUT', `/policies/${name}/mode`, { mode: 'enforce' });
  const file = join(place.dir, 'blocked.txt');
  const lines = Array.from(
    { length: BLOCKED },
    (_, index) => `${20 + (index % 80)}.${(index >> 8) & 255}.${index & 255}.${(index * 7) & 255}`,
  );
  writeFileSync(file, lines.join('\n'));
  await adminApi(place, 'POST', '/feeds', { name: 'bench', url: file });
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const feeds = await adminApi<{ items: { entries: number }[] }>(place, 'GET', '/feeds');
    if ((feeds.items[0]?.entries ?? 0) >= new Set(lines).size) return;
    await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS));
  }
  throw new Error('the blocklist of the bench was not taken');
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(500) }).then(
    (answer) => answer.arrayBuffer().then(() => true),
    () => false,
  );

/** Starts a command and waits until its port answers. */
export async function run(
  command: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<(() => Promise<void>) & { pid?: number }> {
  if (await answers(port)) throw new Error(`port ${port} is taken by another program: ${command.join(' ')} cannot be measured`);
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let attempt = 0; ; attempt++) {
    if (await answers(port)) break;
    if (attempt > START_ATTEMPTS || child.exitCode !== null) throw new Error(`${command.join(' ')} did not start on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS));
  }
  const stop = async () => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(killer);
  };
  return Object.assign(stop, { pid: child.pid });
}

const MODSECURITY = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so';
const CRS = '/usr/share/modsecurity-crs/owasp-crs.load';

/** Debian's nginx with ModSecurity and the OWASP core rule set, blocking mode, request bodies inspected. */
function modsecurity({ port, upstreamPort, dir }: BenchPlace): readonly string[] {
  const root = join(dir, `modsecurity-${port}`);
  mkdirSync(root, { recursive: true });
  writeFileSync(
    join(root, 'rules.conf'),
    `SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\nSecAuditEngine Off\nSecTmpDir ${root}\nSecDataDir ${root}\nInclude /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n`,
  );
  writeFileSync(
    join(root, 'nginx.conf'),
    `load_module ${MODSECURITY}; worker_processes 1; daemon off; pid ${root}/pid; error_log ${root}/error.log; user root;
events { worker_connections 4096; }
http { access_log ${root}/access.log; keepalive_requests 100000000; client_body_temp_path ${root}/b; proxy_temp_path ${root}/p; fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  upstream api { server 127.0.0.1:${upstreamPort}; keepalive 128; }
  server { listen 127.0.0.1:${port} backlog=4096; modsecurity on; modsecurity_rules_file ${root}/rules.conf;
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://api; } } }`,
  );
  return ['nginx', '-c', join(root, 'nginx.conf'), '-p', root];
}
const hasModsecurity = existsSync(MODSECURITY) && existsSync(CRS);

/** All peers of the run, in the order of the table. Ratios are against `@fastify/http-proxy` and `node:http + undici`. */
export const PEERS: readonly BenchPeer[] = [
  { name: 'node:http + undici', about: 'bare forwarder, the floor of what Node can do', command: node('bare') },
  {
    name: 'fastify + undici',
    about: 'a Fastify catch-all route over the same handler as node:http + undici',
    command: node('fastify-undici'),
    onlyWhenNamed: true,
  },
  { name: '@fastify/http-proxy', about: 'bare', command: node('fastify-http-proxy') },
  { name: 'http-proxy', about: 'bare', command: node('http-proxy') },
  {
    name: 'weir up, observe',
    about: 'bin/weir: tee, engine, store and access log on; nothing acts',
    command: weirUp('observe'),
    env: { WEIR_SKIP_BUILD: '1' },
    isWholeWeir: true,
  },
  {
    name: 'weir up, enforce',
    about: 'bin/weir in the release configuration: the same, every built-in policy in enforce, 100,000 blocked addresses',
    command: weirUp('enforce'),
    prepare: release,
    env: { WEIR_SKIP_BUILD: '1' },
    isWholeWeir: true,
  },
  {
    name: 'weir trivial',
    about: 'gateway with trivial ports: forwarding, forged-header hygiene, counters',
    command: node('weir-trivial'),
    onlyWhenNamed: true,
  },
  {
    name: 'weir ports',
    about: 'tee encoded to buffers, 100k blocklist, principal, template match, access log',
    command: node('weir-ports'),
    onlyWhenNamed: true,
  },
  {
    name: 'nginx + ModSecurity + CRS',
    about: hasModsecurity ? 'Debian packages, SecRuleEngine On' : 'not installed (libnginx-mod-http-modsecurity, modsecurity-crs)',
    command: hasModsecurity ? modsecurity : null,
  },
];
