/** Nodes that go and come back while clients send: nothing acked is lost, nothing is refused that need not be. Needs Redis. */
import test from 'ava';
import { eventually } from '../harness/eventually.js';
import { checkHistory, checkPromises, checkStream } from '../harness/laws.js';
import { unique } from '../harness/stage.js';
import { Nodes } from './support/nodes.js';
import { Traveller } from './support/traveller.js';

interface Trip {
  readonly room: string;
  readonly travellers: readonly Traveller[];
}

function depart(t: { teardown(close: () => void): void }, nodes: Nodes, rooms: number): Trip[] {
  const urls = (): string[] => nodes.services.filter(({ running }) => running).map(({ url }) => url);
  return Array.from({ length: rooms }, (_, at) => {
    const room = unique('room');
    const travellers = [0, 1].map((turn) => new Traveller(`u${at}-${turn}`, room, turn, urls));
    for (const traveller of travellers) t.teardown(() => traveller.close());
    return { room, travellers };
  });
}

async function acks(trips: readonly Trip[], more: number): Promise<void> {
  const all = trips.flatMap(({ travellers }) => travellers);
  const goals = all.map(({ acked }) => acked.length + more);
  await eventually(
    () => Promise.resolve(all.every(({ acked }, i) => acked.length >= (goals[i] ?? 0))),
    'acks of every traveller',
  );
}

/** Whatever clients were promised is stored, at its place, once; and what they heard has no hole, double or swap. */
async function faults(nodes: Nodes, at: number, trips: readonly Trip[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { room, travellers } of trips) {
    const { messages, total } = await nodes.rest(at, 'judge').history(room);
    found.push(...checkHistory(room, messages, total));
    for (const { acked, lives, userId } of travellers) {
      found.push(...checkPromises(room, acked, messages));
      const own = messages.filter((message) => message.sender_id === userId).map(({ content }) => content);
      if (JSON.stringify(own) !== JSON.stringify(acked.map(({ content }) => content)))
        found.push(`${userId}: not what was acked, in that order`);
      for (const heard of lives) found.push(...checkStream(heard));
    }
  }
  return found;
}

test('one node after the other is restarted under load: no refusal, no loss, no hole', async (t) => {
  const nodes = await Nodes.start(t, 2);
  await nodes.shared([0, 1]);
  const trips = depart(t, nodes, 4);
  const travels = trips.flatMap(({ travellers }) => travellers.map((traveller) => traveller.travel()));
  await acks(trips, 20);
  for (const at of [0, 1]) {
    const exit = await nodes.at(at).stop();
    t.is(exit.code, 0);
    await acks(trips, 20);
    await nodes.at(at).restart();
    await nodes.shared([0, 1]);
    await acks(trips, 20);
  }
  for (const { travellers } of trips) for (const traveller of travellers) traveller.stop();
  await Promise.all(travels);
  t.deepEqual(await faults(nodes, 0, trips), []);
  const all = trips.flatMap(({ travellers }) => travellers);
  t.deepEqual(
    all.flatMap(({ refused }) => refused),
    [],
  );
  t.log({
    acked: all.reduce((sum, { acked }) => sum + acked.length, 0),
    longestSilence: Math.max(...all.map((one) => one.longestSilence)),
  });
});

test('a node that is killed: the other takes over, and nothing acked is lost', async (t) => {
  const nodes = await Nodes.start(t, 2);
  await nodes.shared([0, 1]);
  const trips = depart(t, nodes, 4);
  const travels = trips.flatMap(({ travellers }) => travellers.map((traveller) => traveller.travel()));
  await acks(trips, 20);
  await nodes.at(0).kill9();
  await acks(trips, 20);
  for (const { travellers } of trips) for (const traveller of travellers) traveller.stop();
  await Promise.all(travels);
  t.deepEqual(await faults(nodes, 1, trips), []);
  const all = trips.flatMap(({ travellers }) => travellers);
  t.log({
    acked: all.reduce((sum, { acked }) => sum + acked.length, 0),
    longestSilence: Math.max(...all.map((one) => one.longestSilence)),
  });
});
