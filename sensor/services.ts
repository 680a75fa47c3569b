/** Which service traffic belongs to, as data: threads that finish exchanges get it too. */
export interface ServiceNames {
  /** Service by network id of a mirror; goes before all else. */
  readonly vnis: Readonly<Record<string, string>>;
  /** Service by host, lower case, without a port. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Service by `address:port` of who answered. */
  readonly servers: Readonly<Record<string, string>>;
  /** Service of everything else; null: each host is a service of its own. */
  readonly others: string | null;
}

export type ServiceOf = (host: string, vni: number | null, server: { readonly ip: string; readonly port: number }) => string;

/** Finds the service of an exchange. Hosts that nobody named are services of their own. */
export function serviceFinder(names: ServiceNames): ServiceOf {
  const vnis = new Map(Object.entries(names.vnis));
  const hosts = new Map(Object.entries(names.hosts));
  const servers = new Map(Object.entries(names.servers));
  return (host, vni, server) => {
    const mapped = vni === null ? undefined : vnis.get(String(vni));
    if (mapped !== undefined) return mapped;
    const name = host.toLowerCase().replace(/:\d+$/, '');
    return (
      hosts.get(name) ??
      (servers.size === 0 ? undefined : servers.get(`${server.ip}:${server.port}`)) ??
      names.others ??
      (name === '' ? `${server.ip}:${server.port}` : name)
    );
  };
}
