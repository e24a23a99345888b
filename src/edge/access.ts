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

type Members = ReadonlySet<string>;

export function createAccess({ config, log, now = () => performance.now() }: AccessOptions): Access {
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
  };
}

const open: Access = { may: () => true, revoked: () => undefined, revokedAll: () => undefined };

function membersOnly(url: string, config: AccessOptions['config'], log: Log, now: () => number): Access {
  const neighbour = new Neighbour({ name: 'chat-room-service', url, timeoutMs: config.neighbourTimeoutMs, log, now });
  const answers = new Answers<Members>({
    size: config.neighbourCacheSize,
    staleMs: config.neighbourStaleTtlMs,
    weight: { of: (members) => members.size, max: Math.max(largestRoom, config.neighbourCacheSize * membersPerRoom) },
    ask: async (key) => {
      const name = segment(key);
      return name === null ? nobody : ((await neighbour.lookup(`/rooms/${name}`, readMembers)) ?? nobody);
    },
    now,
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
  };
}

const nobody: Members = new Set();

function verdict(answer: Answer<Members> | null, userId: string): Verdict {
  if (answer === null) return 'unknown';
  return answer.value.has(userId) ? 'yes' : 'no';
}

/** `{ users: [userId…] }`; ids may be numbers, as the tokens' may. */
function readMembers(body: unknown): Members | undefined {
  if (typeof body !== 'object' || body === null || !('users' in body) || !Array.isArray(body.users)) return undefined;
  const members = new Set<string>();
  for (const user of body.users as readonly unknown[]) {
    if (typeof user === 'string') members.add(user);
    else if (typeof user === 'number' && Number.isSafeInteger(user)) members.add(String(user));
    else return undefined;
  }
  return members;
}
