/**
 * One room run frame by frame as a shard runs it, on the database of `database.ts`: needs, facts, decide and evolve, commit,
 * settle; a duplicate is looked up and the frame decided again. Every decision is checked to have changed nothing.
 */
import assert from 'node:assert/strict';
import type { Command } from '../../../src/actors/protocol/commands.js';
import type { Known } from '../../../src/actors/protocol/decision.js';
import type { RoomEvent } from '../../../src/actors/protocol/events.js';
import type { ActorLimits } from '../../../src/actors/protocol/limits.js';
import { roomBehaviour, type RoomReply, type RoomState } from '../../../src/actors/room.js';
import type { Behaviour } from '../../../src/runtime/behaviour.js';
import { Database, Duplicate } from './database.js';

/** What sockets hear: the event's name and data, and the user who does not hear it. */
export type Heard = readonly [name: string, data: unknown, except: string | null];

export interface Step {
  /** The reply's body, parsed; null for a refusal. */
  readonly body: Record<string, unknown> | null;
  readonly resync: string | null;
  /** The refusal's code. */
  readonly code: string | null;
  readonly heard: readonly Heard[];
  readonly versions: readonly (number | null)[];
}

export class Host {
  readonly database: Database;
  readonly behaviour: Behaviour<RoomState, RoomReply>;
  readonly limits: ActorLimits;
  state: RoomState;
  /** Sees the state after every command, within the frame. */
  watch: ((state: RoomState, command: Command, step: Step) => void) | null = null;

  constructor(limits: ActorLimits, key: string) {
    this.limits = limits;
    this.database = new Database(key);
    this.behaviour = roomBehaviour(limits);
    this.state = this.#activate();
  }

  /** The room leaves memory and comes back, as after an eviction or on another worker: nobody is in it. */
  reactivate(): void {
    this.state = this.#activate();
  }

  /** The same, keeping who is in the room, as after a frame that did not commit. */
  reread(): void {
    this.state = this.behaviour.carry(this.state, this.#activate());
  }

  run(commands: readonly Command[], now = 1_000): Step[] {
    return this.#attempts(commands, now, false);
  }

  /** One command in a frame of its own. */
  one(command: Command, now = 1_000): Step {
    const [step] = this.run([command], now);
    assert(step !== undefined);
    return step;
  }

  /** The frame's outcome is lost, before or after its commit; the frame is sent again. */
  runAndLose(commands: readonly Command[], now: number, committed: boolean): Step[] {
    if (committed) this.#attempts(commands, now, false, false);
    else this.#attempt(commands, now, null);
    this.reread();
    return this.#attempts(commands, now, true);
  }

  #attempts(commands: readonly Command[], now: number, resent: boolean, settle = true): Step[] {
    let known = resent ? this.#known(commands, true) : null;
    for (let attempt = 0; ; attempt++) {
      const { steps, events } = this.#attempt(commands, now, known);
      try {
        this.database.commit(events);
      } catch (error) {
        if (!(error instanceof Duplicate) || attempt > 0) throw error;
        this.reread();
        known = this.#known(commands, resent);
        continue;
      }
      if (settle) this.behaviour.settle(this.state);
      return steps;
    }
  }

  #attempt(commands: readonly Command[], now: number, known: readonly Known[] | null) {
    const { behaviour } = this;
    const needs = commands.flatMap((command) => behaviour.needs(this.state, command));
    if (needs.length > 0) behaviour.supply(this.state, this.database.facts(needs));
    const steps: Step[] = [];
    const events: RoomEvent[] = [];
    commands.forEach((command, i) => {
      const step = this.#step(command, now, known?.[i] ?? null, events);
      steps.push(step);
      this.watch?.(this.state, command, step);
    });
    return { steps, events };
  }

  #step(command: Command, now: number, known: Known | null, events: RoomEvent[]): Step {
    const { behaviour } = this;
    const before = structuredClone(this.state);
    const decision = behaviour.decide(this.state, command, now, known);
    assert.deepEqual(structuredClone(this.state), before, 'decide changed the state');
    if (!decision.ok) return { body: null, resync: null, code: decision.rejection.code, heard: [], versions: [] };
    const heard: Heard[] = [];
    const versions: (number | null)[] = [];
    for (const event of decision.events) {
      this.state = behaviour.evolve(this.state, event);
      events.push(event);
      for (const { packet, except, version } of behaviour.broadcasts(this.state, event)) {
        const [name, data] = JSON.parse(packet) as [string, unknown];
        heard.push([name, data, except]);
        versions.push(version);
      }
    }
    const { body, resync } = behaviour.encodeReply(this.state, decision.reply);
    return { body: JSON.parse(body) as Record<string, unknown>, resync, code: null, heard, versions };
  }

  #known(commands: readonly Command[], resent: boolean): Known[] {
    return commands.map((command) => ({
      stored: command.kind === 'send' ? this.database.known(command) : null,
      resent,
    }));
  }

  #activate(): RoomState {
    return this.behaviour.activate(this.database.snapshot(this.limits.recentMessages));
  }
}
