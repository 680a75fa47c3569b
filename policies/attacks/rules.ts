/** What one sign is worth. Block asks for 5, an alert for 3. */
export interface RuleFacts {
  readonly class: string;
  readonly score: number;
  /** Worth in sentences and documents, where most of it is talk about attacks. */
  readonly inText: number;
  /** Looked at from this paranoia level on; 1 by default. */
  readonly level?: number;
}

const rule = (kind: string, score: number, inText: number, level = 1): RuleFacts => ({ class: kind, score, inText, level });

export const RULES: Readonly<Record<string, RuleFacts>> = {
  'sql-union': rule('sql', 6, 3),
  'sql-stacked': rule('sql', 6, 3),
  'sql-logic': rule('sql', 6, 3),
  'sql-operator': rule('sql', 5, 2),
  'sql-order': rule('sql', 5, 2),
  'sql-where': rule('sql', 5, 2),
  'sql-list': rule('sql', 5, 1),
  'sql-function': rule('sql', 5, 2),
  'sql-case': rule('sql', 5, 2),
  'sql-subselect': rule('sql', 5, 2),
  'sql-statement': rule('sql', 5, 1),
  'sql-comment': rule('sql', 5, 1),
  'sql-quotes': rule('sql', 5, 1),
  'sql-quote-probe': rule('sql', 3, 0, 2),

  'xss-event': rule('xss', 6, 5),
  'xss-event-demonstration': rule('xss', 6, 4),
  'xss-attribute': rule('xss', 6, 3),
  'xss-bare-event': rule('xss', 5, 0),
  'xss-tag-uri': rule('xss', 6, 5),
  'xss-script-uri': rule('xss', 6, 3),
  'xss-style': rule('xss', 5, 3),
  'xss-script': rule('xss', 6, 5),
  'xss-script-demonstration': rule('xss', 6, 4),
  'xss-script-bare': rule('xss', 6, 3),
  'xss-script-end': rule('xss', 5, 2),
  'xss-embedding': rule('xss', 5, 3),
  'xss-tag': rule('xss', 5, 2),
  'xss-tag-weak': rule('xss', 3, 0, 2),
  'xss-sink': rule('xss', 5, 1),
  'xss-encoded': rule('xss', 5, 1),

  'command-chained': rule('command', 6, 3),
  'command-substitution': rule('command', 6, 2),
  'command-start': rule('command', 5, 1),
  'command-evasion': rule('command', 5, 2),
  'command-path': rule('command', 5, 2),
  'command-shellshock': rule('command', 8, 4),
  'command-code': rule('command', 5, 2),
  'command-word': rule('command', 3, 0, 2),

  'path-climbs': rule('path-traversal', 6, 3),
  'path-climbs-a-little': rule('path-traversal', 3, 0),
  'path-known-file': rule('path-traversal', 5, 2),
  'path-evasion': rule('path-traversal', 5, 2),
  'path-nul': rule('path-traversal', 5, 3),

  'ssrf-metadata': rule('ssrf', 8, 4),
  'ssrf-scheme': rule('ssrf', 5, 2),
  'ssrf-loopback': rule('ssrf', 4, 1),
  'ssrf-loopback-url': rule('ssrf', 5, 1),
  'ssrf-private': rule('ssrf', 3, 0),
  'ssrf-private-url': rule('ssrf', 4, 0),
  'ssrf-disguised': rule('ssrf', 6, 3),
  'ssrf-callback': rule('ssrf', 6, 4),

  'xxe-entity': rule('xxe', 6, 3),
  'xxe-include': rule('xxe', 5, 3),
  'xxe-schema': rule('xxe', 5, 2),
  'xxe-encoding': rule('xxe', 5, 2),

  'template-arithmetic': rule('template', 5, 2),
  'template-inner': rule('template', 6, 3),
  'template-call': rule('template', 5, 2),
  'template-language': rule('template', 6, 3),
  'template-include': rule('template', 6, 3),

  'lookup-remote': rule('lookup', 8, 6),
  'lookup-nested': rule('lookup', 6, 5),
  'lookup-plain': rule('lookup', 4, 2),

  'nosql-operator': rule('nosql', 6, 6),
  'nosql-operator-plain': rule('nosql', 3, 3),
  'nosql-code': rule('nosql', 5, 1),

  'ldap-filter': rule('ldap', 5, 1),

  'crlf-header': rule('crlf', 6, 6),
  'crlf-log': rule('crlf', 5, 5),
  'crlf-raw': rule('crlf', 3, 0, 2),

  'mail-command': rule('crlf', 6, 2),

  'pollution-key': rule('prototype-pollution', 6, 6),
  'pollution-path': rule('prototype-pollution', 6, 2),

  'serialised-object': rule('deserialisation', 6, 3),
  'serialised-pickle': rule('deserialisation', 8, 8),
  'serialised-code': rule('deserialisation', 6, 3),

  'scanner-agent': rule('other', 5, 5),
  'over-encoded': rule('other', 3, 3, 2),
};
