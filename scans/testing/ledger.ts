import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface Clerk {
  readonly uid: number;
  readonly user: string;
  readonly pass: string;
  readonly tenant: string;
  readonly authorities: readonly string[];
  dailyLimit: number;
  nickname: string;
}

const hashId = (text: string): string => createHash('sha256').update(text).digest('base64url').replace(/[-_]/g, 'x').slice(0, 8);

/**
 * A bank for companies in the habits of Spring: a JSON login that sets cookies, an XSRF cookie doubled in a header, the tenant in a header, ids as short
 * hashes, in base64, in a cookie, behind two names of collections, and `timestamp/status/error/path` for errors. `secure` is the same without its flaws.
 */
export async function startLedger({ secure }: { readonly secure: boolean }): Promise<Application> {
  const clerks: Clerk[] = (['olga:north', 'pete:south', 'root:bank'] as const).map((one, index) => {
    const [user, tenant] = one.split(':') as [string, string];
    return {
      uid: 7001 + index * 13,
      user,
      pass: `${user}#2Ledger`,
      tenant: `t-${tenant}-${index}9`,
      authorities: user === 'root' ? ['ROLE_ADMIN'] : ['ROLE_CLERK'],
      dailyLimit: 1000,
      nickname: user,
    };
  });
  const customers = clerks.filter(({ user }) => user !== 'root');
  const accounts = customers.flatMap(({ uid, tenant, user }) =>
    ['giro', 'savings'].map((kind) => ({
      ref: hashId(`${user} ${kind}`),
      ownerUid: uid,
      tenant,
      label: `${kind} of ${user}`,
      iban: `DE${String(10 + uid)}500105175407${uid}`,
      balance: 5000 + uid,
    })),
  );
  const statements = accounts.map((account, index) => ({
    statementId: randomUUID(),
    accountRef: account.ref,
    tenant: account.tenant,
    month: '2026-01',
    closing: account.balance - index,
    lines: [{ text: `rent of ${account.label}`, amount: -700 - index }],
  }));
  const papers = customers.map(({ uid, tenant, user }, index) => ({
    token: Buffer.from(`paper:${31 + index}`).toString('base64url'),
    tenant,
    uid,
    title: `Contract of ${user}`,
    content: `secret terms ${user}`,
  }));
  const payees = customers.map(({ tenant, user }, index) => ({
    id: 90 + index * 3,
    tenant,
    holder: `${user} landlord`,
    iban: `DE44500105175407${index}`,
  }));
  let nextPayee = 200;
  const sessions = new Map<string, { clerk: Clerk; xsrf: string }>();
  const failures = new Map<string, number>();

  const problem = (status: number, error: string, path = ''): never => {
    throw new Refused({ status, body: { timestamp: new Date().toISOString(), status, error, path } });
  };
  const sessionOf = (ask: Ask) => sessions.get(ask.cookies.get('SESSION') ?? '') ?? problem(401, 'Unauthorized', ask.path);
  const caller = (ask: Ask): Clerk => sessionOf(ask).clerk;
  const writer = (ask: Ask): Clerk => {
    const { clerk, xsrf } = sessionOf(ask);
    if (ask.headers['x-xsrf-token'] !== xsrf) problem(403, 'Forbidden', ask.path);
    return clerk;
  };
  const same = (ask: Ask, clerk: Clerk, tenant: string): void => {
    if (secure && clerk.tenant !== tenant) problem(404, 'Not Found', ask.path);
  };
  const accountOf = (ask: Ask, ref: unknown) => accounts.find((one) => one.ref === ref) ?? problem(404, 'Not Found', ask.path);
  const shown = ({ uid, user, tenant, authorities, dailyLimit, nickname }: Clerk) => ({
    uid,
    username: user,
    tenantId: tenant,
    authorities,
    dailyLimit,
    nickname,
  });

  return serve({
    always: (ask) => ({
      ...(secure ? HARDENED : { server: 'Apache-Coyote/1.1' }),
      ...(!secure && ask.headers.origin !== undefined
        ? { 'access-control-allow-origin': ask.headers.origin, 'access-control-allow-credentials': 'true' }
        : {}),
    }),
    broken: (error, ask) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { status: 500, error: 'Internal Server Error', path: ask.path } }
        : {
            status: 500,
            body: {
              timestamp: new Date().toISOString(),
              status: 500,
              error: 'Internal Server Error',
              trace: `java.lang.IllegalStateException: ${error.message}\n\tat bank.ledger.AccountController.show(AccountController.java:77)\n\tat java.base/java.lang.reflect.Method.invoke(Method.java:568)`,
              path: ask.path,
            },
          },
    routes: [
      [
        'POST /api/auth/session',
        (ask) => {
          const user = String(ask.body.user);
          failures.set(user, (failures.get(user) ?? 0) + 1);
          if (secure && failures.get(user)! > 5) problem(429, 'Too Many Requests', ask.path);
          const clerk = clerks.find((one) => one.user === user);
          if (clerk === undefined && !secure) problem(404, `User ${user} not found`, ask.path);
          if (clerk === undefined || clerk.pass !== ask.body.pass) return problem(401, 'Bad credentials', ask.path);
          failures.delete(user);
          const [id, xsrf] = [randomBytes(16).toString('hex'), randomUUID()];
          sessions.set(id, { clerk, xsrf });
          const flags = secure ? '; HttpOnly; Secure; SameSite=Strict' : '';
          return {
            headers: {
              'set-cookie': [
                `SESSION=${id}; Path=/${flags}`,
                `XSRF-TOKEN=${xsrf}; Path=/; Secure; SameSite=Strict`,
                ...(secure ? [] : [`uid=${clerk.uid}; Path=/`]),
              ],
            },
            body: { authenticated: true },
          };
        },
      ],
      [
        'POST /api/auth/logout',
        (ask) => {
          writer(ask);
          if (secure) sessions.delete(ask.cookies.get('SESSION')!);
          return { status: 204 };
        },
      ],
      ['GET /api/me', (ask) => ({ body: shown(caller(ask)) })],
      [
        'PUT /api/me/preferences',
        (ask) => {
          const clerk = writer(ask);
          clerk.nickname = String(ask.body.nickname);
          if (!secure && typeof ask.body.dailyLimit === 'number') clerk.dailyLimit = ask.body.dailyLimit;
          return { body: shown(clerk) };
        },
      ],
      [
        'GET /api/dashboard',
        (ask) => {
          const clerk = caller(ask);
          // The flaw: a cookie that the client may write says who it is.
          const uid = secure ? clerk.uid : Number(ask.cookies.get('uid'));
          const mine = accounts.filter(({ ownerUid }) => ownerUid === uid);
          return {
            body: {
              customerUid: uid,
              total: mine.reduce((sum, { balance }) => sum + balance, 0),
              accounts: mine.map(({ label, iban }) => ({ label, iban })),
            },
          };
        },
      ],
      [
        'GET /api/company/settings',
        (ask) => {
          const clerk = caller(ask);
          const tenant = String(ask.headers['x-tenant-id'] ?? clerk.tenant);
          same(ask, clerk, tenant);
          const owner = clerks.find((one) => one.tenant === tenant) ?? problem(404, 'Not Found', ask.path);
          return {
            body: { tenantId: tenant, legalName: `Company of ${owner.user}`, taxNumber: `TX${owner.uid}`, bankLimit: 50_000 + owner.uid },
          };
        },
      ],
      [
        'GET /api/accounts',
        (ask) => ({ body: { content: accounts.filter(({ tenant }) => tenant === caller(ask).tenant), totalElements: 2 } }),
      ],
      [
        'GET /api/accounts/:',
        (ask) => {
          const clerk = caller(ask);
          const account = accountOf(ask, ask.at[0]);
          same(ask, clerk, account.tenant);
          return { body: account };
        },
      ],
      [
        'PATCH /api/accounts/:',
        (ask) => {
          const clerk = writer(ask);
          const account = accountOf(ask, ask.at[0]);
          same(ask, clerk, account.tenant);
          account.label = String(ask.body.label);
          return { body: { ...account, updatedAt: new Date().toISOString() } };
        },
      ],
      [
        'GET /api/accounts/:/statements',
        (ask) => {
          const clerk = caller(ask);
          const account = accountOf(ask, ask.at[0]);
          // Here even the flawed one looks.
          if (account.tenant !== clerk.tenant) problem(404, 'Not Found', ask.path);
          return {
            body: {
              content: statements
                .filter(({ accountRef }) => accountRef === account.ref)
                .map(({ statementId, month }) => ({ statementId, month })),
            },
          };
        },
      ],
      [
        'GET /api/accounts/:/statements/:',
        (ask) => {
          const clerk = caller(ask);
          const account = accountOf(ask, ask.at[0]);
          // The account is looked at, the statement below it is not.
          if (account.tenant !== clerk.tenant) problem(404, 'Not Found', ask.path);
          const statement = statements.find(({ statementId }) => statementId === ask.at[1]) ?? problem(404, 'Not Found', ask.path);
          if (secure && statement.accountRef !== account.ref) problem(404, 'Not Found', ask.path);
          return { body: statement };
        },
      ],
      [
        'GET /api/papers',
        (ask) => ({ body: { content: papers.filter(({ uid }) => uid === caller(ask).uid).map(({ token, title }) => ({ token, title })) } }),
      ],
      [
        'GET /api/papers/view',
        (ask) => {
          const clerk = caller(ask);
          const paper = papers.find(({ token }) => token === ask.query.get('token')) ?? problem(404, 'Not Found', ask.path);
          same(ask, clerk, paper.tenant);
          return { body: paper };
        },
      ],
      ['GET /api/payees', (ask) => ({ body: { content: payees.filter(({ tenant }) => tenant === caller(ask).tenant) } })],
      [
        'POST /api/payees',
        (ask) => {
          const clerk = writer(ask);
          const payee = { id: nextPayee++, tenant: clerk.tenant, holder: String(ask.body.holder), iban: String(ask.body.iban) };
          payees.push(payee);
          return { status: 201, headers: { location: `/api/payees/${payee.id}` } };
        },
      ],
      [
        'DELETE /api/payees/:',
        (ask) => {
          const clerk = writer(ask);
          const payee = payees.find(({ id }) => String(id) === ask.at[0]) ?? problem(404, 'Not Found', ask.path);
          same(ask, clerk, payee.tenant);
          payees.splice(payees.indexOf(payee), 1);
          return { status: 204 };
        },
      ],
      [
        'POST /api/transfers',
        (ask) => {
          const clerk = writer(ask);
          const from = accountOf(ask, ask.body.fromAccount);
          same(ask, clerk, from.tenant);
          const amount = Number(ask.body.amount);
          if (!Number.isFinite(amount) || (secure && amount <= 0)) problem(400, 'Bad Request', ask.path);
          if (secure && !Number.isInteger(amount * 100)) problem(400, 'Bad Request', ask.path);
          return { body: { state: 'BOOKED', fromAccount: from.ref, amount, fee: 1 } };
        },
      ],
      [
        'GET /api/admin/audit',
        (ask) => {
          const clerk = caller(ask);
          if (secure && !clerk.authorities.includes('ROLE_ADMIN')) problem(403, 'Forbidden', ask.path);
          return { body: { content: clerks.map(({ user, uid }) => ({ actor: user, actorUid: uid, action: 'login' })) } };
        },
      ],
      ...(secure
        ? []
        : ([
            [
              'GET /actuator/env',
              () => ({ body: { activeProfiles: ['prod'], propertySources: [{ name: 'systemProperties', properties: {} }] } }),
            ],
          ] as const)),
    ],
  });
}

const password = (user: string) => `${user}#2Ledger`;

export const LEDGER_PEOPLE = ['olga', 'pete'].map((user) => ({
  name: user,
  role: 'clerk',
  kind: 'login' as const,
  config: { path: '/api/auth/session', body: { user, pass: password(user) } },
}));

/** What a browser recorded while olga used the bank: the only description of it that there is. */
export async function LEDGER_HAR(url: string): Promise<object> {
  const entries: object[] = [];
  let cookie = '';
  let xsrf = '';
  const browse = async <Answer = unknown>(
    method: string,
    path: string,
    body?: object,
    extra: { readonly [name: string]: string } = {},
  ): Promise<Answer> => {
    const headers: { [name: string]: string } = {
      accept: 'application/json',
      ...(cookie === '' ? {} : { cookie }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'GET' || xsrf === '' ? {} : { 'x-xsrf-token': xsrf }),
      ...extra,
    };
    const text = body === undefined ? null : JSON.stringify(body);
    const answer = await fetch(`${url}${path}`, { method, headers, body: text });
    for (const one of answer.headers.getSetCookie()) {
      const pair = one.split(';')[0]!;
      cookie = cookie === '' ? pair : `${cookie}; ${pair}`;
      if (pair.startsWith('XSRF-TOKEN=')) xsrf = pair.slice('XSRF-TOKEN='.length);
    }
    const content = await answer.text();
    entries.push({
      startedDateTime: new Date().toISOString(),
      request: {
        method,
        url: `${url}${path}`,
        headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
        ...(text === null ? {} : { postData: { mimeType: 'application/json', text } }),
      },
      response: {
        status: answer.status,
        headers: [...answer.headers].map(([name, value]) => ({ name, value })),
        content: { mimeType: answer.headers.get('content-type') ?? '', text: content },
      },
    });
    return (content === '' ? {} : JSON.parse(content)) as Answer;
  };
  await browse('POST', '/api/auth/session', { user: 'olga', pass: password('olga') });
  const me = await browse<{ tenantId: string }>('GET', '/api/me');
  await browse('GET', '/api/dashboard');
  await browse('GET', '/api/company/settings', undefined, { 'x-tenant-id': me.tenantId });
  const { content: accounts } = await browse<{ content: { ref: string }[] }>('GET', '/api/accounts');
  for (const { ref } of accounts) {
    await browse('GET', `/api/accounts/${ref}`);
    const { content } = await browse<{ content: { statementId: string }[] }>('GET', `/api/accounts/${ref}/statements`);
    for (const { statementId } of content) await browse('GET', `/api/accounts/${ref}/statements/${statementId}`);
  }
  await browse('PATCH', `/api/accounts/${accounts[0]!.ref}`, { label: 'rent' });
  const { content: papers } = await browse<{ content: { token: string }[] }>('GET', '/api/papers');
  await browse('GET', `/api/papers/view?token=${papers[0]!.token}`);
  const { content: payees } = await browse<{ content: { id: number }[] }>('GET', '/api/payees');
  await browse('POST', '/api/payees', { holder: 'Landlord', iban: 'DE02120300000000202051' });
  await browse('DELETE', `/api/payees/${payees[0]!.id}`);
  await browse('POST', '/api/transfers', { fromAccount: accounts[0]!.ref, toIban: 'DE02120300000000202051', amount: 20 });
  await browse('PUT', '/api/me/preferences', { nickname: 'Olga' });
  await browse('GET', '/api/admin/audit');
  await browse('POST', '/api/auth/logout');
  return { log: { version: '1.2', creator: { name: 'browser', version: '1' }, entries } };
}
