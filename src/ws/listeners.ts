/**
 * What is called on a socket's events: the same functions for all sockets, with the socket as their `this`. Closures for each
 * would be a twentieth of what an idle socket takes.
 */
import { reject } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Dispatcher } from './dispatcher.js';
import type { ChatSocket, Session } from './session.js';

export interface SocketListeners {
  readonly onevent: (this: ChatSocket, packet: { readonly data?: unknown; readonly id?: unknown }) => void;
  readonly disconnect: (this: ChatSocket) => void;
  readonly error: (this: ChatSocket) => void;
}

/** @param sessions of all sockets that are connected; what others say is not heard any more */
export function socketListeners(
  sessions: ReadonlyMap<ChatSocket, Session>,
  dispatcher: Dispatcher,
  gone: (session: Session) => void,
  log: Log,
): SocketListeners {
  return {
    onevent({ data, id }) {
      const session = sessions.get(this);
      if (session !== undefined) dispatcher.dispatch(session, data, id);
    },
    disconnect() {
      const session = sessions.get(this);
      if (session !== undefined) gone(session);
    },
    error() {
      const session = sessions.get(this);
      if (session === undefined) return;
      log.warn({ socketId: session.id, userId: session.identity?.userId }, 'malformed packet');
      session.error(reject('MALFORMED'), null);
      session.flush();
    },
  };
}
