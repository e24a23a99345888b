/**
 * Anything at all against the real process: raw bytes on its port, from almost valid sessions to noise. After every batch the
 * process lives, no answer tells of its insides, its log tells of no fault of its own, its memory is bounded, the rooms that were
 * in the midst of it are gapless, and a well-behaved client gets what it always gets.
 *
 * FUZZ_SEED replays a run, FUZZ_BATCH only one batch of it, FUZZ_SECONDS bounds it (10 unless said).
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { randomUUID } from 'node:crypto';
import { ChatClient } from '../harness/client.js';
import { checkHistory } from '../harness/laws.js';
import { ownStage, type Stage } from '../harness/stage.js';
import { httpCase } from './http-cases.js';
import { Random } from './random.js';
import { pollingCase, websocketCase } from './socket-cases.js';
import { Ids, rooms } from './values.js';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 10);
const seed = process.env['FUZZ_SEED'] ?? randomUUID().slice(0, 8);
const onlyBatch = process.env['FUZZ_BATCH'];

const casesPerBatch = 120;
/** However slow the machine is: every code is reached in so many. */
const leastBatches = 6;
const atOnce = 32;
/** The process may grow by this much over what it takes after the first batch, however long it is fuzzed. */
const growthMb = 300;
const insides =
  /node_modules|\bat \S+ \(|\.[jt]s:\d+|"code":"INTERNAL"|HTTP\/1\.1 500|ECONN|syntax error at|relation "/;

/** Warnings that only a fault of the store can excuse: whatever comes over the wire must be refused before it gets there. */
const troubles = /did not commit|partitions are lost/;

type Case = (random: Random, port: number, ids: Ids) => Promise<string>;

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** How often each code, and success, was among the answers: what nobody reaches, nobody tests. */
type Reached = Map<string, number>;

/** Runs one batch; what is wrong with its answers, each with its case. */
async function runBatch(name: string, port: number, ids: Ids, reached: Reached): Promise<string[]> {
  const wrong: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < casesPerBatch; at = next++) {
      const random = new Random(`${name}/${at}`);
      const one = random.pick<Case>([httpCase, httpCase, websocketCase, websocketCase, pollingCase]);
      const answer = await one(random, port, ids);
      for (const [, success, code] of answer.matchAll(/"(success)":true|"code":"([A-Z_]+)"/g)) {
        const what = success ?? code ?? '';
        reached.set(what, (reached.get(what) ?? 0) + 1);
      }
      const found = insides.exec(answer);
      if (found !== null)
        wrong.push(`${name}/${at} ${one.name}: …${answer.slice(Math.max(0, found.index - 200), found.index + 300)}…`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return wrong;
}

/** A client like any other, on a socket and over REST. */
async function serveWell(stage: Stage, batch: number): Promise<void> {
  const client = await ChatClient.connect(stage.url, 'calm');
  try {
    const room = `calm-${batch % 5}`;
    const joined = await client.join(room);
    const sent = await client.send(room, `batch ${batch}`);
    if (sent.seq !== joined.seq + 1) throw new Error(`seq ${sent.seq} after ${joined.seq}`);
    await client.message(sent.id);
    const { status } = await stage.rest('calm').post('/messages', { room_id: room, content: 'over REST' });
    if (status !== 201) throw new Error(`REST answers ${status}`);
  } finally {
    client.close();
  }
}

test('whatever comes over the wire, nothing breaks, nothing tells of its insides, and others are served', async (t) => {
  t.timeout(seconds * 1_000 + 300_000);
  t.log(`FUZZ_SEED=${seed}`);
  const stage = await ownStage(t, {
    MAX_SOCKETS: '1000',
    AUTH_TIMEOUT_MS: '2000',
    ROOM_IDLE_TTL_MS: '500',
    SOCKETS_PER_USER: '1000',
  });
  const { service } = stage;
  const ids = new Ids();
  const reached: Reached = new Map();
  const end = performance.now() + seconds * 1_000;
  let batch = onlyBatch === undefined ? 0 : Number(onlyBatch);
  let settledMb = Infinity;
  do {
    const name = `${seed}/${batch}`;
    const replay = `FUZZ_SEED=${seed} FUZZ_BATCH=${batch}`;
    const wrong = await runBatch(name, service.port, ids, reached);
    t.deepEqual(wrong, [], replay);
    t.true(service.running, `${replay}: ${service.output.tail()}`);
    await t.notThrowsAsync(serveWell(stage, batch), replay);
    const faults = service.output.lines.filter(({ level = 0, msg = '' }) => level >= 50 || troubles.test(msg));
    t.deepEqual([...faults.map((line) => JSON.stringify(line)), ...service.output.plain], [], replay);
    const mb = residentMb(service.pid);
    if (settledMb === Infinity) settledMb = mb;
    t.true(mb < settledMb + growthMb, `${replay}: ${settledMb} MB grew to ${mb} MB`);
    batch += 1;
  } while ((performance.now() < end || batch < leastBatches) && onlyBatch === undefined);
  for (const room of rooms) {
    const { messages, total } = await stage.rest('calm').history(room);
    t.deepEqual(checkHistory(room, messages, total), [], `FUZZ_SEED=${seed}`);
  }
  t.log(`${batch} batches of ${casesPerBatch} sessions`, Object.fromEntries(reached));
  for (const code of ['success', 'VALIDATION', 'MALFORMED', 'NOT_FOUND', 'UNAUTHENTICATED'])
    t.true((reached.get(code) ?? 0) > 10, `${code} is hardly reached`);
  const { code } = await service.stop();
  t.is(code, 0, `and it still ends as it should: ${service.output.tail(2_000)}`);
});
