import path from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from './config.js';
import { errorLine } from './output.js';

t.test('folders and certificates stand beside weir.yaml, wherever weir is started', async (t) => {
  const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
  const folder = t.testdir({
    'policies.d': {},
    'weir.yaml': `policies: policies.d
listeners: [{port: 0}, {port: 0, tls: {cert: tls.crt, key: /etc/tls.key, clientCa: ${JSON.stringify(pem)}}}]
services: [{name: shop, upstreams: ['https://127.0.0.1:1'], tls: {ca: ca.crt, servername: shop.example}}]
admin: {tls: {cert: tls.crt, key: tls.key}}
`,
  });
  const config = loadConfig({ config: path.join(folder, 'weir.yaml') }, {}, '/nowhere');
  const beside = (name: string): string => path.join(folder, name);
  t.equal(config.policies, beside('policies.d'));
  t.match(config.admin.tls, { cert: beside('tls.crt'), key: beside('tls.key') });
  t.equal(config.listeners[0]?.tls, undefined);
  t.match(config.listeners[1]?.tls, { cert: beside('tls.crt'), key: '/etc/tls.key', clientCa: pem, http2: true });
  t.match(config.services[0]?.tls, { ca: beside('ca.crt'), servername: 'shop.example', verify: true });
});

t.test('what is not YAML is named at its place; an empty file is none of that', async (t) => {
  const rows: [text: string, said: string[]][] = [
    ['', []],
    ['# nothing yet\n', []],
    ['mode: observe\nmode: mirror\n', ['weir: weir.yaml:2:1 this key is in the mapping twice']],
    ['admin:\n\tport: 1\n', ['weir: weir.yaml:2:1 this line is indented with a tab; use spaces']],
    ['mode: observe\n---\nmode: mirror\n', ['weir: weir.yaml:2:1 a second document begins here; the file may hold one']],
    ['mode: a: b\n', ['weir: weir.yaml:1:7 a mapping cannot begin here; text that holds ": " needs quotes']],
    ['mode: *m\n', ['weir: weir.yaml:1:7 there is no anchor "m" before this; expected &m at a node above']],
    ['- mode\n', ['weir: weir.yaml:1:1 a list is not accepted; expected a mapping']],
    ['just text\n', ['weir: weir.yaml:1:1 "just text" is not accepted; expected a mapping']],
  ];
  for (const [text, said] of rows) t.strictSame(complaints(t, text), said, JSON.stringify(text));
});

/** What is said of a `weir.yaml`, without the folder. */
function complaints(t: Test, text: string): string[] {
  const folder = t.testdir({ 'weir.yaml': text });
  try {
    loadConfig({ config: path.join(folder, 'weir.yaml') }, {}, folder);
    return [];
  } catch (error) {
    t.match(error, { name: 'SourceErrors', status: 422 });
    return errorLine(error).replaceAll(`${folder}/`, '').trimEnd().split('\n');
  }
}

t.test('all that is wrong in weir.yaml is said at once, each at its place, in plain words', async (t) => {
  const said = complaints(
    t,
    `listners: [{port: 1}]
services:
  - name: my shop
    upstreams: [http://user:geheim@127.0.0.1:1]
    retries: 9
    upstrams: []
    color: red
  - name: b
    upstreams: [nowhere]
    connections: "8"
  - {name: b, upstreams: [http://127.0.0.1:1], pathPrefix: api, mode: enforced}
  - {upstreams: []}
mode: obsrve
trustedProxies: [10.0.0.0/8, somewhere, fd00::/129]
admin:
  port: 99999
  tls: {cert: a.crt}
  oidc: {issuer: here, clientId: 5, clientSecret: 12345, roles: {dev: root}}
stream: {maxMb: 0}
store:
accessLog: 5
sensor:
  workers: 1.5
  sources: [{kind: lve, interface: eth0}, {kind: vxlan, prt: 1}, {interface: eth0}]
  vnis: {red: shop}
actors: {autoBlockScore: 200}
dataTypes: [{id: a, pattern: "(", sensitivity: huge}, {id: b, pattern: "("}, {id: b, fields: [x]}]
keySets: [a]
secret: short
`,
  );
  t.strictSame(said, [
    'weir: weir.yaml:1:1 listners: "listners" is not a key here; did you mean "listeners"?',
    'weir: weir.yaml:3:11 services[0].name: "my shop" is not a name: letters, digits, ".", "_" and "-", at most 64',
    'weir: weir.yaml:4:17 services[0].upstreams[0]: an upstream URL with a name or password is not taken: it would be shown and not sent; set requestHeaders: {set: {authorization: …}} instead',
    'weir: weir.yaml:5:14 services[0].retries: 9 is not accepted; expected a whole number from 0 to 5',
    'weir: weir.yaml:6:5 services[0].upstrams: "upstrams" is not a key here; did you mean "upstreams"?',
    'weir: weir.yaml:7:5 services[0].color: "color" is not a key here; expected one of name, hosts, pathPrefix, upstreams, mode, balance, connections, http2, retries, timeouts, rewrite, hostHeader, requestHeaders, responseHeaders, maxBodyBytes, blockPage, health, tls',
    'weir: weir.yaml:9:17 services[1].upstreams[0]: "nowhere" is not accepted; expected a URL such as http://127.0.0.1:9000',
    'weir: weir.yaml:10:18 services[1].connections: "8" is not accepted; expected a whole number from 1 to 65535',
    'weir: weir.yaml:11:12 services[2].name: two services are named "b"',
    'weir: weir.yaml:11:60 services[2].pathPrefix: "api" is not accepted; expected text that begins with "/"',
    'weir: weir.yaml:11:71 services[2].mode: "enforced" is not accepted; expected one of enforce, observe, mirror; did you mean "enforce"?',
    'weir: weir.yaml:12:5 services[3]: "name" is missing; expected text',
    'weir: weir.yaml:12:17 services[3].upstreams: the list is empty; expected one at least',
    'weir: weir.yaml:13:7 mode: "obsrve" is not accepted; expected one of enforce, observe, mirror; did you mean "observe"?',
    'weir: weir.yaml:14:30 trustedProxies[1]: "somewhere" is not accepted; expected an IP address or CIDR such as 10.0.0.0/8',
    'weir: weir.yaml:14:41 trustedProxies[2]: "fd00::/129" is not accepted; expected an IP address or CIDR such as 10.0.0.0/8',
    'weir: weir.yaml:16:9 admin.port: 99999 is not accepted; expected a whole number from 0 to 65535',
    'weir: weir.yaml:17:8 admin.tls: "key" is missing; expected text',
    'weir: weir.yaml:18:18 admin.oidc.issuer: "here" is not accepted; expected a URL such as https://example.com',
    'weir: weir.yaml:18:34 admin.oidc.clientId: 5 is not accepted; expected text',
    'weir: weir.yaml:18:51 admin.oidc.clientSecret: what is written here is not accepted; expected text',
    'weir: weir.yaml:18:71 admin.oidc.roles.dev: "root" is not accepted; expected one of viewer, analyst, admin',
    'weir: weir.yaml:19:17 stream.maxMb: 0 is not accepted; expected a number, more than 0',
    'weir: weir.yaml:20:7 store: an empty value is not accepted; expected a mapping',
    'weir: weir.yaml:21:12 accessLog: 5 is not accepted; expected false or text',
    'weir: weir.yaml:23:12 sensor.workers: 1.5 is not accepted; expected a whole number from 1 to 64',
    'weir: weir.yaml:24:20 sensor.sources[0].kind: "lve" is not accepted; expected one of live, vxlan, geneve, pcap; did you mean "live"?',
    'weir: weir.yaml:24:57 sensor.sources[1].prt: "prt" is not a key here; did you mean "port"?',
    'weir: weir.yaml:24:66 sensor.sources[2]: "kind" is missing; expected one of live, vxlan, geneve, pcap',
    'weir: weir.yaml:25:15 sensor.vnis.red: "red" is not a network id (VNI): a number of at most 8 digits',
    'weir: weir.yaml:26:26 actors.autoBlockScore: 200 is not accepted; expected a number from 1 to 100',
    'weir: weir.yaml:27:48 dataTypes[0].sensitivity: "huge" is not accepted; expected one of low, medium, high, critical; did you mean "high"?',
    'weir: weir.yaml:27:72 dataTypes[1].pattern: missing closing ): `(`',
    'weir: weir.yaml:27:83 dataTypes[2].id: two data types have the id "b"',
    'weir: weir.yaml:28:10 keySets: a list is not accepted; expected a mapping',
    'weir: weir.yaml:29:9 secret: what is written here is not accepted; expected text of at least 16 characters',
  ]);
});
