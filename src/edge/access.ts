/**
 * Who may be in a room. A direct conversation is open to its two users alone. Rooms are open to everybody
 * (ROOM_ACCESS=open) or to the members that the Chat Room Service names; its answers are remembered, so that a send
 * almost never waits for it.
 */
import { directUsers, isDirect, type RoomKey } from '../actors/protocol/ids.js';
import type { Config } from '../config.js';
import type { Log } from '../observe/log.js';
import { Answers, type Answer } from './neighbours/answers.js';
import { Neighbour, segment } from './neighbours/neighbour.js';

/** `unknown`: the Chat Room Service fails and no old answer is left; the caller should come back later. */
export type Verdict = 'yes' | 'no' | 'unknown';

export interface Access {
  /** At once where the answer is known, which is the rule; the promise never rejects. */
  may(userId: string, key: RoomKey): boolean | Promise<Verdict>;
  /** Forgets what is known of a room: its members have changed. Answers on their way do not count either. */
  revoked(key: RoomKey): void;
  /** The same for every room: who knows what was missed. */
  revokedAll(): void;
}

/** Where rooms are members-only: the members as the Chat Room Service names them. */
export interface Members {
  /** Has a room's members asked for again, unless that was just done. Never rejects. */
  renew(key: RoomKey): Promise<void>;
  /** From now on `listener` is told of a room's members whenever the service has named them. */
  onMembers(listener: (key: RoomKey, members: ReadonlySet<string>) => void): void;
}

export interface RoomAccess extends Access {
  /** Null where rooms are open. */
  readonly members: Members | null;
}

export interface AccessOptions {
  readonly config: Pick<
    Config,
    | 'roomAccess'
    | 'chatRoomServiceUrl'
    | 'neighbourTimeoutMs'
    | 'neighbourCacheTtlMs'
    | 'neighbourStaleTtlMs'
    | 'neighbourCacheSize'
  >;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** A "no" older than this is asked again: who was just invited gets in at once. In ms. */
const negativeTtlMs = 1_000;

/** Member ids kept over all rooms: this many per cached room on average, and room for one very large one. */
const membersPerRoom = 100;
const largestRoom = 200_000;

/** Of an id in an answer with its quotes and comma: twice that of a UUID. */
const bytesPerMember = 80;

type MemberIds = ReadonlySet<string>;

export function createAccess({ config, log, now = () => performance.now() }: AccessOptions): RoomAccess {
  const rooms =
    config.roomAccess === 'members' && config.chatRoomServiceUrl !== null
      ? membersOnly(config.chatRoomServiceUrl, config, log, now)
      : open;
  return {
    may(userId, key) {
      if (!isDirect(key)) return rooms.may(userId, key);
      return directUsers(key)?.includes(userId) ?? false;
    },
    revoked(key) {
      rooms.revoked(key);
    },
    revokedAll() {
      rooms.revokedAll();
    },
    members: rooms.members,
  };
}

const open: RoomAccess = { may: () => true, revoked: () => undefined, revokedAll: () => undefined, members: null };

function membersOnly(url: string, config: AccessOptions['config'], log: Log, now: () => number): RoomAccess {
  let told: (key: RoomKey, members: MemberIds) => void = () => undefined;
  const neighbour = new Neighbour({
    name: 'chat-room-service',
    url,
    timeoutMs: config.neighbourTimeoutMs,
    maxBytes: largestRoom * bytesPerMember,
    log,
    now,
  });
  const answers = new Answers<MemberIds>({
    size: config.neighbourCacheSize,
    staleMs: config.neighbourStaleTtlMs,
    weight: { of: (members) => members.size, max: Math.max(largestRoom, config.neighbourCacheSize * membersPerRoom) },
    ask: async (key) => {
      const name = segment(key);
      return name === null ? nobody : ((await neighbour.lookup(`/rooms/${name}`, readMembers)) ?? nobody);
    },
    now,
    onAnswer: (key, members) => {
      told(key, members);
    },
  });
  const fresh = config.neighbourCacheTtlMs;

  return {
    may(userId, key) {
      const known = answers.get(key);
      if (known !== undefined) {
        const member = known.value.has(userId);
        const age = now() - known.at;
        if (member && age < fresh) {
          // Asked ahead of time for a room in use, so that its senders never wait for the answer to be renewed.
          if (age > fresh * 0.75 && !answers.serves(known)) void answers.ask(key);
          return true;
        }
        if (!member && age < Math.min(fresh, negativeTtlMs)) return false;
        if (answers.serves(known)) return member;
      }
      return answers.ask(key).then((answer) => verdict(answer, userId));
    },
    revoked(key) {
      answers.forget(key);
    },
    revokedAll() {
      answers.forgetAll();
    },
    members: {
      async renew(key) {
        const known = answers.get(key);
        if (known === undefined || now() - known.at >= fresh / 2) await answers.ask(key);
      },
      onMembers(listener) {
        told = listener;
      },
    },
  };
}

const nobody: MemberIds = new Set();

function verdict(answer: Answer<MemberIds> | null, userId: string): Verdict {
  if (answer === null) return 'unknown';
  return answer.value.has(userId) ? 'yes' : 'no';
}

/** `{ users: [userId…] }`; ids may be numbers, as the tokens' may. */
function readMembers(body: unknown): MemberIds | undefined {
  if (typeof body !== 'object' || body === null || !('users' in body) || !Array.isArray(body.users)) return undefined;
  const members = new Set<string>();
  for (const user of body.users as readonly unknown[]) {
    if (typeof user === 'string') members.add(user);
    else if (typeof user === 'number' && Number.isSafeInteger(user)) members.add(String(user));
    else return undefined;
  }
  return members;
}
