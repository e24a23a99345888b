/** Work of different rooms runs beside each other, that of one room one after the other, in the order in which it came. */

export class RoomQueue {
  /** The last work of each room under way; a room without any has no entry. */
  readonly #tails = new Map<string, Promise<void>>();

  /** @param work must not reject */
  run(roomId: string, work: () => void | Promise<void>): void {
    const before = this.#tails.get(roomId) ?? Promise.resolve();
    const tail = before.then(async () => {
      await work();
      if (this.#tails.get(roomId) === tail) this.#tails.delete(roomId);
    });
    this.#tails.set(roomId, tail);
  }
}
