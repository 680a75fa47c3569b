/** The words of the test language, by the place where they may stand. */
export const TOP_LEVEL = [
  'id',
  'info',
  'attributes',
  'auth',
  'api_selection_filters',
  'wordLists',
  'execute',
  'validate',
  'dynamic_severity',
  'strategy',
  'inactive',
  'estimatedTokens',
  'filter',
  'ignore',
  'success_filter',
  'failure_filter',
  'aggregation_rules',
] as const;

export const INFO = [
  'name',
  'description',
  'details',
  'impact',
  'category',
  'subCategory',
  'severity',
  'tags',
  'references',
  'cwe',
  'cve',
  'agenticTestingAllowed',
  'onlySmartTestingAllowed',
  'remediation',
  'owasp',
] as const;

export const TERMS = [
  'url',
  'method',
  'query_param',
  'request_headers',
  'request_payload',
  'response_headers',
  'response_payload',
  'response_code',
  'api_collection_id',
  'source_ip',
  'destination_ip',
  'country_code',
  'test_type',
] as const;

export const OPERATORS = [
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'eq_obj',
  'neq_obj',
  'contains_either',
  'contains_all',
  'not_contains',
  'not_contains_either',
  'regex',
  'regex_extract',
  'contains_jwt',
  'cookie_expire_filter',
  'datatype',
  'valuetype',
  'valueType',
  'param',
  'contains_either_cidr',
  'not_contains_cidr',
  'conform_schema',
  'belongs_to_collections',
  'magic_validate',
  'not_magic_validate',
  'category',
  'confidence',
  'action',
  'type',
  'pattern',
  'replacement_string',
  'endpoint_in_traffic_context',
] as const;

export const MEASURES = ['length', 'percentage_match', 'percentage_match_schema', 'nlp_classification'] as const;
export const CONTEXTS = [
  'private_variable_context',
  'param_context',
  'include_roles_access',
  'exclude_roles_access',
  'api_access_type',
] as const;
export const COMPARISONS = ['compare_greater', 'ssrf_url_hit', 'same_answer', 'other_answer'] as const;
export const STRUCTURE = ['and', 'or', 'for_one', 'for_all', 'key', 'value', 'extract', 'extractMultiple'] as const;
export const CONDITION_WORDS: readonly string[] = [...TERMS, ...OPERATORS, ...MEASURES, ...CONTEXTS, ...COMPARISONS, ...STRUCTURE];

type Shape = 'map' | 'text' | 'boolean' | 'scalar' | 'texts' | 'url' | 'body' | 'any' | 'inner' | 'text-or-map';

/** Operations on a request and the shape of their argument. */
export const OPERATIONS: { readonly [name: string]: Shape } = {
  add_header: 'map',
  modify_header: 'map',
  delete_header: 'texts',
  add_query_param: 'map',
  modify_query_param: 'map',
  delete_query_param: 'texts',
  add_body_param: 'map',
  modify_body_param: 'map',
  delete_body_param: 'texts',
  replace_body: 'body',
  modify_url: 'url',
  modify_method: 'text',
  follow_redirect: 'boolean',
  remove_auth_header: 'boolean',
  replace_auth_header: 'scalar',
  jwt_replace_body: 'text-or-map',
  attach_file: 'text',
  send_ssrf_req: 'map',
  for_each_combination: 'inner',
  for_all: 'inner',
  for_one: 'inner',
  add_graphql_field: 'any',
  add_unique_graphql_field: 'any',
  modify_graphql_field: 'any',
  delete_graphql_field: 'any',
  replace_parent_ids: 'boolean',
  modify_cookie: 'map',
  modify_own_id: 'scalar',
  conversations_list: 'any',
  test_name: 'text',
  label: 'text',
};
/** What a step holds beside its operations. */
export const STEP_WORDS = ['validate', 'success', 'failure', 'wait'] as const;
export const URL_FORMS = ['regex_replace', 'token_replace', 'token_insert'] as const;
export const EXECUTE_TYPES = ['single', 'multiple', 'graph', 'passive'] as const;
