import { z } from 'zod';
import { duration, oneOrMany, range, sizeRange, text, texts, valueTests } from './value-tests.js';

const named = (what: string) =>
  z.union([
    text.describe(`Name of the ${what}; the condition is that it is there.`),
    z.strictObject({ name: texts.describe(`Name of the ${what}, or a glob with *; names of headers ignore case.`), ...valueTests }),
  ]);

export const ATTACK_CLASSES = [
  'sql',
  'nosql',
  'command',
  'path-traversal',
  'ssrf',
  'xxe',
  'template',
  'xss',
  'ldap',
  'crlf',
  'lookup',
  'prototype-pollution',
  'deserialisation',
  'other',
] as const;
export const BODY_PROBLEMS = [
  'invalid',
  'too-deep',
  'too-big',
  'duplicate-keys',
  'bad-encoding',
  'unsupported-encoding',
  'invalid-utf8',
  'wrong-charset',
  'truncated',
] as const;
export const RELATIONS = ['own', 'granted', 'listed', 'group', 'public', 'privileged', 'foreign', 'enumeration', 'unknown'] as const;
export const RATE_KEYS = ['client', 'principal', 'actor', 'service', 'endpoint', 'host', 'path', 'method', 'status'] as const;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const status = z.union([
  z.number().int().min(100).max(599),
  z.string().regex(/^(?:[1-5]xx|\d{3}(?:-\d{3})?)$/, 'not a status such as 404, 5xx, 400-404'),
]);

/** Facts about an exchange that need no body. `match` and `when` share them. */
export const facts = {
  service: texts.optional().describe('Name of the service, or a glob.'),
  host: texts.optional().describe('Host of the request, or a glob such as *.example.com.'),
  path: texts
    .optional()
    .describe(
      'Path template or glob: /users/{id}, /users/*/orders, /admin/**. {x} and * stand for one segment, ** for any number. A path that servers read in several ways (/%61, //, /../, ;x) matches in any of them; an exception must hold in all.',
    ),
  method: texts.optional().describe('Request method.'),
  contentType: texts.optional().describe('Media type of the message of this phase without parameters, or a glob; "" for none.'),
  status: oneOrMany(status).optional().describe('Status of the answer: 404, 5xx, 400-404. Only in the response phase.'),
  principal: z
    .union([
      z.enum(['present', 'absent']),
      z.strictObject({
        kind: texts.optional().describe('jwt, bearer, basic, api-key, session-cookie, mtls, hmac.'),
        role: texts.optional().describe('One of the roles, groups or scopes in the token, unverified.'),
        notRole: texts.optional().describe('None of the roles, groups or scopes in the token is one of these.'),
        claim: z
          .strictObject({ name: z.string(), ...valueTests })
          .optional()
          .describe('A claim of the token, dotted path.'),
        key: texts.optional().describe("weir's own key of the principal."),
      }),
    ])
    .optional()
    .describe('Who asks.'),
  client: oneOrMany(z.string()).optional().describe('Address or CIDR of the client.'),
  country: texts.optional().describe('ISO country of the client, where a database is configured.'),
  asn: oneOrMany(z.number().int()).optional().describe('Autonomous system of the client, where a database is configured.'),
  actorScore: range.optional().describe('Score of the actor, 0-100.'),
  tags: texts.optional().describe('The endpoint has one of these tags: unauthenticated, shadow, sensitive, …'),
  time: z
    .strictObject({
      days: z.array(z.enum(DAYS)).min(1).optional(),
      from: z
        .string()
        .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'not a time such as 08:30')
        .optional()
        .describe('HH:MM, inclusive.'),
      to: z
        .string()
        .regex(/^(?:[01]\d|2[0-4]):[0-5]\d$/, 'not a time such as 18:00')
        .optional()
        .describe('HH:MM, exclusive; earlier than from: over midnight.'),
      zone: z.string().optional().describe('IANA time zone; UTC by default.'),
    })
    .optional()
    .describe('Time window.'),
};

const body = z
  .union([
    z.string().describe('A field name, at any depth; the condition is that it is there.'),
    z.strictObject({
      path: z
        .string()
        .max(500)
        .optional()
        .describe('JSONPath: $.user.roles[*], $..password, $["a b"]. Works on JSON, NDJSON, form, multipart and XML bodies.'),
      field: texts.optional().describe('Field name at any depth, or a glob; case, _ and - are ignored.'),
      format: oneOrMany(z.enum(['json', 'ndjson', 'form', 'multipart', 'xml', 'text']))
        .optional()
        .describe('Only bodies of this format.'),
      ...valueTests,
    }),
  ])
  .describe('Values in the body. Without path and field: the whole body as text.');

const data = z
  .strictObject({
    types: texts.optional().describe('Data types, for example us-ssn, credit-card.'),
    notTypes: texts.optional().describe('Data types that are left out, names or globs.'),
    classes: texts.optional().describe('Classes of data types, for example payment, secret, health.'),
    sensitivity: oneOrMany(z.enum(['low', 'medium', 'high', 'critical']))
      .optional()
      .describe('Sensitivities of data types.'),
    in: oneOrMany(z.enum(['body', 'headers', 'cookies', 'query', 'path']))
      .optional()
      .describe('Where to look; body by default.'),
    atLeast: z.number().int().positive().optional().describe('At least so many values; 1 by default.'),
    distinct: z.number().int().positive().optional().describe('At least so many different values.'),
    confidence: z.number().min(0).max(1).optional().describe('Count only matches of at least this confidence; 0.5 by default.'),
  })
  .describe('Values of data types, recognised by content, checksum and field name.');

const graphql = z
  .strictObject({
    operation: oneOrMany(z.enum(['query', 'mutation', 'subscription']))
      .optional()
      .describe('Kind of an operation.'),
    name: texts.optional().describe('Name of an operation, or a glob; "" for an anonymous one.'),
    field: texts.optional().describe('Dotted path of a selected field, or a glob: user.email, *.password, __schema.'),
    introspection: z.boolean().optional().describe('__schema or __type is asked for.'),
    depth: range.optional().describe('Nesting of selections.'),
    aliases: range.optional().describe('Number of aliases.'),
    fields: range.optional().describe('Number of selected fields, fragments expanded.'),
    directives: range.optional().describe('Number of directives.'),
    cost: range.optional().describe('Fields weighted by first/last/limit arguments of their parents, fragments expanded.'),
    batch: range.optional().describe('Operations in one request.'),
    malformed: z.boolean().optional().describe('The document does not parse, or is larger than the limits of the parser.'),
  })
  .describe('A GraphQL request: body of type application/json or application/graphql, or the query parameter.');

const jwt = z
  .strictObject({
    from: z
      .strictObject({ header: z.string().optional(), cookie: z.string().optional(), query: z.string().optional() })
      .optional()
      .describe('Where the token stands; the Authorization header by default.'),
    present: z.boolean().optional().describe('There is a token of JWT form.'),
    malformed: z.boolean().optional().describe('A bearer token has the form of a JWT and cannot be read.'),
    algorithm: texts.optional().describe('alg is one of these (case is ignored).'),
    notAlgorithm: texts.optional().describe('alg is none of these.'),
    expired: z.boolean().optional().describe('exp lies in the past.'),
    notYetValid: z.boolean().optional().describe('nbf or iat lies more than a minute ahead.'),
    lifetime: z.strictObject({ above: duration }).optional().describe('exp - iat is longer.'),
    missingClaim: texts.optional().describe('One of these claims is missing.'),
    claim: z
      .strictObject({ name: z.string(), ...valueTests })
      .optional()
      .describe('A claim, dotted path.'),
    header: z
      .strictObject({ name: z.string(), ...valueTests })
      .optional()
      .describe('A field of the JOSE header: kid, jku, x5u.'),
    invalidSignature: z.string().optional().describe('The signature does not verify with this key set of the configuration.'),
  })
  .describe('Facts of a JSON Web Token. Several are joined by and.');

export const rateKey = z.union([
  z.enum(RATE_KEYS),
  z.string().regex(/^(?:header|cookie|query|parameter|body):.+$/, 'not a key such as client, principal, header:x-id, body:username'),
]);

/** Conditions that hold no others. */
const leaves = {
  ...facts,
  header: named('header').optional().describe('A header of the message of this phase.'),
  cookie: named('cookie').optional().describe('A cookie of the request, or one that the answer sets.'),
  query: named('query parameter').optional().describe('A query parameter, decoded.'),
  pathParameter: named('path parameter').optional().describe('A parameter of the path template, by its name.'),
  target: z.strictObject(valueTests).optional().describe('The raw request target.'),
  requestHeader: named('request header').optional().describe('A header of the request, in either phase.'),
  body: body.optional(),
  bodyProblem: oneOrMany(z.enum(BODY_PROBLEMS)).optional().describe('The body cannot be read as what it says it is.'),
  graphql: graphql.optional(),
  data: data.optional(),
  size: z
    .strictObject({
      of: z.enum(['body', 'decoded-body', 'headers', 'target']).optional().describe('body by default.'),
      ...sizeRange.shape,
    })
    .optional()
    .describe('Size in bytes.'),
  number: z
    .strictObject({ of: z.enum(['headers', 'query-parameters', 'cookies', 'body-fields', 'records']), ...range.shape })
    .optional()
    .describe('How many there are. records: items of the longest array in the body.'),
  schema: texts
    .optional()
    .describe('Conformance problems of the learned or imported schema, globs: unknown-parameter:query.*, wrong-type:*, unknown-endpoint.'),
  jwt: jwt.optional(),
  access: z
    .strictObject({
      relation: oneOrMany(z.enum(RELATIONS)).optional(),
      enforceable: z.boolean().optional().describe('true: learning holds this verdict to be certain enough to block.'),
      confidence: z.number().min(0).max(1).optional().describe('At least this confidence.'),
    })
    .optional()
    .describe('What learned ownership says about the objects of this exchange.'),
  anomaly: z
    .strictObject({ kind: texts, confidence: z.number().min(0).max(1).optional() })
    .optional()
    .describe('Anomalies that learning reports for this exchange, globs: drift.*, volume.records.'),
  attack: z
    .strictObject({
      classes: oneOrMany(z.enum(ATTACK_CLASSES)).optional().describe('Classes of attack; all by default.'),
      in: oneOrMany(z.enum(['path', 'query', 'header', 'cookie', 'body'])).optional(),
      score: z.number().min(0).optional().describe('Sum of the scores of the findings of one place is at least this; 5 by default.'),
      paranoia: z.number().int().min(1).max(4).optional().describe('Detect at this paranoia level; 1 by default.'),
    })
    .optional()
    .describe('Injection attacks in the request.'),
  rate: z
    .strictObject({
      by: oneOrMany(rateKey).describe('What is counted together.'),
      above: z.number().int().nonnegative().describe('More hits than this in the window.'),
      window: duration,
      distinct: rateKey.optional().describe('Count different values of this instead of hits.'),
    })
    .optional()
    .describe('How often the other conditions of this rule held. Looked at last, so only those exchanges count.'),
};

export type Condition = z.infer<z.ZodObject<typeof leaves>> & { all?: Condition[]; any?: Condition[]; not?: Condition };

/** Conditions; several keys of one mapping are joined by and. */
export const condition: z.ZodType<Condition> = z
  .strictObject({
    get all() {
      return z.array(condition).min(1).optional().describe('All of these.');
    },
    get any() {
      return z.array(condition).min(1).optional().describe('At least one of these.');
    },
    get not() {
      return condition.optional().describe('This does not hold.');
    },
    ...leaves,
  })
  .meta({ id: 'Condition', description: 'Conditions; several keys of one mapping are joined by and.' });

export type Match = z.infer<z.ZodObject<typeof facts>> & { except?: Match };

/** Where a policy or a rule applies; several keys are joined by and. */
export const match: z.ZodType<Match> = z
  .strictObject({
    ...facts,
    get except() {
      return match.optional().describe('Does not apply where this holds.');
    },
  })
  .meta({ id: 'Match', description: 'Where a policy or rule applies; several keys are joined by and, several values of a key by or.' });
