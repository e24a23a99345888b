/**
 * What is called on a socket's events: the same functions for all sockets, with the socket as their `this`. Closures for each
 * would be a twentieth of what an idle socket takes.
 */
import { reject } from '../actors/rejections.js';
import type { Log } from '../observe/log.js';
import type { Dispatcher } from './dispatcher.js';
import type { Connection } from './fanout/wire.js';
import type { ChatSocket, Session } from './session.js';

export interface SocketListeners {
  readonly onevent: (this: ChatSocket, packet: { readonly data?: unknown; readonly id?: unknown }) => void;
  readonly disconnect: (this: ChatSocket, reason: string) => void;
  readonly error: (this: ChatSocket) => void;
}

/** @param sessions of all connections whose socket is connected; what others say is not heard any more */
export function socketListeners(
  sessions: ReadonlyMap<Connection, Session>,
  dispatcher: Dispatcher,
  gone: (session: Session) => void,
  log: Log,
): SocketListeners {
  return {
    onevent({ data, id }) {
      const session = sessions.get(this.conn);
      if (session !== undefined) dispatcher.dispatch(session, data, id);
    },
    disconnect(reason) {
      const session = sessions.get(this.conn);
      if (session !== undefined) gone(session);
      // There is no other namespace to go to, and without a session nothing would ever end the connection.
      if (reason === 'client namespace disconnect') this.conn.close();
    },
    error() {
      const session = sessions.get(this.conn);
      if (session === undefined) return;
      log.warn({ socketId: session.id, userId: session.identity?.userId }, 'malformed packet');
      session.error(reject('MALFORMED'), null);
      session.flush();
    },
  };
}
