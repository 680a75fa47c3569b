import type { Sign } from './sql.js';

const URL_START = /^[\s"'(<]*(?:url\s*[:=]\s*)?([a-z][a-z0-9+.-]{1,20}):(?!:)(\/{0,4})([^\s/?#\\]*)/;
const ODD_SCHEME =
  /^(?:gopher|dict|file|ldaps?|tftp|jar|netdoc|sftp|php|phar|expect|zip|zlib|glob|rar|ogg|compress\.zlib|ssh2|view-source|rmi|iiop|smb|local_file|mailto\+|data\+)$/;
const CALLBACK =
  /(?:^|[./@])(?:[\w-]+\.)*(?:burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(?:pro|live|site|online|fun|me)|dnslog\.cn|ceye\.io|canarytokens\.com|requestbin\.net|pipedream\.net|webhook\.site|bxss\.me|xss\.ht)(?=$|[/:?#\s"'\])])/;
const URL_NAME =
  /(?:url|uri|link|href|src|dest|target|host|domain|site|callback|webhook|redirect|return|next|feed|proxy|image|img|avatar|endpoint|fetch|page|to)$/i;

/** Addresses that the browser is sent to: a native app or a developer has them on the own machine (RFC 8252, 7.3). */
const FOLLOWED_BY_BROWSER = /^(?:(?:post_?logout_?)?redirect_?ur[il]|return_?(?:to|ur[il])|(?:success|cancel)_?url|relaystate)$/i;

/** Judges a value that is an address, by where it would lead a server. */
export function findUrls(lower: string, name: string, sign: Sign): void {
  const callback = CALLBACK.exec(lower);
  if (callback !== null) sign('ssrf-callback', callback.index);
  if (
    /(?:^|[/@.])(?:169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|fd00:ec2::254|169\.254\.170\.2|metadata\.azure)(?=$|[/:?\]\s])|\[::ffff:(?:169\.254|a9fe)/.test(
      lower,
    )
  )
    sign('ssrf-metadata', 0);
  const match = URL_START.exec(lower);
  if (match === null) return;
  const [, scheme, slashes, authority] = match;
  if (
    ODD_SCHEME.test(scheme) &&
    (slashes !== '' ||
      (authority !== '' &&
        /^(?:file:(?:[a-z]:|\S*[/\\])|(?:jar|netdoc|php|view-source):\S)/.test(lower.slice(match[0].indexOf(scheme))))) &&
    lower.length > scheme.length + 2
  ) {
    if (!/^(?:sftp|ldaps?|smb)$/.test(scheme) || URL_NAME.test(name)) sign('ssrf-scheme', 0);
    else sign('ssrf-loopback', 0);
    return;
  }
  if (!/^(?:https?|ftp|wss?)$/.test(scheme) || slashes === '') return;
  const userinfo = authority.lastIndexOf('@');
  const host = authority
    .slice(userinfo + 1)
    .replace(/:\d+$/, '')
    .replace(/\.$/, '');
  const fits = URL_NAME.test(name);
  if (
    /^(?:0x[\da-f]{1,8}|\d{8,10}|0\d{1,3}\.[\d.]+|(?:0x[\da-f]+\.){1,3}0x[\da-f]+)$/.test(host) ||
    /(?:^|\.)(?:127|10|192|169|172)[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3}\.(?:nip|sslip|xip)\.io$|localtest\.me$|lvh\.me$/.test(host)
  )
    sign('ssrf-disguised', 0);
  else if (/^(?:localhost|127(?:\.\d{1,3}){0,3}|0(?:\.0){0,3}|\[::1?\]|\[(?:0*:)+0*1\]|\[::ffff:.*\])$/.test(host))
    sign((fits && !FOLLOWED_BY_BROWSER.test(name)) || userinfo >= 0 ? 'ssrf-loopback-url' : 'ssrf-loopback', 0);
  else if (/^(?:10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|169\.254\.\d+\.\d+)$/.test(host))
    sign(fits ? 'ssrf-private-url' : 'ssrf-private', 0);
}
