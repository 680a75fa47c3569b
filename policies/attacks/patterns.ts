/** Where a value stood; some attacks make sense only in some places. */
export type Place = 'path' | 'query' | 'header' | 'cookie' | 'body';

/** Groups of words for the first pass; a detector runs only where one of its words occurs. */
export const GROUP = {
  sql: 1,
  tag: 2,
  script: 4,
  shell: 8,
  path: 16,
  url: 32,
  xml: 64,
  template: 128,
  lookup: 256,
  code: 512,
  ldap: 1024,
  mail: 2048,
  serial: 4096,
  pollution: 8192,
  lines: 16_384,
} as const;

const words = (text: string): readonly string[] => text.split(' ');

export const GROUP_WORDS: ReadonlyMap<number, readonly string[]> = new Map([
  [
    GROUP.sql,
    words(
      'select union insert update delete drop or  and  xor  || && -- # /* \' " sleep( elt( iif( make_set( benchmark( waitfor having where order group rlike regexp like case between ;exec exec( execute declare procedure dbms_ xp_ concat( char( chr( extractvalue( call truncate alter limit',
    ).filter((word) => word !== ''),
  ],
  [GROUP.tag, ['<']],
  [
    GROUP.script,
    words(
      'alert prompt confirm javascript: vbscript: livescript: script data:text data:image eval document window[ self[ top[ this[ fromcharcode constructor onerror onload settimeout setinterval innerhtml atob fetch( adw- &{ javas onclick onfocus onmouse onblur onpointer ontoggle onkey onanimation ontransition onscroll oninput onchange onsubmit ondrag onx',
    ),
  ],
  [
    GROUP.shell,
    words(
      '; | & ` $( ${ \n < > cat ping id whoami uname curl wget bash sh cmd powershell /bin /usr /etc dir net nc python perl php ruby () set system exec ifs',
    ),
  ],
  [
    GROUP.path,
    words(
      '.. \\\\ etc/ var/ /root .aws .kube .npmrc _history id_rsa id_ed25519 win.ini boot.ini passwd web-inf \0 .%00 0x2e proc/ .git .env .ssh .htaccess ntuser.dat system32 windows config {file} file: .ini',
    ),
  ],
  [
    GROUP.url,
    words(
      ':// gopher: dict: file: ldap: jar: netdoc: localhost 127. 169.254 metadata 0x7f nip.io burpcollaborator oastify interact.sh oast. dnslog \\\\ // [::',
    ),
  ],
  [GROUP.xml, words('<!doctype <!entity xinclude xi: :include xs:import schemalocation <?xml')],
  [
    GROUP.template,
    words('{{ ${ #{ <% <# {% *{ @( [[ t(java {php #set( !!python __class__ __globals__ __import__ __builtins__ <!--# <esi: #exec'),
  ],
  [GROUP.lookup, ['${']],
  [
    GROUP.code,
    words(
      'function new while( sleep( return db. this. $where $ne $gt eval( require( process. import system( exec( passthru( assert( base64_decode phpinfo <?php runtime',
    ),
  ],
  [GROUP.ldap, words('(| (& (! *)( )( =*')],
  [GROUP.mail, words('rcpt fetch capability bcc: cc: mail \nquit \nto: \nfrom: \nsubject: uid')],
  [
    GROUP.serial,
    words(
      'ro0ab \u0005sr o: a: aaeaaad gasv \u0080 _$$nd_func !!python !!java !!ruby c: $type posix builtin subprocess system rce \u0004\b',
    ),
  ],
  [GROUP.pollution, words('__proto__ prototype constructor')],
  [GROUP.lines, words('\n \r')],
]);

/** A rule that is one pattern over a normalised value in lower case. */
export interface Pattern {
  readonly rule: string;
  readonly group: number;
  readonly match: RegExp;
  readonly in?: readonly Place[];
  /** Applies to the text as it was written, with its case. */
  readonly keepsCase?: boolean;
  /** Only values up to this length. */
  readonly maxChars?: number;
}

/** Commands whose names no sentence uses. */
const RARE =
  'whoami|uname|ifconfig|ipconfig|netstat|wget|curl|chmod|chown|passwd|nslookup|traceroute|tracert|tcpdump|nmap|ncat|nc|netcat|telnet|systeminfo|tasklist|taskkill|powershell(?:\\.exe)?|pwsh|cmd(?:\\.exe)?|certutil|bitsadmin|' +
  'wmic|regsvr32|rundll32|mshta|bash|zsh|ksh|csh|tcsh|busybox|gcc|xterm|mkfifo|mknod|awk|gawk|sed|xxd|crontab|sudo|su|ssh|scp|rsync|ftp|tftp|printenv|lsof|lsb_release|ps|ls|pwd|ping6?(?:\\.exe)?|getent|rmdir|killall|pkill|vim?';
/** Commands that also stand in lists of things, such as columns, tags or languages: `cats; dogs; id cards`, `id;name;price`. */
const LISTED = 'id|node|dir|env|groups|hostname|python[23]?|perl|ruby|php\\d?|lua|dash|nano|dig|shutdown|reboot';
/** Commands that are words too: what follows has to look like an argument. */
const COMMON =
  'cat|echo|ping|sleep|type|copy|del|find|kill|move|more|less|head|tail|touch|tee|set|net|net1|sort|cut|print|printf|test|time|timeout|true|false|start|stop|exec|eval|source|read|rm|mv|cp|df|du|at|host|finger|sh|ver|nice|nohup|grep|egrep|expr|date|w|who|users|last|mail|route|arp|tar|zip|wall|reg|sc|cacls|exit';
const ARGUMENT =
  '(?:\\s+|\\$\\{?ifs\\}?(?:\\$\\d)?|<(?!/?[a-z][a-z0-9]*>)|,)(?:[-/~.$*%<>"\'`\\\\][\\w./*?\\\\:$"\'`{}%-]|\\d|[a-z]:|[\\w.-]+\\.[a-z]{2,}|[\\w-]+/[\\w])';
const FOLDER = '(?:/?(?:[\\w.?*\\[\\]-]{0,20}/){0,4}/?)?';
const END = '(?=$|[\\s;|&`)<>\'"#}\\\\,$\\]])';
/** A command that no plain word follows. */
const ALONE = `(?:(?:${RARE})${END}|(?:${LISTED})(?:${END}(?!\\s+[a-z])|${ARGUMENT}))(?!\\s*[=:(])`;

export const PATTERNS: readonly Pattern[] = [
  {
    rule: 'command-chained',
    group: GROUP.shell,
    match: new RegExp(
      `(?:[;|]|&&|(?<!\\s)&|&(?!\\s)|\\|\\||^[^\\w\\s]{1,3}\\s?\\+?\\|)[\\s+'"({]{0,6}${FOLDER}(?:${ALONE}|(?:${COMMON})${ARGUMENT})`,
    ),
    maxChars: 8000,
  },
  {
    // An ampersand between blanks joins words as well: "line & node type", so the command has to stand alone or take an argument.
    rule: 'command-chained',
    group: GROUP.shell,
    match: new RegExp(
      `\\s&\\s+${FOLDER}(?:(?:${RARE}|${LISTED})(?:\\s*(?:$|[;|&<>](?!/?[a-z][a-z0-9]*>))|${ARGUMENT})|(?:${COMMON})${ARGUMENT})`,
    ),
    maxChars: 8000,
  },
  {
    rule: 'command-chained',
    group: GROUP.shell,
    match: new RegExp(
      `^[\\s"'/]*(?:/(?:usr/)?s?bin/|/etc/)?(?:(?:${RARE})\\s*[;|&]{1,2}(?:\\s*$|\\s*[\\w/])|(?:${LISTED})\\s*[;|&]{1,2}\\s*(?:$|/|(?:${RARE}|${COMMON})\\b))`,
    ),
    maxChars: 100,
  },
  {
    rule: 'command-chained',
    group: GROUP.shell,
    match:
      /[|;&]\s*(?:set\s+\/a|net\s+(?:user|view|localgroup|share)|type\s+%|ver\b|vol\b|dir\s*(?:$|[c-z]:|\/)|\/(?:usr\/)?(?:s?bin|etc)\/\w+)/,
  },
  {
    rule: 'command-chained',
    group: GROUP.lines,
    // Behind one value: lines of text, headings and markup break in front of such words as well.
    match: new RegExp(`^(?![.#=*-])\\S{0,60}(?<![:.,])\\s{0,3}[\\n\\r]\\s{0,3}${FOLDER}(?:${ALONE}|(?:${COMMON})${ARGUMENT})`),
    maxChars: 120,
  },
  {
    rule: 'command-substitution',
    group: GROUP.shell,
    // A backtick that an apostrophe closes is a quotation mark.
    match: new RegExp(
      `(?:\\$\\(|\`(?![^\`\\n]{0,80}'(?![^\`]*\`))|<\\(|>\\()\\s*${FOLDER}(?:(?:${RARE}|${LISTED})(?=[\\s)\`;|])|(?:${COMMON})${ARGUMENT})`,
    ),
  },
  { rule: 'command-substitution', group: GROUP.shell, match: /\$\(\(?\s*\d+\s*[-+*/]\s*\d+|\$\(<\s*\/|`\s*\w+\s+[-/]\S+[^`]*`/ },
  {
    rule: 'command-start',
    group: GROUP.shell,
    match:
      /^[\s'"]*(?:(?:cat|head|tail|less|more|tac|nl|strings|rm|cp|mv|ls|vi|touch|chmod|type|find|grep)\s+(?:-\w+\s+)*[/~]\w|ping(?:\.exe)?\s+(?:-[nci]|\/n)\s*\d|nslookup\s+\S+\.|(?:wget|curl)\s+(?:-\S+\s+)*(?:https?:|ftp:|\d)|(?:ba|z|k)?sh\s+-[ci]|(?:cmd|powershell)(?:\.exe)?\s+[/-]\w|n(?:c|cat|etcat)\s+-\w+|python[23]?\s+-c|perl\s+-e|php\s+-r|sleep\s+\d+\s*[;&|]|uname\s+-\w|net\s+(?:user|localgroup)|whoami\s*\/|echo\s+[^\s]{1,40}\s*[|>]\s*[\w/]|set\s+\/a\s+\d)/,
    maxChars: 1000,
  },
  { rule: 'command-start', group: GROUP.shell, match: /(?:^|[=\s])(?:cat|head|tail|more|less|type)\s+\/(?:etc|proc|var|root|home)\// },
  {
    rule: 'command-path',
    group: GROUP.shell,
    match:
      /(?:^|[\s;|&"'`(=])\/(?:usr\/)?(?:local\/)?s?bin\/(?:id|ls|cat|sh|bash|nc|ping|wget|curl|uname|whoami|ps|python\d?|perl|echo|sleep|env|touch|kill|rm|dash|zsh|cp|chmod)(?=$|[\s;|&"'`)])/,
  },
  {
    rule: 'command-path',
    group: GROUP.shell,
    match:
      /\/dev\/(?:tcp|udp)\/|\/(?:[\w]*[?*][\w?*]*)\/(?:[\w]*[?*][\w?*]*)\s|\bcmd(?:\.exe)?\s*\/c\b|%comspec%|powershell(?:\.exe)?\s+-(?:e|enc|nop|c|w|ep)\b/,
  },
  {
    rule: 'command-evasion',
    group: GROUP.shell,
    match:
      /\$\{?ifs\b|\$\{[\w]*:\d+:\d+\}|\$\{path:|(?:^|[;|&`(\s/])\w{0,3}(?:''|""|\\)\w{1,3}(?:''|""|\\)\w{0,4}\s+[-/.]|(?:^|[;|&`(])\s{0,3}\w{1,6}(?:''|"")\w{1,6}\s+[-/~.$]|\{(?:cat|ls|wget|curl|nc|ping|bash|sh),[^}]+\}|\$@\w|w'h'o|who\$@ami/,
  },
  { rule: 'command-shellshock', group: GROUP.shell, match: /\(\s*\)\s*\{[^}/*]{0,12};?\s*\}\s*;/ },
  {
    rule: 'command-code',
    group: GROUP.code,
    match:
      /(?:^|[^\w.>])(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\(\s*(?:['"$\\]|base64_decode|chr)|<\?(?:php|=)[^?]{0,200}(?:eval|system|exec|passthru|assert|base64_decode|phpinfo|\$_(?:get|post|request|cookie))|base64_decode\s*\(\s*['"$]|\bphpinfo\s*\(\s*\)|__import__\s*\(\s*['"]|(?:os|subprocess)\.(?:system|popen|call|run|exec\w*)\s*\(|java\.lang\.(?:runtime|processbuilder)|getruntime\s*\(\s*\)\s*\.\s*exec|(?:require|import|mainmodule\.\w+|load)\s*\(?\s*['"](?:node:)?child_process['"]|child_process['")]{0,3}\s*\.\s*(?:exec|spawn|fork)\w*\s*\(\s*['"`]|process\.mainmodule\s*(?:\.|\[)|require\s*\(\s*['"](?:child_process|fs|net|vm)['"]\s*\)\s*\./,
  },

  {
    rule: 'xxe-entity',
    group: GROUP.xml,
    match: /<!doctype[^>]{0,200}(?:\[|\b(?:system|public)\b(?!\s+["'](?:-\/\/w3c|about:legacy))(?!\s+html))|<!entity\s/,
  },
  {
    rule: 'xxe-include',
    group: GROUP.xml,
    match:
      /<(?:\w+:)?(?:include|import)\b[^>]{0,300}(?:href|parse|schemalocation|namespace)\s*=\s*["'](?:\w+:|\/|\.\.)|xmlns:xi\s*=|<\?xml-stylesheet[^>]{0,200}href/,
  },
  {
    rule: 'xxe-schema',
    group: GROUP.xml,
    match: /(?:\w+:)?(?:nonamespace)?schemalocation\s*=\s*["']\s*(?:https?:|ftp:|file:|\/\/)[^\s"']+["']/,
  },
  {
    rule: 'xxe-encoding',
    group: GROUP.xml,
    match: /^\s*<\?xml[^>]{0,80}encoding\s*=\s*["'](?:utf-?7|utf-?16|utf-?32|ucs-?\d|ibm\d+|cp\d{3}|ebcdic)/,
  },

  {
    rule: 'template-arithmetic',
    group: GROUP.template,
    match: /(?:\{\{|\$\{|#\{|<%=?|\*\{|@\(|\[\[\$?\{?|\{%|~\{)[-+=\s]{0,4}['"(]{0,2}\d+['")]{0,2}\s*[-*+/%]\s*['"(]{0,2}\d+/,
  },
  {
    rule: 'template-inner',
    group: GROUP.template,
    match:
      /(?:\{\{|\{%|[$#]\{|<%|@\()(?:[^\n{}]|\}(?!\})){0,200}(?:__(?:class|globals|builtins|mro|base|bases|subclasses|init|import|dict|self)__|\.mro\(|\|\s*attr\s*\(|lipsum|cycler|joiner|config\.(?:items|from)|get_flashed_messages|url_for\.|request\.(?:application|environ)|self\._|_self\.env|\.getclass|\.forname|getruntime|processbuilder|java\.|freemarker|\.constructor|constructor\s*[.([]|process\.|require\(|file\.(?:open|read)|system\s*\(|exec\s*\(|eval\s*\(|passthru|popen|range\.constructor|\$eval|\$on\.)/,
  },
  {
    rule: 'template-call',
    group: GROUP.template,
    match:
      /\{\{\s*(?:['"][^'"]{0,40}['"]\s*[.|]\s*\w+\s*\(|[\w.]+\s*\(\s*['"\d][^{}]{0,80}\)|config\b|settings\.secret|\[[^\]]{0,40}\]\s*\|\s*(?:map|filter|sort|reduce)\s*\(|['"][^'"]+['"]\s*\*\s*\d)|\$\{\s*\w+\s*\(\s*["'][^"'}]{1,80}["']\s*\)\s*\}|\{%\s*(?:import|include|debug|extends|load)\b[^%]{0,200}%\}|\{%\s*(?:for|if|set)\b[^%]{0,200}?(?:[([]|__|\d\s*[-+*/]\s*\d)[^%]{0,200}%\}|#\{\s*[\w.]+\(/,
  },
  {
    rule: 'template-language',
    group: GROUP.template,
    match:
      /<#assign\b|<#(?:include|import|list)\b|\?new\s*\(\s*\)|#set\s*\(\s*\$|\bt\(\s*java\.|\{php\}|<%[=@]?\s*(?:system|exec|eval|file|io|runtime|dir|import|`|open|process|require|response\.|request\.)|\$\{t\(|\$\{@|#\{\s*(?:system|exec|`|file)|\{\{=|@\{\s*\w+\.|\$\{\{(?!\s*!?[a-z][\w.-]*\s*(?:\}\}|[=!<>&|]))/,
  },
  {
    rule: 'template-include',
    group: GROUP.template,
    match: /<!--\s*#\s*(?:exec|include|echo|printenv|config|set|fsize|flastmod)\b|<esi:(?:include|inline|vars|debug|remove|assign|eval)/,
  },
  {
    rule: 'serialised-object',
    group: GROUP.serial,
    match: /!!(?:python\/|java\.|javax\.|ruby\/|org\.|com\.)|!ruby\/(?:object|hash|struct)|_\$\$nd_func\$\$_/,
  },

  {
    rule: 'nosql-code',
    group: GROUP.code,
    match:
      /^[^\w\n]{0,6}\d{0,6}[^\w\n]{0,6}[;}'"]\s*(?:(?:var|let|const)\s+\w+\s*=\s*new\s+date\b|while\s*\(|do\s*\{|for\s*\(\s*;)|do\s*\{[^\n]{0,200}\}\s*while\s*\([^\n]{0,40}-/,
  },
  {
    rule: 'nosql-code',
    group: GROUP.code,
    match:
      /['"]?[ \t]*(?:;|\|\||&&)[ \t]*(?:return\s*(?:\(|true|1|'|")|sleep\s*\(\s*\d|db\.\w+\.(?:find|insert|drop|remove|update)|this\.\w+\s*(?:[=!]=|\.match))|\bdb\.(?:\w+\.)?(?:insert|drop|find|remove|getcollectionnames|dropdatabase)\s*\(|\$where['"]?\s*:\s*['"]?\s*\S|['"{,\s[]\$(?:ne|gt|lt|gte|lte|nin|regex|exists|where)['"]?\s*\]?\s*[:=]|['"{,\s[]\$(?:or|and|nor)['"]?\s*:\s*\[|^[\w ]{0,20}['"]\s*[;}]\s*while\s*\(|(?:^|['"|&;({,]\s*|return\s+)this\.\w{2,20}\s*(?:===?|!=)\s*/,
    maxChars: 2000,
  },

  {
    rule: 'ldap-filter',
    group: GROUP.ldap,
    match:
      /\(\s*[&|]\s*\(|\(\s*!\s*\(\s*(?:[\w.]+=|[&|])|^[^(\s]{0,60}\)\s*\(\s*[|&!]?\s*\(?\s*[\w.;-]+\s*[~<>]?=|^\*?\)\s*\(|\*\)\s*\(\s*(?:[|&!]|\w+=)|\)\s*\(\s*[|&!]\s*\)|\)\s*\(\s*\(\s*[|&!]\s*\(?\s*\w+\s*=|\)\s*\(\s*(?:uid|cn|sn|mail|objectclass|userpassword|samaccountname|givenname|ou|dc)\s*=|\(\s*(?:uid|cn|objectclass|userpassword|samaccountname)\s*=\s*[^)]*\*/,
    maxChars: 600,
  },

  {
    rule: 'crlf-header',
    group: GROUP.lines,
    match:
      /[\r\n]+\s{0,4}(?:(?:set-cookie|location|content-(?:type|length|disposition|security-policy)|transfer-encoding|refresh|x-[\w-]{1,40}|host|link|access-control-[\w-]{1,40}|cache-control|p3p|user-agent|referer|connection)\s*:|http\/\d\.\d|(?:get|post|put|delete|head)\s+\/)/,
    in: ['path', 'query', 'header', 'cookie'],
    maxChars: 2000,
  },
  {
    rule: 'crlf-header',
    group: GROUP.lines,
    match: /^\S{0,80}[\r\n]+\s{0,4}(?:set-cookie|location|content-length|transfer-encoding|x-[\w-]{1,40}|refresh)\s*:/,
    in: ['body'],
    maxChars: 400,
  },
  {
    rule: 'crlf-log',
    group: GROUP.lines,
    match: /^[^\r\n]{0,200}[\r\n]+\s{0,4}[\w .[\]-]{2,40}(?::|=|\]|\s(?:user|error|info|warn|login))/,
    in: ['path', 'query', 'header', 'cookie'],
    maxChars: 400,
  },
  {
    rule: 'crlf-header',
    group: GROUP.lines,
    match: /(?:\r\n){2}\s{0,4}<(?:!doctype|html|body|script|svg|img|iframe)\b/,
    in: ['path', 'query', 'header', 'cookie'],
    maxChars: 2000,
  },
  { rule: 'crlf-raw', group: GROUP.lines, match: /[\r\n]/, in: ['path', 'header', 'cookie'] },
  {
    rule: 'mail-command',
    group: GROUP.mail,
    match:
      /[\r\n]\s{0,4}(?:rcpt\s+to\s*:|mail\s+from\s*:|data\s*[\r\n]|quit\b|(?:b?cc|to|from|reply-to)\s*:\s*[^\s@]{1,60}@|[av]\d{1,4}\s+(?:capability|fetch|login|logout|select|list|search|create|delete|noop)\b|(?:capability|starttls|ehlo|helo|vrfy|expn)\b|uid\s+(?:fetch|search))/,
  },
  {
    rule: 'mail-command',
    group: GROUP.mail,
    match: /^["'\s]*[av]\d{3,4}\s+(?:capability|fetch|login|logout|select|list|search|create|delete)\b/,
    maxChars: 400,
  },

  {
    rule: 'pollution-path',
    group: GROUP.pollution,
    match:
      /(?:^|[.[{"'&?;,])\s*__proto__\s*(?:["']?\s*[\].:=[]|$)|constructor\s*(?:\]?\s*\[|\.)\s*["']?prototype(?=["'\]\s]{0,4}(?:[.[=:]|$))|["']constructor["']\s*:\s*\{\s*["']prototype/,
  },

  {
    rule: 'serialised-object',
    group: GROUP.serial,
    keepsCase: true,
    match:
      /^rO0AB|^\u00ac\u00ed\u0000\u0005|^AAEAAAD\/{5}|(?:^|[;{:])[OC]:\+?\d{1,4}:"[\w\\]{1,100}":\d+:\{|^a:\d{1,4}:\{[isdbOa]:|"\$type"\s*:\s*"(?:System|Microsoft)\.|^\u0004\b[[{o:I]|^BAh[\w+/]{6}/,
  },
  {
    rule: 'serialised-pickle',
    group: GROUP.serial,
    match:
      /^(?:\u0080[\u0002-\u0005]|\(?c(?:os|posix|nt|builtins|__builtin__|subprocess)\n)[\s\S]{0,400}?(?:builtins|__builtin__|posix|\bos\b|\bnt\b|subprocess|eval|exec|system|popen|commands|getattr|pty|socket)/,
    keepsCase: true,
  },
];

export const SCANNERS =
  /sqlmap|nikto|nuclei|openvas|acunetix|nessus|netsparker|invicti|wpscan|w3af|arachni|dirbuster|gobuster|feroxbuster|ffuf|fuzz faster u fool|wfuzz|jaeles|commix|havij|masscan|zgrab|nmap|whatweb|skipfish|webinspect|appscan|qualys|burpsuite|burpcollaborator|oastify|interact\.sh|zaproxy|owasp zap|hydra|joomscan|droopescan|vega\/|xsser|dalfox|arjun|httprobe|paros|webshag|grendel|absinthe|bsqlbf|pangolin|sqlninja|cgichk|fimap|uniscan|morfeus|zmeu|dirsearch|detectify|metasploit|kiterunner|tplmap|xsstrike|webcruiser|openvas-vt|projectdiscovery|leakix|censysinspect|l9explore/i;
