/**
 * Law 4 at a receiving edge, whatever the network and the other nodes do to a room's stream.
 * Long because it is one suite: every way in which a stream can be broken, each in a few lines.
 */
import test from 'ava';
import fc from 'fast-check';
import type { PlacedBroadcast } from '../../src/runtime/frames.js';
import { evictionBroadcast } from '../../src/actors/protocol/eviction.js';
import { placed } from '../../src/runtime/cluster/stream-codec.js';
import type { StreamMessage } from '../../src/runtime/cluster/port.js';
import { Listener, stageOf, type Heard, type Stage, type StoredRooms } from './support/streams.js';

const key = 'r';

type Step =
  | {
      readonly do: 'commit';
      readonly change: 'message_created' | 'message_edited' | 'message_deleted';
      readonly seq: number;
    }
  /** The frame at hand is told, as a burst of the present owner. */
  | { readonly do: 'tell'; readonly local: boolean }
  | { readonly do: 'typing' }
  | { readonly do: 'deliver' | 'repeat' | 'lose'; readonly which: number }
  | { readonly do: 'head' | 'store' | 'move' | 'turn' }
  /** A join is answered; the answer is delivered at once, or later. */
  | { readonly do: 'join' | 'leave'; readonly who: number; readonly late: boolean }
  | { readonly do: 'answer'; readonly which: number };

const which = fc.nat({ max: 7 });
const who = fc.nat({ max: 2 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('commit' as const),
        change: fc.constantFrom(
          'message_created' as const,
          'message_created' as const,
          'message_edited' as const,
          'message_deleted' as const,
        ),
        seq: fc.integer({ min: 1, max: 12 }),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('tell' as const), local: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('typing' as const) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), which }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('repeat' as const, 'lose' as const), which }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('head' as const, 'store' as const, 'move' as const, 'turn' as const),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('join' as const, 'join' as const, 'leave' as const),
        who,
        late: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const), which }) },
  ),
  { maxLength: 60 },
);

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

class Run {
  readonly stage: Stage;
  readonly listeners: readonly Listener[];
  readonly #network: StreamMessage[] = [];
  readonly #answers: { readonly who: number; readonly answer: ReturnType<StoredRooms['joined']> }[] = [];
  #frame: PlacedBroadcast[] = [];
  #epoch = 1;

  constructor(catchUpMessages: number) {
    this.stage = stageOf(catchUpMessages, () => new Promise((resolve) => setImmediate(resolve)));
    this.listeners = ['ann', 'bob', 'cem'].map((userId) => new Listener(userId, this.stage.hub));
  }

  async play(all: readonly Step[]): Promise<void> {
    for (const step of all) await this.#step(step);
    // All is well again: what was committed is told, at least by a head.
    const { store, receiver } = this.stage;
    store.down = false;
    for (const { who: index, answer } of this.#answers.splice(0)) this.#join(index, answer);
    this.#send(this.#message([], [[key, store.standing(key).version]]));
    do await turns();
    while (receiver.repairing > 0);
  }

  async #step(step: Step): Promise<void> {
    const { store, receiver, hub } = this.stage;
    switch (step.do) {
      case 'commit':
        this.#frame.push({ ...store.commit(key, step.change, step.seq), at: this.#frame.length });
        return;
      case 'typing':
        this.#frame.push({
          packet: '["user_typing",{"userId":"zoe"}]',
          version: null,
          except: null,
          at: this.#frame.length,
        });
        return;
      case 'tell': {
        const events = this.#frame;
        this.#frame = [];
        if (step.local) receiver.onBursts([{ key, events }]);
        else this.#network.push(this.#message([placed({ key, events })], []));
        return;
      }
      case 'deliver':
        this.#send(this.#network.splice(step.which % (this.#network.length || 1), 1)[0]);
        return;
      case 'repeat':
        this.#send(this.#network[step.which % (this.#network.length || 1)]);
        return;
      case 'lose':
        this.#network.splice(step.which % (this.#network.length || 1), 1);
        return;
      case 'head':
        this.#network.push(this.#message([], [[key, store.standing(key).version]]));
        return;
      case 'store':
        store.down = !store.down;
        return;
      case 'move':
        this.#epoch += 1;
        return;
      case 'turn':
        await turns(3);
        return;
      case 'join':
        this.#answers.push({ who: step.who, answer: store.joined(key) });
        if (step.late) return;
        for (const { who: index, answer } of this.#answers.splice(-1)) this.#join(index, answer);
        return;
      case 'answer':
        for (const { who: index, answer } of this.#answers.splice(step.which % (this.#answers.length || 1), 1))
          this.#join(index, answer);
        return;
      case 'leave': {
        const listener = this.listeners[step.who];
        if (listener === undefined) return;
        hub.leave(key, listener.session);
        hub.flusher.flush();
        listener.heard.push({ event: 'left', body: {} });
        return;
      }
    }
  }

  #join(index: number, answer: ReturnType<StoredRooms['joined']>): void {
    const listener = this.listeners[index];
    if (listener !== undefined) this.stage.join(listener, key, answer);
  }

  #send(message: StreamMessage | undefined): void {
    if (message !== undefined) this.stage.receiver.onMessage(message);
  }

  #message(bursts: StreamMessage['bursts'], heads: StreamMessage['heads']): StreamMessage {
    return { v: 1, partitions: 4, partition: 1, node: 'other', epoch: this.#epoch, bursts, heads };
  }
}

/** What a client knows of the room. */
interface Seen {
  version: number;
  seq: number;
  /** By seq: the version of each message. */
  readonly changed: Map<number, number>;
  /** False once it was told that it may have missed something. */
  readonly known: boolean;
}

/** What is wrong with all that a socket heard; null when nothing is. */
function damage(heard: readonly Heard[], store: StoredRooms, mayResync: boolean): string | null {
  let seen = null as Seen | null;
  for (const { event, body } of heard) {
    const [version, seq] = [Number(body['version']), Number(body['seq'])];
    if (event === 'left') seen = null;
    else if (event === 'room_joined') {
      const changed = new Map<number, number>();
      for (const message of body['messages'] as { seq: number; version: number }[])
        changed.set(message.seq, message.version);
      seen = { version, seq, changed, known: true };
    } else if (event === 'resync_required') {
      if (!mayResync) return 'a hole was announced instead of filled';
      if (seen !== null) seen = { ...seen, version, known: false };
    } else if (event === 'new_message' || event.startsWith('message_')) {
      if (seen === null) return `${event} ${version} outside of the room`;
      if (event === 'new_message') {
        if (seen.known && seq !== seen.seq + 1) return `new_message ${seq} follows ${seen.seq}`;
        if (seq <= seen.seq) return `new_message ${seq} again`;
        seen.seq = seq;
        if (seen.known && version <= seen.version) return `new_message with version ${version} after ${seen.version}`;
      } else if (version <= seen.version) return `${event} with version ${version} after ${seen.version}`;
      seen.version = Math.max(seen.version, version);
      seen.changed.set(seq, version);
    }
  }
  if (seen === null || !seen.known) return null;
  const { changed } = seen;
  const missed = store.messages(key).find((message) => changed.get(message.seq) !== message.version);
  return missed === undefined
    ? null
    : `message ${missed.seq} stands at ${missed.version}, but ${changed.get(missed.seq)} was told`;
}

async function holds(all: readonly Step[], catchUpMessages: number, mayResync: boolean): Promise<void> {
  const run = new Run(catchUpMessages);
  await run.play(all);
  for (const { heard, session } of run.listeners) {
    const wrong = damage(heard, run.stage.store, mayResync);
    if (wrong !== null)
      throw new Error(
        `${session.id}: ${wrong}\n${JSON.stringify(heard.map(({ event, body }) => [event, body['seq'], body['version']]))}`,
      );
  }
}

const runs = 500;

test('whatever is lost, doubled, late or from a former owner: every socket sees every change once, in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, (all) => holds(all, 1_000, false)),
    { numRuns: runs },
  );
  t.pass();
});

test('a hole that is too long to fill is announced, and the stream goes on behind it', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, (all) => holds(all, 2, true)),
    { numRuns: runs },
  );
  t.pass();
});

const others = (bursts: StreamMessage['bursts'], epoch = 1, heads: StreamMessage['heads'] = []): StreamMessage => {
  return { v: 1, partitions: 4, partition: 1, node: 'other', epoch, bursts, heads };
};

function hears({ heard }: Listener): string[] {
  return heard.map(({ event, body }) =>
    `${event} ${typeof body['version'] === 'number' ? body['version'] : ''}`.trim(),
  );
}

test('a socket whose answer was overtaken is brought up to the others at once, and nobody hears anything twice', async (t) => {
  const stage = stageOf(100, () => Promise.resolve());
  const [ann, bob] = [new Listener('ann', stage.hub), new Listener('bob', stage.hub)];
  stage.join(ann, key, stage.store.joined(key));
  const answer = stage.store.joined(key);
  const event = stage.store.commit(key, 'message_created', 1);
  stage.receiver.onMessage(others([placed({ key, events: [event] })]));
  stage.join(bob, key, answer);
  await turns();
  t.deepEqual(hears(bob), ['room_joined 0', 'new_message 1']);
  t.deepEqual(hears(ann), ['room_joined 0', 'new_message 1']);
});

test('a repaired message has the bytes of the original', async (t) => {
  const stage = stageOf(100, () => Promise.resolve());
  const [ann, bob] = [new Listener('ann', stage.hub), new Listener('bob', stage.hub)];
  stage.join(ann, key, stage.store.joined(key));
  const told = stage.store.commit(key, 'message_created', 1);
  stage.receiver.onMessage(others([], 1, [[key, 1]]));
  await turns();
  stage.join(bob, 's', stage.store.joined('s'));
  stage.receiver.onMessage(others([placed({ key: 's', events: [told] })]));
  await turns();
  t.deepEqual(ann.heard[1], bob.heard[1]);
});

test('what is told under a former epoch is not delivered as it is, but what it tells of is not missed', async (t) => {
  const stage = stageOf(100, () => Promise.resolve());
  const ann = new Listener('ann', stage.hub);
  stage.join(ann, key, stage.store.joined(key));
  stage.receiver.onEpoch(1, 5);
  const typing = { packet: '["user_typing",{}]', version: null, except: null, at: 0 };
  const event = stage.store.commit(key, 'message_created', 1);
  stage.receiver.onMessage(others([placed({ key, events: [typing, event] })], 4));
  t.deepEqual(hears(ann), []);
  await turns();
  t.deepEqual(hears(ann), ['room_joined 0', 'new_message 1']);
});

test('more than may wait for a repair is read from the store instead, in order', async (t) => {
  const stage = stageOf(1_000, () => Promise.resolve());
  const ann = new Listener('ann', stage.hub);
  stage.join(ann, key, stage.store.joined(key));
  stage.store.commit(key, 'message_created', 1);
  stage.store.down = true;
  const filler = { packet: `["x","${'y'.repeat(1_000_000)}"]`, version: null, except: null, at: 0 };
  for (let i = 0; i < 8; i++) {
    const event = stage.store.commit(key, 'message_created', 1);
    stage.receiver.onMessage(others([placed({ key, events: [event, filler] })]));
  }
  stage.store.down = false;
  await turns();
  t.is(stage.receiver.repairing, 0);
  t.deepEqual(
    hears(ann).filter((one) => one !== 'x'),
    ['room_joined 0', ...Array.from({ length: 9 }, (_, i) => `new_message ${i + 1}`)],
  );
});

test('the removed leave exactly where their access ended, in a burst as in a repair; who joined later stays', async (t) => {
  for (const repaired of [false, true]) {
    const stage = stageOf(100, () => Promise.resolve());
    const [ann, bob, cem] = ['ann', 'bob', 'cem'].map((userId) => new Listener(userId, stage.hub));
    if (ann === undefined || bob === undefined || cem === undefined) return t.fail();
    for (const one of [ann, bob]) stage.join(one, key, stage.store.joined(key));
    const first = stage.store.commit(key, 'message_created', 1);
    const end = { ...evictionBroadcast(key, { userId: 'bob', version: 2 }), at: 1 };
    const removal = { id: 'e', userId: 'bob', version: 2 };
    stage.store.remove(key, removal);
    const later = stage.store.commit(key, 'message_created', 1);
    if (repaired) stage.receiver.onMessage(others([], 1, [[key, 3]]));
    else stage.receiver.onMessage(others([placed({ key, events: [first, end, later] })]));
    await turns();
    t.deepEqual(hears(ann), ['room_joined 0', 'new_message 1', 'new_message 3']);
    t.deepEqual(
      bob.heard.map(({ event }) => event),
      ['room_joined', 'new_message', 'room_left'],
    );
    t.false(bob.session.rooms.has(key));
    stage.join(cem, key, stage.store.joined(key));
    t.is(stage.hub.announce(key)?.occupants.length, 2);
  }
});
