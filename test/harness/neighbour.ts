/** A small local HTTP server that plays one of the other Dinguscord services, by its contract. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { within } from './eventually.js';

export interface Called {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Gives the answer to a request; undefined lets the request hang. */
export type Play = (called: Called) => { readonly status: number; readonly body: unknown } | undefined;

interface Waiter {
  readonly matches: (called: Called) => boolean;
  readonly resolve: (called: Called) => void;
}

export class Neighbour {
  /** Every request, in order. */
  readonly calls: Called[] = [];
  readonly #server: Server;
  #waiters: Waiter[] = [];
  play: Play;

  private constructor(play: Play) {
    this.play = play;
    this.#server = createServer((request, response) => {
      void this.#take(request).then((answer) => {
        if (answer === undefined) return;
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer.body));
      });
    });
  }

  static async open(play: Play): Promise<Neighbour> {
    const neighbour = new Neighbour(play);
    await new Promise<void>((resolve) => neighbour.#server.listen(0, '127.0.0.1', resolve));
    return neighbour;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The first request, past or to come, that matches. */
  called(what: string, matches: (called: Called) => boolean): Promise<Called> {
    const known = this.calls.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    const call = new Promise<Called>((resolve) => {
      this.#waiters.push({ matches, resolve });
    });
    return within(call, `a call of the neighbour (${what})`);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #take(request: IncomingMessage): Promise<{ status: number; body: unknown } | undefined> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    const body: unknown = text === '' ? null : JSON.parse(text);
    const called = { method: request.method ?? '', path: request.url ?? '', body };
    this.calls.push(called);
    for (const waiter of this.#waiters) if (waiter.matches(called)) waiter.resolve(called);
    this.#waiters = this.#waiters.filter((waiter) => !waiter.matches(called));
    return this.play(called);
  }
}

/** A Chat Room Service with these members; others' rooms are 404. `members` may be changed while it runs. */
export function openChatRooms(members: Map<string, readonly string[]>): Promise<Neighbour> {
  return Neighbour.open(({ path }) => {
    const id = decodeURIComponent(path.replace(/^\/rooms\//, ''));
    const users = members.get(id);
    if (users === undefined) return { status: 404, body: { success: false } };
    return { status: 200, body: { id, name: id, users } };
  });
}
