/** A socket that joins rooms and leaves them again, on raw frames. */
import { Connection } from '../../load/connection.js';

const path = '/socket.io/?EIO=4&transport=websocket';
const two = 0x32;
const three = 0x33;
const four = 0x34;
const zero = 0x30;
const refused = Buffer.from('[{"success":false');

export class Joiner {
  #connection: Connection | null = null;
  #welcome: ((error: Error | null) => void) | null = null;
  #answer: ((text: string | Error) => void) | null = null;
  #lastId = 0;

  static async open(port: number, token: string): Promise<Joiner> {
    const joiner = new Joiner();
    const welcome = new Promise<void>((resolve, reject) => {
      joiner.#welcome = (error) => {
        if (error === null) resolve();
        else reject(error);
      };
    });
    // Whoever awaits `welcome` below hears of its rejection.
    welcome.catch(() => undefined);
    joiner.#connection = await Connection.open(
      port,
      path,
      (buffer, start, end) => joiner.#onText(buffer, start, end),
      () => {
        joiner.#welcome?.(new Error('closed'));
        joiner.#answer?.(new Error('the server closed a socket'));
      },
    );
    joiner.#connection.send(`40${JSON.stringify({ token })}`);
    await welcome;
    joiner.#welcome = null;
    return joiner;
  }

  /** @returns the JSON text of the acknowledgement's arguments */
  join(roomId: string): Promise<string> {
    return this.#ask('join_room', roomId);
  }

  leave(roomId: string): Promise<string> {
    return this.#ask('leave_room', roomId);
  }

  close(): void {
    this.#answer = null;
    this.#connection?.close();
  }

  #ask(event: string, roomId: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answer = (answer) => {
        this.#answer = null;
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      this.#lastId += 1;
      this.#connection?.send(`42${this.#lastId}["${event}",${JSON.stringify({ roomId })}]`);
    });
  }

  #onText(buffer: Buffer, start: number, end: number): void {
    if (buffer[start] === two) {
      this.#connection?.send('3');
      return;
    }
    if (buffer[start] !== four) return;
    const type = buffer[start + 1];
    if (type === zero) this.#welcome?.(null);
    else if (type === four) this.#welcome?.(new Error(`refused: ${buffer.toString('utf8', start, end)}`));
    else if (type === three) this.#onAck(buffer, start, end);
  }

  #onAck(buffer: Buffer, start: number, end: number): void {
    const at = buffer.indexOf('[', start);
    const answers = buffer.toString('utf8', at, end);
    const id = Number(buffer.toString('latin1', start + 2, at));
    if (id !== this.#lastId) this.#answer?.(new Error(`acknowledgement ${id} instead of ${this.#lastId}`));
    else if (buffer.compare(refused, 0, refused.length, at, Math.min(end, at + refused.length)) === 0)
      this.#answer?.(new Error(`refused: ${answers.slice(0, 300)}`));
    else this.#answer?.(answers);
  }
}
