import { createHash } from 'node:crypto';
import { type Application, type Ask, claimsOf, HARDENED, issueJwt, Refused, serve } from './server.js';

interface Driver {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly number: string;
  password: string;
  readonly role: 'ROLE_USER' | 'ROLE_MECHANIC' | 'ROLE_ADMIN';
  credit: number;
  readonly vehicle: string;
  picture: string;
  otp: string;
}

const uuid = (text: string) =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');

/**
 * A car workshop in the habits of large Java and Go services: several services below one host, camelCase, e-mail logins, UUIDs that leak from posts, ids in
 * the query, one-time codes, coupons in a document store, three roles. `secure` is the same without its flaws.
 */
export async function startGarage({ secure }: { readonly secure: boolean }): Promise<Application> {
  const secret = 'c57f2a9d-not-to-be-guessed-4be1-9c5e';
  const drivers: Driver[] = (['adam', 'pogba', 'robot', 'jhon', 'root'] as const).map((name, index) => ({
    id: index + 11,
    name,
    email: `${name}@example.com`,
    number: `98765${index}4321`,
    password: `${name}-Pass1!`,
    role: name === 'root' ? 'ROLE_ADMIN' : name === 'jhon' ? 'ROLE_MECHANIC' : 'ROLE_USER',
    credit: 100,
    vehicle: uuid(name),
    picture: '',
    otp: '4711',
  }));
  let nextId = 40;
  const orders = drivers.flatMap((driver) =>
    [0, 1].map((product) => ({
      id: nextId++,
      userId: driver.id,
      product_id: product + 1,
      quantity: 1,
      status: 'delivered',
      email: driver.email,
    })),
  );
  const reports = drivers.map((driver) => ({
    id: nextId++,
    vehicle: driver.vehicle,
    userId: driver.id,
    problem_details: `my car ${driver.name}`,
    status: 'pending',
    owner: { email: driver.email, number: driver.number },
  }));
  const videos = drivers.map((driver) => ({
    id: nextId++,
    userId: driver.id,
    video_name: `${driver.name}.mp4`,
    conversion_params: '-v codec h264',
  }));
  const posts = drivers
    .slice(0, 3)
    .map((driver, index) => ({ id: `post${index}${driver.name}`, title: `Title ${index + 1}`, content: 'Hello', driver }));
  const tries = new Map<string, number>();

  const fail = (status: number, message: string): never => {
    throw new Refused({ status, body: { message, status } });
  };
  const caller = (ask: Ask): Driver => {
    const token = /^Bearer (.+)$/.exec(ask.headers.authorization ?? '')?.[1];
    const claims = token === undefined ? null : claimsOf(token, secret, secure || !ask.path.startsWith('/identity/'));
    return (claims === null ? undefined : drivers.find((one) => one.email === claims.sub)) ?? fail(401, 'Invalid Token');
  };
  const only = (driver: Driver, ...roles: Driver['role'][]) => void (roles.includes(driver.role) || fail(403, 'You are not allowed'));
  const found = <T>(one: T | undefined): T => one ?? fail(404, 'No such object');
  const own = <T extends { readonly userId: number }>(driver: Driver, one: T | undefined): T => {
    const it = found(one);
    if (secure && it.userId !== driver.id && driver.role === 'ROLE_USER') fail(403, 'You are not allowed');
    return it;
  };
  const view = (post: (typeof posts)[number]) => ({
    id: post.id,
    title: post.title,
    content: post.content,
    author: secure
      ? { nickname: post.driver.name }
      : { nickname: post.driver.name, email: post.driver.email, vehicleid: post.driver.vehicle },
  });

  return serve({
    always: (ask) => ({
      ...(secure ? HARDENED : {}),
      ...(!secure && ask.headers.origin !== undefined
        ? { 'access-control-allow-origin': ask.headers.origin, 'access-control-allow-credentials': 'true' }
        : {}),
    }),
    broken: (error) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { message: 'error' } }
        : {
            status: 500,
            body: {
              timestamp: '2026-01-01T00:00:00Z',
              status: 500,
              error: 'Internal Server Error',
              trace: `java.lang.IllegalStateException: ${error.message}\n\tat com.garage.web.Controller.handle(Controller.java:57)\n\tat org.springframework.web.Servlet.service(Servlet.java:883)`,
            },
          },
    routes: [
      [
        'POST /identity/api/auth/login',
        (ask) => {
          const driver = drivers.find((one) => one.email === ask.body.email);
          const count = tries.get(String(ask.body.email)) ?? 0;
          if (secure && count >= 5)
            throw new Refused({ status: 429, headers: { 'retry-after': '60' }, body: { message: 'Too many attempts' } });
          if (driver === undefined || driver.password !== ask.body.password) {
            tries.set(String(ask.body.email), count + 1);
            return fail(
              401,
              secure ? 'Invalid credentials' : driver === undefined ? 'Given Email is not registered!' : 'Invalid Credentials',
            );
          }
          const nowS = Math.floor(Date.now() / 1000);
          return {
            body: { token: issueJwt({ sub: driver.email, role: driver.role, iat: nowS, exp: nowS + 3600 }, secret), type: 'Bearer' },
          };
        },
      ],
      [
        'POST /identity/api/auth/v2/check-otp',
        (ask) => {
          const driver = drivers.find((one) => one.email === ask.body.email);
          const count = (tries.get(`otp ${ask.body.email}`) ?? 0) + 1;
          tries.set(`otp ${ask.body.email}`, count);
          if (secure && count > 5) fail(503, 'ERROR..Maximum attempts reached');
          if (driver === undefined || ask.body.otp !== driver.otp) return fail(500, 'Invalid OTP! Please try again..');
          driver.password = String(ask.body.password);
          return { body: { message: 'OTP verified', status: 200 } };
        },
      ],
      [
        'GET /identity/api/v2/user/dashboard',
        (ask) => {
          const { id, name, email, number, role, credit } = caller(ask);
          return { body: { id, name, email, number, role, available_credit: credit } };
        },
      ],
      ['GET /identity/api/v2/vehicle/vehicles', (ask) => ({ body: [{ uuid: caller(ask).vehicle, year: 2019, model: { model: 'MX-5' } }] })],
      [
        'GET /identity/api/v2/vehicle/:/location',
        (ask) => {
          const driver = caller(ask);
          const owner = found(drivers.find((one) => one.vehicle === ask.at[0]));
          if (secure && owner !== driver) fail(403, 'You are not allowed');
          return { body: { carId: owner.vehicle, vehicleLocation: { latitude: '32.7', longitude: '-96.8' }, fullName: owner.name } };
        },
      ],
      [
        'GET /identity/api/v2/user/videos',
        (ask) => ({ body: videos.filter((one) => one.userId === caller(ask).id).map(({ id, video_name }) => ({ id, video_name })) }),
      ],
      [
        'GET /identity/api/v2/user/videos/:',
        (ask) => {
          const { id, video_name, conversion_params } = own(
            caller(ask),
            videos.find((one) => String(one.id) === ask.at[0]),
          );
          return { body: secure ? { id, video_name } : { id, video_name, conversion_params } };
        },
      ],
      [
        'PUT /identity/api/v2/user/videos/:',
        (ask) => {
          const video = own(
            caller(ask),
            videos.find((one) => String(one.id) === ask.at[0]),
          );
          if (typeof ask.body.videoName === 'string') video.video_name = ask.body.videoName;
          if (!secure && typeof ask.body.conversion_params === 'string') video.conversion_params = ask.body.conversion_params;
          return {
            body: secure
              ? { id: video.id, video_name: video.video_name }
              : { id: video.id, video_name: video.video_name, conversion_params: video.conversion_params },
          };
        },
      ],
      [
        'DELETE /identity/api/v2/admin/videos/:',
        (ask) => {
          const driver = caller(ask);
          if (secure) only(driver, 'ROLE_ADMIN');
          const video = found(videos.find((one) => String(one.id) === ask.at[0]));
          videos.splice(videos.indexOf(video), 1);
          return { body: { message: 'User video deleted successfully.', status: 200 } };
        },
      ],
      [
        'GET /community/api/v2/community/posts/recent',
        (ask) => {
          caller(ask);
          return { body: { posts: posts.map(view), total: posts.length } };
        },
      ],
      [
        'GET /community/api/v2/community/posts/:',
        (ask) => {
          caller(ask);
          return { body: view(found(posts.find((one) => one.id === ask.at[0]))) };
        },
      ],
      [
        'POST /community/api/v2/coupon/validate-coupon',
        (ask) => {
          caller(ask);
          const { coupon_code } = ask.body;
          if (secure && typeof coupon_code !== 'string') fail(400, 'coupon_code must be a text');
          const operators = typeof coupon_code === 'object' && coupon_code !== null ? Object.keys(coupon_code) : [];
          if (operators.some((one) => !['$ne', '$gt', '$regex', '$exists', '$in'].includes(one))) throw new Error('unknown operator');
          const isOperator = operators.length > 0;
          return coupon_code === 'TRAC075' || isOperator
            ? { body: { coupon_code: 'TRAC075', amount: '75' } }
            : fail(404, 'coupon not found');
        },
      ],
      [
        'GET /workshop/api/shop/products',
        (ask) => {
          caller(ask);
          return {
            body: {
              products: [
                { id: 1, name: 'Seat', price: '10.00' },
                { id: 2, name: 'Wheel', price: '10.00' },
              ],
            },
          };
        },
      ],
      ['GET /workshop/api/shop/orders/all', (ask) => ({ body: { orders: orders.filter((one) => one.userId === caller(ask).id) } })],
      [
        'GET /workshop/api/shop/orders/:',
        (ask) => {
          if (secure)
            return {
              body: {
                order: own(
                  caller(ask),
                  orders.find((one) => String(one.id) === ask.at[0]),
                ),
              },
            };
          return { body: { order: found(orders.find((one) => String(one.id) === ask.at[0])) } };
        },
      ],
      [
        'POST /workshop/api/shop/orders',
        (ask) => {
          const driver = caller(ask);
          const quantity = Number(ask.body.quantity);
          if (secure && !(Number.isInteger(quantity) && quantity > 0)) fail(400, 'quantity');
          driver.credit -= quantity * 10;
          const order = {
            id: nextId++,
            userId: driver.id,
            product_id: Number(ask.body.product_id),
            quantity,
            status: 'delivered',
            email: driver.email,
          };
          orders.push(order);
          return { body: { message: 'Order sent successfully.', id: order.id, credit: driver.credit } };
        },
      ],
      [
        'PUT /workshop/api/shop/orders/:',
        (ask) => {
          const order = own(
            caller(ask),
            orders.find((one) => String(one.id) === ask.at[0]),
          );
          if (secure && !(Number.isInteger(ask.body.quantity) && Number(ask.body.quantity) > 0)) fail(400, 'quantity');
          if (Number(ask.body.quantity) > 0) order.quantity = Number(ask.body.quantity);
          if (!secure && typeof ask.body.status === 'string') order.status = ask.body.status;
          return { body: { order } };
        },
      ],
      [
        'GET /workshop/api/mechanic/mechanic_report',
        (ask) => {
          const { id, problem_details, status, owner } = own(
            caller(ask),
            reports.find((one) => String(one.id) === ask.query.get('report_id')),
          );
          return { body: { id, problem_details, status, vehicle: { owner } } };
        },
      ],
      [
        'GET /workshop/api/mechanic/my_reports',
        (ask) => ({
          body: { reports: reports.filter((one) => one.userId === caller(ask).id).map(({ id, status }) => ({ report_id: id, status })) },
        }),
      ],
      [
        'GET /workshop/api/mechanic/service_requests',
        (ask) => {
          const driver = caller(ask);
          if (secure) only(driver, 'ROLE_MECHANIC', 'ROLE_ADMIN');
          return { body: { service_requests: reports.map(({ id, status, vehicle }) => ({ id, status, vehicle })) } };
        },
      ],
      [
        'GET /workshop/api/management/users/all',
        (ask) => {
          const driver = caller(ask);
          if (secure) only(driver, 'ROLE_ADMIN');
          return { body: { users: drivers.map(({ email, number, credit }) => ({ email, number, available_credit: credit })) } };
        },
      ],
      [
        'POST /workshop/api/merchant/contact_mechanic',
        async (ask) => {
          caller(ask);
          const address = String(ask.body.mechanic_api);
          if (secure || !URL.canParse(address)) fail(400, 'mechanic_api must be one of ours');
          const answer = await fetch(address, { signal: AbortSignal.timeout(1500) }).catch(() => null);
          return answer === null
            ? fail(503, 'Could not connect to mechanic api.')
            : { body: { response_from_mechanic_api: (await answer.text()).slice(0, 500) } };
        },
      ],
    ],
  });
}

const json = (properties: object) => ({ content: { 'application/json': { schema: { type: 'object', properties } } } });
const of = (value: string | number) => ({ type: typeof value === 'string' ? 'string' : 'integer', example: value });
const parameter = (place: 'path' | 'query', name: string, schema: object) => [{ name, in: place, required: true, schema }];
const security = [{ bearerAuth: [] }];

export const GARAGE_DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'Garage', version: '1' },
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/identity/api/auth/login': { post: { requestBody: json({ email: of('test@example.com'), password: of('Test!123') }) } },
    '/identity/api/auth/v2/check-otp': {
      post: { requestBody: json({ email: of('test@example.com'), otp: of('9969'), password: of('Test!1234') }) },
    },
    '/identity/api/v2/user/dashboard': { get: { security } },
    '/identity/api/v2/vehicle/vehicles': { get: { security } },
    '/identity/api/v2/vehicle/{vehicleId}/location': {
      get: {
        parameters: parameter('path', 'vehicleId', { type: 'string', format: 'uuid', example: '1929186d-8b67-4163-a208-de52a41f7301' }),
        security,
      },
    },
    '/identity/api/v2/user/videos': { get: { security } },
    '/identity/api/v2/user/videos/{video_id}': {
      get: { parameters: parameter('path', 'video_id', of(1)), security },
      put: { parameters: parameter('path', 'video_id', of(1)), requestBody: json({ videoName: of('string') }), security },
    },
    '/identity/api/v2/admin/videos/{video_id}': { delete: { parameters: parameter('path', 'video_id', of(12345)), security } },
    '/community/api/v2/community/posts/recent': { get: { security } },
    '/community/api/v2/community/posts/{postId}': {
      get: { parameters: parameter('path', 'postId', of('tiSTSUzh4BwtvYSLWPsqu9')), security },
    },
    '/community/api/v2/coupon/validate-coupon': { post: { requestBody: json({ coupon_code: of('TRAC075') }), security } },
    '/workshop/api/shop/products': { get: { security } },
    '/workshop/api/shop/orders/all': { get: { security } },
    '/workshop/api/shop/orders': { post: { requestBody: json({ product_id: of(1), quantity: of(1) }), security } },
    '/workshop/api/shop/orders/{order_id}': {
      get: { parameters: parameter('path', 'order_id', of(1)), security },
      put: { parameters: parameter('path', 'order_id', of(1)), requestBody: json({ product_id: of(1), quantity: of(1) }), security },
    },
    '/workshop/api/mechanic/my_reports': { get: { security } },
    '/workshop/api/mechanic/mechanic_report': { get: { parameters: parameter('query', 'report_id', of(2)), security } },
    '/workshop/api/mechanic/service_requests': { get: { security } },
    '/workshop/api/management/users/all': { get: { security } },
    '/workshop/api/merchant/contact_mechanic': {
      post: {
        requestBody: json({
          mechanic_api: of('http://localhost:8000/workshop/api/mechanic/receive_report'),
          problem_details: of('Hi Jhon'),
        }),
        security,
      },
    },
  },
};
