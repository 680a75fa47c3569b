import type { Sign } from './sql.js';

/** Events that are told from ordinary words by name where no tag stands around them. */
const EVENTS =
  'load|loadstart|loadend|loadeddata|loadedmetadata|error|click|dblclick|auxclick|contextmenu|mouse(?:over|down|up|move|enter|leave|out|wheel)|wheel|focus|focusin|focusout|blur|' +
  'change|input|beforeinput|invalid|submit|reset|select|selectstart|selectionchange|key(?:down|up|press)|scroll|scrollend|resize|toggle|beforetoggle|' +
  'pointer(?:over|enter|down|move|up|cancel|out|leave|rawupdate)|gotpointercapture|lostpointercapture|animation(?:start|end|iteration|cancel)|transition(?:end|run|start|cancel)|' +
  'drag|dragstart|dragend|dragenter|dragleave|dragover|drop|copy|cut|paste|beforecopy|beforecut|beforepaste|play|playing|pause|canplay|canplaythrough|ended|durationchange|' +
  'timeupdate|volumechange|seeking|seeked|stalled|suspend|waiting|progress|ratechange|emptied|cuechange|abort|begin|end|repeat|start|finish|bounce|message|messageerror|' +
  'hashchange|popstate|pageshow|pagehide|unload|beforeunload|storage|online|offline|afterprint|beforeprint|show|search|touch(?:start|end|move|cancel)|' +
  'readystatechange|propertychange|beforeeditfocus|activate|beforeactivate|deactivate|filterchange|layoutcomplete|losecapture|rowenter|rowexit|securitypolicyviolation|' +
  'webkit\\w+|fullscreenchange|unhandledrejection|slotchange|formdata|close|cancel|content\\w+|x';
const EVENT_ATTRIBUTE = new RegExp(`(?:["'\`\\s/]|^)on(?:${EVENTS})[^\\w\\s>"']{0,40}=`);
const BREAK_OUT_EVENT = new RegExp(`["'\`][\\s/]*on(?:${EVENTS})\\s*=`);
const BARE_EVENT = new RegExp(`(?:^|[\\s/"'])on(?:${EVENTS})\\s*=\\s*["'\`]?\\s*[\\w$([]`);
const TAG = /<[\s/?!%]*([a-z][a-z0-9:_-]*|(?=[a-z]))/y;
const MAX_TAG_CHARS = 2000;
const MAX_TAGS = 200;
/** Of all tags of one value; later tags are read only to their first characters. */
const MAX_ATTRIBUTE_CHARS = 12_000;
const FEW_CHARS = 64;

/** Calls that show that something runs; `document.cookie` and its like by themselves. */
const SINK =
  /(?:^|[^\w.$-]|['"`]\s{0,3}-)(?:(?:alert|prompt|confirm|eval|execscript|importscripts)\)?(?:\s*\?\.\s*)?(?:\(\s*[^)\s]|\s+\(\s*(?:['"`\d/[(!~+-]|[\w$]+\s*[).([,])|\s*`)|(?:settimeout|setinterval)\)?(?:\s*\?\.)?\s*(?:\(\s*(?:['"`+]|[^)]{0,60}?(?:alert|prompt|confirm|eval|document|location|atob|cookie|name))|`))|\b(?:alert|prompt|confirm|eval)\s*(?:\?\.|\.)(?:apply|call|bind)|document\s*\??\s*(?:\.|\?\.|\[\s*['"])\s*(?:cookie|domain|write|location|body\s*\.\s*(?:append|innerhtml))|(?:window|self|top|this|parent|frames|globalthis)\s*\[\s*[^\]]{1,60}\]\s*(?:\(|=)|(?<![\w$])constructor\s*(?:\.\s*\w+\s*)?\(\s*['"`]|string\s*(?:\.|\[\s*['"])\s*fromcharcode|(?<![\w\\-])(?:location|innerhtml|outerhtml)\s*=\s*['"`]?(?:javascript|<|name|http)|\bon\w+\s*=\s*(?:alert|confirm|prompt)|\batob\s*\(\s*[^)\s]|(?<!await\s)\bfetch\s*\(\s*['"`](?:https?:)?\/\//;
const DEMONSTRATION = /(?:alert|prompt|confirm|console\.log|print)\s*(?:\(|`|&)/;
const SCRIPT_URI =
  /^(?:[\s\u0000-\u0020]*)(?:javascript|vbscript|livescript|mocha):|^data:(?:text\/html|image\/svg|application\/x?html|text\/xml)/;
const SCRIPT_URI_IN_TAG =
  /(?:javascript|vbscript|livescript|mocha):|data:(?:text\/html|application\/xhtml|text\/xml)|data:image\/svg\+xml[^,]*,.*(?:script|onload)/;
/** Links that do nothing, as old pages have them. */
const IDLE_URI = /javascript:(?:void\(?0?\)?|\/\/|history\.(?:back|go)\(-?\d?\)|window\.(?:close|print)\(\)|print\(\)|)(?=;?["'>]|;?$)/g;
/** In a value without tags; `test:javascript:unit` is a name. */
const SCRIPT_URI_BARE = new RegExp(`(?<![\\w:.-])(?:${SCRIPT_URI_IN_TAG.source})`);
const STYLE_RUNS = /expression\s*\(|url\s*\(\s*["']?\s*(?:javascript|vbscript|data:text)|behaviou?r\s*:|-moz-binding|@import\s*["'u]/;

/** Elements that do something without attributes. */
const RUNS_ALONE: ReadonlySet<string> = new Set(['iframe', 'frame', 'frameset', 'embed', 'applet', 'isindex']);

/** `isLoose`: the value is short and no text, so that program text alone is a sign. */
export function findHtml(text: string, isLoose: boolean, sign: Sign): void {
  const lower = text.toLowerCase().replaceAll('\0', '');
  if (lower.includes('<')) findTags(lower, sign);
  const compact = lower.slice(0, 200).replace(/[\s\u0000-\u0020]/g, '');
  if (SCRIPT_URI.test(compact) && /[(=`%/,[{]/.test(compact)) sign('xss-script-uri', 0);
  const broken = BREAK_OUT_EVENT.exec(lower);
  if (broken !== null) sign('xss-attribute', broken.index);
  if (!isLoose) return;
  const bare = BARE_EVENT.exec(lower);
  if (bare !== null) sign(SINK.test(lower) ? 'xss-attribute' : 'xss-bare-event', bare.index);
  const sink = SINK.exec(lower);
  if (sink !== null) sign('xss-sink', sink.index);
  if (/["'][\s>]*(?:javascript|vbscript):/.test(lower) || SCRIPT_URI_BARE.test(compact)) sign('xss-script-uri', 0);
  if (/\+adw-|&\{[^}]*\}|\+ad[04x]-/.test(lower)) sign('xss-encoded', 0);
}

function findTags(lower: string, sign: Sign): void {
  let left = MAX_ATTRIBUTE_CHARS;
  for (let at = lower.indexOf('<'), tags = 0; at >= 0 && tags < MAX_TAGS; at = lower.indexOf('<', at + 1)) {
    TAG.lastIndex = at;
    const match = TAG.exec(lower);
    if (match === null) continue;
    tags++;
    const from = TAG.lastIndex;
    const close = tagEnd(lower, from, left > 0 ? MAX_TAG_CHARS : FEW_CHARS);
    left -= close - from;
    judgeTag(lower, at, match[1], lower.slice(from, close), close, sign);
  }
}

/** The end of a tag that starts before `from`: its bracket outside quotes, or the end of what is looked at. */
function tagEnd(lower: string, from: number, maxChars: number): number {
  const limit = Math.min(lower.length, from + maxChars);
  let quote = 0;
  for (let at = from; at < limit; at++) {
    const code = lower.charCodeAt(at);
    if (quote !== 0) {
      if (code === quote) quote = 0;
    } else if (code === 62) return at;
    else if ((code === 34 || code === 39) && lower.charCodeAt(at - 1) === 61) quote = code;
  }
  const plainEnd = lower.indexOf('>', from);
  return plainEnd < 0 || plainEnd > limit ? limit : plainEnd;
}

function judgeTag(lower: string, at: number, name: string, attributes: string, close: number, sign: Sign): void {
  const isEnd = lower[at + 1] === '/';
  if (attributes.length > 3) {
    if (/[\s/"'`.]on[a-z]{3,30}\s*=/.test(attributes) || EVENT_ATTRIBUTE.test(attributes))
      sign(
        /on[a-z]+=\{/.test(attributes) && !SINK.test(attributes)
          ? 'xss-tag-weak'
          : DEMONSTRATION.test(attributes)
            ? 'xss-event-demonstration'
            : 'xss-event',
        at,
      );
    const compact = attributes.replace(/[\s\u0000-\u0020]/g, '');
    if (SCRIPT_URI_IN_TAG.test(compact.replace(IDLE_URI, '')) || /javascript#|about:<|srcdoc=/.test(compact)) sign('xss-tag-uri', at);
    if (STYLE_RUNS.test(attributes.replace(/\/\*[^*]{0,40}\*\//g, '').replace(/\\/g, ''))) sign('xss-style', at);
    if (
      /\bdatasrc\s*=|\bdataformatas\s*=|attributename\s*=\s*["']?(?:href|on)|\bfolder\s*=|formaction\s*=\s*["']?\s*(?:javascript|data)|&\{/.test(
        attributes,
      )
    )
      sign('xss-tag-uri', at);
  }
  switch (name) {
    case 'script': {
      if (isEnd) {
        sign('xss-script-end', at);
        break;
      }
      const end = lower.indexOf('</script', close);
      const content = lower.slice(close + 1, end < 0 ? close + 120 : Math.min(end, close + 400));
      if (/\bsrc\s*=|href\s*=/.test(attributes)) sign('xss-script', at);
      else if (DEMONSTRATION.test(content) && !/document\.cookie|fetch\(|xmlhttp|\.src\s*=|location/.test(content))
        sign('xss-script-demonstration', at);
      else if (SINK.test(content)) sign(end < 0 ? 'xss-script-demonstration' : 'xss-script', at);
      else sign('xss-script-bare', at);
      break;
    }
    case 'iframe':
    case 'frame':
    case 'frameset':
    case 'object':
    case 'embed':
    case 'applet':
    case 'base':
    case 'bgsound':
    case 'layer':
    case 'ilayer':
    case 'isindex':
      // A type such as Promise<Object> is no tag, and without attributes most of these do nothing.
      if (!isEnd && (attributes.length > 3 || at === 0 || (!/\w/.test(lower[at - 1]) && RUNS_ALONE.has(name)))) sign('xss-embedding', at);
      break;
    case 'link':
    case 'meta':
    case 'style':
    case 'import':
    case 'form':
    case 'svg':
    case 'math':
    case 'xss':
    case 'xml':
      // A declaration of XML, and a type such as Partial<import(…)>, are none either.
      if (name === 'xml' && lower[at + 1] === '?') break;
      if (at > 0 && /[\w:]/.test(lower[at - 1]) && !attributes.includes('=')) break;
      if (!isEnd) sign(attributes.trim().length > 3 && name !== 'svg' ? 'xss-tag' : 'xss-tag-weak', at);
      if (name === 'style') {
        const content = lower.slice(close + 1, close + 400);
        if (STYLE_RUNS.test(content)) sign('xss-style', at);
      }
      break;
    default:
      if (name.startsWith('xss') || name.startsWith('vmlframe')) sign('xss-tag', at);
  }
}
