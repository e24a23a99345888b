/** How the database reads pages and changes: ranges of keys, never more rows than are told, however deep a page lies. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import pg from 'pg';
import { clientConfig, keyedLookups } from '../../src/runtime/store/postgres/connection.js';
import { packageRoot } from '../../src/runtime/store/root.js';
import { freshDatabase, type FreshDatabase } from '../harness/database.js';

const length = 20_000;
let probes = 0;
let database: FreshDatabase;
let client: pg.Client;

test.before(async () => {
  database = await freshDatabase();
  // As the reads connect: their settings are part of what is under test.
  client = new pg.Client(clientConfig(database.connection, { name: 'plans', server: keyedLookups }));
  await client.connect();
  for (const key of ['room', 'neighbour']) {
    await client.query('insert into rooms (room_key, last_seq, last_version) values ($1, $2, $3)', [
      key,
      length,
      length + 10,
    ]);
    await client.query(
      `insert into messages (room_key, seq, id, version, sender_id, sender_name, content, message_type, created_at, edited_at)
       select $1, n, gen_random_uuid(), case when n <= 10 then $2 + n else n end, 'ann', 'Ann', 'x', 'text', now(),
         case when n <= 10 then now() end
       from generate_series(1, $2::integer) n`,
      [key, length],
    );
  }
});

test.after.always(async () => {
  await client.end();
  await database.drop();
});

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Node[];
}

/** The nodes of the plan that read `messages`, with the rows that each visited. */
async function visits(query: string, types: string, values: readonly (string | number)[]) {
  const text = readFileSync(join(packageRoot, 'sql', 'queries', `${query}.sql`), 'utf8');
  probes += 1;
  const probe = `probe_${probes}`;
  await client.query(`prepare ${probe}(${types}) as ${text}`);
  const literals = values.map((value) => (typeof value === 'number' ? String(value) : pg.escapeLiteral(value)));
  const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ readonly Plan: Node }] }>(
    `explain (analyze, format json) execute ${probe}(${literals.join(', ')})`,
  );
  const found: { readonly how: string; readonly rows: number }[] = [];
  const visit = (node: Node): void => {
    const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
    if (node['Relation Name'] === 'messages')
      found.push({
        how: `${node['Node Type']} ${node['Index Name'] ?? ''}`.trim(),
        rows: (node['Actual Rows'] + removed) * node['Actual Loops'],
      });
    node.Plans?.forEach(visit);
  };
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  if (plan === undefined) throw new Error('no plan');
  visit(plan);
  return found;
}

const places: readonly (readonly [how: string, at: number])[] = [
  ['offset', 0],
  ['offset', 10_000],
  ['offset', length - 50],
  ['offset', length + 1_000_000],
  ['before', 15_000],
  ['before', 60],
  ['after', 0],
  ['after', 12_345],
  ['after', length],
  ['around', 10_000],
];

test('a page visits its own messages by the primary key and no others, however deep it lies', async (t) => {
  for (const [how, at] of places)
    for (const limit of [1, 50, 200]) {
      const found = await visits('page', 'text, integer, text, bigint', ['room', limit, how, at]);
      t.deepEqual([...new Set(found.map((one) => one.how))], ['Index Scan messages_pkey'], `${how} ${at}`);
      const rows = found.reduce((sum, one) => sum + one.rows, 0);
      t.true(rows <= limit, `${how} ${at}: ${rows} rows visited for a page of ${limit}`);
    }
});

test('the walk of a change stream visits what changed, and a handful more', async (t) => {
  for (const since of [0, 10, 5_000, 19_990, length, length + 5, length + 10]) {
    const found = await visits('changes_stream', 'text, bigint', ['room', since]);
    const changed = since < length ? length - Math.max(10, since) + 10 : length + 10 - since;
    for (const { how } of found) t.regex(how, /^(Index (Only )?Scan messages_(pkey|changed)|Bitmap Heap Scan)$/);
    const rows = found.reduce((sum, one) => sum + one.rows, 0);
    // The end of the walk is looked for twice, over messages that changed; then every changed message is visited once.
    t.true(rows <= changed + 2 * 11 + 10, `since ${since}: ${rows} rows visited for ${changed} changes`);
  }
});
