/** Frames whose outcome was lost, before or after their commit, and that are sent again. */
import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Command } from '../../src/actors/protocol/commands.js';
import { edit, join, limits, mark, remove, room, send, typing } from './support/commands.js';
import { Host } from './support/host.js';

const operation = fc.oneof(
  fc.record({ op: fc.constant('send' as const), user: fc.constantFrom('ann', 'bob'), clientMsgId: fc.nat(6) }),
  fc.record({ op: fc.constant('delete' as const), target: fc.nat(30) }),
  fc.record({ op: fc.constant('read' as const), user: fc.constantFrom('ann', 'bob'), target: fc.nat(30) }),
);

const frames = fc.array(
  fc.record({
    fate: fc.constantFrom('ok', 'lost before', 'lost after'),
    operations: fc.array(operation, { maxLength: 6 }),
  }),
  { maxLength: 12 },
);

test('laws 2, 3: a frame sent again makes nothing twice and broadcasts every message once', (t) => {
  t.timeout(120_000);
  const property = fc.property(frames, (list) => {
    const host = new Host(limits, room);
    const heard: string[] = [];
    const marks = new Map<unknown, number>();
    const answers = new Map<string, unknown>();
    for (const { fate, operations } of list) {
      const commands = operations.map((each): Command => {
        const messages = host.database.messages();
        if (each.op === 'send') return send(each.user, 'x', { clientMsgId: `c${each.clientMsgId}` });
        const target = messages[each.target % (messages.length + 1)];
        if (each.op === 'read') return mark('read', each.user, [], each.target);
        return remove(target?.senderId ?? 'ann', target?.id ?? 'nothing');
      });
      const steps = fate === 'ok' ? host.run(commands) : host.runAndLose(commands, 1_000, fate === 'lost after');
      steps.forEach(({ body, heard: events }, i) => {
        for (const [name, data] of events) {
          if (name === 'new_message') heard.push((data as { readonly id: string }).id);
          if (name !== 'messages_read') continue;
          const { userId, upTo } = data as { readonly userId: string; readonly upTo: number };
          assert(upTo >= (marks.get(userId) ?? 0), 'law 8: a mark that is told never falls');
          marks.set(userId, upTo);
        }
        const command = commands[i];
        if (command?.kind !== 'send') return;
        assert(body !== null, 'a send is acked');
        const { senderId, clientMsgId } = command;
        const first = answers.get(`${senderId} ${clientMsgId}`) ?? body['id'];
        assert.equal(body['id'], first, 'law 3: a retry gets the original answer');
        answers.set(`${senderId} ${clientMsgId}`, first);
      });
    }
    const ids = host.database.messages().map(({ id }) => id);
    assert.deepEqual(heard, ids, 'every message is broadcast once, in the order of its seq');
    assert.equal(new Set(answers.values()).size, ids.length);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});

test('a change that committed before its outcome was lost is broadcast again, without a new version', (t) => {
  const host = new Host(limits, room);
  const first = send('ann', 'one');
  const second = send('ann', 'two');
  host.run([first, second]);
  const steps = host.runAndLose([edit('ann', first.id, 'uno'), remove('ann', second.id)], 1_000, true);
  t.deepEqual(
    steps.map((step) => step.heard[0]?.[0]),
    ['message_edited', 'message_deleted'],
  );
  t.deepEqual(
    steps.map((step) => step.versions),
    [[3], [4]],
  );
  t.is(host.database.lastVersion, 4);
});

test('a receipt that committed before its outcome was lost is told again, covers what was named, and writes nothing', (t) => {
  const host = new Host(limits, room);
  const sends = [1, 2, 3, 4, 5, 6].map((n) => send('ann', `m${n}`));
  host.run(sends);
  const ids = sends.map(({ id }) => id);
  const commands = [mark('delivered', 'bob', [ids[0] ?? '']), mark('read', 'bob', [ids[1] ?? '', ids[4] ?? ''])];
  const steps = host.runAndLose(commands, 1_000, true);
  t.deepEqual(
    steps.map(({ heard }) => heard),
    [
      // The second command has raised this mark as well: what is told is where it stands, lest a mark falls.
      [
        [
          'messages_delivered',
          { userId: 'bob', messageIds: [ids[0], ...ids.slice(2, 5)], roomId: room, upTo: 5 },
          'bob',
        ],
      ],
      // The ring has the newest four.
      [['messages_read', { userId: 'bob', messageIds: ids.slice(1, 5), roomId: room, upTo: 5 }, 'bob']],
    ],
  );
  t.like(steps[1]?.body, { messageIds: ids.slice(1, 5), from: 1, upTo: 5 });
  t.deepEqual(host.database.receipts(), [{ userId: 'bob', delivered: 5, read: 5 }]);
  t.deepEqual(host.one(mark('read', 'bob', [ids[1] ?? ''])).heard, [], 'one that was not lost is told once');
  t.is(host.database.messages()[4]?.readCount, 1);
});

test('catch-ups of one frame share their text until something changes', (t) => {
  const host = new Host({ ...limits, recentMessages: 2 }, room);
  const sends = [1, 2, 3, 4].map((n) => send('ann', `m${n}`));
  host.run(sends);
  const counts = (step: { readonly body: Record<string, unknown> | null } | undefined): unknown =>
    (step?.body?.['messages'] as { readonly content: string; readonly read_count: number }[]).map(
      ({ content, read_count }) => `${content} ${read_count}`,
    );
  const steps = host.run([
    join('bob', 's1', 2),
    mark('read', 'bob', [sends[2]?.id ?? '']),
    join('cyd', 's2', 2),
    edit('ann', sends[3]?.id ?? '', 'new'),
    join('dan', 's3', 2),
  ]);
  t.deepEqual(counts(steps[0]), ['m3 0', 'm4 0']);
  t.deepEqual(counts(steps[2]), ['m3 1', 'm4 0']);
  t.deepEqual(counts(steps[4]), ['m3 1', 'new 0']);
});

test('occupants and typing that a failed frame changed are as before, so the next attempt tells the others', (t) => {
  const host = new Host(limits, room);
  host.run([join('ann'), typing('ann')]);
  const commands = [join('bob'), send('ann', 'hi'), typing('bob')];
  const steps = host.runAndLose(commands, 1_000, false);
  t.deepEqual(
    steps.flatMap((step) => step.heard.map(([name]) => name)),
    ['user_joined', 'new_message', 'user_stopped_typing', 'user_typing'],
  );
  t.deepEqual([...(host.state.occupants?.keys() ?? [])], ['ann', 'bob']);
  t.deepEqual([...(host.state.typing?.keys() ?? [])], ['bob']);
});

test('a failed frame leaves no socket behind that joined in it, and none missing that left in it', (t) => {
  const host = new Host(limits, room);
  host.run([join('ann', 's1'), join('ann', 's2')]);
  const { behaviour } = host;
  for (const command of [join('bob'), { ...join('ann', 's1'), kind: 'leave' as const }]) {
    const decision = behaviour.decide(host.state, command, 1_000, null);
    if (decision.ok) for (const event of decision.events) behaviour.evolve(host.state, event);
  }
  host.reread();
  t.deepEqual(
    [...(host.state.occupants ?? [])].map(([userId, sockets]) => [userId, [...sockets].sort()]),
    [['ann', ['s1', 's2']]],
  );
});
