/** The longest ids that clients may use fit into every index, of whatever characters, and are told apart. */
import test from 'ava';
import { uuidv7 } from 'uuidv7';
import { directKey } from '../../src/actors/protocol/ids.js';
import { rows } from '../../src/config.js';
import { StoreError, type Fence, type Writer } from '../../src/runtime/store/port.js';
import { sql } from '../../src/runtime/store/postgres/queries.js';
import { keyedLookups } from '../../src/runtime/store/postgres/connection.js';
import { freshDatabase, withClient, type FreshDatabase } from '../harness/database.js';
import { acquire, TestRoom, writerOn } from './rooms.js';

let database: FreshDatabase;
let writer: Writer;
let fences: readonly Fence[];

test.before(async () => {
  database = await freshDatabase();
  writer = writerOn(database.connection, 'longest');
  fences = await acquire(writer, [0]);
});

test.after.always(async () => {
  await writer.release();
  await database.drop();
});

const longest = rows.idMaxLength.byDefault;

/** Three bytes each, and nothing to compress: the server compresses entries of an index before it measures them. */
function wide(seed: number, length = longest): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCodePoint(0x4e00 + ((state >>> 8) % 20_000));
  }).join('');
}

test.serial('no setting allows ids that are longer', (t) => {
  t.throws(() => rows.idMaxLength.read(String(longest + 1)));
});

test.serial('law 3 holds for the longest ids of a direct conversation, as does every other index', async (t) => {
  const [sender, receiver, client, other] = [wide(1), wide(2), wide(3), wide(4)];
  const room = new TestRoom(directKey(sender, receiver));
  await writer.append(
    room.frame(fences, [
      { senderId: sender, receiverId: receiver, clientMsgId: client },
      { senderId: sender, receiverId: receiver, clientMsgId: other },
    ]),
  );
  const receipts = [{ key: room.key, userId: receiver, delivered: 2, read: 1 }];
  await writer.append(room.frame(fences, [], [{ seq: 1, content: 'edited', editedAt: 1_790_000_000_999 }], receipts));
  const removed = { key: room.key, id: uuidv7(), userId: receiver, version: room.version + 1 };
  const step = { key: room.key, partition: 0, fromSeq: 2, fromVersion: 3, toSeq: 2, toVersion: 4 };
  await writer.append({ fences, rooms: [step], created: [], changed: [], receipts: [], removals: [removed] });
  const ask = (senderId: string, clientMsgId: string) => ({ key: room.key, id: uuidv7(), senderId, clientMsgId });
  const found = await writer.known([ask(sender, client), ask(sender, other), ask(receiver, client), ask(sender, 'c')]);
  t.deepEqual(
    found.map((message) => message?.seq ?? null),
    [1, 2, null, null],
  );
  const again = new TestRoom(room.key);
  const frame = again.frame(fences, [{ senderId: sender, clientMsgId: other }]);
  const [created] = frame.created;
  if (created === undefined) throw new Error('no message');
  const error = await t.throwsAsync(
    writer.append({
      ...frame,
      rooms: [{ ...step, fromVersion: 4, toSeq: 3, toVersion: 5 }],
      created: [{ ...created, seq: 3, version: 5 }],
    }),
    { instanceOf: StoreError },
  );
  t.is(error?.failure, 'duplicate');
});

test.serial('ids are told apart whatever they hold, short or long', async (t) => {
  const long = wide(5);
  const pairs = [
    ['a\\', 'b'],
    ['a', '\\b'],
    ['\\x61', 'b'],
    ["a'", '\\\\'],
    ['ab', 'c'],
    ['a', 'bc'],
    [long, 'a\\b'],
    [long, 'a\\\\b'],
    [`${long.slice(1)}\\`, long],
    [long.slice(1), `\\${long.slice(1)}`],
    [`\\x${long.slice(2)}`, long],
  ] as const;
  const room = new TestRoom('told apart');
  await writer.append(
    room.frame(
      fences,
      pairs.map(([senderId, clientMsgId]) => ({ senderId, clientMsgId })),
    ),
  );
  const asked = pairs.map(([senderId, clientMsgId]) => ({ key: room.key, id: uuidv7(), senderId, clientMsgId }));
  t.deepEqual(
    (await writer.known(asked)).map((message) => message?.seq),
    pairs.map((_, n) => n + 1),
  );
});

test.serial('what exists is looked up by its own index, also with a plan made for an empty table', async (t) => {
  const fresh = await freshDatabase();
  t.teardown(() => fresh.drop());
  const plan = await withClient(fresh.connection, async (client) => {
    for (const [name, value] of Object.entries(keyedLookups)) await client.query(`set ${name} = ${value}`);
    await client.query(`prepare known (text[], uuid[], text[], text[]) as ${sql('known')}`);
    const { rows: lines } = await client.query<Record<string, string>>(
      `explain execute known('{r}', '{${uuidv7()}}', '{s}', '{c}')`,
    );
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  });
  t.regex(plan, /using messages_client_msg_key/);
});
