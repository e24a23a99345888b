/** Law 11: after a delete is acked, no path returns the content: tombstones everywhere. */
import test from 'ava';
import { ownStage, unique } from '../harness/stage.js';

/** In the ring and behind it; by socket and by REST; in a room and in a direct conversation. */
const cases = [
  { name: 'in the ring', filler: 0, how: 'socket' },
  { name: 'behind the ring', filler: 6, how: 'rest' },
] as const;

for (const { name, filler, how } of cases)
  test.serial(
    `law 11: no path gives the content of a deleted message any more (${name}, deleted by ${how})`,
    async (t) => {
      const own = await ownStage(t, { ROOM_RECENT_MESSAGES: '4', WORKER_THREADS: '1' });
      const room = unique('room');
      const word = unique('erased-word');
      const [ann, bob] = [await own.member('ann', room), await own.member('bob', room)];
      const message = { room_id: room, content: `the ${word}`, client_msg_id: 'gone', metadata: { also: word } };
      const sent = (await ann.ask('send_message', message)).message;
      const id = sent?.id ?? '';
      await ann.ask('edit_message', { messageId: id, content: `edited ${word}` });
      // Whatever may keep a copy has one now: joins, pages and receipts were encoded with it.
      await (await own.client('before')).join(room);
      await own.rest('bob').get(`/messages/room/${room}`);
      await bob.ask('mark_delivered', { roomId: room, messageIds: [id] });
      const reply = await bob.send(room, 'a reply', { reply_to: id });
      for (let at = 0; at < filler; at += 1) await ann.send(room, `filler ${at}`);

      if (how === 'socket') t.true((await ann.ask('delete_message', { messageId: id, roomId: room })).success);
      else t.is((await own.rest('ann').delete(`/messages/${id}`)).status, 200);
      await bob.wait('message_deleted');

      const paths = async (): Promise<Record<string, unknown>> => {
        const late = await own.client(unique('late'));
        const inspector = await own.inspector();
        return {
          join: await late.join(room),
          'join since 0': await late.join(room, 0),
          'join since the edit': await late.join(room, 2),
          history: (await own.rest('bob').get(`/messages/room/${room}`)).body,
          around: (await own.rest('bob').get(`/messages/room/${room}?around=1`)).body,
          after: (await own.rest('bob').get(`/messages/room/${room}?after=0`)).body,
          changes: (await own.rest('bob').get(`/messages/room/${room}/changes`)).text,
          'changes since the edit': (await own.rest('bob').get(`/messages/room/${room}/changes?since=2`)).text,
          get_messages: await bob.ask('get_messages', { roomId: room, after: 0 }),
          'read receipt': (await own.rest(unique('reader')).put('/messages/read', { messageIds: [id, reply.id] })).body,
          'the retry of the send': await ann.ask('send_message', message),
          'the retry over REST': (await own.rest('ann').post('/messages', message)).body,
          'an edit': await ann.ask('edit_message', { messageId: id, content: 'x' }),
          'the delete again': await ann.ask('delete_message', { messageId: id }),
          'every table': await inspector.rows(
            `SELECT row_to_json(m)::text AS text FROM messages m UNION ALL SELECT row_to_json(r)::text FROM rooms r`,
          ),
        };
      };
      const check = async (when: string): Promise<void> => {
        const answers = await paths();
        for (const [path, answer] of Object.entries(answers))
          t.false(JSON.stringify(answer).includes(word), `${path} ${when}`);
        t.like(
          answers['the retry of the send'],
          { success: true, message: { id, content: '' } },
          'the retry answers the tombstone',
        );
        t.like(answers['an edit'], { success: false, code: 'NOT_FOUND' });
      };
      await check('at once');
      await own.service.restart();
      const back = { ann: await own.client('ann'), bob: await own.client('bob') };
      const { messages } = await own.rest('bob').history(room);
      t.false(JSON.stringify(messages).includes(word), 'after a restart');
      t.false(JSON.stringify(await back.bob.join(room, 0)).includes(word), 'after a restart');
      t.like((await back.ann.ask('send_message', message)).message, { id, content: '' });
      t.false(own.service.output.text.includes(word), 'nor do the logs');
    },
  );

test.serial('law 11: a delete and a join in one frame: the snapshot behind the delete has no content', async (t) => {
  const own = await ownStage(t, { WORKER_THREADS: '1', SHARDS_PER_WORKER: '1' });
  const room = unique('room');
  const word = unique('erased-word');
  const ann = await own.member('ann', room);
  const { id } = await ann.send(room, word);
  const late = await own.client('late');
  const inspector = await own.inspector();
  const release = await inspector.holdWrites();
  const first = ann.send(unique('filler'), 'holds the frame');
  await inspector.blocked();
  const deleted = ann.ask('delete_message', { messageId: id, roomId: room });
  await ann.barrier();
  const joining = late.ask('join_room', { roomId: room });
  await late.barrier();
  await release();
  await Promise.all([first, deleted, joining]);
  await late.wait('room_joined');
  t.false(JSON.stringify(late.heard).includes(word));
});

test.serial('law 11: a direct message is erased for both', async (t) => {
  const own = await ownStage(t, { WORKER_THREADS: '1' });
  const word = unique('erased-word');
  const ann = await own.client('ann');
  const id = (await ann.ask('send_message', { receiver_id: 'bob', content: word })).message?.id ?? '';
  t.true((await ann.ask('delete_message', { messageId: id })).success);
  for (const [caller, other] of [
    ['ann', 'bob'],
    ['bob', 'ann'],
  ] as const) {
    const page = await own.rest(caller).get(`/messages/direct/${other}`);
    t.false(page.text.includes(word));
    t.is(page.body.pagination?.total, 1);
  }
});
