import { once } from 'node:events';
import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { Server } from 'socket.io';
import { runOpenLoop } from '../../bench/load/open-loop.js';
import type { OpenLoop, OpenResult } from '../../bench/load/plan.js';

interface Sent {
  readonly room_id: string;
  readonly client_msg_id: string;
  readonly content: string;
}

/** Answers one message: emits it to its room and acks it, or refuses it. */
type Answer = (accepted: boolean) => void;

/** A chat server that answers when the test says so. @param onMessage gets the n-th message from 1 on */
async function chat(t: ExecutionContext, onMessage: (answer: Answer, n: number) => void): Promise<number> {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], serveClient: false });
  let received = 0;
  const seqs = new Map<string, number>();
  io.on('connection', (socket) => {
    const userId = (JSON.parse(atob(String(socket.handshake.auth['token']).split('.')[1] ?? '')) as { id: string }).id;
    socket.on('join_room', ({ roomId }: { roomId: string }, ack: (answer: object) => void) => {
      void socket.join(roomId);
      ack({ success: true });
    });
    socket.on('send_message', ({ room_id, ...sent }: Sent, ack: (answer: object) => void) => {
      received += 1;
      onMessage((accepted) => {
        if (accepted) {
          const seq = (seqs.get(room_id) ?? 0) + 1;
          seqs.set(room_id, seq);
          io.to(room_id).emit('new_message', { ...sent, sender_id: userId, seq });
        }
        ack({ success: accepted });
      }, received);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.teardown(() => io.close());
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function run(port: number, more: Partial<OpenLoop>, onStart: () => void = () => undefined): Promise<OpenResult> {
  const plan: OpenLoop = {
    kind: 'open-loop',
    port,
    secret: 'a secret that the server of this test does not check',
    rooms: 2,
    members: 3,
    senders: 2,
    contentLength: 40,
    rates: [200],
    warmupMs: 0,
    windowMs: 1000,
    ...more,
  };
  return runOpenLoop(plan, (edge) => {
    if (edge === 'start') onStart();
  });
}

const correct = { refused: 0, unanswered: 0, missing: 0, extra: 0, disorder: 0, wrong: 0, broken: 0 };

test('every message of the schedule is sent, answered and seen by the whole room', async (t) => {
  const port = await chat(t, (answer) => answer(true));
  const { steps, validation } = await run(port, { rates: [100, 200], warmupMs: 100 });
  t.like(validation, correct);
  const due = steps.reduce((sum, { offered }) => sum + offered * 1.1, 0);
  t.is(validation.acked, Math.round(due));
});

test('a server that stalls is charged for every message that was due meanwhile', async (t) => {
  const held: Answer[] = [];
  const port = await chat(t, (answer, n) => {
    held.push(answer);
    // From the 50th message to the 150th nothing is answered: half a second by the clock.
    if (n >= 50 && n < 150) return;
    for (const one of held.splice(0)) one(true);
  });
  const { steps, validation } = await run(port, {});
  t.like(validation, correct);
  // 100 of 200 messages waited, the first 500 ms, the last 5. A loop that waits for answers would have sent four of them.
  t.true((steps[0]?.latency.max ?? 0) >= 490);
  t.true((steps[0]?.latency.p90 ?? 0) >= 300);
});

test('a message that the load client itself sends late counts from when it was due', async (t) => {
  const port = await chat(t, (answer) => answer(true));
  const { steps } = await run(port, {}, () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  });
  const [step] = steps;
  t.true((step?.lag.max ?? 0) >= 250);
  t.true((step?.latency.max ?? 0) >= (step?.lag.max ?? Infinity));
});

test('the steps end with the first rate at which the server refuses twice', async (t) => {
  const port = await chat(t, (answer, n) => answer(n <= 50));
  const { steps, validation } = await run(port, { rates: [100, 200, 400] });
  t.deepEqual(
    steps.map(({ offered, saturated }) => ({ offered, saturated })),
    [
      { offered: 100, saturated: true },
      { offered: 100, saturated: true },
    ],
  );
  t.is(validation.refused, 150);
  t.is(validation.missing, 0);
});
