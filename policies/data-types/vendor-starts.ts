/** Vendors whose tokens are a start and so many characters: the table, and how its examples are made. */
import type { Alphabet } from './type.js';

/** Literal starts of at least three bytes, parted by blanks; how many characters of which alphabet follow; confidence alone. */
export type Start = readonly [prefixes: string, min: number, max: number, alphabet?: Alphabet, alone?: number];

/** Example tokens are put together at run time, so that nobody's secret scanner stumbles over this file. */
export const sample = (prefix: string, length: number, alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'): string => {
  let text = prefix;
  for (let i = 0, seed = 7; i < length; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    text += alphabet[(seed >>> 16) % alphabet.length];
  }
  return text;
};
export const HEX = '0123456789abcdef';
export const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
export const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** One entry a vendor whose tokens are a start and so many characters. */
export const SIMPLE: readonly (readonly [id: string, title: string, form: string, starts: readonly Start[], example: string])[] = [
  [
    'github_token',
    'GitHub token',
    '^(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\\w{22,255})$',
    [
      ['ghp_ gho_ ghu_ ghs_ ghr_', 36, 36, 'base62'],
      ['github_pat_', 36, 255],
    ],
    sample('ghp_', 36),
  ],
  [
    'gitlab_token',
    'GitLab token',
    '^(?:glpat-[\\w-]{20}|gl(?:pat|rt)-[\\w-]{27,300}\\.[0-9a-z]{2}\\.?[0-9a-z]{7}|gl(?:dt|rt|ft|soat|ffct)-[\\w-]{20}|glcbt-(?:[0-9a-zA-Z]{1,5}_)?[\\w-]{20}|glptt-[0-9a-f]{40}|glimt-[\\w-]{25}|glagent-[\\w-]{50,1024}|gloas-[\\w-]{64}|GR1348941[\\w-]{20,50})$',
    [
      ['glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-', 20, 300, 'dotted'],
      ['GR1348941', 20, 50],
    ],
    sample('glpat-', 20),
  ],
  [
    'anthropic_key',
    'Anthropic API key',
    '^sk-ant-(?:api03|admin01)-[\\w-]{93}AA$',
    [['sk-ant-', 90, 110]],
    `${sample('sk-ant-api03-', 93)}AA`,
  ],
  [
    'openai_key',
    'OpenAI API key',
    '^sk-(?:(?:proj|svcacct|admin|service)-[\\w-]*T3BlbkFJ[\\w-]*|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|(?:proj|svcacct|admin)-[\\w-]{40,200})$',
    [['sk-', 40, 220]],
    `${sample('sk-', 20)}T3BlbkFJ${sample('', 20)}`,
  ],
  [
    'stripe_key',
    'Stripe secret key',
    '^(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,99}$',
    [['sk_live_ sk_test_ rk_live_ rk_test_ rk_prod_ sk_prod_', 10, 99]],
    sample('sk_live_', 24),
  ],
  [
    'sendgrid_key',
    'SendGrid API key',
    '^SG\\.[\\w-]{22}\\.[\\w-]{43}$',
    [['SG.', 66, 66, 'dotted']],
    `${sample('SG.', 22)}.${sample('', 43)}`,
  ],
  [
    'notion_api_token',
    'Notion token',
    '^ntn_\\d{11}[A-Za-z0-9]{35}$|^secret_[A-Za-z0-9]{43}$',
    [
      ['ntn_', 46, 46, 'base62'],
      ['secret_', 43, 43, 'base62'],
    ],
    `ntn_${sample('', 11, '0123456789')}${sample('', 35)}`,
  ],
  ['pypi_token', 'PyPI upload token', '^pypi-AgE[\\w-]{50,}$', [['pypi-AgE', 50, 1000]], sample('pypi-AgEIcHlwaS5vcmc', 80)],
  [
    'huggingface_token',
    'Hugging Face token',
    '^(?:hf_|api_org_)[A-Za-z]{34}$',
    [
      ['hf_', 34, 34, 'base62'],
      ['api_org_', 34, 34, 'base62'],
    ],
    sample('hf_', 34, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'),
  ],
  ['databricks_api_token', 'Databricks token', '^dapi[a-f0-9]{32}(?:-\\d)?$', [['dapi', 32, 34]], sample('dapi', 32, HEX)],
  [
    'vault_token',
    'HashiCorp Vault token',
    '^(?:hvs\\.[\\w-]{24,200}|hvb\\.[\\w-]{60,300}|s\\.(?=[A-Za-z]*\\d)[A-Za-z0-9]{24})$',
    [
      ['hvs.', 24, 200],
      ['hvb.', 60, 300],
    ],
    sample('hvs.', 95),
  ],
  [
    'age_secret_key',
    'age identity',
    '^AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}$',
    [['AGE-SECRET-KEY-1', 58, 58, 'base62']],
    sample('AGE-SECRET-KEY-1', 58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'),
  ],
  ['alibaba_access_key_id', 'Alibaba Cloud access key id', '^LTAI[A-Za-z0-9]{12,24}$', [['LTAI', 12, 24, 'base62']], sample('LTAI', 20)],
  [
    'digitalocean_token',
    'DigitalOcean token',
    '^do[opr]_v1_[a-f0-9]{64}$',
    [['dop_v1_ doo_v1_ dor_v1_', 64, 64, 'hex']],
    sample('dop_v1_', 64, HEX),
  ],
  [
    'shopify_token',
    'Shopify token',
    '^shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}$',
    [['shpat_ shpca_ shppa_ shpss_', 32, 32, 'hex']],
    sample('shpat_', 32, HEX),
  ],
  [
    'square_access_token',
    'Square access token',
    '^(?:EAAA[\\w-]{60}|sq0atp-[\\w-]{22}|sq0csp-[\\w-]{43})$',
    [
      ['EAAA', 60, 60],
      ['sq0atp-', 22, 22],
      ['sq0csp-', 43, 43],
    ],
    sample('sq0atp-', 22),
  ],
  [
    'facebook_token',
    'Facebook access token',
    '^(?:EAA[MC][A-Za-z0-9]{100,400}|EAACEdEose0cBA[A-Za-z0-9]+|\\d{15,16}\\|[\\w-]{27,40})$',
    [['EAAM EAAC', 100, 400, 'base62']],
    sample('EAAM', 150),
  ],
  ['gcp_api_key', 'Google API key', '^AIzaSy[\\w-]{33}$', [['AIzaSy', 33, 33]], sample('AIzaSy', 33)],
  [
    'google_oauth_token',
    'Google OAuth token or client secret',
    '^(?:ya29\\.[\\w-]{20,300}|GOCSPX-[\\w-]{28})$',
    [
      ['ya29.', 20, 300],
      ['GOCSPX-', 28, 28],
    ],
    sample('GOCSPX-', 28),
  ],
  [
    'mailgun_key',
    'Mailgun key',
    '^(?:key-[a-f0-9]{32}|pubkey-[a-f0-9]{32})$',
    [
      ['key-', 32, 32, 'hex'],
      ['pubkey-', 32, 32, 'hex'],
    ],
    sample('key-', 32, HEX),
  ],
  [
    'newrelic_key',
    'New Relic key',
    '^NR(?:AK|JS|IQ|RA|II)-[A-Za-z0-9-]{19,40}$',
    [['NRAK- NRJS- NRIQ- NRRA- NRII-', 19, 40]],
    sample('NRAK-', 27, UPPER),
  ],
  ['linear_key', 'Linear API key', '^lin_api_[A-Za-z0-9]{40}$', [['lin_api_', 40, 40, 'base62']], sample('lin_api_', 40)],
  [
    'planetscale_token',
    'PlanetScale token or password',
    '^pscale_(?:tkn|pw|oauth)_[\\w=.-]{32,64}$',
    [['pscale_tkn_ pscale_pw_ pscale_oauth_', 32, 64, 'dotted']],
    sample('pscale_tkn_', 43),
  ],
  [
    'postman_api_key',
    'Postman API key',
    '^PMAK-[a-f0-9]{24}-[a-f0-9]{34}$',
    [['PMAK-', 59, 59]],
    `${sample('PMAK-', 24, HEX)}-${sample('', 34, HEX)}`,
  ],
  ['pulumi_api_token', 'Pulumi token', '^pul-[a-f0-9]{40}$', [['pul-', 40, 40, 'hex']], sample('pul-', 40, HEX)],
  ['prefect_api_token', 'Prefect token', '^pnu_[a-zA-Z0-9]{36}$', [['pnu_', 36, 36, 'base62']], sample('pnu_', 36)],
  ['readme_api_token', 'ReadMe key', '^rdme_[a-z0-9]{70}$', [['rdme_', 70, 70, 'base62']], sample('rdme_', 70, LOWER)],
  ['rubygems_token', 'RubyGems key', '^rubygems_[a-f0-9]{48}$', [['rubygems_', 48, 48, 'hex']], sample('rubygems_', 48, HEX)],
  [
    'sendinblue_key',
    'Brevo (Sendinblue) key',
    '^xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}$',
    [['xkeysib-', 81, 81]],
    `${sample('xkeysib-', 64, HEX)}-${sample('', 16)}`,
  ],
  [
    'shippo_token',
    'Shippo token',
    '^shippo_(?:live|test)_[a-fA-F0-9]{40}$',
    [['shippo_live_ shippo_test_', 40, 40, 'hex']],
    sample('shippo_live_', 40, HEX),
  ],
  [
    'sourcegraph_access_token',
    'Sourcegraph token',
    '^(?:sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?)?[a-fA-F0-9]{40}$',
    [['sgp_', 40, 57]],
    sample('sgp_', 40, HEX),
  ],
  ['sonar_api_token', 'SonarQube token', '^sq[pua]_[a-f0-9A-Za-z=_-]{40}$', [['squ_ sqp_ sqa_', 40, 40]], sample('squ_', 40, HEX)],
  [
    'grafana_cloud_api_token',
    'Grafana Cloud token',
    '^glc_[A-Za-z0-9+/]{32,400}={0,3}$',
    [['glc_', 32, 400, 'base64']],
    sample('glc_', 64),
  ],
  [
    'grafana_service_account_token',
    'Grafana service account token',
    '^glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}$',
    [['glsa_', 41, 41]],
    `${sample('glsa_', 32)}_${sample('', 8, HEX)}`,
  ],
  [
    'doppler_token',
    'Doppler token',
    '^dp\\.(?:pt|st|ct|sa|scim|audit)\\.(?:[\\w-]+\\.)?[A-Za-z0-9]{40,44}$',
    [['dp.pt. dp.st. dp.ct. dp.sa.', 40, 90, 'dotted']],
    sample('dp.pt.', 43),
  ],
  [
    'dynatrace_token',
    'Dynatrace token',
    '^dt0c01\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}$',
    [['dt0c01.', 89, 89, 'dotted']],
    `${sample('dt0c01.', 24, UPPER)}.${sample('', 64, UPPER)}`,
  ],
  [
    'duffel_token',
    'Duffel token',
    '^duffel_(?:test|live)_[\\w=-]{43}$',
    [['duffel_test_ duffel_live_', 43, 43]],
    sample('duffel_live_', 43),
  ],
  ['easypost_api_token', 'EasyPost key', '^EZ[AT]K[A-Za-z0-9]{54}$', [['EZAK EZTK', 54, 54, 'base62']], sample('EZAK', 54)],
  [
    'flutterwave_key',
    'Flutterwave key',
    '^FLW(?:SECK|PUBK)(?:_TEST)?-[a-h0-9A-Za-z]{12,40}(?:-X)?$',
    [['FLWSECK- FLWPUBK- FLWSECK_TEST- FLWPUBK_TEST-', 12, 42]],
    sample('FLWSECK-', 32, HEX),
  ],
  [
    'flyio_access_token',
    'Fly.io token',
    '^(?:fo1_[\\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,}={0,3})$',
    [
      ['fo1_', 43, 43],
      ['fm1r_ fm1a_ fm2_', 100, 800, 'base64'],
    ],
    sample('fo1_', 43),
  ],
  ['frameio_token', 'Frame.io token', '^fio-u-[\\w=-]{64}$', [['fio-u-', 64, 64]], sample('fio-u-', 64)],
  ['infracost_api_token', 'Infracost key', '^ico-[a-zA-Z0-9]{32}$', [['ico-', 32, 32, 'base62']], sample('ico-', 32)],
  ['perplexity_api_key', 'Perplexity key', '^pplx-[a-zA-Z0-9]{48}$', [['pplx-', 48, 48, 'base62']], sample('pplx-', 48)],
  ['groq_api_key', 'Groq key', '^gsk_[A-Za-z0-9]{52}$', [['gsk_', 52, 52, 'base62']], sample('gsk_', 52)],
  ['octopus_deploy_api_key', 'Octopus Deploy key', '^API-[A-Z0-9]{26}$', [['API-', 26, 26, 'base62']], sample('API-', 26, UPPER)],
  ['openshift_user_token', 'OpenShift token', '^sha256~[\\w-]{43}$', [['sha256~', 43, 43]], sample('sha256~', 43)],
  ['scalingo_token', 'Scalingo token', '^tk-us-[\\w-]{48}$', [['tk-us-', 48, 48]], sample('tk-us-', 48)],
  [
    'settlemint_application_access_token',
    'SettleMint application token',
    '^sm_aat_[a-zA-Z0-9]{16}$',
    [['sm_aat_', 16, 16, 'base62']],
    sample('sm_aat_', 16),
  ],
  [
    'settlemint_personal_access_token',
    'SettleMint personal token',
    '^sm_pat_[a-zA-Z0-9]{16}$',
    [['sm_pat_', 16, 16, 'base62']],
    sample('sm_pat_', 16),
  ],
  [
    'settlemint_service_access_token',
    'SettleMint service token',
    '^sm_sat_[a-zA-Z0-9]{16}$',
    [['sm_sat_', 16, 16, 'base62']],
    sample('sm_sat_', 16),
  ],
  [
    '1password_service_account_token',
    '1Password service account token',
    '^ops_eyJ[A-Za-z0-9+/]{250,}={0,3}$',
    [['ops_eyJ', 250, 4000, 'base64']],
    sample('ops_eyJ', 300),
  ],
  [
    '1password_secret_key',
    '1Password secret key',
    '^A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}$',
    [['A3-', 36, 37]],
    `${sample('A3-', 6, UPPER)}-${sample('', 11, UPPER)}-${sample('', 5, UPPER)}-${sample('', 5, UPPER)}-${sample('', 5, UPPER)}`,
  ],
  ['adobe_client_secret', 'Adobe client secret', '^p8e-[a-zA-Z0-9]{32}$', [['p8e-', 32, 32, 'base62']], sample('p8e-', 32)],
  ['atlassian_api_token', 'Atlassian API token', '^ATATT3[\\w=-]{186}$', [['ATATT3', 184, 190, 'base64']], sample('ATATT3', 186)],
  ['clickhouse_cloud_api_secret_key', 'ClickHouse Cloud secret', '^4b1d[A-Za-z0-9]{38}$', [['4b1d', 38, 38, 'base62']], sample('4b1d', 38)],
  [
    'cloudflare_origin_ca_key',
    'Cloudflare origin CA key',
    '^v1\\.0-[a-f0-9]{24}-[a-f0-9]{146}$',
    [['v1.0-', 171, 171]],
    `${sample('v1.0-', 24, HEX)}-${sample('', 146, HEX)}`,
  ],
  [
    'aws_bedrock_key',
    'Amazon Bedrock API key',
    '^(?:ABSK[A-Za-z0-9+/]{109,269}={0,2}|bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/=]*)$',
    [
      ['ABSK', 109, 272, 'base64'],
      ['bedrock-api-key-', 28, 4000, 'base64'],
    ],
    sample('ABSKQmVkcm9ja0FQSUtleS', 110),
  ],
  [
    'intra42_client_secret',
    'Intra 42 client secret',
    '^s-s4t2(?:ud|af)-[a-f0-9]{64}$',
    [['s-s4t2ud- s-s4t2af-', 64, 64, 'hex']],
    sample('s-s4t2ud-', 64, HEX),
  ],
  ['contentful_token', 'Contentful token', '^CFPAT-[\\w-]{43}$', [['CFPAT-', 43, 43]], sample('CFPAT-', 43)],
  ['heroku_key', 'Heroku key', '^HRKU-AA[\\w-]{58}$', [['HRKU-AA', 58, 58]], sample('HRKU-AA', 58)],
  ['typeform_token', 'Typeform token', '^tfp_[\\w.=-]{59}$', [['tfp_', 59, 59, 'dotted']], sample('tfp_', 59)],
  ['supabase_key', 'Supabase key', '^sb[pk]_[a-f0-9]{40}$', [['sbp_', 40, 40, 'hex']], sample('sbp_', 40, HEX)],
];
