/**
 * One connection with a deadline on every call. node-postgres' own `query_timeout` leaves the statement running and the
 * connection in use; here the socket is destroyed, so that what comes after starts from nothing. Not safe for concurrent calls.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import type { Log } from '../../../observe/log.js';
import { StoreError } from '../port.js';
import { clientConfig, type ConnectionSettings, type SessionSettings } from './connection.js';
import { toStoreError } from './errors.js';

/** A statement of `sql/queries`: prepared under its name at its first use, once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

export class Session {
  readonly #socket = new Socket();
  readonly #client: pg.Client;
  readonly #deadlineMs: number;
  #alive = true;
  /** Under way. */
  #calls = 0;
  #answeredAt = -Infinity;

  /** @param onLost told when the server or the network ends the session, but not when we do or while a call waits */
  constructor(
    connection: ConnectionSettings,
    settings: SessionSettings,
    deadlineMs: number,
    log: Log,
    onLost: () => void = () => undefined,
  ) {
    this.#deadlineMs = deadlineMs;
    this.#client = new pg.Client({ ...clientConfig(connection, settings), stream: () => this.#socket });
    this.#client.on('error', (error) => {
      // node-postgres reports a dead connection here when no call is waiting, and to the call otherwise.
      const surprise = this.#alive;
      this.#alive = false;
      if (!surprise) return;
      log.warn({ session: settings.name, err: error.message }, 'a database connection was lost');
      if (this.#calls === 0) onLost();
    });
    this.#client.on('end', () => {
      const surprise = this.#alive;
      this.#alive = false;
      if (surprise && this.#calls === 0) onLost();
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** When the last call was sent that was answered without an error; milliseconds, monotonic. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  connect(): Promise<void> {
    return this.#bounded(() => this.#client.connect().then(() => undefined));
  }

  /**
   * Runs a statement.
   * @throws StoreError; after `lost` the session is dead
   */
  async query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    if (!this.#alive) throw new StoreError('lost', 'The database connection is gone');
    const sentAt = performance.now();
    const { rows } = await this.#bounded(() =>
      this.#client.query<Row>({ ...statement, values: [...(statement.values ?? [])] }),
    );
    this.#answeredAt = sentAt;
    return rows;
  }

  /** Told of every notification on the channels that this session listens to. */
  onNotification(listener: () => void): void {
    this.#client.on('notification', listener);
  }

  /** Says goodbye; whatever happens, the socket is gone afterwards. */
  async end(): Promise<void> {
    if (this.#alive) await this.#bounded(() => this.#client.end()).catch(() => undefined);
    this.destroy();
  }

  destroy(): void {
    this.#alive = false;
    this.#socket.destroy();
  }

  #bounded<T>(call: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    const done = (): void => void (this.#calls -= 1);
    return new Promise<T>((resolve, reject) => {
      const fail = (error: StoreError): void => {
        clearTimeout(timer);
        if (error.failure === 'lost') this.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => fail(new StoreError('lost', `The database did not answer within ${this.#deadlineMs} ms`)),
        this.#deadlineMs,
      );
      const called = call();
      // The last to run: an error that ends the session and this call is told to the call alone.
      called.then(done, done);
      called.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error: unknown) => fail(toStoreError(error)),
      );
    });
  }
}
