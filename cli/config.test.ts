import path from 'node:path';
import t from 'tap';
import { loadConfig } from './config.js';

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
