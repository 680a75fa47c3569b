import { randomBytes } from 'node:crypto';
import Database from 'libsql';
import { type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface Account {
  readonly id: number;
  readonly email: string;
  name: string;
  readonly password: string;
  is_staff: boolean;
  readonly phone: string;
}

/**
 * A clinic in the habits of Laravel and Django: a login form with a CSRF field, a session cookie, forms beside JSON, ids in the body, in a header and nested
 * below `filter`, lists with `per_page`, errors as JSON with file and trace. `secure` is the same without its flaws.
 */
export async function startClinic({ secure }: { readonly secure: boolean }): Promise<Application> {
  const accounts: Account[] = ['vera', 'walt', 'xena'].map((name, index) => ({
    id: 501 + index,
    email: `${name}@clinic.test`,
    name,
    password: `${name}-secret`,
    is_staff: name === 'xena',
    phone: `+4930555010${index}`,
  }));
  let nextId = 9000;
  const visits = accounts.flatMap((account) =>
    [0, 1].map((round) => ({
      id: nextId++,
      patient_id: account.id,
      diagnosis: `${account.name} diagnosis ${round}`,
      notes: '',
      attachment_id: nextId * 7,
    })),
  );
  const invoices = accounts.map((account) => ({ number: `INV-${account.id}-A`, patient_id: account.id, total: 120, paid: false }));
  const database = new Database(':memory:');
  database.exec('CREATE TABLE doctors (id INTEGER PRIMARY KEY, name TEXT, hidden INTEGER)');
  for (const [index, name] of ['Ames', 'Brook', 'Crane'].entries())
    database.prepare('INSERT INTO doctors VALUES (?, ?, ?)').run(index + 1, name, Number(name === 'Crane'));
  const sessions = new Map<string, { account: Account | null; csrf: string }>();
  const failures = new Map<string, number>();

  const fail = (status: number, message: string): never => {
    throw new Refused({ status, body: { message } });
  };
  const sessionOf = (ask: Ask) => sessions.get(ask.cookies.get('clinic_session') ?? '');
  const caller = (ask: Ask): Account => sessionOf(ask)?.account ?? fail(401, 'Unauthenticated.');
  const guarded = (ask: Ask): Account => {
    const account = caller(ask);
    if (ask.headers['x-csrf-token'] !== sessionOf(ask)?.csrf) fail(419, 'CSRF token mismatch.');
    return account;
  };
  const open = (account: Account | null) => {
    const id = randomBytes(16).toString('hex');
    const csrf = randomBytes(10).toString('hex');
    sessions.set(id, { account, csrf });
    return { csrf, cookie: `clinic_session=${id}; Path=/; ${secure ? 'HttpOnly; Secure; ' : ''}SameSite=Lax` };
  };
  const mine = (account: Account, patientId: number) =>
    void (!secure || account.is_staff || account.id === patientId || fail(403, 'This action is unauthorized.'));
  const found = <T>(one: T | undefined): T => one ?? fail(404, 'No query results.');
  const profile = ({ id, email, name, phone, is_staff }: Account) => ({ id, email, name, phone, is_staff });

  return serve({
    always: () => (secure ? HARDENED : { 'x-powered-by': 'PHP/8.1.2' }),
    broken: (error) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { message: 'Server Error' } }
        : {
            status: 500,
            body: {
              message: `SQLSTATE[HY000]: General error: 1 ${error.message}`,
              exception: 'Illuminate\\Database\\QueryException',
              file: '/var/www/html/vendor/laravel/framework/src/Illuminate/Database/Connection.php',
              line: 760,
              trace: [{ file: '/var/www/html/app/Http/Controllers/DoctorController.php', line: 31, function: 'run' }],
            },
          },
    routes: [
      [
        'GET /login',
        () => {
          const { csrf, cookie } = open(null);
          return {
            headers: { 'set-cookie': [cookie] },
            body: `<form method="POST" action="/login"><input type="hidden" name="_token" value="${csrf}"><input name="email"><input name="password" type="password"></form>`,
          };
        },
      ],
      [
        'POST /login',
        (ask) => {
          const before = sessionOf(ask);
          if (before === undefined || ask.body._token !== before.csrf) fail(419, 'CSRF token mismatch.');
          const key = String(ask.body.email);
          if (secure && (failures.get(key) ?? 0) >= 5) fail(429, 'Too Many Attempts.');
          const account = accounts.find((one) => one.email === ask.body.email && one.password === ask.body.password);
          if (account === undefined) {
            failures.set(key, (failures.get(key) ?? 0) + 1);
            return { status: 302, headers: { location: '/login' }, body: '' };
          }
          return { status: 302, headers: { location: '/home', 'set-cookie': [open(account).cookie, 'theme=dark; Path=/'] }, body: '' };
        },
      ],
      [
        'GET /home',
        (ask) => {
          caller(ask);
          return { body: `<html><head><meta name="csrf-token" content="${sessionOf(ask)!.csrf}"></head><body>Welcome</body></html>` };
        },
      ],
      ['GET /api/user', (ask) => ({ body: { data: profile(caller(ask)) } })],
      [
        'PATCH /api/user',
        (ask) => {
          const account = guarded(ask);
          if (typeof ask.body.name === 'string') account.name = ask.body.name;
          if (!secure && typeof ask.body.is_staff === 'boolean') account.is_staff = ask.body.is_staff;
          return { body: { data: profile(account) } };
        },
      ],
      [
        'GET /api/visits',
        (ask) => ({ body: { data: visits.filter((one) => one.patient_id === caller(ask).id), meta: { current_page: 1 } } }),
      ],
      [
        'GET /api/visits/:',
        (ask) => {
          const account = caller(ask);
          const visit = found(visits.find((one) => String(one.id) === ask.at[0]));
          mine(account, visit.patient_id);
          return { body: { data: visit } };
        },
      ],
      [
        'POST /api/visits/notes',
        (ask) => {
          const account = guarded(ask);
          const visit = found(visits.find((one) => one.id === Number(ask.body.visit_id)));
          mine(account, visit.patient_id);
          visit.notes = String(ask.body.notes);
          return { body: { data: visit } };
        },
      ],
      [
        'POST /api/visits/search',
        (ask) => {
          const account = guarded(ask);
          const wanted = Number((ask.body.filter as { patient_id?: unknown } | undefined)?.patient_id);
          mine(account, wanted);
          return { body: { data: visits.filter((one) => one.patient_id === wanted) } };
        },
      ],
      [
        'GET /api/records',
        (ask) => {
          const account = caller(ask);
          const wanted = Number(ask.headers['x-patient-id']);
          mine(account, wanted);
          const one = found(accounts.find(({ id }) => id === wanted));
          return { body: { data: { patient: one.name, phone: one.phone, blood: 'A' } } };
        },
      ],
      ['GET /api/invoices', (ask) => ({ body: { data: invoices.filter((one) => one.patient_id === caller(ask).id) } })],
      [
        'GET /api/invoices/show',
        (ask) => {
          const account = caller(ask);
          const invoice = found(invoices.find((one) => one.number === ask.query.get('number')));
          mine(account, invoice.patient_id);
          return { body: { data: invoice } };
        },
      ],
      [
        'GET /api/doctors',
        (ask) => {
          caller(ask);
          const size = Math.abs(Number(ask.query.get('per_page') ?? 2)) || 2;
          const rows = database.prepare('SELECT id, name FROM doctors WHERE hidden = 0').all() as object[];
          return {
            body: {
              data: secure
                ? rows.slice(0, Math.min(size, 50))
                : Array.from({ length: Math.min(size, 20_000) }, (_, index) => rows[index % rows.length]),
            },
          };
        },
      ],
      [
        'GET /api/doctors/:',
        (ask) => {
          caller(ask);
          const row = secure
            ? database.prepare('SELECT id, name FROM doctors WHERE hidden = 0 AND id = ?').get(Number(ask.at[0]))
            : database.prepare(`SELECT id, name FROM doctors WHERE hidden = 0 AND id = ${ask.at[0]}`).get();
          const { id, name } = found(row as { id: number; name: string } | undefined);
          return { body: { data: { id, name } } };
        },
      ],
      [
        'GET /api/staff/patients',
        (ask) => {
          const account = caller(ask);
          if (secure && !account.is_staff) fail(403, 'This action is unauthorized.');
          return { body: { data: accounts.map(profile) } };
        },
      ],
      [
        'GET /redirect',
        (ask) => {
          const to = ask.query.get('next') ?? '/home';
          if (secure && !/^\/\w/.test(to)) fail(400, 'next must be a path here');
          return { status: 302, headers: { location: to }, body: '' };
        },
      ],
      ...(secure
        ? []
        : ([
            ['GET /.env', () => ({ headers: { 'content-type': 'text/plain' }, body: 'APP_KEY=base64:AAAA\nDB_PASSWORD=clinic-db\n' })],
          ] as const)),
    ],
  });
}

const json = (properties: object) => ({ content: { 'application/json': { schema: { type: 'object', properties } } } });
const of = (value: string | number | boolean) => ({
  type: typeof value === 'string' ? 'string' : typeof value === 'number' ? 'integer' : 'boolean',
  example: value,
});
const parameter = (place: 'path' | 'query' | 'header', name: string, schema: object) => [{ name, in: place, required: true, schema }];
const security = [{ cookieAuth: [] }];

export const CLINIC_DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Clinic', version: '2' },
  components: { securitySchemes: { cookieAuth: { type: 'apiKey', in: 'cookie', name: 'clinic_session' } } },
  security,
  paths: {
    '/api/user': { get: {}, patch: { requestBody: json({ name: of('Vera') }) } },
    '/api/visits': { get: {} },
    '/api/visits/{visit}': { get: { parameters: parameter('path', 'visit', of(1)) } },
    '/api/visits/notes': { post: { requestBody: json({ visit_id: of(1), notes: of('ok') }) } },
    '/api/visits/search': { post: { requestBody: json({ filter: { type: 'object', properties: { patient_id: of(1) } } }) } },
    '/api/records': { get: { parameters: parameter('header', 'X-Patient-Id', of(1)) } },
    '/api/invoices': { get: {} },
    '/api/invoices/show': { get: { parameters: parameter('query', 'number', of('INV-1')) } },
    '/api/doctors': { get: { parameters: parameter('query', 'per_page', of(2)) } },
    '/api/doctors/{doctor}': { get: { parameters: parameter('path', 'doctor', of(1)) } },
    '/api/staff/patients': { get: {} },
    '/redirect': { get: { parameters: parameter('query', 'next', of('/home')), security: [] } },
  },
};
