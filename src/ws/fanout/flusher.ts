/**
 * When sockets are written: at the end of each frame of a shard, and at the end of the turn for what belongs to no frame.
 *
 * Whoever waits for an answer is written at once. Those who only listen follow in slices of a few milliseconds between which the
 * event loop turns, so that the burst of a hot room does not hold up everybody else's messages. What has waited for
 * `lateMs` is written without another pause: under overload the edge then takes in less instead of piling up more to write,
 * so a listener's output waits for about that long at most.
 */

/** What has something to write. */
export interface Flushable {
  /** Writes all that is queued; nothing when there is nothing (any more). */
  flush(): void;
}

interface Batch {
  readonly sockets: readonly Flushable[];
  readonly since: number;
  next: number;
}

/** In ms: long enough to write to some hundred sockets, short enough to be no wait. */
const sliceMs = 2;
const lateMs = 10;
/** The clock is read once per so many sockets. */
const socketsPerLook = 8;

export class Flusher {
  readonly #beforeTurnEnd: () => void;
  readonly #now: () => number;
  /** At most one entry per socket, as in `#fresh`. */
  #urgent: Flushable[] = [];
  #fresh: Flushable[] = [];
  /** Frames whose listeners are not all written, oldest first. */
  readonly #waiting: Batch[] = [];
  #scheduled = false;
  #sliced = false;

  /**
   * @param beforeTurnEnd called before what belongs to no frame is written
   * @param now a monotonic clock in ms
   */
  constructor(beforeTurnEnd: () => void, now: () => number = () => performance.now()) {
    this.#beforeTurnEnd = beforeTurnEnd;
    this.#now = now;
  }

  /**
   * The socket has something to write, which makes sure that there is a flush in this turn of the event loop.
   * @param urgent somebody waits for it; a socket that was added as not urgent may be added again as urgent
   */
  add(socket: Flushable, urgent: boolean): void {
    (urgent ? this.#urgent : this.#fresh).push(socket);
    this.schedule();
  }

  /** Makes sure that there is a flush in this turn of the event loop. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#beforeTurnEnd();
      this.flush();
    });
  }

  /** Writes what is urgent, and of the rest as much as there is time for; what is left follows in the next turns. */
  flush(): void {
    this.#take();
    const [oldest] = this.#waiting;
    if (oldest === undefined || (this.#sliced && !this.#late(oldest))) return;
    this.#slice();
  }

  /** Writes everything now. */
  flushAll(): void {
    this.#take();
    for (const { sockets, next } of this.#waiting.splice(0)) for (const socket of sockets.slice(next)) socket.flush();
  }

  #take(): void {
    const urgent = this.#urgent;
    this.#urgent = [];
    for (const socket of urgent) socket.flush();
    if (this.#fresh.length === 0) return;
    this.#waiting.push({ sockets: this.#fresh, since: this.#now(), next: 0 });
    this.#fresh = [];
  }

  #late({ since }: Batch): boolean {
    return this.#now() - since >= lateMs;
  }

  #slice(): void {
    const end = this.#now() + sliceMs;
    let written = 0;
    for (let [batch] = this.#waiting; batch !== undefined; [batch] = this.#waiting) {
      for (let socket = batch.sockets[batch.next]; socket !== undefined; socket = batch.sockets[batch.next]) {
        if (written >= socketsPerLook && written % socketsPerLook === 0 && this.#now() >= end && !this.#late(batch)) {
          this.#continue();
          return;
        }
        batch.next += 1;
        written += 1;
        socket.flush();
      }
      this.#waiting.shift();
    }
  }

  #continue(): void {
    if (this.#sliced) return;
    this.#sliced = true;
    setImmediate(() => {
      this.#sliced = false;
      this.#slice();
    });
  }
}
