/** A REST caller: one user's token, JSON in and out, the answer with its status and headers. */
import { tokenFor } from './token.js';
import type { Envelope, WireMessage } from './wire.js';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; an empty one is `{ success: false }`. */
  readonly body: Envelope<T>;
}

/** Reads a whole HTTP answer. */
export async function answerOf<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  let body: Envelope<T> = { success: false };
  if (response.headers.get('content-type')?.startsWith('application/json') === true)
    body = JSON.parse(text) as Envelope<T>;
  return { status: response.status, headers: response.headers, text, body };
}

/** fetch, with the reason in the message when there is no answer at all. */
async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`${init.method ?? 'GET'} ${url.slice(0, 100)}: ${message}: ${String(cause)}`, { cause: error });
  }
}

export class RestClient {
  readonly #url: string;
  readonly #token: string | null;

  /** @param token null calls without one; left out, a good one is signed for `userId` */
  constructor(url: string, userId: string, token?: string | null) {
    this.#url = url;
    this.#token = token === undefined ? tokenFor(userId) : token;
  }

  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await reach(this.#url + path, {
      method,
      headers: {
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return answerOf<T>(response);
  }

  get<T = unknown>(path: string): Promise<Answer<T>> {
    return this.call<T>('GET', path);
  }

  post<T = WireMessage>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>('POST', path, body);
  }

  put<T = readonly WireMessage[]>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>('PUT', path, body);
  }

  patch<T = WireMessage>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>('PATCH', path, body);
  }

  delete<T = unknown>(path: string): Promise<Answer<T>> {
    return this.call<T>('DELETE', path);
  }

  /**
   * A room's whole history, paged by `after` from its beginning, with the total that the last page told.
   * @throws Error when a page is refused
   */
  async history(roomId: string, limit = 200): Promise<{ messages: WireMessage[]; total: number }> {
    const messages: WireMessage[] = [];
    for (let after = 0; ;) {
      const path = `/messages/room/${encodeURIComponent(roomId)}?limit=${limit}&after=${after}`;
      const page = await this.get<WireMessage[]>(path);
      if (page.status !== 200) throw new Error(`history refused: ${page.status} ${page.text.slice(0, 200)}`);
      const data = page.body.data ?? [];
      messages.push(...data);
      const last = data.at(-1);
      if (last === undefined || data.length < limit) return { messages, total: page.body.pagination?.total ?? -1 };
      after = last.seq;
    }
  }
}
