/** A TCP proxy in front of a database that can swallow what the server answers, and cut connections. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import type { ConnectionSettings } from '../../src/runtime/store/postgres/connection.js';

export interface Proxy {
  /** The same database, through the proxy. */
  readonly connection: ConnectionSettings;
  /** From now on nothing that the server says comes through. Resolves with the first bytes that were swallowed. */
  swallow(): Promise<void>;
  /** Lets answers of new connections through again. */
  restore(): void;
  /** Who ends a connection first, of all that end from now on. */
  ended(): Promise<'client' | 'server'>;
  cut(): void;
  close(): Promise<void>;
}

export async function openProxy(behind: ConnectionSettings): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let swallowing = false;
  let swallowed = (): void => undefined;
  let ended = (_side: 'client' | 'server'): void => undefined;
  const target = (): Socket =>
    behind.host.startsWith('/') ? connect(`${behind.host}/.s.PGSQL.${behind.port}`) : connect(behind.port, behind.host);
  const server = createServer((near) => {
    const far = target();
    near.on('close', () => ended('client'));
    far.on('close', () => ended('server'));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      if (swallowing) swallowed();
      else near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    connection: { ...behind, host: '127.0.0.1', port },
    swallow: () => {
      swallowing = true;
      return new Promise((resolve) => {
        swallowed = resolve;
      });
    },
    restore: () => {
      swallowing = false;
    },
    ended: () =>
      new Promise((resolve) => {
        ended = resolve;
      }),
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}
