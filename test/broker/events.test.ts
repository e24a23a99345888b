/** What other services hear of the chat: every event with its body, in order, and nothing that was erased. */
import anyTest from 'ava';
import { eventually } from '../harness/eventually.js';
import { metricOf } from '../harness/metrics.js';
import { Stage, unique } from '../harness/stage.js';
import { Proxy } from '../chaos/proxy.js';
import { brokerUrl, hasBroker, Listener, messageOf, type HeardEvent } from './support/listener.js';

const test = hasBroker ? anyTest.serial : anyTest.serial.skip;
const stage = new Stage();
let listener: Listener;
let proxy: Proxy;

anyTest.before(async () => {
  if (!hasBroker) return;
  listener = await Listener.open();
  const { hostname, port, username, password } = new URL(brokerUrl);
  proxy = await Proxy.open({ host: hostname, port: Number(port === '' ? 5672 : port) });
  await stage.open(listener.env(`amqp://${username}:${password}@127.0.0.1:${proxy.port}`));
  stage.defer(() => proxy.close());
});
anyTest.after.always(async () => {
  await stage.strike();
  if (hasBroker) await listener.close();
});

function of(key: string, roomId: string): (event: HeardEvent) => boolean {
  return (event) => event.key === key && (event.body['roomId'] ?? messageOf(event)['room_id']) === roomId;
}

test('every change of a room is an event with its body, an id and a timestamp', async (t) => {
  const room = unique('events');
  const ann = await stage.member('ann', room);
  const bob = await stage.member('bob', room);
  const first = await ann.send(room, 'first', { metadata: { a: 1 } });

  const sent = await listener.event('sent', of('message.room.sent', room));
  t.deepEqual(messageOf(sent), { ...first });
  t.is(sent.messageId, String(sent.body['eventId']));
  t.true(sent.persistent);
  t.regex(String(sent.body['timestamp']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

  const notification = await listener.event('notification', of('notification.message.new', room));
  t.like(notification.body, { roomId: room, senderId: 'ann', recipients: null });
  t.is(messageOf(notification)['id'], first.id);

  await bob.ask('mark_delivered', { messageIds: [first.id], roomId: room });
  const delivered = await listener.event('delivered', of('message.delivered', room));
  t.like(delivered.body, { messageIds: [first.id], userId: 'bob', roomId: room, upTo: 1 });
  await bob.ask('mark_read', { messageIds: [first.id], roomId: room });
  const read = await listener.event('read', of('message.read', room));
  t.like(read.body, { messageIds: [first.id], userId: 'bob', roomId: room, upTo: 1 });

  await ann.ask('edit_message', { messageId: first.id, content: 'edited' });
  const edited = await listener.event(
    'edited',
    (event) => event.key === 'message.edited' && messageOf(event)['id'] === first.id,
  );
  t.is(messageOf(edited)['content'], 'edited');

  await ann.ask('delete_message', { messageId: first.id });
  const deleted = await listener.event('deleted', of('message.deleted', room));
  t.like(deleted.body, { messageId: first.id, roomId: room, userId: 'ann' });

  const ids = listener.heard.map(({ messageId }) => messageId);
  t.is(new Set(ids).size, ids.length, 'no two events share an id');
});

test('a direct message is an event for its receiver', async (t) => {
  const [cat, dan] = [unique('cat'), unique('dan')];
  const sender = await stage.client(cat);
  const ack = await sender.ask('send_message', { receiver_id: dan, content: 'psst' });
  const mine = (event: HeardEvent): boolean => messageOf(event)['id'] === ack.message?.id;
  const sent = await listener.event('direct', (event) => event.key === 'message.direct.sent' && mine(event));
  t.like(messageOf(sent), { receiver_id: dan, sender_id: cat, room_id: null, content: 'psst' });
  const note = await listener.event('notification', (event) => event.key === 'notification.message.new' && mine(event));
  t.like(note.body, { recipients: [dan], roomId: null });
  await (await stage.client(dan)).ask('mark_read', { messageIds: [ack.message?.id ?? ''] });
  const read = await listener.event('read', (event) => event.key === 'message.read' && event.body['userId'] === dan);
  t.like(read.body, { roomId: null, messageIds: [ack.message?.id ?? ''] });
});

test('the events of a room come in its order, whatever the traffic', async (t) => {
  const rooms = [unique('order'), unique('order'), unique('order')];
  const [eve, fay] = [await stage.client('eve'), await stage.client('fay')];
  const sends: Promise<unknown>[] = [];
  for (let n = 0; n < 200; n++)
    for (const room of rooms) {
      const who = n % 3 === 0 ? fay : eve;
      sends.push(who.send(room, `${n}`));
      if (n % 50 === 49) await Promise.all(sends);
    }
  await Promise.all(sends);
  const last = await eve.send(rooms[0] ?? '', 'change me');
  await eve.ask('edit_message', { messageId: last.id, content: 'changed' });
  await eve.send(rooms[0] ?? '', 'after');
  for (const room of rooms) {
    const total = room === rooms[0] ? 202 : 200;
    await listener.event(
      `${room} ${total}`,
      (event) => of('message.room.sent', room)(event) && messageOf(event)['seq'] === total,
    );
    const seqs = listener.heard.filter(of('message.room.sent', room)).map((event) => messageOf(event)['seq']);
    t.deepEqual(
      seqs,
      Array.from({ length: total }, (_, i) => i + 1),
    );
  }
  const place = (matches: (event: HeardEvent) => boolean): number => listener.heard.findIndex(matches);
  const edited = place((event) => event.key === 'message.edited' && messageOf(event)['id'] === last.id);
  const after = place((event) => event.key === 'message.room.sent' && messageOf(event)['content'] === 'after');
  t.true(edited !== -1 && edited < after, 'an edit comes between the messages before and after it');
});

test('what was deleted before the broker was back is in no event', async (t) => {
  const room = unique('erased');
  const secret = `secret-${room}`;
  const gil = await stage.client('gil');
  const inspector = await stage.inspector();
  proxy.cut(true);
  await stage.service.output.waitFor('outage', ({ msg }) => msg === 'the broker is away, events wait in the outbox');
  const started = performance.now();
  const doomed = await gil.send(room, secret);
  const edited = await gil.send(room, `before ${secret}`);
  await gil.ask('edit_message', { messageId: edited.id, content: 'after' });
  await gil.ask('delete_message', { messageId: doomed.id });
  t.true(performance.now() - started < 30_000, 'sends do not wait for the broker');
  const { body } = await stage.rest('gil').get<unknown>('/health');
  t.is((body as { status?: string }).status, 'DEGRADED');
  // Both are read from the database at most every two seconds, whoever asks.
  for (const name of ['outbox_depth', 'outbox_oldest_age_seconds'])
    await eventually(async () => (await metricOf(stage.url, name)) > 0, name);

  proxy.restore();
  await listener.event('deleted', of('message.deleted', room));
  const events = listener.heard.filter(
    (event) => messageOf(event)['room_id'] === room || event.body['roomId'] === room,
  );
  t.false(JSON.stringify(events).includes(secret));
  t.deepEqual(
    events.map(({ key }) => key),
    ['message.room.sent', 'message.room.sent', 'notification.message.new', 'message.edited', 'message.deleted'],
    'the sent event of a deleted message comes without content and notifies nobody',
  );
  await eventually(async () => (await inspector.rows('select 1 from outbox')).length === 0, 'an empty outbox');
});
