import { z } from 'zod';
import { ATTACK_CLASSES, condition, match } from './conditions.js';
import { actions, policy, policyCase, rule } from './schema.js';
import { range, sizeRange, valueTests } from './value-tests.js';

interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

const toSchema = (schema: z.ZodType): JsonSchema => {
  const whole = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
  const name = whole.$ref?.replace('#/$defs/', '');
  return name === undefined ? whole : (whole.$defs?.[name] ?? whole);
};

/** What may be written for a key, in a few words. */
function shown(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return schema.$ref === '#' ? 'Policy' : schema.$ref.replace('#/$defs/', '');
  if (schema.anyOf !== undefined) {
    const parts = [...new Set(schema.anyOf.map(shown))];
    // "text or list of text" is the usual pair.
    return parts.join(' or ');
  }
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(' ');
  if (schema.type === 'array') return `list of ${shown(schema.items ?? {})}`;
  if (schema.type === 'object')
    return schema.properties === undefined ? 'mapping' : `{${keysShown(Object.keys(schema.properties)).join(', ')}}`;
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'string') return 'text';
  if (schema.type === undefined) return 'anything';
  return String(schema.type);
}

const TESTS: ReadonlySet<string> = new Set(Object.keys(valueTests));

/** A mapping that takes the tests of a value lists its own keys only. */
function keysShown(keys: readonly string[]): readonly string[] {
  return keys.includes('startsWith') ? [...keys.filter((key) => !TESTS.has(key)), '[tests](#tests-of-a-value)'] : keys;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(schema: JsonSchema, only?: (key: string) => boolean): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([key]) => only === undefined || only(key))
    .map(([key, value]) => {
      const must = schema.required?.includes(key) === true ? ' (required)' : '';
      return `| \`${key}\`${must} | ${cell(limited(shown(value)))} | ${cell(value.description ?? '')} |`;
    });
  return ['| key | value | meaning |', '|---|---|---|', ...rows].join('\n');
}

const limited = (text: string): string => (text.length > 160 ? `${text.slice(0, text.lastIndexOf(' ', 157))} …` : text);

/** The mapping inside a union such as "text or mapping". */
function mappingOf(schema: JsonSchema): JsonSchema {
  return schema.anyOf?.map(mappingOf).find((one) => one.properties !== undefined) ?? schema;
}

/** Tables of the conditions that are mappings of their own, without the value tests that they share. */
function conditionDetails(schema: JsonSchema): string {
  return Object.entries(schema.properties ?? {})
    .map(([key, value]) => ({ key, inner: mappingOf(value) }))
    .filter(({ key, inner }) => inner.properties !== undefined && !['all', 'any', 'not', 'target'].includes(key))
    .map(({ key, inner }) => {
      const tests = Object.keys(inner.properties ?? {}).some((one) => one === 'startsWith') ? '\n\nand the tests of a value.' : '';
      return `#### \`${key}\`\n\n${table(inner, (one) => tests === '' || !TESTS.has(one))}${tests}`;
    })
    .join('\n\n');
}

/** docs/policy-reference.md, made from the schema that validates policies. */
export function policyReference(): string {
  const action = toSchema(actions);
  const actionDetails = Object.entries(action.properties ?? {})
    .map(([key, value]) => ({ key, inner: mappingOf(value) }))
    .filter(({ inner }) => inner.properties !== undefined)
    .map(({ key, inner }) => `#### \`${key}\`\n\n${table(inner)}`)
    .join('\n\n');
  return `<!-- Made from policies/language by policyReference(); a test holds the two equal. Do not edit by hand. -->

# Policy reference

A policy is one YAML document. A file may hold several, parted by \`---\`; it may have at most 1 MB. Files do not include each other; within a document anchors and
aliases may save words (at most 100 expansions, and none inside itself).

\`\`\`yaml
policy: no-debug-for-strangers
title: Debugging is for the office
severity: medium
match: {service: shop, path: /api/**, except: {client: 10.0.0.0/8}}
rules:
  - rule: debug-header
    when:
      header: {name: x-debug, exists: true}
    action: {block: {status: 403}}
  - rule: hide-tokens
    phase: response
    when:
      data: {types: [jwt], in: body}
    action: {redact: {style: mask, keep: 4}}
cases:
  - case: Somebody outside asks for debugging
    request: {target: /api/users, headers: {x-debug: '1'}}
    context: {service: shop}
    fires: [debug-header]
    action: block
\`\`\`

## Policy

${table(toSchema(policy))}

## Rule

${table(toSchema(rule))}

## Match

${toSchema(match).description ?? ''} Text may be a glob: \`*\` stands for any text; in paths \`*\` and \`{name}\` stand for one segment and \`**\` for any number.

${table(toSchema(match))}

## Conditions

Keys of one mapping are joined by and. All keys of [Match](#match) but \`except\` may stand here too, then with the other conditions under \`any\` and \`not\`.

${table(toSchema(condition), (key) => toSchema(match).properties?.[key] === undefined)}

${conditionDetails(toSchema(condition))}

### Tests of a value

A selector (\`header\`, \`query\`, \`body\`, …) may give several values; the condition holds when one of them passes all tests. To ask that none does, put it under
\`not\`. \`field: card_number\` also finds \`cardNumber\` and \`CARD-NUMBER\`.

${table(toSchema(z.strictObject(valueTests)))}

\`Range\`: ${Object.keys(range.shape).join(', ')}; \`SizeRange\`: ${Object.keys(sizeRange.shape).join(', ')}, in bytes or text such as \`64KiB\`.

Regular expressions are RE2 (linear time, no look-around, no back-references), at most 1,000 characters, and look at the first 64 KiB of a value.

Classes of attack: ${ATTACK_CLASSES.map((one) => `\`${one}\``).join(' ')}.

## Actions

A word (\`alert\`, \`block\`, \`redact\`, \`challenge\`, \`close\`) or a mapping. Several keys are done together; \`allow\` stands alone.

${table(action)}

${actionDetails}

## Order and precedence

1. Policies run in the order of their \`order\`, then of their names; rules in the order of the file. **Every** rule that applies is looked at, whatever others decided.
2. A rule that fires asks for the exceptions (\`allow\`) that name it. If one holds, and has not expired, the rule does not fire. An exception of the request phase also
   holds for the answer. An exception lifts only rules; it never makes another rule weaker.
3. The strongest action of all rules that act is done: \`close\` > \`block\` > \`throttle\` > \`tarpit\` > \`challenge\` > \`redact\` > \`pass\`. Among equals the first rule gives
   status, template and delay.
4. Redactions of all rules that act are joined; where two overlap, the first wins. Tags are joined. Of several \`block-actor\` one that acts goes before one that would, then the longest.

## Throttling

\`throttle\` without \`limit\` refuses every exchange on which the rule fires. With \`limit\` each of them takes a token out of a bucket, one bucket for each value of \`by\`
(actor and endpoint by default), and only when the bucket is empty the rule fires: 429 with a Retry-After that says when the next token is there. Tokens flow back steadily,
\`limit\` of them a \`window\`; at most \`burst\` wait to be used. Gateways decide on buckets of their own and tell each other over Redis ten times a second what they
took, so together they let through about one limit; while Redis is away each enforces it alone. A policy in observe spends the same tokens and refuses nobody.

## Modes

| service | rule (or its policy) | what happens |
|---|---|---|
| enforce | enforce or inherit | the action is done |
| enforce | observe | recorded as would-have-acted |
| observe or mirror | any but off | recorded as would-have-acted; the traffic is untouched. In mirror \`block-actor\` of a rule in enforce acts: its list is read elsewhere |
| any | off | not looked at |

A rule's own \`mode\` replaces its policy's. Under \`rollout: 10\` a stable hash picks 10 % of the exchanges (or clients, or principals) on which the rule acts; on the others it
alerts. Observe finds exactly what enforce finds: which rules are looked at does not depend on modes.

Rules that can change the exchange run in the gateway. Rules that only alert, tag, block the actor, or observe run in the engine, on the recorded exchange; where a body was
recorded in part, the result says so.

## Bodies

JSON, NDJSON, forms, multipart, XML and text are read alike: a path or field name selects values in all of them. Content codings (gzip, deflate, br, zstd) and charsets are
removed first. In a request every value of a repeated JSON key counts. A body is looked at up to \`maxBody\`, decoded up to 4 MiB, nested up to 200.

What cannot be decided since the body is longer than what was held back is settled by \`onOverflow\`; since it cannot be read, or since the rule failed, by \`onError\`: broken or endless
formats and codings, decompression bombs, nesting too deep. Where it is \`closed\`, that also goes for bodies which another reader may read otherwise, unless the condition holds anyway: repeated keys in a
request, invalid UTF-8, a charset that nobody knows or that does not fit, broken lines of NDJSON. A rule
that would redact what it could not read blocks when its policy is closed, and otherwise lets pass and says so.

## Starter set

Built-in policies observe, but for these, which inherit the service's mode: \`forbidden-identity-out/us-ssn\`, \`forbidden-cards-out\`, \`injection/attack\`, \`object-access\`.

## Cases

${table(toSchema(policyCase))}
`;
}
