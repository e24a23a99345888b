/**
 * One raw WebSocket connection of the load client: the upgrade, and a scanner that walks over the frames of a read in
 * place, without an object per frame. It knows nothing of Socket.IO. Written for measuring: server and client share the
 * machine, so every microsecond spent here would be taken from the server under test.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** Reads of all connections land here one after the other; what is left of a frame is copied out before the next read. */
const landing = Buffer.allocUnsafeSlow(256 * 1024);
const nothing = Buffer.alloc(0);
/** Fixed, but not zero: the server has the work of unmasking, the client none of making random masks. */
const mask = Buffer.from([0x5a, 0xc3, 0x1e, 0x97]);

const text = 0x81;
const ping = 0x89;
const pong = 0x8a;

/** Called for each text frame: bytes `start`..`end` of `buffer`, valid only during the call. */
export type OnText = (buffer: Buffer, start: number, end: number) => void;

export class Connection {
  readonly #socket: Socket;
  readonly #onText: OnText;
  #rest: Buffer = nothing;
  #upgraded = false;
  #reading = false;
  /** Frames made while a read is scanned: they leave in one write. Bounded by what one sender may have in flight. */
  #out: Buffer[] = [];
  readonly #opened: (error: Error | null) => void;

  private constructor(
    port: number,
    path: string,
    onText: OnText,
    onClose: () => void,
    opened: (error: Error | null) => void,
  ) {
    this.#onText = onText;
    this.#opened = opened;
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: landing,
        callback: (length) => {
          this.#read(length);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => {
      opened(error);
    });
    this.#socket.on('close', () => {
      opened(new Error('closed before the upgrade'));
      onClose();
    });
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
  }

  /** Resolves after the upgrade; rejects when the server refuses it. `onClose` is called once, whoever closes. */
  static open(port: number, path: string, onText: OnText, onClose: () => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection: Connection = new Connection(port, path, onText, onClose, (error) => {
        if (error === null) resolve(connection);
        else reject(error);
      });
    });
  }

  /** Sends one text frame of ASCII; during a read it waits for the read's end. */
  send(payload: string): void {
    this.#out.push(frame(text, Buffer.from(payload, 'latin1')));
    if (!this.#reading) this.#flush();
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(length: number): void {
    let view = landing.subarray(0, length);
    if (this.#rest.length > 0) {
      view = Buffer.concat([this.#rest, view]);
      this.#rest = nothing;
    }
    this.#reading = true;
    const scanned = this.#upgraded ? this.#scan(view, 0) : this.#upgrade(view);
    this.#reading = false;
    if (scanned < view.length) this.#rest = Buffer.from(view.subarray(scanned));
    this.#flush();
  }

  #upgrade(view: Buffer): number {
    const end = view.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    const status = view.toString('latin1', 0, view.indexOf('\r\n'));
    if (!status.startsWith('HTTP/1.1 101')) {
      this.#opened(new Error(`no upgrade: ${status}`));
      this.#socket.destroy();
      return view.length;
    }
    this.#upgraded = true;
    this.#opened(null);
    return this.#scan(view, end + 4);
  }

  /** Returns where the first incomplete frame begins. Servers do not mask and none of ours fragments. */
  #scan(view: Buffer, from: number): number {
    let at = from;
    const size = view.length;
    while (size - at >= 2) {
      const kind = view[at] ?? 0;
      let length = (view[at + 1] ?? 0) & 0x7f;
      let head = 2;
      if (length === 126) {
        if (size - at < 4) break;
        length = view.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        if (size - at < 10) break;
        length = Number(view.readBigUInt64BE(at + 2));
        head = 10;
      }
      const end = at + head + length;
      if (end > size) break;
      if (kind === text) this.#onText(view, at + head, end);
      else if (kind === ping) this.#out.push(frame(pong, Buffer.from(view.subarray(at + head, end))));
      else this.#socket.destroy();
      at = end;
    }
    return at;
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    const frames = this.#out;
    this.#out = [];
    const [only] = frames;
    this.#socket.write(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames));
  }
}

/** A masked frame, as clients must send it. */
function frame(kind: number, payload: Buffer): Buffer {
  const length = payload.length;
  if (length > 0xffff) throw new RangeError('the load client sends no frames above 64 KB');
  const head = length < 126 ? 6 : 8;
  const out = Buffer.allocUnsafe(head + length);
  out[0] = kind;
  if (length < 126) out[1] = 0x80 | length;
  else {
    out[1] = 0x80 | 126;
    out.writeUInt16BE(length, 2);
  }
  mask.copy(out, head - 4);
  for (let i = 0; i < length; i += 1) out[head + i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return out;
}
