import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** A name server for one zone that is delegated to this machine: a lookup of `ID.zone` proves that the target tried to reach it, also where no HTTP comes out. */
export interface CallbackNames {
  readonly port: number;
  close(): Promise<void>;
}

export interface CallbackNamesOptions {
  readonly host: string;
  readonly port: number;
  /** Zone, such as `cb.example.com`. */
  readonly zone: string;
  /** IPv4 address that every name of the zone has: ours, so that HTTP follows where it can. */
  readonly address: string;
  /** A name of the zone was asked for, lower case. */
  readonly onName: (name: string) => void;
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
const NAME_LIMIT = 255;
const TTL_S = 0;

/** Listens on UDP. Rejects when the port cannot be taken. */
export async function listenForNames({ host, port, zone, address, onName }: CallbackNamesOptions): Promise<CallbackNames> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, from) => {
    const question = questionOf(query);
    // Answers are no larger than questions by more than one record, and only for our zone: nobody can use this to flood others.
    if (question === null || !(question.name === zone || question.name.endsWith(`.${zone}`))) return;
    onName(question.name);
    socket.send(answerTo(query, question, address), from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve();
    });
  });
  return { port: socket.address().port, close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

interface Question {
  readonly name: string;
  readonly type: number;
  /** Where the question section ends. */
  readonly end: number;
}

/** The one question of a query (RFC 1035 §4.1.2); null when it is none that we answer. */
function questionOf(message: Buffer): Question | null {
  if (message.length < HEADER_BYTES + 5) return null;
  const isQuery = (message[2]! & 0xf8) === 0;
  if (!isQuery || message.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - HEADER_BYTES > NAME_LIMIT) return null;
    if (length === 0) break;
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > message.length) return null;
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** RFC 1035 §4.1: the question again, and for type A one record that points back to its name. */
function answerTo(query: Buffer, { type, end }: Question, address: string): Buffer {
  const hasAnswer = type === TYPE_A && isIPv4(address);
  const head = Buffer.from(query.subarray(0, end));
  // QR and AA, the RD of the question; one question, one or no answer, nothing else.
  head.writeUInt16BE(0x8400 | (head.readUInt16BE(2) & 0x0100), 2);
  head.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  if (!hasAnswer) return head;
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(TTL_S, 6);
  record.writeUInt16BE(4, 10);
  for (const [index, part] of address.split('.').entries()) record[12 + index] = Number(part);
  return Buffer.concat([head, record]);
}
