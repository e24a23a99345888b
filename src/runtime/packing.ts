/**
 * Frames as they cross the thread boundary: columns instead of objects. The structured clone writes the name of every field
 * of every object, and an array of texts without any; a send has eleven fields, so that is most of its cost. What is rare
 * (commands other than sends, refusals) crosses as the objects that it is.
 *
 * A message's text is in its broadcast and in its answer. It crosses once: the answer is then only the place where it begins
 * in the packet, and the receiver's text is a slice of the packet, which costs no copy.
 */
import type { Command, SendCommand } from '../actors/protocol/commands.js';
import type { Eviction } from '../actors/protocol/events.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Burst, CommandFrame, FrameReply, LaneOutcome, PlacedBroadcast } from './frames.js';

/** One value per row; null when all of them are. */
type Column<T> = readonly T[] | null;

/** The sends of a frame, in order. */
interface SendColumns {
  readonly keys: readonly RoomKey[];
  readonly ids: readonly string[];
  readonly senderIds: readonly string[];
  readonly senderNames: readonly string[];
  readonly senderDisplayNames: Column<string | null>;
  readonly receiverIds: Column<string | null>;
  readonly contents: readonly string[];
  readonly messageTypes: readonly string[];
  readonly clientMsgIds: Column<string | null>;
  readonly replyTos: Column<string | null>;
  readonly metadatas: Column<string | null>;
  readonly admitted: Column<number | null>;
}

export interface PackedFrame extends Pick<CommandFrame, 'type' | 'shard' | 'number' | 'resent'> {
  readonly sends: SendColumns;
  /** The other commands and their places in the frame, ascending. */
  readonly others: readonly (readonly [at: number, command: Command])[];
}

/** The broadcasts of a frame, burst after burst. */
interface BroadcastColumns {
  readonly packets: readonly string[];
  readonly versions: Column<number | null>;
  readonly excepts: Column<string | null>;
  readonly ats: readonly number[];
  readonly evicts: Column<Eviction | null>;
}

export interface PackedReply extends Pick<FrameReply, 'type' | 'shard' | 'number'> {
  /** A number n stands for an answer without resync whose body is the end of a packet, see `bodyOf`. */
  readonly outcomes: readonly (LaneOutcome | number)[];
  /** The packet of each outcome that is a number: its index among all. */
  readonly sources: readonly number[];
  readonly keys: readonly RoomKey[];
  /** Broadcasts of each key. */
  readonly counts: readonly number[];
  readonly broadcasts: BroadcastColumns;
}

export function packFrame({ type, shard, number, resent, commands }: CommandFrame): PackedFrame {
  const sends: SendCommand[] = [];
  const others: [number, Command][] = [];
  for (const [at, command] of commands.entries())
    if (command.kind === 'send') sends.push(command);
    else others.push([at, command]);
  return {
    type,
    shard,
    number,
    resent,
    sends: {
      keys: sends.map(({ key }) => key),
      ids: sends.map(({ id }) => id),
      senderIds: sends.map(({ senderId }) => senderId),
      senderNames: sends.map(({ senderName }) => senderName),
      senderDisplayNames: column(sends.map(({ senderDisplayName }) => senderDisplayName)),
      receiverIds: column(sends.map(({ receiverId }) => receiverId)),
      contents: sends.map(({ content }) => content),
      messageTypes: sends.map(({ messageType }) => messageType),
      clientMsgIds: column(sends.map(({ clientMsgId }) => clientMsgId)),
      replyTos: column(sends.map(({ replyTo }) => replyTo)),
      metadatas: column(sends.map(({ metadata }) => metadata)),
      admitted: column(sends.map(({ admitted }) => admitted ?? null)),
    },
    others,
  };
}

export function unpackFrame({ type, shard, number, resent, sends, others }: PackedFrame): CommandFrame {
  const commands: Command[] = [];
  let other = 0;
  const addOthers = (): void => {
    for (let next = others[other]; next?.[0] === commands.length; next = others[++other]) commands.push(next[1]);
  };
  for (let i = 0; i < sends.keys.length; i++) {
    addOthers();
    commands.push(sendAt(sends, i));
  }
  addOthers();
  return { type, shard, number, resent, commands };
}

function sendAt(sends: SendColumns, i: number): SendCommand {
  const command: SendCommand = {
    kind: 'send',
    key: sends.keys[i] ?? '',
    id: sends.ids[i] ?? '',
    senderId: sends.senderIds[i] ?? '',
    senderName: sends.senderNames[i] ?? '',
    senderDisplayName: sends.senderDisplayNames?.[i] ?? null,
    receiverId: sends.receiverIds?.[i] ?? null,
    content: sends.contents[i] ?? '',
    messageType: sends.messageTypes[i] ?? '',
    clientMsgId: sends.clientMsgIds?.[i] ?? null,
    replyTo: sends.replyTos?.[i] ?? null,
    metadata: sends.metadatas?.[i] ?? null,
  };
  const admitted = sends.admitted?.[i] ?? null;
  return admitted === null ? command : { ...command, admitted };
}

export function packReply({ type, shard, number, outcomes, bursts }: FrameReply): PackedReply {
  const keys: RoomKey[] = [];
  const counts: number[] = [];
  const events: PlacedBroadcast[] = [];
  for (const burst of bursts) {
    keys.push(burst.key);
    counts.push(burst.events.length);
    for (const event of burst.events) events.push(event);
  }
  const packed: (LaneOutcome | number)[] = [...outcomes];
  const sourceOf: number[] = [];
  for (const [index, { packet, at }] of events.entries()) {
    const outcome = packed[at];
    if (typeof outcome !== 'object' || !outcome.ok || outcome.answer.resync !== null) continue;
    const { body } = outcome.answer;
    const from = packet.length - body.length - 1;
    if (from < 0 || bodyOf(packet, from) !== body) continue;
    packed[at] = from;
    sourceOf[at] = index;
  }
  const sources: number[] = [];
  for (const [at, outcome] of packed.entries()) if (typeof outcome === 'number') sources.push(sourceOf[at] ?? 0);
  return {
    type,
    shard,
    number,
    outcomes: packed,
    sources,
    keys,
    counts,
    broadcasts: {
      packets: events.map(({ packet }) => packet),
      versions: column(events.map(({ version }) => version)),
      excepts: column(events.map(({ except }) => except)),
      ats: events.map(({ at }) => at),
      evicts: column(events.map(({ evict }) => evict ?? null)),
    },
  };
}

export function unpackReply({
  type,
  shard,
  number,
  outcomes,
  sources,
  keys,
  counts,
  broadcasts,
}: PackedReply): FrameReply {
  const { packets, versions, excepts, ats, evicts } = broadcasts;
  let next = 0;
  const bursts = keys.map((key, burst): Burst => {
    const events: PlacedBroadcast[] = [];
    for (const end = next + (counts[burst] ?? 0); next < end; next++) {
      const event = {
        packet: packets[next] ?? '',
        version: versions?.[next] ?? null,
        except: excepts?.[next] ?? null,
        at: ats[next] ?? 0,
      };
      const evict = evicts?.[next] ?? null;
      events.push(evict === null ? event : { ...event, evict });
    }
    return { key, events };
  });
  let source = 0;
  const unpacked = outcomes.map((outcome): LaneOutcome => {
    if (typeof outcome !== 'number') return outcome;
    const packet = packets[sources[source++] ?? 0] ?? '';
    return { ok: true, answer: { body: bodyOf(packet, outcome), resync: null } };
  });
  return { type, shard, number, outcomes: unpacked, bursts };
}

/** A packet's data, without the bracket that closes the packet: `{…}` of `["new_message",{…}]`. */
function bodyOf(packet: string, from: number): string {
  return packet.slice(from, -1);
}

function column<T>(values: readonly T[]): Column<T> {
  return values.every((value) => value === null) ? null : values;
}
