/** An OpenID Connect provider on loopback that does what the real ones do: discovery, an authorization page, codes that work once, PKCE, signed id tokens. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Test } from 'tap';

const CLIENT = { id: 'weir', secret: 'the client secret' };
const KEY = { alg: 'RS256', kid: 'k1' };

interface Grant {
  readonly user: string;
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
}

export interface OidcProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Groups of each user; the authorization page offers one button a user. May be changed while it runs. */
  readonly groups: Map<string, readonly string[]>;
}

export async function startOidcProvider(t: Test, groups: Readonly<Record<string, readonly string[]>>): Promise<OidcProvider> {
  const { publicKey, privateKey } = await generateKeyPair(KEY.alg);
  const keys = [{ ...(await exportJWK(publicKey)), ...KEY, use: 'sig' }];
  const users = new Map(Object.entries(groups));
  const grants = new Map<string, Grant>();
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const authorize = (query: URLSearchParams, response: ServerResponse) => {
    const user = query.get('user');
    if (query.get('client_id') !== CLIENT.id || query.get('code_challenge_method') !== 'S256' || query.get('response_type') !== 'code')
      return response.writeHead(400).end('not a request of the client');
    if (user === null) {
      const buttons = [...users.keys()].map((name) => {
        const next = new URLSearchParams(query);
        next.set('user', name);
        return `<p><a href="/authorize?${next.toString().replaceAll('&', '&amp;')}">${name}</a></p>`;
      });
      return response.setHeader('content-type', 'text/html').end(`<h1>Who are you?</h1>${buttons.join('')}`);
    }
    const code = randomUUID();
    const redirectUri = query.get('redirect_uri') ?? '';
    grants.set(code, { user, nonce: query.get('nonce') ?? '', challenge: query.get('code_challenge') ?? '', redirectUri });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state') ?? '');
    return response.writeHead(302, { location: back.href }).end();
  };

  const token = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isFine =
      grant !== undefined &&
      grant.challenge === challenge &&
      grant.redirectUri === form.get('redirect_uri') &&
      form.get('client_id') === CLIENT.id &&
      form.get('client_secret') === CLIENT.secret;
    response.setHeader('content-type', 'application/json');
    if (!isFine) return response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }));
    const idToken = await new SignJWT({
      nonce: grant.nonce,
      groups: users.get(grant.user) ?? [],
      preferred_username: grant.user,
      email: `${grant.user}@example.com`,
    })
      .setProtectedHeader(KEY)
      .setIssuer(issuer)
      .setAudience(CLIENT.id)
      .setSubject(`subject of ${grant.user}`)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
    return response.end(JSON.stringify({ access_token: randomUUID(), token_type: 'Bearer', id_token: idToken }));
  };

  server.on('request', (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer);
    const json = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (pathname === '/.well-known/openid-configuration')
      json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      });
    else if (pathname === '/jwks') json({ keys });
    else if (pathname === '/authorize') authorize(searchParams, response);
    else if (pathname === '/token') void token(request, response);
    else response.writeHead(404).end();
  });
  return { issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, groups: users };
}
