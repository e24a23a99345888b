/**
 * All that one socket is to be sent, in order: acknowledgements, events of its own and views of bursts. The flusher says
 * when it is written: soonest where something is its own, since somebody waits for that.
 *
 * Bound: when more than `limit` bytes of former writes are still unsent at a flush, nothing more is written and the owner is
 * told; so a socket holds at most `limit` bytes and the output of the frames of some milliseconds.
 */
import { encodeFrames } from './frames.js';
import { View, type OutgoingBurst, type Pressure } from './burst.js';
import type { Flusher } from './flusher.js';
import type { Wire } from './wire.js';

/** Whose outbox it is. */
export interface OutboxOwner {
  /** Called once, with the last burst that was not written, if any. */
  overflowed(burst: OutgoingBurst | null): void;
}

export class Outbox {
  readonly wire: Wire;
  readonly #flusher: Flusher;
  readonly #limit: number;
  readonly #owner: OutboxOwner;
  #parts: (string | View)[] = [];
  /** Whether some part is this socket's own. */
  #urgent = false;
  #closed = false;

  constructor(wire: Wire, flusher: Flusher, limit: number, owner: OutboxOwner) {
    this.wire = wire;
    this.#flusher = flusher;
    this.#limit = limit;
    this.#owner = owner;
  }

  /** Queues a packet (text without engine.io's prefix) or a part of a burst. */
  push(part: string | View): void {
    if (this.#closed) return;
    const urgent = typeof part === 'string' && !this.#urgent;
    if (urgent || this.#parts.length === 0) this.#flusher.add(this, urgent);
    if (urgent) this.#urgent = true;
    this.#parts.push(part);
  }

  /** From a quarter of the limit typing and presence are left out, from a half receipts too. */
  get pressure(): Pressure {
    const { pending } = this.wire;
    if (pending <= this.#limit / 4) return 0;
    return pending <= this.#limit / 2 ? 1 : 2;
  }

  flush(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    this.#urgent = false;
    if (!this.wire.open) return;
    if (this.wire.pending > this.#limit) {
      this.#closed = true;
      this.#owner.overflowed(lastBurst(parts));
    } else if (this.wire.takesFrames) {
      this.#writeFrames(parts);
    } else {
      for (const part of parts) {
        if (typeof part === 'string') this.wire.writePacket(part);
        else for (const packet of part.packets) this.wire.writePacket(packet);
      }
    }
  }

  /** Writes what is queued and takes nothing more. */
  finish(): void {
    this.flush();
    this.#closed = true;
  }

  #writeFrames(parts: readonly (string | View)[]): void {
    const [only] = parts;
    if (parts.length === 1 && only instanceof View) {
      this.wire.writeFrames(only.options);
      return;
    }
    const buffers = runs(parts);
    // `ws` writes one buffer or two in one go; more are put together.
    const wsPreEncodedFrame = buffers.length <= 2 ? buffers : [Buffer.concat(buffers)];
    this.wire.writeFrames({ compress: false, wsPreEncodedFrame });
  }
}

/** Packets that follow each other become one buffer; a view has its own. */
function runs(parts: readonly (string | View)[]): Buffer[] {
  const buffers: Buffer[] = [];
  let packets: string[] = [];
  for (const part of parts) {
    if (typeof part === 'string') {
      packets.push(part);
      continue;
    }
    if (packets.length > 0) buffers.push(encodeFrames(packets).bytes);
    packets = [];
    buffers.push(part.bytes);
  }
  if (packets.length > 0) buffers.push(encodeFrames(packets).bytes);
  return buffers;
}

function lastBurst(parts: readonly (string | View)[]): OutgoingBurst | null {
  const view = parts.findLast((part) => part instanceof View);
  return view instanceof View ? view.burst : null;
}
