import type { Sign } from './sql.js';

const KNOWN_FILE =
  /(?:^|[/\\]{1,8}|[.:=~])(?:etc[/\\]+(?:\.[/\\]+)*(?:passwd|shadow|hosts|group|issue|motd|fstab|crontab|sudoers|hostname|resolv\.conf|my\.cnf|mysql|apache2?|httpd|nginx|php|ssh|profile|environment|security)(?!\.(?:md|rst|adoc|html?|[jt]sx?)$)|proc[/\\]+(?:self|version|cmdline|environ|\d+|net|mounts)|var[/\\]+(?:log|www|run|spool|mail)[/\\]|root[/\\]+\.|windows[/\\]+(?:win\.ini|system32|repair|system\.ini|php\.ini|my\.ini|system)|winnt[/\\]|boot\.ini|win\.ini|windows\.ini|web-inf|meta-inf[/\\]|\.git[/\\](?:config|head|index)|\.ssh[/\\]|\.aws[/\\](?:cred|config)|\.kube[/\\]config|\.docker[/\\]config|\.(?:bash|zsh|mysql|psql)_history|id_(?:rsa|dsa|ecdsa|ed25519)$|\.htpasswd|ntuser\.dat|system32[/\\]|wp-config\.php|inetpub[/\\]|usr[/\\]+local[/\\]+(?:etc|apache|app)|autoexec\.bat)/;
/** A file of a program's sources, named from a folder inside it: `../../lib/list.js`. */
export const SOURCE_FILE =
  /^(?:\.\.[/\\]){1,2}[\w@.+/\\-]+\.(?:[cm]?[jt]sx?|s?css|less|vue|svelte|map|md|rs|go|py|java|kt|c|h|cpp|png|jpe?g|svg|gif|webp)$/;
const BLANK = /\s\S+\s/;
/** Parts between which climbs are counted. */
const DOTS = /(?:\.\.|%2e%2e|0x2e0x2e|\.%2e)(?:[/\\;]|0x(?:2f|5c)|%2f|%5c|%c0%af|$)/g;

/**
 * Looks for climbs out of a folder and for files that no API serves. `lower` is the normalised value; `raw` the value as it was sent;
 * `depth` how many folders stand above it, -1 where not one step up is right.
 */
export function findPaths(lower: string, raw: string, depth: number, sign: Sign): void {
  if (lower.includes('..') || lower.includes('0x2e')) climbs(lower, depth, sign);
  if (!BLANK.test(lower)) {
    const file = KNOWN_FILE.exec(lower);
    if (file !== null) sign('path-known-file', file.index);
  }
  if (
    /\.{4,}[/\\]{1,6}\.{3,}|\.\.\.+[/\\]{2,}|\.\.;[/\\]|\.\.0x(?:2f|5c)|0x2e0x2e|\.{6,}.{0,40}(?:\{file\}|etc|passwd|win|boot|web-inf)|%c0%af|\u00c0\u00af|[/\\]\.[/\\]{2,}\.\.|(?:[/\\]\.){2,}[/\\]|\.\.[/\\]{2,}\.\.|[/\\]{2,}\.{2}[/\\]|[/\\]{4,}\.\./.test(
      lower,
    )
  )
    sign('path-evasion', 0);
  if (
    /^[^\s\0]{1,200}\0(?:$|[.\w])/.test(lower) ||
    (/%00/.test(raw) && /\.(?:php|jsp|ini|conf|html?|jpe?g|png|gif|txt|exe|log|asp)/.test(lower))
  )
    sign('path-nul', 0);
  if (/^\\\\(?:[\d.]{7,15}|\[?::1\]?|::1|localhost|[\w.-]+@\d|[\w.-]+)\\[\w$]+\\?/.test(lower))
    sign(/\$|::1|\d+\.\d+|\\\\[\w-]+\.[\w.]+/.test(lower) ? 'path-known-file' : 'path-climbs-a-little', 0);
}

function climbs(lower: string, depth: number, sign: Sign): void {
  let up = 0;
  let at = -1;
  let lowest = 0;
  let level = 0;
  for (const part of lower.slice(0, 2000).split(/[/\\]+|0x2f|0x5c/)) {
    if (part === '' || part === '.') continue;
    if (/^(?:\.\.|0x2e0x2e)[;.\0]?$|^[^.\s]{0,20}[=:]\.\.$/.test(part)) {
      up++;
      level--;
      if (at < 0) at = lower.indexOf('..');
      if (level < lowest) lowest = level;
    } else level++;
  }
  const marks = lower.match(DOTS)?.length ?? 0;
  if ((lowest < 0 && -lowest > depth + 1) || up >= 4 || (marks >= 4 && !/\s\S+\s\S+\s/.test(lower))) sign('path-climbs', Math.max(0, at));
  else if (lowest < 0 && -lowest > depth)
    sign(
      -lowest >= 2 || /\.\.[/\\]\S*\.(?:php|ini|conf|log|jsp|txt|key|pem|ya?ml|env|dat)\b/.test(lower)
        ? 'path-climbs'
        : 'path-climbs-a-little',
      Math.max(0, at),
    );
}
