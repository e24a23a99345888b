/** Logs: JSON lines of bounded length, never message content, never a token, whatever a client puts into its fields. */
import test from 'ava';
import { stageFor, unique } from '../harness/stage.js';
import { tokenFor } from '../harness/token.js';
import { RawSocket } from './raw.js';

const stage = stageFor(test, { LOG_LEVEL: 'trace' });

test('nothing that a client says gets into the logs, and no line is forged or overlong', async (t) => {
  const word = unique('private-word');
  const forged = `x\n{"level":60,"msg":"forged ${word}"}\u001b[31m`;
  const token = tokenFor('ann');
  const stranger = tokenFor('eve', { secret: 'another secret' });
  const ann = await stage.member('ann', 'logged');
  const { id } = await ann.send('logged', word, { metadata: { a: word }, client_msg_id: 'c' });
  await ann.ask('edit_message', { messageId: id, content: `${word} edited` });
  await ann.ask('delete_message', { messageId: id });
  for (const event of ['send_message', 'join_room', 'typing', forged, 'x'.repeat(20_000)])
    await ann.ask(event, { room_id: forged, roomId: forged, content: word, metadata: forged, token });
  await stage.rest('ann').post('/messages', { room_id: 'logged', content: word });
  await stage.rest('ann').post('/messages', `{"room_id":"logged","content":"${word}`);
  await stage.rest('ann').post('/messages', { room_id: 'logged', content: `${word}\0` });
  await stage.rest('ann').get(`/messages/room/${encodeURIComponent(forged)}?limit=${encodeURIComponent(forged)}`);
  await stage.rest('eve', stranger).get('/messages/room/r');
  await stage.client('eve', { token: stranger }).catch(() => null);
  const nobody = await stage.client('eve', { token: null });
  await nobody.ask('authenticate', { userId: 'eve', token: stranger });
  await fetch(`${stage.url}/messages/room/r`, {
    headers: {
      authorization: `Bearer ${token}`,
      'x-request-id': forged.replaceAll('\n', ' ').replaceAll('\u001b', ''),
      'user-agent': word,
    },
  });
  const raw = await RawSocket.open(stage.service.port, 'ann');
  raw.send(`42["send_message",{"room_id":"logged","content":"${word}`);
  await raw.settled();
  raw.close();
  await stage.service.stop();

  const { text, lines, plain } = stage.service.output;
  t.true(lines.length > 3);
  t.deepEqual(plain, [], 'every line is JSON');
  t.false(text.includes(word), lineWith(text, word));
  t.false(lines.some(({ msg }) => msg?.startsWith('forged') === true));
  for (const secret of [token, stranger, token.split('.')[2] ?? '', stranger.split('.')[2] ?? ''])
    t.false(text.includes(secret), lineWith(text, secret));
  t.false(text.includes('your_jwt_secret_for_development_only'));
  const longest = Math.max(...text.split('\n').map((line) => line.length));
  t.true(longest < 4000, `a line of ${longest} characters`);
});

function lineWith(text: string, part: string): string {
  return text.split('\n').find((line) => line.includes(part)) ?? '';
}
