/**
 * Code lengths of the Huffman code of HPACK (RFC 7541 appendix B), one base 36 digit for each of the 256 octets and end-of-string. The code is
 * canonical: codes of one length follow each other in the order of their symbols, so the lengths say all.
 */
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad677777777777777777777' +
  '77878djde6f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmo' +
  'lmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu';

const END_OF_STRING = 256;

/** Binary tree in one array: children of node n at 2n and 2n+1; values above zero are nodes, below zero the symbol -(value + 1). */
const TREE = buildTree();

function buildTree(): Int16Array {
  const tree = new Int16Array(1024);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    code *= 2;
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
      if (Number.parseInt(LENGTHS[symbol], 36) !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit >= 0; bit--) {
        const slot = node * 2 + ((code >>> bit) & 1);
        if (bit === 0) tree[slot] = -(symbol + 1);
        else {
          if (tree[slot] === 0) tree[slot] = nodes++;
          node = tree[slot];
        }
      }
      code++;
    }
  }
  return tree;
}

/** Decodes a Huffman coded string (RFC 7541 §5.2); null when it holds end-of-string or its padding is wrong. */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string | null {
  let text = '';
  let node = 0;
  let padding = 0;
  let ones = true;
  for (let at = start; at < end; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (bytes[at] >>> bit) & 1;
      const next = TREE[node * 2 + one];
      padding++;
      ones &&= one === 1;
      if (next > 0) {
        node = next;
        continue;
      }
      const symbol = -next - 1;
      if (symbol === END_OF_STRING || symbol < 0) return null;
      text += String.fromCharCode(symbol);
      node = 0;
      padding = 0;
      ones = true;
    }
  }
  return padding < 8 && ones ? text : null;
}
