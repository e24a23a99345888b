-- Tables of the service. Keys start with (or contain) room_key, so that hash partitioning or a distribution by room_key
-- stays possible. Texts that are compared are COLLATE "C": equality and order by bytes, several times cheaper.

-- One row per room ever written to. Updated by every frame, so pages stay mostly empty: the updates are HOT and pruned in place.
create table rooms (
  room_key text collate "C" primary key,
  last_seq bigint not null check (last_seq >= 0),
  last_version bigint not null check (last_version >= last_seq),
  created_at timestamptz not null default now()
) with (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- metadata is json, not jsonb: the text survives exactly, and escapes that jsonb refuses (\u0000, lone surrogates) cannot fail
-- a frame; not text, because it is spliced into packets as it is, so that what is not JSON must never get here.
create table messages (
  room_key text collate "C" not null,
  seq bigint not null check (seq > 0),
  id uuid not null,
  version bigint not null,
  sender_id text collate "C" not null,
  sender_name text not null,
  sender_display_name text,
  receiver_id text,
  content text not null,
  message_type text not null,
  client_msg_id text collate "C",
  reply_to uuid,
  metadata json,
  created_at timestamptz not null,
  edited_at timestamptz,
  deleted_at timestamptz,
  primary key (room_key, seq),
  -- a deleted message keeps its place, never its content
  constraint messages_erased check (deleted_at is null or (content = '' and metadata is null))
);

-- Look-ups by id; holds room_key so that it could be enforced per partition of room_key.
create unique index messages_id on messages (id, room_key);

-- One message per (room, sender, client_msg_id), for ever.
create unique index messages_client_msg_id on messages (room_key, sender_id, client_msg_id) where client_msg_id is not null;

-- "What changed since version v" among older messages; costs nothing on insert. See sql/queries/changes.sql.
create index messages_changed on messages (room_key, version) where edited_at is not null or deleted_at is not null;

-- Watermarks per (room, user): they only grow.
create table receipts (
  room_key text collate "C" not null,
  user_id text collate "C" not null,
  delivered_seq bigint not null,
  read_seq bigint not null,
  primary key (room_key, user_id),
  check (read_seq >= 0 and delivered_seq >= read_seq)
) with (fillfactor = 50);

-- The fence: a frame is refused unless it carries the epoch of each of its partitions.
create table partition_owner (
  partition integer primary key,
  epoch bigint not null,
  node text not null,
  since timestamptz not null
) with (fillfactor = 30);

-- What every process on this database must agree on.
create table settings (
  name text primary key,
  value text not null
);
