/** The mutants: which law is broken, where, and which nemeses are to bring it to light. */

export interface Patch {
  /** In the build (`src/…js`) or of `sql/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** In this order, until one catches it. */
  readonly nemeses: readonly string[];
  readonly rounds?: number;
}

const shard = 'src/runtime/shard.js';
const committer = 'src/runtime/committer.js';
const append = 'await ownership.writer.append(append);';

/** Lets the shard post something of a frame before it is committed; the copies run one shard per thread. */
function early(what: 'acks' | 'broadcasts'): readonly Patch[] {
  const acks = what === 'acks';
  const first = acks
    ? `{ type: 'frame', shard, number: frame.number, outcomes: staged.outcomes, bursts: [] }`
    : `{ type: 'frame', shard, number: 0, outcomes: [], bursts: staged.bursts }`;
  const rest = acks ? '{ ...reply, number: 0, outcomes: [] }' : '{ ...reply, bursts: [] }';
  return [
    { file: committer, from: append, to: `globalThis.early?.(staged); ${append}` },
    {
      file: shard,
      from: 'const reply = await this.#commit(frame).catch(',
      to: `globalThis.early = (staged) => { globalThis.early = null; this.#options.post(${first}); };
        const reply = await this.#commit(frame).catch(`,
    },
    {
      file: shard,
      from: 'this.#options.post(reply);',
      to: `this.#options.post(globalThis.early === null ? ${rest} : reply);`,
    },
  ];
}

export const mutants: readonly Mutant[] = [
  { name: 'ack before commit', patches: early('acks'), nemeses: ['kill-midway'] },
  { name: 'broadcast before commit', patches: early('broadcasts'), nemeses: ['kill-midway'] },
  {
    name: 'no epoch check',
    patches: [
      {
        file: 'sql/migrations/0012_append_frame.sql',
        from: 'if found_rows <> cardinality(f_partition) then',
        to: 'if false then',
      },
    ],
    nemeses: ['usurper'],
  },
  {
    name: 'no dedupe',
    patches: [
      {
        file: 'src/actors/recent.js',
        from: 'export function findSent(state, senderId, clientMsgId) {',
        to: 'export function findSent(state, senderId, clientMsgId) { return null;',
      },
      {
        file: 'sql/migrations/0011_client_msg_key.sql',
        from: 'create unique index messages_client_msg_key',
        to: 'create index messages_client_msg_key',
      },
    ],
    nemeses: ['none'],
  },
  {
    name: 'actor state kept over a reconnect',
    patches: [
      { file: shard, from: 'this.#residents.invalidateAll();', to: '' },
      {
        file: shard,
        from: 'onGone: (partitions) => this.#residents.drop(partitions),',
        to: 'onGone: () => undefined,',
      },
    ],
    nemeses: ['cut-postgres'],
  },
  {
    name: 'no hole repair at the edge',
    patches: [
      { file: 'src/runtime/cluster/receiver.js', from: 'if (event.version > version + 1)', to: 'if (false)' },
      {
        file: 'src/runtime/cluster/receiver.js',
        from: 'if (standing !== null && standing.version < version)',
        to: 'if (false)',
      },
      // The socket edge would announce what the receiver did not fill.
      {
        file: 'src/ws/sequence.js',
        from: 'if (version !== null && (ahead || (next < version && !announced)))',
        to: 'if (false)',
      },
    ],
    nemeses: ['redis-restart'],
  },
  {
    name: 'receipts without GREATEST',
    patches: [
      { file: 'src/actors/receipts.js', from: 'if (reach <= from)', to: 'if (reach === from)' },
      {
        file: 'sql/migrations/0012_append_frame.sql',
        from: 'read_seq = greatest(t.read_seq, excluded.read_seq)',
        to: 'read_seq = excluded.read_seq',
      },
    ],
    nemeses: ['none'],
  },
  {
    name: 'delete that leaves the ring buffer',
    patches: [
      {
        file: 'src/actors/sequencing.js',
        from: `        replace(state, message);
        if (event.type`,
        to: `        if (event.type !== 'message_deleted') replace(state, message);
        if (event.type`,
      },
    ],
    nemeses: ['none'],
  },
];
