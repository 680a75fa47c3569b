import t, { type Test } from 'tap';
import { readLibrary } from './library.js';
import { endpointsOfOpenApi, type KnownEndpoint } from './run/endpoints.js';
import { endpointsOfHar } from './run/har.js';
import type { AuthContext } from './run/identities.js';
import { DEFAULT_LIMITS, performScan } from './run/scan.js';
import { BOARD_DOCUMENT, BOARD_PEOPLE, startBoard } from './testing/board.js';
import { BOOKS_DOCUMENT, startBooks } from './testing/books.js';
import { CLINIC_DOCUMENT, startClinic } from './testing/clinic.js';
import { DESK_DOCUMENT, DESK_PEOPLE, startDesk } from './testing/desk.js';
import { DINER_DOCUMENT, DINER_PEOPLE, startDiner } from './testing/diner.js';
import { GARAGE_DOCUMENT, startGarage } from './testing/garage.js';
import { KIOSK_DOCUMENT, KIOSK_PEOPLE, startKiosk } from './testing/kiosk.js';
import { LEDGER_HAR, LEDGER_PEOPLE, startLedger } from './testing/ledger.js';
import { PARCEL_DOCUMENT, PARCEL_PEOPLE, startParcel } from './testing/parcel.js';
import { PRESS_DOCUMENT, PRESS_PEOPLE, startPress } from './testing/press.js';
import type { Application } from './testing/server.js';

/** Test ids that may find it, and the endpoint where; no endpoint: anywhere. */
type Flaw = readonly [what: string, tests: RegExp, endpoint?: string];

interface World {
  readonly start: (options: { readonly secure: boolean }) => Promise<Application>;
  /** What a stranger has: a document, or what a browser recorded. */
  readonly endpoints: (url: string) => readonly KnownEndpoint[] | Promise<readonly KnownEndpoint[]>;
  readonly people: readonly AuthContext[];
  readonly flaws: readonly Flaw[];
}

const login = (name: string, path: string, body: object, role = 'user'): AuthContext => ({
  name,
  role,
  kind: 'login',
  config: { path, body: JSON.stringify(body) },
});

const described = (document: object) => () => endpointsOfOpenApi(JSON.stringify(document), 'world');

// Scans wait most of the time: for callbacks, and for answers that might be slow.
t.jobs = 4;
/** `WORLD=diner,board npx tap scans/worlds.test.ts` scans these alone. */
const only = process.env.WORLD?.split(',') ?? null;
const WORLDS: { readonly [name: string]: World } = {
  books: {
    // Tokens that end in the middle of the scan, as those of small services do.
    start: (options) => startBooks({ ...options, tokenSeconds: 6 }),
    endpoints: described(BOOKS_DOCUMENT),
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
    endpoints: described(GARAGE_DOCUMENT),
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
    endpoints: described(CLINIC_DOCUMENT),
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
  diner: {
    start: startDiner,
    endpoints: described(DINER_DOCUMENT),
    people: DINER_PEOPLE,
    flaws: [
      ["another's order", /^bola-read-object$/, 'GET /orders/{order_id}'],
      ['the public key is a secret too', /^jwt-key-confusion$/],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /token'],
      ['a login that tells who exists', /^auth-user-enumeration$/, 'POST /token'],
      ['a recovery that tells who exists', /^auth-user-enumeration-recovery$/, 'POST /reset-password'],
      ['codes of a recovery can be tried', /^auth-guess-codes$/, 'POST /reset-password/new-password'],
      ['a delete without credentials', /^auth-(delete-reachable|change)-without-credentials$/, 'DELETE /menu/{item_id}'],
      ['a role set by oneself', /^mass-assignment-role$/, 'PATCH /profile'],
      ["anybody's role is set", /^(mass-assignment-role|bola-object-in-body)$/, 'PUT /users/update_role'],
      ['a function for staff', /^bfla-admin-path-as-user$/, 'GET /admin/stats/disk'],
      ['commands in a parameter', /^command-query$/, 'GET /admin/stats/disk'],
      ['SQL, without a word in the error', /^sql-boolean-query$/, 'GET /search'],
      ['files by any path', /^path-traversal-path$/, 'GET /files/{file_name}'],
      ['any address is fetched', /^ssrf-body$/, 'PUT /menu'],
      ['files by XML', /^xxe-file$/, 'POST /import'],
      ['negative quantities in a list', /^flow-negative-amount$/, 'POST /orders'],
      ['the answer as a script', /^jsonp-callback$/, 'GET /whoami'],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
  board: {
    start: startBoard,
    endpoints: described(BOARD_DOCUMENT),
    people: BOARD_PEOPLE,
    flaws: [
      ["another's project", /^bola-read-object$/, 'GET /api/v2/projects/{project_id}'],
      ["another's invoice, known by its link alone", /^bola-read-object$/, 'GET /api/v2/invoices/{invoice}'],
      ["another's report, by a name of a file", /^bola-read-object$/, 'GET /api/v2/exports/report-{report_number}.csv'],
      ["another's task is changed", /^bola-change-object$/, 'PATCH /api/v2/projects/{project_id}/tasks/{task_id}'],
      ["another's project is deleted", /^bola-delete-object$/, 'DELETE /api/v2/projects/{project_id}'],
      ["another's tasks, in a list of ids", /^bola-object-in-body$/, 'POST /api/v2/tasks/bulk-archive'],
      ["another's projects, by a filter", /^bola-(list-by-user-parameter|read-object)$/, 'GET /api/v2/search'],
      ['the old version asks nobody', /^inventory-old-v1$/, 'GET /api/v2/projects/{project_id}'],
      ['a header gives a role', /^bfla-role-in-header$/, 'GET /api/v2/admin/stats'],
      ['hashes of passwords in a list', /^data-secrets-in-answer$/, 'GET /api/v2/members'],
      ['a password without the present one', /^auth-password-change-without-present$/, 'PUT /api/v2/members/me/password'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /api/v2/sessions'],
      ['any address is called, without an answer', /^ssrf-body$/, 'POST /api/v2/webhooks'],
      ['templates in a parameter', /^template-query$/, 'GET /api/v2/greeting'],
      ['errors with traces', /^error-stack-/],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
  desk: {
    start: startDesk,
    endpoints: described(DESK_DOCUMENT),
    people: DESK_PEOPLE,
    flaws: [
      ["another's order, by a POST that reads", /^bola-object-in-body$/, 'POST /rpc/order.get'],
      ["another's order is cancelled", /^bola-object-in-body$/, 'POST /rpc/order.cancel'],
      ['another user, by a query', /^bola-read-object$/, 'GET /rpc/user.get'],
      ['a guessable secret of the cookie', /^jwt-weak-secret$/],
      ['an administrator by a profile change', /^mass-assignment-(flags|isadmin)$/, 'POST /rpc/profile.update'],
      ['a wallet set by oneself', /^mass-assignment-numbers$/, 'POST /rpc/profile.update'],
      ['a negative order', /^flow-negative-amount$/, 'POST /rpc/order.create'],
      ['an operator for an owner', /^nosql-operator-body$/, 'POST /rpc/note.search'],
      ['commands in a host', /^command-body$/, 'POST /rpc/ping'],
      ['files by any path', /^path-traversal-query$/, 'GET /rpc/report.download'],
      ['any address is fetched', /^ssrf-body$/, 'PUT /rpc/avatar'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /rpc/login'],
      ['errors with traces', /^error-stack-/],
    ],
  },
  kiosk: {
    start: startKiosk,
    endpoints: described(KIOSK_DOCUMENT),
    people: KIOSK_PEOPLE,
    flaws: [
      ["another's ticket", /^bola-read-object$/, 'GET /api/v2/tickets/{id}.json'],
      ['… changed', /^bola-change-object$/, 'PUT /api/v2/tickets/{id}.json'],
      ['… deleted', /^bola-delete-object$/, 'DELETE /api/v2/tickets/{id}.json'],
      ['… and what was said of it', /^bola-read-object$/, 'GET /api/v2/tickets/{ticket_id}/comments.json'],
      ["another's tickets, in a list of ids", /^bola-object-in-body$/, 'POST /api/v2/tickets/bulk_show.json'],
      ["another's contract, by a query", /^bola-read-object$/, 'GET /api/v2/documents/download'],
      ["another's invoices, by a header", /^bola-object-in-header$/, 'GET /api/v2/usage.json'],
      ['the old version asks nobody', /^inventory-old-v1$/, 'GET /api/v2/tickets/{id}.json'],
      ['an administrator by a form with brackets', /^mass-assignment-(admin|flags)$/, 'PUT /api/v2/profile.json'],
      ['the number of a role by registration', /^mass-assignment-register-role-number$/, 'POST /api/v2/users.json'],
      ['a state set by the client', /^mass-assignment-/, 'PUT /api/v2/tickets/{id}.json'],
      ['hashes of passwords in a list', /^data-secrets-in-answer$/, 'GET /api/v2/agents.json'],
      ['the token of a recovery in the answer', /^auth-recovery-code-in-answer$/, 'POST /api/v2/passwords.json'],
      ['a recovery that tells who exists', /^auth-user-enumeration-recovery$/, 'POST /api/v2/passwords.json'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /api/v2/users/sign_in.json'],
      ['a login that tells who exists', /^auth-user-enumeration$/, 'POST /api/v2/users/sign_in.json'],
      ['a token that outlives the logout', /^auth-token-after-logout$/],
      ['a function for administrators, without credentials', /^auth-admin-without-credentials$/, 'GET /api/v2/admin/users.json'],
      ['SQL in a filter with brackets, without an error', /^sql-boolean-query$/, 'GET /api/v2/solutions.json'],
      ['files by any path', /^path-traversal-query$/, 'GET /api/v2/attachments'],
      ['commands in the name of a file', /^command-body$/, 'POST /api/v2/thumbnails.json'],
      ['any origin', /^cors-any-origin$/],
      ['traces', /^error-stack-/],
    ],
  },
  parcel: {
    start: startParcel,
    endpoints: described(PARCEL_DOCUMENT),
    people: PARCEL_PEOPLE,
    flaws: [
      ["another's parcel", /^bola-read-object$/, 'GET /api/v1/parcels/{uuid}/'],
      ['… changed', /^bola-change-object$/, 'PATCH /api/v1/parcels/{uuid}/'],
      ['… handed over', /^bola-act-on-object$/, 'POST /api/v1/parcels/{uuid}/handover/'],
      ['… by its number', /^bola-read-object$/, 'GET /api/v1/tracking/'],
      ['… by its address in a body', /^bola-object-in-body$/, 'POST /api/v1/claims/'],
      ['another customer', /^(bola-read-object|bola-object-of-somebody|data-of-others)$/, 'GET /api/v1/customers/{id}/'],
      ["another's address is deleted", /^bola-delete-object$/, 'DELETE /api/v1/addresses/{id}/'],
      ["another company's bank account, by a header", /^bola-object-in-header$/, 'GET /api/v1/billing/'],
      ['all customers to any customer', /^data-of-others$/, 'GET /api/v1/customers/'],
      ['staff by a change of the profile', /^mass-assignment-flags$/, 'PATCH /api/v1/customers/me/'],
      ['a status set by the client', /^mass-assignment-/, 'PATCH /api/v1/parcels/{uuid}/'],
      ['a password without the present one', /^auth-password-change-/, 'POST /api/v1/customers/me/password/'],
      ['a function for staff', /^bfla-admin-path-as-user$/, 'GET /api/v1/staff/audit/'],
      ['a negative number of pieces', /^flow-negative-amount$/, 'POST /api/v1/parcels/'],
      ['pages of any size', /^rate-page-size$/],
      ['SQL in an order', /^sql-/, 'GET /api/v1/rates/'],
      ['templates in a text', /^template-body$/, 'POST /api/v1/labels/preview/'],
      ['any address is called', /^ssrf-body$/, 'POST /api/v1/webhooks/'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /accounts/login/'],
      ['cookies for scripts', /^cookie-without-protection$/],
      ['pages of the debugger', /^error-stack-/],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
  press: {
    start: startPress,
    endpoints: described(PRESS_DOCUMENT),
    people: PRESS_PEOPLE,
    flaws: [
      ["another's note", /^bola-read-object$/, 'GET /api/notes/{noteId}'],
      ["another's article is changed", /^bola-change-object$/, 'PUT /api/articles/{slug}'],
      ["another's phrase, by the name", /^bola-read-object$/, 'GET /api/passphrases/{username}'],
      ["another's cart, one of many things with the same number", /^bola-read-object$/, 'GET /api/carts/{id}'],
      ["another's cart is bought", /^bola-act-on-object$/, 'POST /api/carts/{id}/checkout'],
      ['in the name of another', /^bola-owner-in-body$/, 'POST /api/feedback'],
      ['an administrator by a wrapped profile', /^mass-assignment-(admin|flags)$/, 'PUT /api/user'],
      ['an administrator by registration', /^mass-assignment-register$/, 'POST /api/users'],
      ['points by registration', /^mass-assignment-register-numbers$/, 'POST /api/users'],
      ['a password without the present one, by an address', /^auth-password-change-present-unchecked-query$/, 'GET /api/user/password'],
      ['an operator for a name', /^nosql-operator-body$/, 'POST /api/notes/search'],
      ['a command behind an allowed one', /^command-body$/, 'POST /api/uptime'],
      ['any address is fetched', /^ssrf-body$/, 'PUT /api/user'],
      ['redirects to what contains a good address', /^open-redirect-lookalike$/, 'GET /api/go'],
      ['a folder that lists its files', /^files-listing$/],
    ],
  },
  ledger: {
    start: startLedger,
    endpoints: async (url) => endpointsOfHar(JSON.stringify(await LEDGER_HAR(url)), 'world'),
    people: LEDGER_PEOPLE,
    flaws: [
      ["another's account, by a short hash", /^bola-read-object$/, 'GET /api/accounts/{ref}'],
      ['… and its label', /^bola-change-object$/, 'PATCH /api/accounts/{ref}'],
      ["another's statement below an own account", /^bola-nested-object$/, 'GET /api/accounts/{ref}/statements/{id}'],
      ["another's paper, by a token", /^bola-read-object$/, 'GET /api/papers/view'],
      ["another company's settings, by a header", /^bola-object-in-header$/, 'GET /api/company/settings'],
      ["another's money, by a cookie", /^bola-id-in-cookie$/, 'GET /api/dashboard'],
      ["a transfer from another's account", /^bola-object-in-body$/, 'POST /api/transfers'],
      ['a negative transfer', /^flow-negative-amount$/, 'POST /api/transfers'],
      ["another's payee is deleted", /^bola-delete-object$/, 'DELETE /api/payees/{id}'],
      ['a limit set by oneself', /^mass-assignment-numbers$/, 'PUT /api/me/preferences'],
      ['a function for administrators', /^bfla-admin-path-as-user$/, 'GET /api/admin/audit'],
      ['passwords can be tried', /^auth-guess-passwords$/, 'POST /api/auth/session'],
      ['a login that tells who exists, and repeats the name', /^auth-user-enumeration$/, 'POST /api/auth/session'],
      ['a session that outlives the logout', /^auth-token-after-logout$/],
      ['cookies for scripts', /^cookie-without-protection$/],
      ['any origin', /^cors-any-origin$/],
      ['stack traces', /^error-stack-/],
      ['the environment', /^files-actuator$/],
      ['the version of the server', /^header-version-disclosed$/],
    ],
  },
};

const library = readLibrary();

async function verdicts(t: Test, { start, endpoints, people }: World, secure: boolean) {
  const application = await start({ secure });
  t.teardown(() => application.close());
  const tests = (await library).flatMap(({ definition }) => (definition === null ? [] : [definition]));
  const outcome = await performScan({
    targetUrl: application.url,
    service: 'world',
    allowHosts: [],
    endpoints: await endpoints(application.url),
    authContexts: people,
    tests,
    intrusive: true,
    limits: { ...DEFAULT_LIMITS, requestsPerSecond: 1_000 },
    callback: { host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' },
  });
  t.ok(outcome.complete);
  t.strictSame(outcome.problems, []);
  return outcome.results.map(({ test, sample, verdict, explanation }) => ({
    test: test.id,
    endpoint: `${sample.request.method} ${sample.template}`,
    verdict,
    explanation,
  }));
}

for (const [name, world] of Object.entries(WORLDS)) {
  if (only !== null && !only.includes(name)) continue;
  // One after the other: both applications live in this process, and the slow answers of one would keep time with the questions to the other.
  t.test(name, async (t) => {
    await t.test('every flaw is found', async (t) => {
      const all = await verdicts(t, world, false);
      for (const [what, tests, endpoint] of world.flaws) {
        const asked = all.filter((one) => tests.test(one.test) && (endpoint === undefined || one.endpoint === endpoint));
        t.ok(
          asked.some(({ verdict }) => verdict === 'vulnerable'),
          what,
          { asked },
        );
      }
    });
    await t.test('nothing is found in the same application without its flaws', async (t) => {
      const all = await verdicts(t, world, true);
      t.strictSame(
        all.filter(({ verdict }) => verdict === 'vulnerable'),
        [],
      );
    });
  });
}
