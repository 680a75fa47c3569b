/** A capture of one TCP connection with a request and its answer: Ethernet, IPv4, pcap with microseconds. */
export function pcapOf(request: string, response: string): Buffer {
  const packets: Buffer[] = [];
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  packets.push(header);
  let microseconds = 0;
  const add = (fromClient: boolean, seq: number, ack: number, flags: number, payload: string) => {
    const data = Buffer.from(payload);
    const frame = Buffer.alloc(54 + data.length);
    frame.writeUInt16BE(0x0800, 12);
    frame[14] = 0x45;
    frame.writeUInt16BE(40 + data.length, 16);
    frame[22] = 64;
    frame[23] = 6;
    frame.set(fromClient ? [192, 0, 2, 1, 192, 0, 2, 2] : [192, 0, 2, 2, 192, 0, 2, 1], 26);
    frame.writeUInt16BE(fromClient ? 40000 : 80, 34);
    frame.writeUInt16BE(fromClient ? 80 : 40000, 36);
    frame.writeUInt32BE(seq, 38);
    frame.writeUInt32BE(ack, 42);
    frame[46] = 0x50;
    frame[47] = flags;
    frame.writeUInt16BE(65535, 48);
    data.copy(frame, 54);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_767_225_600, 0);
    microseconds += 1000;
    record.writeUInt32LE(microseconds, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    packets.push(record, frame);
  };
  add(true, 100, 0, 0x02, '');
  add(false, 500, 101, 0x12, '');
  add(true, 101, 501, 0x10, '');
  add(true, 101, 501, 0x18, request);
  add(false, 501, 101 + request.length, 0x18, response);
  add(true, 101 + request.length, 501 + response.length, 0x11, '');
  add(false, 501 + response.length, 102 + request.length, 0x11, '');
  return Buffer.concat(packets);
}
