import { XMLParser } from 'fast-xml-parser';

export interface XmlResult {
  /** Elements as objects: attributes begin with `@`, names have no prefix, text beside attributes is `#text`, elements that come again are lists. Undefined when there is a problem. */
  readonly value: unknown;
  readonly problem: null | 'invalid' | 'too-deep';
}

/** XML as an object; never throws. `maxDepth`: levels of tags. */
export function readXml(text: string, maxDepth: number): XmlResult {
  if (xmlDepth(text) > maxDepth) return { value: undefined, problem: 'too-deep' };
  try {
    return { value: xmlParser.parse(text) as unknown, problem: null };
  } catch {
    return { value: undefined, problem: 'invalid' };
  }
}

/** Entities are never expanded: a document type that declares some is a matter for the attack rules. */
const xmlParser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

/** Upper bound of the nesting of tags, without parsing. */
function xmlDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) {
    const next = text.charCodeAt(at + 1);
    if (next === 47) depth--;
    else if (next !== 33 && next !== 63) {
      const close = text.indexOf('>', at);
      if (close < 0) break;
      if (text.charCodeAt(close - 1) !== 47 && ++depth > deepest) deepest = depth;
      at = close;
    }
  }
  return deepest;
}
