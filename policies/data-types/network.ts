import { type DataType, scanner, shape, whole } from './type.js';

/** Dotted quad, no leading zeros. */
export function isIpv4(text: string): boolean {
  return /^(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?:\.|$)){4}$/.test(text) && text.charCodeAt(text.length - 1) !== 46;
}

/** RFC 4291 §2.2, with an embedded IPv4 address; no zone. */
export function isIpv6(text: string): boolean {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (let half = 0; half < halves.length; half++) {
    if (halves[half] === '') continue;
    const parts = halves[half].split(':');
    for (let i = 0; i < parts.length; i++) {
      if (parts[i].includes('.')) {
        if (half !== halves.length - 1 || i !== parts.length - 1 || !isIpv4(parts[i])) return false;
        groups += 2;
      } else if (/^[0-9a-fA-F]{1,4}$/.test(parts[i])) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

/** A host name with a top-level domain of letters (or punycode), RFC 1123 labels. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,20}(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})$/i.test(text);
}

/** What may stand after `user:password@`. */
export const isCredentialHost = (text: string): boolean =>
  /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?:,[\w.:-]+)*$/.test(text) && !text.startsWith('.');

export const ipv4: DataType = {
  id: 'ipv4',
  title: 'IPv4 address',
  family: 'network',
  sensitivity: 'low',
  fields: ['ip', 'ipaddress', 'ipv', 'clientip', 'remoteip', 'sourceip', 'remoteaddr', 'ipaddr', 'lastloginip'],
  find: [scanner('ipv4', 0.7)],
  validate: isIpv4,
  examples: {
    match: ['from 203.0.113.9 at noon', '{"ip":"198.51.100.7"}'],
    ignore: ['256.1.1.1', 'version 1.2.3', '1.2.3.04', '1.2.3.4.5'],
  },
};

export const ipv6: DataType = {
  id: 'ipv6',
  title: 'IPv6 address',
  family: 'network',
  sensitivity: 'low',
  fields: ['ip', 'ipaddress', 'ipv', 'clientip', 'remoteip', 'sourceip', 'remoteaddr', 'ipaddr'],
  find: [scanner('ipv6', 0.7)],
  validate: isIpv6,
  examples: {
    match: ['2001:db8:85a3::8a2e:370:7334', '{"addr":"fe80::1ff:fe23:4567:890a"}', 'via ::ffff:192.0.2.128 now'],
    ignore: [':::', '12:30:45', 'std::vector', '1:2:3', '2001:db8:::1'],
  },
};

export const cidr: DataType = {
  id: 'cidr',
  title: 'Network in CIDR notation',
  family: 'network',
  sensitivity: 'low',
  fields: ['cidr', 'subnet', 'network'],
  find: [scanner('cidr', 0.7), whole],
  validate: (text) => {
    const [address, bits, more] = text.split('/');
    return (
      more === undefined &&
      /^(?:0|[1-9]\d{0,2})$/.test(bits ?? '') &&
      ((isIpv4(address) && Number(bits) <= 32) || (isIpv6(address) && Number(bits) <= 128))
    );
  },
  examples: { match: ['allow 10.0.0.0/8 only', '2001:db8::/32'], ignore: ['10.0.0.0/33', '10.0.0.0/08', '1.1.1.1/-1'] },
};

export const mac: DataType = {
  id: 'mac_address',
  title: 'MAC address',
  family: 'device',
  sensitivity: 'low',
  fields: ['mac', 'macaddress', 'macaddr', 'hwaddr', 'ethernetaddress', 'bssid'],
  find: [
    scanner('mac', 0.85),
    shape(0.75, '##-##-##-##-##-##', '####.####.####'),
    shape(0.1, '## ## ## ## ## ##', '#{12}', '##-##-##-##-##-##-##-##', '####.####.####.####', '#### #### ####'),
  ],
  validate: (text) => {
    const form =
      /^(?:[0-9a-f]{2}([-: ])(?:[0-9a-f]{2}\1){4}(?:[0-9a-f]{2}\1[0-9a-f]{2}\1)?[0-9a-f]{2}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3}|[0-9a-f]{12}|[0-9a-f]{16})$/i.test(
        text,
      );
    const digits = text.replace(/[^0-9a-f]/gi, '').toLowerCase();
    // All zeros is no device and twelve f are everyone (the broadcast address).
    return form && !/^0+$/.test(digits) && digits !== 'ffffffffffff';
  },
  examples: {
    match: ['00:1A:2B:3C:4D:5E', 'device 00-1a-2b-3c-4d-5e', '{"x":"001a.2b3c.4d5e"}'],
    ignore: ['00:1A:2B:3C:4D', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '10:20:30'],
  },
};

export const url: DataType = {
  id: 'url',
  title: 'Web address',
  family: 'network',
  sensitivity: 'low',
  fields: [],
  find: [scanner('url', 0.4), whole],
  validate: (text) => isUrl(text),
  examples: {
    match: [],
    ignore: ['see https://example.com/a?b=c', 'http://'],
    candidate: ['https://example.com/a?b=c#d', 'www.example.org'],
  },
};

function isUrl(text: string): boolean {
  const found =
    /^(?:(?:https?|ftp):\/\/)?((?:[\w.~%!$&'()*+,;=-]+(?::[\w.~%!$&'()*+,;=-]*)?@)?)(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?(?:[/?#]\S*)?$/iu.exec(
      text,
    );
  if (found === null || text.length > 2083) return false;
  const [, login, host, port] = found;
  if (login !== '' && !/^(?:https?|ftp):/i.test(text)) return false;
  if (login.startsWith(':') || (port !== undefined && (Number(port) > 65_535 || Number(port) === 0))) return false;
  if (host.startsWith('[')) return isIpv6(host.slice(1, -1));
  const ascii = host.replace(/[^\x00-\x7f]/gu, 'u').replace(/\.$/, '');
  if (/^[\d.]+$/.test(ascii)) return isIpv4(ascii);
  return isDomain(ascii.replace(/_/g, 'a')) && !/^xn--\.|xn--$/.test(ascii);
}

export const domainName: DataType = {
  id: 'domain_name',
  title: 'Host name',
  family: 'network',
  sensitivity: 'low',
  fields: [],
  find: [scanner('domain', 0.3), whole],
  validate: isDomain,
  examples: { match: [], ignore: ['example.com', 'file.'], candidate: ['www.example.com'] },
};
