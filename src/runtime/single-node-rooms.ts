/**
 * The Rooms facade of a service that is one node: every partition is held here or waited for, so every command goes to its
 * lane. Where there are several nodes, the router of `cluster/` takes this place.
 */
import type { Command, PageCommand } from '../actors/protocol/commands.js';
import { reject } from '../actors/rejections.js';
import type { Outcome } from './frames.js';
import { memoryPage } from './memory-page.js';
import type { RoomRuntime } from './room-runtime.js';
import type { EdgeListener, ReplyTo, Rooms } from './rooms.js';

export class SingleNodeRooms implements Rooms {
  readonly #runtime: RoomRuntime;
  #draining = false;

  constructor(runtime: RoomRuntime) {
    this.#runtime = runtime;
  }

  get accepting(): boolean {
    return !this.#draining && this.#runtime.running;
  }

  send(command: Command, replyTo: ReplyTo): void {
    // Departures are still taken while draining: they only free memory, and the room should not keep ghosts.
    if (!this.accepting && command.kind !== 'leave') replyTo({ ok: false, rejection: reject('DRAINING') }, 0);
    else
      this.#runtime.offer(command, false, (outcome, at) => {
        // A lone shard waits for its partitions and never says that one moved.
        replyTo('moved' in outcome ? { ok: false, rejection: reject('UNAVAILABLE') } : outcome, at);
      });
  }

  ask(command: Command): Promise<Outcome> {
    return new Promise((resolve) => this.send(command, resolve));
  }

  page(command: PageCommand): Promise<string | null> {
    return this.accepting ? memoryPage(this.#runtime, command) : Promise.resolve(null);
  }

  attach(listener: EdgeListener): void {
    this.#runtime.announceFrom(listener);
    this.#runtime.onFrame((bursts) => listener.onBursts(bursts));
  }

  /** Refuses new commands from now on; what was accepted is still done. */
  drain(): void {
    this.#draining = true;
  }

  /** Resolves once everything accepted so far is answered. */
  drained(): Promise<void> {
    return this.#runtime.drained();
  }
}
