import { createHash } from 'node:crypto';
import type { DataType } from './type.js';

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Base58Check: the last four bytes are the double SHA-256 of the rest. Returns the payload with its version byte, or null. */
function base58Check(text: string): Buffer | null {
  let value = 0n;
  for (const letter of text) {
    const digit = BASE58.indexOf(letter);
    if (digit < 0) return null;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  const body = value === 0n ? Buffer.alloc(0) : Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const bytes = Buffer.concat([Buffer.alloc(/^1*/.exec(text)?.[0].length ?? 0), body]);
  if (bytes.length < 5) return null;
  const payload = bytes.subarray(0, -4);
  const digest = createHash('sha256').update(createHash('sha256').update(payload).digest()).digest();
  return digest.subarray(0, 4).equals(bytes.subarray(-4)) ? payload : null;
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** Bech32 and Bech32m (BIP 173, BIP 350). */
function bech32(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== text && text.toUpperCase() !== text) return false;
  const at = lower.lastIndexOf('1');
  const values = [...lower.slice(0, at)]
    .map((letter) => letter.charCodeAt(0) >> 5)
    .concat(
      0,
      [...lower.slice(0, at)].map((letter) => letter.charCodeAt(0) & 31),
    );
  for (const letter of lower.slice(at + 1)) {
    const value = BECH32.indexOf(letter);
    if (value < 0) return false;
    values.push(value);
  }
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((generator, i) => {
      if ((top >>> i) & 1) check ^= generator;
    });
  }
  return check === 1 || check === 0x2bc830a3;
}

export const btcAddress: DataType = {
  id: 'btc_address',
  title: 'Bitcoin address',
  family: 'wallet',
  sensitivity: 'medium',
  fields: ['btc', 'btcaddress', 'bitcoinaddress', 'bitcoin'],
  find: [
    { by: 'prefix', prefixes: ['bc1', 'tb1', 'BC1', 'TB1'], min: 35, max: 70, alphabet: 'base62', alone: 0.9 },
    { by: 'run', min: 26, max: 35, start: '', alone: 0.9 },
  ],
  validate: (text) => {
    if (/^(?:bc|tb)1[a-z0-9]{35,70}$/i.test(text)) return bech32(text);
    if (!/^[123mn][1-9A-HJ-NP-Za-km-z]{25,34}$/.test(text)) return false;
    const payload = base58Check(text);
    return payload !== null && payload.length === 21 && [0, 5, 0x6f, 0xc4].includes(payload[0]);
  },
  keep: { first: 4, last: 4 },
  examples: {
    match: ['pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', '{"a":"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}'],
    ignore: ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5'],
  },
};

export const ethAddress: DataType = {
  id: 'eth_address',
  title: 'Ethereum address',
  family: 'wallet',
  sensitivity: 'medium',
  fields: ['eth', 'ethaddress', 'ethereumaddress', 'walletaddress', 'wallet'],
  find: [{ by: 'run', min: 42, max: 42, start: '9A', alone: 0.85 }],
  validate: (text) => /^0x[0-9a-f]{40}$/i.test(text) && !/^0x(.)\1{39}$/i.test(text),
  keep: { first: 6, last: 4 },
  examples: {
    match: ['to 0x52908400098527886E0F7030069857D2E4169EE7'],
    ignore: ['0x52908400098527886E0F7030069857D2E4169EE', '0x0000000000000000000000000000000000000000'],
  },
};

export const otherWallets: DataType = {
  id: 'crypto_address',
  title: 'Litecoin, Dogecoin, Ripple or Tron address',
  family: 'wallet',
  sensitivity: 'medium',
  fields: ['cryptoaddress', 'litecoin', 'dogecoin', 'tron', 'ripple'],
  find: [{ by: 'run', min: 26, max: 35, start: 'A', alone: 0.85 }],
  validate: (text) => {
    if (!/^[LMDT][1-9A-HJ-NP-Za-km-z]{25,34}$/.test(text)) return false;
    const payload = base58Check(text);
    return payload !== null && payload.length === 21 && [0x30, 0x32, 0x1e, 0x41].includes(payload[0]);
  },
  examples: { match: ['{"a":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"}'], ignore: ['LaMT348PWRnrqeeWArpwQPbuanpXDZGEUa'] },
};
