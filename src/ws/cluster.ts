/** The door through which the edge meets the edges of other nodes; what is behind it is not its concern. */
import type { ChatServer } from './session.js';

/** The other nodes, as far as sockets are concerned. */
export interface SocketCluster {
  /** Names this node in the ids of its sockets. */
  readonly node: string;
  /** Of `@socket.io/redis-adapter`: for Socket.IO's own calls over all nodes. */
  readonly adapter: AdapterFactory;
  /** `emit` reaches the edges of all other nodes, best effort. */
  bind(emit: (text: string) => void): void;
  /** Something from another node's edge; whatever it is, it is checked. */
  receive(given: unknown): void;
  /** A packet for a user's sockets on other nodes. */
  personal(userId: string, packet: string): void;
}

type AdapterFactory = Exclude<Parameters<ChatServer['adapter']>[0], undefined>;
