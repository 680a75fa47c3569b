/** API keys and tokens of vendors that give them a telling start. Lengths and alphabets as the vendors document them or issue them. */
import { type DataType, type Find, field, scanner } from './type.js';
import { HEX, LOWER, SIMPLE, type Start, sample, UPPER } from './vendor-starts.js';

const seenAt = new Uint32Array(128);
let looked = 0;

/** Printed examples repeat one letter or a word; issued tokens do not. Distinct characters a token must have, by its length. */
function looksIssued(text: string): boolean {
  const from = Math.min(8, text.length >> 1);
  const wanted = Math.min(8, Math.ceil((text.length - from) / 3));
  looked = (looked + 1) >>> 0 || 1;
  let distinct = 0;
  for (let at = from; at < text.length && distinct < wanted; at++) {
    const slot = text.charCodeAt(at) & 127;
    if (seenAt[slot] === looked) continue;
    seenAt[slot] = looked;
    distinct++;
  }
  return distinct >= wanted && !/x{8}|X{8}|0{10}|\*{3}|example|EXAMPLE|your_|YOUR_|_HERE/.test(text);
}

interface Vendor {
  readonly id: string;
  readonly title: string;
  readonly starts: readonly Start[];
  /** Exact forms, where start and length leave doubt. */
  readonly form?: RegExp;
  readonly fields?: readonly string[];
  readonly find?: readonly Find[];
  readonly match: readonly string[];
  readonly ignore: readonly string[];
  /** Placeholders count too: the start alone is telling enough. */
  readonly any?: boolean;
  readonly sensitivity?: DataType['sensitivity'];
}

const vendor = (entry: Vendor): DataType => ({
  id: entry.id,
  title: entry.title,
  family: 'credential',
  sensitivity: entry.sensitivity ?? 'critical',
  fields: entry.fields ?? [],
  find: [
    ...entry.starts.map(
      ([prefixes, min, max, alphabet = 'token', alone = 0.95]): Find => ({
        by: 'prefix',
        prefixes: prefixes.split(' '),
        min,
        max,
        alphabet,
        alone,
      }),
    ),
    ...(entry.find ?? []),
  ],
  validate: (text) => (entry.any === true || looksIssued(text)) && (entry.form === undefined || entry.form.test(text)),
  examples: { match: entry.match, ignore: entry.ignore },
});

const wrong = (prefix: string): string => `${prefix}short`;

/** Names under which a token without its start is still the vendor's. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  sourcegraph_access_token: ['sourcegraph', 'sourcegraphtoken', 'sourcegraphaccesstoken'],
  facebook_token: ['facebook', 'facebookaccesstoken', 'facebooktoken', 'fbaccesstoken'],
};

const simple = SIMPLE.map(([id, title, form, starts, example]) =>
  vendor({
    id,
    title,
    starts,
    form: form === '' ? undefined : new RegExp(form),
    any: id === 'age_secret_key',
    fields: FIELDS[id],
    match: [`token = "${example}"`, JSON.stringify({ note: example })],
    ignore: [wrong(starts[0][0].split(' ')[0]), `x${starts[0][0].split(' ')[0]}`],
  }),
);

/** Vendors whose keys have no telling start: a name that holds the vendor's, and a value of the right form. */
const KEYED: readonly (readonly [id: string, title: string, words: string, form: string, outline: string, example: string])[] = [
  ['cisco_meraki_api_key', 'Cisco Meraki key', 'meraki', '^[0-9a-f]{40}$', '#{40}', sample('', 40, HEX)],
  ['okta_access_token', 'Okta token', 'okta', '^00[\\w=-]{40}$', '99#{40}', `00${sample('', 40)}`],
  [
    'snyk_api_token',
    'Snyk token',
    'snyk',
    '^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$',
    '#{8}-#{4}-#{4}-#{4}-#{12}',
    '7f3a9c21-5b0e-4d8a-9e6f-1c2b3d4e5f60',
  ],
  [
    'messagebird_client_id',
    'MessageBird client id',
    'messagebird message-bird',
    '^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$',
    '#{8}-#{4}-#{4}-#{4}-#{12}',
    '7f3a9c21-5b0e-4d8a-9e6f-1c2b3d4e5f60',
  ],
  ['beamer_api_token', 'Beamer key', 'beamer', '^b_[a-z0-9=_-]{44}$', 'A_#{44}', `b_${sample('', 44, LOWER)}`],
  ['etsy_access_token', 'Etsy token', 'etsy', '^[a-z0-9]{24}$', '#{24}', sample('', 24, LOWER)],
  ['discord_client_id', 'Discord client id', 'discord', '^\\d{18}$', '9{18}', sample('', 18, '0123456789')],
  ['discord_client_secret', 'Discord client secret', 'discord', '^[\\w=-]{32}$', '#{32}', sample('', 32, LOWER)],
  ['privateai_api_token', 'Private AI key', 'privateai private-ai', '^[a-z0-9]{32}$', '#{32}', sample('', 32, LOWER)],
  ['cohere_api_token', 'Cohere key', 'cohere', '^[a-zA-Z0-9]{40}$', '#{40}', sample('', 40)],
  ['sumologic_access_token', 'Sumo Logic access key', 'sumo sumologic', '^[a-z0-9]{64}$', '#{64}', sample('', 64, LOWER)],
  ['datadog_key', 'Datadog key', 'datadog', '^[a-f0-9]{32}$|^[a-z0-9]{40}$', '#{32}|#{40}', sample('', 40, LOWER)],
  ['cloudflare_api_key', 'Cloudflare key', 'cloudflare', '^[a-f0-9]{37}$|^[\\w-]{40}$', '#{37}|#{40}', sample('', 37, HEX)],
];

const keyed = KEYED.map(([id, title, words, form, outline, example]) =>
  vendor({
    id,
    title,
    starts: [],
    fields: words.split(' ').map((word) => word.replace('-', '')),
    find: [{ by: 'shape', shapes: outline.split('|'), alone: 0.02 }],
    form: new RegExp(form),
    match: [`${words.split(' ')[0]}_token = "${example}"`],
    ignore: [`id = "${example}"`],
  }),
);

export const vendorKeys: readonly DataType[] = [
  ...simple,
  ...keyed,
  vendor({
    id: 'aws_access_key',
    title: 'AWS access key id',
    starts: [['AKIA ASIA ABIA ACCA A3TX A3TY', 16, 16, 'base62']],
    form: /^[A-Z0-9]{20}$/,
    any: true,
    fields: ['awsaccesskeyid', 'accesskeyid'],
    match: [`id ${sample('AKIA', 16, UPPER)}`],
    ignore: ['AKIASHORT', sample('AKIA', 17, UPPER), sample('akia', 16, LOWER)],
  }),
  {
    id: 'aws_secret_key',
    title: 'AWS secret access key',
    family: 'credential',
    sensitivity: 'critical',
    fields: ['awssecretaccesskey', 'secretaccesskey', 'awssecretkey'],
    find: [field],
    validate: (text) => /^[A-Za-z0-9+/]{40}$/.test(text) && looksIssued(text),
    examples: {
      match: [JSON.stringify({ aws_secret_access_key: sample('', 40) }), `aws_secret_access_key = ${sample('', 40)}`],
      ignore: ['{"secretAccessKey":"hidden"}', sample('', 40)],
    },
  },
  vendor({
    id: 'slack_token',
    title: 'Slack token',
    starts: [
      ['xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd-', 18, 250],
      ['xoxe.xoxb-1- xoxe.xoxp-1-', 100, 250],
      ['xapp-', 30, 200],
    ],
    form: /^(?:xox[bp]-\d{8,14}-(?:\d{8,14}-)?(?:\d{8,14}-)?[A-Za-z0-9-]{16,40}|xoxb-\d{8,14}-[A-Za-z0-9]{18,26}|xox[aros]-(?:\d-)?[0-9A-Za-z]{8,48}(?:-\d+){0,3}-?[a-fA-F0-9]*|xoxs-\d+-\d+-\d+-[a-fA-F0-9]+|xoxe-\d-[A-Z0-9]{100,160}|xoxe\.xox[bp]-\d-[A-Z0-9]{100,180}|xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+|xox[cd]-[\w%-]{20,})$/i,
    match: [`xoxb-${sample('', 12, '123456789')}-${sample('', 12, '123456789')}-${sample('', 24)}`],
    ignore: ['xoxb-12345-abcd', 'exo-xoxo-teaser-1'],
  }),
  vendor({
    id: 'slack_webhook',
    title: 'Slack webhook',
    starts: [],
    find: [scanner('slack-webhook', 0.95)],
    form: /^https?:\/\/hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9+/]{43,56}$/,
    any: true,
    match: [`post to https://hooks.slack.com/services/T${sample('', 8, UPPER)}/B${sample('', 8, UPPER)}/${sample('', 24)}`],
    ignore: ['https://hooks.slack.com/services/'],
  }),
  vendor({
    id: 'hashicorp_tf_api_token',
    title: 'Terraform Cloud token',
    starts: [],
    find: [scanner('marker', 0.95)],
    form: /^[a-z0-9]{14}\.atlasv1\.[\w=-]{60,70}$/i,
    match: [`${sample('', 14)}.atlasv1.${sample('', 67)}`],
    ignore: ['a.atlasv1.b'],
  }),
  vendor({
    id: 'maxmind_license_key',
    title: 'MaxMind licence key',
    starts: [],
    find: [{ by: 'shape', shapes: ['#{6}_#{29}_AAA'], alone: 0.95 }],
    form: /_mmk$/,
    match: [`${sample('', 6)}_${sample('', 29)}_mmk`],
    ignore: [`${sample('', 6)}_${sample('', 29)}_abc`],
  }),
  vendor({
    id: 'npm_token',
    title: 'npm access token',
    any: true,
    fields: ['authtoken', 'npmtoken'],
    form: /^npm_[A-Za-z0-9]{10,40}$/,
    starts: [['npm_', 36, 36, 'base62']],
    match: [sample('npm_', 36)],
    ignore: ['npm_config_registry', wrong('npm_')],
  }),
  vendor({
    id: 'twilio_key',
    title: 'Twilio account or key id',
    starts: [],
    find: [{ by: 'run', min: 34, max: 34, start: 'AA', alone: 0.9 }],
    form: /^(?:AC|SK)[a-z0-9]{32}$/,
    any: true,
    match: [sample('SK', 32, HEX)],
    ignore: [sample('SK', 31, HEX), sample('XK', 32, HEX)],
  }),
  vendor({
    id: 'mailchimp_key',
    title: 'Mailchimp key',
    starts: [],
    find: [{ by: 'shape', shapes: ['#{32}-AA9', '#{32}-AA99'], alone: 0.95 }],
    form: /^[0-9a-f]{32}-us\d{1,2}$/,
    match: [`${sample('', 32, HEX)}-us12`],
    ignore: [`${sample('', 32, HEX)}-eu1`, `${sample('', 31, HEX)}-us1`],
  }),
  vendor({
    id: 'telegram_token',
    title: 'Telegram bot token',
    starts: [],
    fields: ['telegrambottoken', 'bottoken', 'telegramtoken'],
    find: [scanner('bot-token', 0.95)],
    form: /^\d{8,10}:A[\w-]{34}$/,
    match: [`${sample('', 10, '123456789')}:${sample('AA', 33)}`],
    ignore: ['12:30', `foo:${sample('AA', 33)}`],
  }),
  vendor({
    id: 'discord_token',
    title: 'Discord bot token',
    starts: [],
    find: [scanner('discord', 0.9)],
    form: /^[MNO][A-Za-z\d_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}$/,
    match: [`${sample('MTk4', 20)}.${sample('', 6)}.${sample('', 27)}`],
    ignore: [`${sample('XTk4', 20)}.${sample('', 6)}.${sample('', 27)}`],
  }),
  vendor({
    id: 'azure_ad_client_secret',
    title: 'Azure AD client secret',
    starts: [],
    find: [scanner('tilde-secret', 0.95)],
    form: /^[\w~.-]{3}\dQ~[\w~.-]{31,34}$/,
    match: [`${sample('abc8Q~', 34)}`],
    ignore: ['registry~2Fpath', sample('abcxQ~', 34)],
  }),
  vendor({
    id: 'azure_storage_key',
    title: 'Azure storage account key',
    starts: [],
    fields: ['accountkey', 'storageaccountkey', 'azurestoragekey'],
    find: [field],
    form: /^[A-Za-z0-9+/]{86}==$/,
    match: [`AccountKey=${sample('', 86)}==`],
    ignore: ['AccountKey=none'],
  }),
  vendor({
    id: 'artifactory_token',
    title: 'Artifactory token',
    starts: [
      ['AKC', 10, 120, 'base62'],
      ['AP0 AP1 AP2 AP3 AP4 AP5 AP6 AP7 AP8 AP9 APA APB APC APD APE APF', 10, 120, 'base62', 0.4],
      ['cmVmd', 59, 59, 'base62'],
    ],
    form: /^(?:AKC(?:p[A-Za-z0-9]{69}|[a-zA-Z0-9]{10,})|AP[\dA-F][a-zA-Z0-9]{8,}|cmVmd[A-Za-z0-9]{59})$/,
    any: true,
    fields: ['artifactorykey', 'xjfrogartapi'],
    match: [sample('AKCp', 69)],
    ignore: ['APACHE'],
  }),
];
