/**
 * Plays a log's entries through speakers: each nick's own lines one after the other, different nicks at the same time,
 * so much at once as a window allows. Flat out, or paced by the logged minutes.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import { pieces, type Entry } from './parse.js';
import { Speaker, type Venue } from './speaker.js';

export interface Pace {
  /** How many times faster than logged; null is flat out. */
  readonly speed: number | null;
  /** Entries under way at once. */
  readonly window: number;
  /** Clients connected at once; the one silent for longest leaves for a new one. */
  readonly clients: number;
}

export interface Played {
  /** Nicks in the room at the end. */
  readonly present: readonly Speaker[];
  readonly nicks: number;
  readonly mostClients: number;
  /** Entries with nothing to say: empty texts, and lines that are no chat. */
  readonly skipped: number;
  /** Texts over the limit, sent in several messages. */
  readonly split: number;
  /** Messages handed to speakers: each must be acked or counted as refused. */
  readonly said: number;
}

/** Longest content that is sent as one message: the service's default limit. */
const contentLimit = 4000;

export class Player {
  readonly #venue: Venue;
  readonly #ledger: Ledger;
  readonly #pace: Pace;
  readonly #name: string;
  /** Every nick of the log, most recently active last; bounded by the log itself. */
  readonly #speakers = new Map<string, Speaker>();
  /** The end of what each nick has been told to do. */
  readonly #tails = new Map<Speaker, Promise<void>>();
  readonly #active = new Set<Promise<void>>();
  /** Connected or about to be, least recently active first. */
  readonly #online = new Set<Speaker>();
  #failure: Error | null = null;
  #mostClients = 0;
  #skipped = 0;
  #split = 0;
  #said = 0;

  /** @param name of the log: with the line it makes the `client_msg_id` */
  constructor(name: string, venue: Venue, ledger: Ledger, pace: Pace) {
    this.#name = name;
    this.#venue = venue;
    this.#ledger = ledger;
    this.#pace = pace;
  }

  /**
   * Plays everything and waits for the last ack.
   * @param onEntry called with the number of entries dispatched
   * @throws Error when a nick gets no answer any more
   */
  async play(entries: readonly Entry[], onEntry: (done: number) => void): Promise<Played> {
    const started = performance.now();
    let done = 0;
    for (const entry of entries) {
      await this.#due(entry, started);
      while (this.#active.size >= this.#pace.window && this.#failure === null) await Promise.race(this.#active);
      if (this.#failure !== null) break;
      this.#dispatch(entry);
      done += 1;
      onEntry(done);
    }
    while (this.#active.size > 0) await Promise.race(this.#active);
    if (this.#failure !== null) {
      for (const speaker of this.#online) speaker.drop();
      throw this.#failure;
    }
    return {
      present: [...this.#online].filter((speaker) => speaker.inRoom),
      nicks: this.#speakers.size,
      mostClients: this.#mostClients,
      skipped: this.#skipped,
      split: this.#split,
      said: this.#said,
    };
  }

  async #due(entry: Entry, started: number): Promise<void> {
    if (this.#pace.speed === null) return;
    const wait = started + (entry.minute * 60_000) / this.#pace.speed - performance.now();
    if (wait > 0) await pause(wait);
  }

  #dispatch(entry: Entry): void {
    switch (entry.kind) {
      case 'message':
      case 'action':
        this.#say(entry.nick, entry.text, `${this.#name}:${entry.line}`, entry.kind === 'message' ? 'text' : 'action');
        break;
      case 'join':
        this.#enter(entry.nick);
        break;
      case 'leave':
        this.#exit(entry.nick);
        break;
      case 'rename':
        // A user id cannot change: the old nick goes and the new one comes.
        this.#exit(entry.nick);
        this.#enter(entry.to);
        break;
      case 'other':
        this.#skipped += 1;
    }
  }

  #say(nick: string, text: string, id: string, type: string): void {
    const parts = pieces(text, contentLimit);
    if (parts.length === 0) this.#skipped += 1;
    if (parts.length > 1) this.#split += 1;
    this.#said += parts.length;
    const speaker = this.#take(nick);
    parts.forEach((part, at) => {
      this.#queue(speaker, () => speaker.say(part, parts.length === 1 ? id : `${id}.${at}`, type));
    });
  }

  #enter(nick: string): void {
    const speaker = this.#take(nick);
    this.#queue(speaker, () => speaker.join());
  }

  #exit(nick: string): void {
    const speaker = this.#speakers.get(nick);
    // Someone who was in the channel before the log began and never spoke: nobody knows of them here.
    if (speaker === undefined || !this.#online.delete(speaker)) return;
    this.#queue(speaker, () => speaker.leave());
  }

  /** The nick's speaker, counted as connected; the longest silent one leaves when there are too many. */
  #take(nick: string): Speaker {
    const speaker = this.#speakers.get(nick) ?? new Speaker(nick, this.#venue, this.#ledger);
    this.#speakers.set(nick, speaker);
    this.#online.delete(speaker);
    this.#online.add(speaker);
    const [oldest] = this.#online;
    if (this.#online.size > this.#pace.clients && oldest !== undefined) this.#exit(oldest.nick);
    this.#mostClients = Math.max(this.#mostClients, this.#online.size);
    return speaker;
  }

  #queue(speaker: Speaker, action: () => Promise<void>): void {
    const before = this.#tails.get(speaker) ?? Promise.resolve();
    const run = before.then(action).catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    });
    this.#tails.set(speaker, run);
    this.#active.add(run);
    void run.finally(() => this.#active.delete(run));
  }
}
