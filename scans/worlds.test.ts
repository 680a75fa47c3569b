import t, { type Test } from 'tap';
import { readLibrary } from './library.js';
import { endpointsOfOpenApi } from './run/endpoints.js';
import type { AuthContext } from './run/identities.js';
import { DEFAULT_LIMITS, performScan } from './run/scan.js';
import { BOOKS_DOCUMENT, startBooks } from './testing/books.js';
import { CLINIC_DOCUMENT, startClinic } from './testing/clinic.js';
import { GARAGE_DOCUMENT, startGarage } from './testing/garage.js';
import type { Application } from './testing/server.js';

/** Test ids that may find it, and the endpoint where; no endpoint: anywhere. */
type Flaw = readonly [what: string, tests: RegExp, endpoint?: string];

interface World {
  readonly start: (options: { readonly secure: boolean }) => Promise<Application>;
  readonly document: object;
  readonly people: readonly AuthContext[];
  readonly flaws: readonly Flaw[];
}

const login = (name: string, path: string, body: object, role = 'user'): AuthContext => ({
  name,
  role,
  kind: 'login',
  config: { path, body: JSON.stringify(body) },
});

const WORLDS: { readonly [name: string]: World } = {
  books: {
    // Tokens that end in the middle of the scan, as those of small services do.
    start: (options) => startBooks({ ...options, tokenSeconds: 6 }),
    document: BOOKS_DOCUMENT,
    people: ['name1', 'name2'].map((username, index) => login(username, '/users/v1/login', { username, password: `pass${index + 1}` })),
    flaws: [
      ["another reader's secret", /^bola-read-object$/, 'GET /books/v1/{book_title}'],
      ["another user's password is set", /^bola-change-object$/, 'PUT /users/v1/{username}/password'],
      ['everything of everybody on a debug route', /^data-secrets-in-answer$/, 'GET /users/v1/_debug'],
      ['… without credentials', /^auth-sensitive-without-credentials$/, 'GET /users/v1/_debug'],
      ['a guessable signing secret', /^jwt-weak-secret$/],
      ['no limit on logins', /^auth-guess-passwords$/, 'POST /users/v1/login'],
      ['a login that tells who exists', /^auth-user-enumeration$/, 'POST /users/v1/login'],
      ['admin by registration', /^mass-assignment-register/, 'POST /users/v1/register'],
      ['SQL in the path, by its error', /^sql-error-path$/, 'GET /users/v1/{username}'],
      ['SQL in the path, by conditions', /^sql-boolean-path-text$/, 'GET /users/v1/{username}'],
      ['a pattern that explodes', /^redos-body$/, 'PUT /users/v1/{username}/email'],
      ['the debugger', /^error-stack-/],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
  garage: {
    start: startGarage,
    document: GARAGE_DOCUMENT,
    people: [
      ...['adam', 'pogba'].map((name) =>
        login(name, '/identity/api/auth/login', { email: `${name}@example.com`, password: `${name}-Pass1!` }),
      ),
      login('root', '/identity/api/auth/login', { email: 'root@example.com', password: 'root-Pass1!' }, 'admin'),
    ],
    flaws: [
      ["where another's car is", /^bola-read-object$/, 'GET /identity/api/v2/vehicle/{vehicleId}/location'],
      ["another's report, by a query", /^bola-read-object$/, 'GET /workshop/api/mechanic/mechanic_report'],
      ["another's video", /^bola-read-object$/, 'GET /identity/api/v2/user/videos/{video_id}'],
      ['… and its name', /^bola-change-object$/, 'PUT /identity/api/v2/user/videos/{video_id}'],
      ["another's order", /^bola-read-object$/, 'GET /workshop/api/shop/orders/{order_id}'],
      ['… changed', /^bola-change-object$/, 'PUT /workshop/api/shop/orders/{order_id}'],
      ['… without credentials', /^auth-(own-object-without-credentials|documented-but-open)$/, 'GET /workshop/api/shop/orders/{order_id}'],
      ['signatures of tokens are not checked', /^jwt-invalid-signature$/],
      ['one-time codes can be tried', /^auth-guess-codes$/, 'POST /identity/api/auth/v2/check-otp'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /identity/api/auth/login'],
      ['a login that tells who exists', /^auth-user-enumeration$/],
      ['vehicles and addresses of authors', /^data-of-others$/, 'GET /community/api/v2/community/posts/recent'],
      ['all users to any user', /^bfla-admin-path-as-user$/, 'GET /workshop/api/management/users/all'],
      ['a delete for administrators', /^bfla-delete-reachable$/, 'DELETE /identity/api/v2/admin/videos/{video_id}'],
      ['status set by the client', /^mass-assignment-/, 'PUT /workshop/api/shop/orders/{order_id}'],
      ['an internal parameter set by the client', /^mass-assignment-texts$/, 'PUT /identity/api/v2/user/videos/{video_id}'],
      ['a negative order pays out', /^flow-negative-/, 'POST /workshop/api/shop/orders'],
      ['any address is fetched', /^ssrf-body$/, 'POST /workshop/api/merchant/contact_mechanic'],
      ['an operator for a coupon', /^nosql-operator-body$/, 'POST /community/api/v2/coupon/validate-coupon'],
      ['any origin', /^cors-any-origin$/],
      ['stack traces', /^error-stack-/],
    ],
  },
  clinic: {
    start: startClinic,
    document: CLINIC_DOCUMENT,
    people: ['vera', 'walt'].map((name) => ({
      name,
      role: 'user',
      kind: 'form',
      config: { path: '/login', username: `${name}@clinic.test`, password: `${name}-secret` },
    })),
    flaws: [
      ["another's visit", /^bola-read-object$/, 'GET /api/visits/{visit}'],
      ["another's invoice, by its number", /^bola-read-object$/, 'GET /api/invoices/show'],
      ["notes in another's visit, by the body", /^bola-object-in-body$/, 'POST /api/visits/notes'],
      ["another's visits, by a nested id", /^bola-object-in-body$/, 'POST /api/visits/search'],
      ["another's record, by a header", /^bola-object-in-header$/, 'GET /api/records'],
      ['all patients to any patient', /^data-of-others$/, 'GET /api/staff/patients'],
      ['staff by a profile change', /^mass-assignment-flags$/, 'PATCH /api/user'],
      ['SQL in a number of the path', /^sql-(error-path|boolean-path-number)$/, 'GET /api/doctors/{doctor}'],
      ['pages of any size', /^rate-page-size$/, 'GET /api/doctors'],
      ['redirects anywhere', /^open-redirect$/, 'GET /redirect'],
      ['the file with the settings', /^files-env$/],
      ['errors with file and trace', /^error-stack-/],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
};

async function findings(t: Test, { start, document, people }: World, secure: boolean) {
  const application = await start({ secure });
  t.teardown(() => application.close());
  const tests = (await readLibrary()).flatMap(({ definition }) => (definition === null ? [] : [definition]));
  const outcome = await performScan({
    targetUrl: application.url,
    service: 'world',
    allowHosts: [],
    endpoints: endpointsOfOpenApi(JSON.stringify(document), 'world'),
    authContexts: people,
    tests,
    intrusive: true,
    limits: { ...DEFAULT_LIMITS, requestsPerSecond: 1_000 },
    callback: { host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' },
  });
  t.ok(outcome.complete);
  t.strictSame(outcome.problems, []);
  const found = outcome.results.filter(({ verdict }) => verdict === 'vulnerable');
  return found.map(({ test, sample }) => ({ test: test.id, endpoint: `${sample.request.method} ${sample.template}` }));
}

for (const [name, world] of Object.entries(WORLDS)) {
  t.test(`${name}: every flaw is found`, async (t) => {
    const found = await findings(t, world, false);
    for (const [what, tests, endpoint] of world.flaws)
      t.ok(
        found.some((one) => tests.test(one.test) && (endpoint === undefined || one.endpoint === endpoint)),
        what,
      );
  });
  t.test(`${name}: nothing is found in the same application without its flaws`, async (t) => {
    t.strictSame(await findings(t, world, true), []);
  });
}
