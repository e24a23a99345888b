-- Integration events that the broker has not confirmed yet, written in the transaction of the frame that caused them.
-- By reference: content is read from `messages` when an event is sent, so what was erased by then is not in it.
--
-- `position` rises in the order of commit within a partition: a partition has one writer, and a new owner starts only after the
-- last transaction of the former one has ended. The table is filled and emptied at the same pace, so it is vacuumed often.
create table outbox (
  partition integer not null,
  position bigint generated always as identity,
  room_key text collate "C" not null,
  -- created (all messages from_seq..to_seq), edited, deleted (the message to_seq), delivered, read (the watermark to_seq)
  kind text collate "C" not null,
  from_seq bigint not null,
  to_seq bigint not null,
  version bigint not null,
  user_id text,
  message_ids json,
  happened_at timestamptz not null default now(),
  primary key (partition, position)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = -1,
  autovacuum_vacuum_cost_delay = 0);

-- The ends of access, each with the version that it took. user_id is null when the room was deleted.
create table room_removals (
  room_key text collate "C" not null,
  version bigint not null,
  id uuid not null,
  user_id text collate "C",
  removed_at timestamptz not null default now(),
  primary key (room_key, version)
);

-- append_frame with integration events (o_) and removals (x_) beside the frame's other parts, which it hands to the function
-- of 0002: whole or not at all, in the same round trip. Without a broker that one is called directly and nothing is added.
create function append_frame(
  f_partition integer[], f_epoch bigint[],
  r_key text[], r_from_seq bigint[], r_from_version bigint[], r_to_seq bigint[], r_to_version bigint[],
  m_key text[], m_seq bigint[], m_id uuid[], m_version bigint[], m_sender_id text[], m_sender_name text[],
  m_sender_display_name text[], m_receiver_id text[], m_content text[], m_message_type text[], m_client_msg_id text[],
  m_reply_to uuid[], m_metadata text[], m_created_at double precision[], m_edited_at double precision[], m_deleted_at double precision[],
  c_key text[], c_seq bigint[], c_id uuid[], c_version bigint[], c_content text[], c_metadata text[],
  c_edited_at double precision[], c_deleted_at double precision[],
  w_key text[], w_user_id text[], w_delivered bigint[], w_read bigint[],
  o_partition integer[], o_key text[], o_kind text[], o_from bigint[], o_to bigint[], o_version bigint[], o_user_id text[], o_message_ids text[],
  x_key text[], x_version bigint[], x_id uuid[], x_user_id text[]
) returns void language plpgsql as $$
begin
  perform append_frame(
    f_partition, f_epoch,
    r_key, r_from_seq, r_from_version, r_to_seq, r_to_version,
    m_key, m_seq, m_id, m_version, m_sender_id, m_sender_name, m_sender_display_name, m_receiver_id, m_content, m_message_type,
    m_client_msg_id, m_reply_to, m_metadata, m_created_at, m_edited_at, m_deleted_at,
    c_key, c_seq, c_id, c_version, c_content, c_metadata, c_edited_at, c_deleted_at,
    w_key, w_user_id, w_delivered, w_read);
  if cardinality(x_key) > 0 then
    insert into room_removals (room_key, version, id, user_id)
      select x.key, x.version, x.id, x.user_id from unnest(x_key, x_version, x_id, x_user_id) as x(key, version, id, user_id);
  end if;
  if cardinality(o_key) > 0 then
    insert into outbox (partition, room_key, kind, from_seq, to_seq, version, user_id, message_ids)
      select o.partition, o.key, o.kind, o.from_seq, o.to_seq, o.version, o.user_id, o.message_ids::json
      from unnest(o_partition, o_key, o_kind, o_from, o_to, o_version, o_user_id, o_message_ids) with ordinality
        as o(partition, key, kind, from_seq, to_seq, version, user_id, message_ids, place)
      order by o.place;
  end if;
end
$$;
