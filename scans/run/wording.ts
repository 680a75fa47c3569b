/** What names of paths and parameters say, in the habits of many APIs. */

/** Requests that end a session would end the scan's own. */
export const ENDS_SESSION = /log[-_]?out|sign[-_]?out|revoke|deactivate|unregister/i;

export const LOGS_IN = /(log[-_]?in|sign[-_]?in|authenticate|sessions?|token|auth)(\.[a-z]{2,6})?\/?$/i;

export const REGISTERS = /(register|sign[-_]?up|registrations?|create[-_]?(user|account))(\.[a-z]{2,6})?\/?$/i;

/** Where a POST with a name and a password makes an account. */
export const MAKES_USER = /(^|\/)(users?|accounts?|members?|customers?|patients?|people|persons?|profiles?)(\.[a-z]{2,6})?\/?$/i;

/** Fields that say who logs in. */
export const LOGIN_NAME = /^(user_?name|user|e?mail|e?mail_?address|login|handle|nick_?name|phone|mobile(_?number)?)$/i;

/** Does this request make an account, by the name of its path or by what it sends? */
export const registers = (method: string, template: string, names: readonly string[]): boolean =>
  REGISTERS.test(template) ||
  (method === 'POST' && MAKES_USER.test(template) && names.some((one) => PASSWORD.test(one)) && names.some((one) => LOGIN_NAME.test(one)));

/** The last word of the path: `order.list`, `getOrder`, `search`. */
export const READS_BY_POST =
  /(^|[/._-])(list|search|find|query|get|fetch|read|filter|lookup|show|view|all|details?)(\.[a-z]{2,6})?\/?$|\/(get|list|find|search|fetch|read|show|view)[-_]?[A-Za-z]*\/?$/;

/** Where a user looks at itself. */
export const PROFILE =
  /(^|\/)(me|self|profile|whoami|session|auth|who-am-i|dashboard|current|current_?user|user|userinfo|account)(\.[a-z]{2,6})?\/?$/i;

export const PASSWORD = /(password|passwd|pwd)/i;

/** Names of collections that say in a query how, not which. */
export const SAYS_HOW =
  /^(order|sort|group|type|status|state|category|view|role|name|title|page|filter|fields?|include|expand|search|query|action|format|lang|locale)(_?by)?$/i;

/** Headers of an application's own that do not say whose data is meant. */
export const SAYS_HOW_IN_HEADER =
  /version|lang|locale|time-?zone|client-?(name|type|id)|device|platform|app-|correlation|idempotency|signature|debug|format|source|channel|csrf|xsrf/i;

/** A whole address, as APIs write references that link to what they mean. */
export const isAddress = (value: string): boolean => /^https?:\/\//.test(value);

export const IS_ID = /^_?(id|uuid|guid)$/i;

/** `ids` and `orderIds` hold what `id` and `orderId` do. */
export const singularId = (name: string): string => name.replace(/(?<=^|[-_a-z])(id|Id|ID|uuid|Uuid)s$/, '$1');

/** `filter[owner]` and `filter.owner` are of an owner. */
export const bare = (name: string): string => /\[([^\]]+)\]$/.exec(name)?.[1] ?? name.replace(/^.*\./, '');

/** Forms that nothing else has: what such a value stands for is not meant by a value of another form. */
const FORMS = [/^https?:\/\//, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i, /^(?=.*\d)(?=.*[a-f])[0-9a-f]{12,}$/i, /^[^@\s]+@[^@\s]+$/];
export const hasForm = (value: string, example: string): boolean => FORMS.every((form) => !form.test(example) || form.test(value));

/** A word such as "asc" does not stand where a number is meant, nor a number where an example has a form of its own. */
export const mayStandFor = (value: string, example: string): boolean =>
  !(/^\d+$/.test(value) && (/^[a-z][a-z_-]+$/i.test(example) ? example !== 'weir' : !hasForm(value, example)));

/** Ids, and what names a user. */
export const NAMES_OBJECT =
  /(^|[-_])(id|uuid|guid|user|username|user_name|email|login|owner|customer|member|patient|tenant)$|[a-z](Id|Uuid|UUID|ID|Email|UserName)$/;

/** What else may say which one is meant, in a query. */
export const NAMES_ONE = /(^|[-_])(number|no|code|slug|reference|ref|key|vin|iban)$|[a-z](Number|No|Code|Ref|Key)$/i;
