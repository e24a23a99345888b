/** A history put in order for the checks: requests with what became of them, the streams of the sockets, the store in the end. */
import type {
  Fail,
  Fence,
  Heard,
  Integration,
  Invoke,
  Joined,
  Ok,
  ReceiptHeard,
  Resync,
  Run,
  Stored,
  StoredReceipt,
  StoredRemoval,
  StoredRoom,
  Timed,
} from '../history.js';

/**
 * `lost`: promised and not stored. `doubled`: twice what is to be once. `hole`: a member missed something silently.
 * `disorder`: another order or place than promised. `changed`: another content. `leak`: seen by somebody who may not, or after
 * its deletion. `receipt`: a watermark that fell or went too far. `stale`: an answer that knows less than was acked before.
 * `fence`: a write under an epoch that had been raised.
 */
export type Fault = 'lost' | 'doubled' | 'hole' | 'disorder' | 'changed' | 'leak' | 'receipt' | 'stale' | 'fence';

export const faults: readonly Fault[] = [
  'lost',
  'doubled',
  'hole',
  'disorder',
  'changed',
  'leak',
  'receipt',
  'stale',
  'fence',
];

export interface Violation {
  /** Of DESIGN's laws. */
  readonly law: number;
  readonly fault: Fault;
  readonly room: string;
  readonly detail: string;
}

type At<T> = T & { readonly t: number };

export interface Request {
  readonly invoke: At<Invoke>;
  /** Null while no answer came, or none at all. */
  readonly ok: At<Ok> | null;
  readonly fail: At<Fail> | null;
}

/** What came over one socket for one room, in the order in which it came. */
export interface Stream {
  readonly session: string;
  readonly user: string;
  readonly room: string;
  readonly entries: At<Joined | Heard | Resync>[];
}

export interface Evidence {
  readonly run: Run;
  readonly requests: readonly Request[];
  readonly streams: readonly Stream[];
  readonly receipts: readonly At<ReceiptHeard>[];
  readonly integration: readonly At<Integration>[];
  readonly stored: ReadonlyMap<string, readonly Stored[]>;
  readonly byId: ReadonlyMap<string, Stored>;
  readonly rooms: ReadonlyMap<string, StoredRoom>;
  readonly marks: readonly StoredReceipt[];
  readonly removals: readonly StoredRemoval[];
  readonly fences: readonly Fence[];
}

/** @throws Error when the history has no beginning: then it is none of ours */
export function evidenceOf(history: readonly Timed[]): Evidence {
  let run: Run | null = null;
  const requests = new Map<number, { invoke: At<Invoke>; ok: At<Ok> | null; fail: At<Fail> | null }>();
  const streams = new Map<string, Stream>();
  const stored = new Map<string, Stored[]>();
  const rooms = new Map<string, StoredRoom>();
  const marks: StoredReceipt[] = [];
  const removals: StoredRemoval[] = [];
  const fences: Fence[] = [];
  const receipts: At<ReceiptHeard>[] = [];
  const integration: At<Integration>[] = [];
  for (const entry of history)
    switch (entry.type) {
      case 'run':
        run = entry;
        break;
      case 'invoke':
        requests.set(entry.op, { invoke: entry, ok: null, fail: null });
        break;
      case 'ok':
      case 'fail': {
        const request = requests.get(entry.op);
        if (request === undefined) throw new Error(`an answer to request ${entry.op}, which was never made`);
        if (entry.type === 'ok') request.ok = entry;
        else request.fail = entry;
        break;
      }
      case 'joined':
      case 'heard':
      case 'resync': {
        const { session, user, room } = entry;
        const key = JSON.stringify([session, room]);
        const stream = streams.get(key) ?? { session, user, room, entries: [] };
        streams.set(key, stream);
        stream.entries.push(entry);
        break;
      }
      case 'receipt':
        receipts.push(entry);
        break;
      case 'integration':
        integration.push(entry);
        break;
      case 'stored':
        listOf(stored, entry.room).push(entry);
        break;
      case 'stored_room':
        rooms.set(entry.room, entry);
        break;
      case 'stored_receipt':
        marks.push(entry);
        break;
      case 'stored_removal':
        removals.push(entry);
        break;
      case 'fence':
        fences.push(entry);
        break;
      case 'unknown':
      case 'session':
      case 'nemesis':
        break;
    }
  if (run === null) throw new Error('the history has no first record');
  const byId = new Map([...stored.values()].flat().map((row) => [row.message.id, row]));
  return {
    run,
    requests: [...requests.values()],
    streams: [...streams.values()],
    receipts,
    integration,
    stored,
    byId,
    rooms,
    marks,
    removals,
    fences,
  };
}

/** The list under a key, made when it is missing. */
export function listOf<K, T>(lists: Map<K, T[]>, key: K): T[] {
  let list = lists.get(key);
  if (list === undefined) lists.set(key, (list = []));
  return list;
}
