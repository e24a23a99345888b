/** What crosses the thread boundary, one message per frame and direction. Plain data; `packing.ts` tells in which form. */
import type { Command } from '../actors/protocol/commands.js';
import type { Broadcast } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Answer } from '../actors/protocol/replies.js';
import type { Rejection } from '../actors/rejections.js';

/** A committed command's answer, or its refusal. */
export type Outcome =
  { readonly ok: true; readonly answer: Answer } | { readonly ok: false; readonly rejection: Rejection };

/** What a shard says of a command: an outcome, or that it does not hold the command's partition (nothing was decided). */
export type LaneOutcome = Outcome | { readonly ok: false; readonly moved: true };

/** Called exactly once per command; `at` is its place in its frame. */
export type LaneReply = (outcome: LaneOutcome, at: number) => void;

/** A broadcast and its place: `at` is the index of its command within the frame. */
export interface PlacedBroadcast extends Broadcast {
  readonly at: number;
}

/** All that happened in one room in one frame, in order. */
export interface Burst {
  readonly key: RoomKey;
  readonly events: readonly PlacedBroadcast[];
}

export interface CommandFrame {
  readonly type: 'frame';
  readonly shard: number;
  /** Counts the frames of a shard; the reply carries it back. */
  readonly number: number;
  /** A command of it was sent before and got no answer: its outcome is unknown until it is looked up. */
  readonly resent: boolean;
  readonly commands: readonly Command[];
}

/** Everything in it is committed. */
export interface FrameReply {
  readonly type: 'frame';
  readonly shard: number;
  readonly number: number;
  /** One per command, same order. */
  readonly outcomes: readonly LaneOutcome[];
  readonly bursts: readonly Burst[];
}
