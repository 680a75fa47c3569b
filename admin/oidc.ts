import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration } from 'openid-client';
import type { Role } from '../store/index.js';
import type { Context } from './context.js';
import { AdminError } from './errors.js';
import { NOBODY } from './identify.js';
import type { OidcOptions } from './options.js';
import { ROLE_RANK } from './roles.js';
import { signIn } from './routes/sessions.js';

const COOKIE = 'weir_sso';
const FLOW_MS = 10 * 60_000;

/** Why a sign-in ended without one; browsers are led back to the sign-in page with the name. */
const REASONS = {
  late: 'signing in took too long',
  groups: 'none of your groups may use weir',
  disabled: 'this user is disabled',
  begun: 'this sign-in was not begun here',
  failed: 'single sign-on failed',
} as const;
const failed = (reason: keyof typeof REASONS, cause?: unknown) => new AdminError('ADMIN_SIGN_IN_FAILED', REASONS[reason], { cause });

/** Loaded when somebody signs in with it. */
type OpenIdClient = typeof import('openid-client');

/** Authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636). What the flow must remember travels in a signed cookie of ten minutes. */
export function registerOidc(
  app: FastifyInstance,
  context: Context,
  refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => unknown,
): void {
  const oidc = context.options.oidc;
  if (oidc === undefined) return;
  let discovered: Promise<Configuration> | null = null;
  const configuration = (client: OpenIdClient) => {
    discovered ??= client.discovery(
      new URL(oidc.issuer),
      oidc.clientId,
      oidc.clientSecret,
      undefined,
      isPlainLoopback(oidc.issuer) ? { execute: [client.allowInsecureRequests] } : undefined,
    );
    // A provider that is down at the first try may be up at the next.
    discovered.catch(() => {
      discovered = null;
    });
    return discovered;
  };
  const callback = (request: FastifyRequest) =>
    new URL('/api/v1/session/oidc/callback', context.options.publicUrl ?? `${request.protocol}://${request.headers.host}`);
  const secure = context.options.behindTls === true || context.options.tls !== undefined ? '; Secure' : '';

  /** People are led back to where they can sign in, and told why; programs get the problem. */
  const giveUp = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = error instanceof AdminError ? error : failed('failed', error);
    if (known !== error) context.options.log?.('warn', `single sign-on failed: ${error instanceof Error ? error.message : String(error)}`);
    if (!request.headers.accept?.includes('text/html')) return refuse(known, request, reply);
    const reason = Object.entries(REASONS).find(([, text]) => text === known.message)?.[0] ?? 'failed';
    return reply.redirect(`/welcome?problem=${reason}`);
  };

  app.get('/api/v1/session/oidc', async (request, reply) => {
    try {
      const client = await import('openid-client');
      const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
      const address = client.buildAuthorizationUrl(await configuration(client), {
        redirect_uri: callback(request).href,
        scope: 'openid profile email',
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      const kept = signed(JSON.stringify({ verifier, state, nonce, untilMs: context.nowMs() + FLOW_MS }), context.options.secret);
      // Lax: the provider sends the browser back from its own site.
      reply.header(
        'set-cookie',
        `${COOKIE}=${kept}; Path=/api/v1/session/oidc; HttpOnly; SameSite=Lax; Max-Age=${FLOW_MS / 1000}${secure}`,
      );
      return reply.redirect(address.href);
    } catch (error) {
      return giveUp(error, request, reply);
    }
  });

  app.get('/api/v1/session/oidc/callback', async (request, reply) => {
    try {
      const kept = JSON.parse(opened(request.cookies[COOKIE] ?? '', context.options.secret)) as {
        verifier: string;
        state: string;
        nonce: string;
        untilMs: number;
      };
      if (kept.untilMs < context.nowMs()) throw failed('late');
      const client = await import('openid-client');
      const address = new URL(request.url, callback(request));
      const tokens = await client.authorizationCodeGrant(await configuration(client), address, {
        pkceCodeVerifier: kept.verifier,
        expectedState: kept.state,
        expectedNonce: kept.nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw failed('failed', 'no id token');
      const role = roleOf(oidc, claims);
      if (role === null) throw failed('groups');
      const user = await userFor(context, claims, role);
      const nowMs = context.nowMs();
      const call = {
        caller: NOBODY,
        nowMs,
        address: request.ip,
        agent: request.headers['user-agent'] ?? '',
        ifMatch: undefined,

        contentType: '',
        signal: new AbortController().signal,
        target: () => undefined,
      };
      const opening = await signIn(context, call, user);
      await context.store.accounts.record({
        atMs: nowMs,
        actor: `user:${user.name}`,
        action: 'session.oidc',
        target: user.name,
        outcome: 'ok',
        address: request.ip,
        detail: { role },
      });
      reply.header('set-cookie', [String(opening.headers['set-cookie']), `${COOKIE}=; Path=/api/v1/session/oidc; Max-Age=0`]);
      // SameSite=Strict cookies are not sent on the redirect that ends a chain begun elsewhere; a page of our own that reloads is.
      return reply
        .type('text/html; charset=utf-8')
        .send('<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>weir</title><a href="/">weir</a>');
    } catch (error) {
      return giveUp(error, request, reply);
    }
  });
}

/** Without TLS only on this machine: for a provider beside weir, and for tests. */
function isPlainLoopback(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

type Claims = Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string };

/** The highest role that the claim's values give. */
export function roleOf(oidc: OidcOptions, claims: Readonly<Record<string, unknown>>): Role | null {
  const value = claims[oidc.roleClaim ?? 'groups'];
  const values = (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
  const roles = values.flatMap((one) => (Object.hasOwn(oidc.roles, one) ? [oidc.roles[one]!] : []));
  return roles.sort((a, b) => ROLE_RANK[b] - ROLE_RANK[a])[0] ?? oidc.otherwise;
}

async function userFor(context: Context, claims: Claims, role: Role) {
  const subject = `${claims.iss} ${claims.sub}`;
  const email = typeof claims.email === 'string' ? claims.email : '';
  const known = await context.store.accounts.user('oidcSubject', subject);
  if (known !== null) {
    if (known.disabled) throw failed('disabled');
    return known.role === role ? known : context.store.accounts.changeUser(known.id, { role, email });
  }
  const wanted = (typeof claims.preferred_username === 'string' && claims.preferred_username) || email || claims.sub;
  // A local user of that name is somebody else: names are claims, the subject is the identity.
  const name = (await context.store.accounts.user('name', wanted)) === null ? wanted : `${wanted} (${claims.sub})`;
  return context.store.accounts.addUser({
    name,
    email,
    role,
    passwordHash: null,
    oidcSubject: subject,
    disabled: false,
    createdMs: context.nowMs(),
  });
}

const mac = (text: string, secret: string) => createHmac('sha256', `weir sso ${secret}`).update(text).digest();

function signed(text: string, secret: string): string {
  return `${Buffer.from(text).toString('base64url')}.${mac(text, secret).toString('base64url')}`;
}

function opened(value: string, secret: string): string {
  const [body = '', tag = ''] = value.split('.');
  const text = Buffer.from(body, 'base64url').toString();
  const given = Buffer.from(tag, 'base64url');
  const wanted = mac(text, secret);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw failed('begun');
  return text;
}
