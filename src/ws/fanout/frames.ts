/**
 * WebSocket text frames for Socket.IO packets, as a server writes them: final, unmasked, uncompressed (RFC 6455 §5.2).
 * The payload is engine.io's `4` (message) and the packet. Several frames in one buffer are one write.
 */

const finalText = 0x81;
const engineMessage = 0x34;

/** Bytes of the frame whose packet takes `packetBytes` in UTF-8. */
function frameLength(packetBytes: number): number {
  const payload = packetBytes + 1;
  return payload + (payload < 126 ? 2 : payload < 65_536 ? 4 : 10);
}

/** Writes one frame at `offset`; returns where it ends. */
function writeFrame(target: Buffer, offset: number, packet: string, packetBytes: number): number {
  const payload = packetBytes + 1;
  let at = target.writeUInt8(finalText, offset);
  if (payload < 126) {
    at = target.writeUInt8(payload, at);
  } else if (payload < 65_536) {
    at = target.writeUInt8(126, at);
    at = target.writeUInt16BE(payload, at);
  } else {
    at = target.writeUInt8(127, at);
    at = target.writeUInt32BE(Math.floor(payload / 2 ** 32), at);
    at = target.writeUInt32BE(payload >>> 0, at);
  }
  at = target.writeUInt8(engineMessage, at);
  return at + target.write(packet, at, packetBytes, 'utf8');
}

export interface Frames {
  readonly bytes: Buffer;
  /** Frame i lies in bytes[offsets[i], offsets[i + 1]). */
  readonly offsets: readonly number[];
}

/** The frames of some packets, one after the other. */
export function encodeFrames(packets: readonly string[]): Frames {
  const sizes = packets.map((packet) => Buffer.byteLength(packet, 'utf8'));
  let total = 0;
  for (const size of sizes) total += frameLength(size);
  const bytes = Buffer.allocUnsafe(total);
  const offsets = [0];
  let at = 0;
  for (const [index, packet] of packets.entries()) {
    at = writeFrame(bytes, at, packet, sizes[index] ?? 0);
    offsets.push(at);
  }
  return { bytes, offsets };
}
