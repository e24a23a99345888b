/**
 * The operations of the chat as both edges call them: check the raw input, the caller's rate and access, make the
 * command, hand it to the rooms. What is refused for its input costs a request all the same. No transport is known here.
 * A send is synchronous up to the mailbox whenever access is known, so that it costs no promise.
 */
import type { Command, JoinCommand, SendCommand } from '../actors/protocol/commands.js';
import type { RoomKey } from '../actors/protocol/ids.js';
import type { Rejection } from '../actors/rejections.js';
import type { Config } from '../config.js';
import type { Log } from '../observe/log.js';
import type { Outcome } from '../runtime/frames.js';
import type { Rooms } from '../runtime/rooms.js';
import type { ReadStore } from '../runtime/store/port.js';
import type { Access } from './access.js';
import { Admission } from './admission.js';
import { Changes } from './changes.js';
import { Departures } from './departures.js';
import type { Directory } from './directory.js';
import { describe } from './failures.js';
import { History } from './history.js';
import { newId as uuidV7 } from './ids.js';
import type { InputLimits } from './input/fields.js';
import { readEdit, readJoin, readRemove, readRoom, readSend, type TargetRequest } from './input/requests.js';
import type { Chat, Done, Finish, Identity, RateLimiter, Result } from './port.js';
import type { Limits } from './rate-limiter.js';
import { Readmission } from './readmission.js';
import { Reading } from './reading.js';
import { Receipts } from './receipts.js';
import { absent, refusal, refuse } from './refusals.js';
import { Whereabouts } from './whereabouts.js';

export interface ChatParts {
  readonly config: InputLimits &
    Pick<
      Config,
      | 'replyDeadlineMs'
      | 'mailboxCapacity'
      | 'roomRecentMessages'
      | 'catchUpStreams'
      | 'catchUpStreamMs'
      | 'catchUpIdleMs'
    >;
  readonly rooms: Rooms;
  readonly reads: ReadStore;
  readonly access: Access;
  readonly directory: Directory;
  readonly limits: Limits;
  readonly log: Log;
  /** Ids of commands and messages: UUID v7. */
  readonly newId?: () => string;
}

export function createChat(parts: ChatParts): Chat {
  const { config, rooms, reads, access, directory, log, newId = uuidV7 } = parts;
  const { sends, requests } = parts.limits;
  const admission = new Admission(access, config.mailboxCapacity, log);
  const readmission = new Readmission(access, admission);
  const reading = new Reading(log, config.replyDeadlineMs);
  const whereabouts = new Whereabouts((ids) => reads.locate(ids));
  const departures = new Departures(rooms, newId, log);
  const history = new History({
    limits: config,
    recentMessages: config.roomRecentMessages,
    requests,
    rooms,
    reads,
    reading,
    admission,
    newId,
  });
  const changes = new Changes({ config, requests, reads, reading, admission });
  const receipts = new Receipts({
    limits: config,
    requests,
    rooms,
    reads,
    reading,
    admission,
    whereabouts,
    newId,
  });

  function submit(command: Command, finish: Finish): void {
    rooms.send(command, (outcome, at) => {
      finish(toResult(command.key, outcome, at));
    });
  }

  /** The same for commands that a room refuses to users who were removed from it, until access was asked for anew. */
  function submitAdmitted(userId: string, command: JoinCommand | SendCommand, finish: Finish): void {
    rooms.send(command, (outcome, at) => {
      const removal = outcome.ok ? undefined : outcome.rejection.removal;
      if (removal === undefined) finish(toResult(command.key, outcome, at));
      else
        readmission.again(userId, command.key, removal, finish, (admitted) => {
          submitAdmitted(userId, { ...command, admitted }, finish);
        });
    });
  }

  /** An operation in a room that the caller must be allowed in. */
  function inRoom(caller: Identity, room: Result<RoomKey>, finish: Finish, make: (key: RoomKey) => Command): void {
    if (!spend(requests, caller, finish)) return;
    if (!room.ok) return finish(room);
    const key = room.value;
    admission.enter(caller.userId, key, absent.room, finish, () => {
      submit(make(key), finish);
    });
  }

  /** An operation on a message, wherever it is. Absent, elsewhere and invisible all sound the same. */
  function onMessage(
    caller: Identity,
    request: Result<TargetRequest>,
    finish: Finish,
    make: (key: RoomKey, messageId: string) => Command,
  ): void {
    if (!spend(request.ok ? sends : requests, caller, finish)) return;
    if (!request.ok) return finish(request);
    const { messageId, key } = request.value;
    if (messageId === null) return finish(refusal(absent.message));
    const go = (where: RoomKey): void => {
      admission.enter(caller.userId, where, absent.message, finish, () => {
        submit(make(where, messageId), (result) => {
          finish(!result.ok && result.rejection.code === 'NOT_FOUND' ? refusal(absent.message) : result);
        });
      });
    };
    const known = key ?? whereabouts.known(messageId);
    if (known !== undefined) return go(known);
    reading
      .run('locate', () => whereabouts.find([messageId]))
      .then((found) => {
        if (!found.ok) return finish(found);
        const [where] = found.value.keys();
        if (where === undefined) finish(refusal(absent.message));
        else go(where);
      })
      // Only a bug gets here: one request without an answer, not the end of the process.
      .catch((error: unknown) => {
        log.error({ userId: caller.userId, ...describe(error) }, 'a located request threw');
      });
  }

  return {
    send(caller, input, finish) {
      const request = readSend(input, caller.userId, config);
      if (!spend(request.ok ? sends : requests, caller, finish)) return;
      if (!request.ok) return finish(request);
      const { key, ...rest } = request.value;
      admission.enter(caller.userId, key, absent.room, finish, () => {
        const command: SendCommand = {
          kind: 'send',
          key,
          id: newId(),
          senderId: caller.userId,
          senderName: caller.username,
          senderDisplayName: directory.displayName(caller.userId),
          ...rest,
          ...readmission.of(caller.userId, key),
        };
        submitAdmitted(caller.userId, command, (result) => {
          // A repeated client_msg_id is answered with the first message, so this id may name none: the room says so then.
          if (result.ok) whereabouts.remember(command.id, key);
          finish(result);
        });
      });
    },

    edit(caller, input, finish) {
      const request = readEdit(input, config);
      const content = request.ok ? request.value.content : '';
      onMessage(caller, request, finish, (key, messageId) => ({
        kind: 'edit',
        key,
        id: newId(),
        userId: caller.userId,
        messageId,
        content,
      }));
    },

    remove(caller, input, finish) {
      onMessage(caller, readRemove(input, config), finish, (key, messageId) => ({
        kind: 'delete',
        key,
        id: newId(),
        userId: caller.userId,
        messageId,
      }));
    },

    join(caller, socketId, input, finish) {
      const request = readJoin(input, config);
      if (!spend(requests, caller, finish)) return;
      if (!request.ok) return finish(request);
      const { key, since } = request.value;
      const { userId } = caller;
      admission.enter(userId, key, absent.room, finish, () => {
        const more = readmission.of(userId, key);
        submitAdmitted(userId, { kind: 'join', key, id: newId(), userId, socketId, since, ...more }, finish);
      });
    },

    leave(caller, socketId, input, finish) {
      const room = readRoom(input, config);
      if (!spend(requests, caller, finish)) return;
      if (!room.ok) return finish(room);
      // Whoever may not enter any more may still leave.
      submit({ kind: 'leave', key: room.value, id: newId(), userId: caller.userId, socketId }, finish);
    },

    typing(caller, input, finish) {
      inRoom(caller, readRoom(input, config), finish, (key) => ({
        kind: 'typing',
        key,
        id: newId(),
        userId: caller.userId,
      }));
    },

    stopTyping(caller, input, finish) {
      inRoom(caller, readRoom(input, config), finish, (key) => ({
        kind: 'stop_typing',
        key,
        id: newId(),
        userId: caller.userId,
      }));
    },

    typingUsers(caller, input, finish) {
      inRoom(caller, readRoom(input, config), finish, (key) => ({ kind: 'typing_users', key, id: newId() }));
    },

    mark: (caller, level, input) => receipts.mark(caller, level, input),
    markAndList: (caller, level, input) => receipts.markAndList(caller, level, input),
    history: (caller, input) => history.page(caller, input),
    unread: (caller, input) => history.unread(caller, input),
    changes: (caller, input) => changes.lines(caller, input),
    counts: () => ({ pages: history.counts, catchUps: changes.open }),
    depart(userId, socketId, key, returned = never) {
      departures.tell(userId, socketId, key, returned);
    },
  };
}

const never = (): boolean => false;

/** False when the caller must wait: then it was told. */
function spend(limiter: RateLimiter, caller: Identity, finish: Finish): boolean {
  const wait = limiter.take(caller.userId);
  if (wait > 0) finish(refuse('RATE_LIMITED', undefined, wait));
  return wait === 0;
}

function toResult(key: RoomKey, outcome: Outcome, at: number): Result<Done> {
  if (!outcome.ok) return refusal(outcome.rejection satisfies Rejection);
  const { body, resync } = outcome.answer;
  return { ok: true, value: { key, body, resync, at } };
}
