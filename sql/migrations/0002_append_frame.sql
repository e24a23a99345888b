-- append_frame commits the durable effect of one frame in one round trip, whole or not at all. Arrays of one group have the
-- same length; times are milliseconds since 1970.
--
-- Refusals, each with nothing written:
--   DC001  a partition has another epoch: this owner is fenced off
--   DC002  a room does not stand where the frame thinks it does
--   DC003  a changed message is not there, or the messages do not fill the rooms' new seqs
--   23505  an id or a client_msg_id exists already
create function append_frame(
  f_partition integer[], f_epoch bigint[],
  r_key text[], r_from_seq bigint[], r_from_version bigint[], r_to_seq bigint[], r_to_version bigint[],
  m_key text[], m_seq bigint[], m_id uuid[], m_version bigint[], m_sender_id text[], m_sender_name text[],
  m_sender_display_name text[], m_receiver_id text[], m_content text[], m_message_type text[], m_client_msg_id text[],
  m_reply_to uuid[], m_metadata text[], m_created_at double precision[], m_edited_at double precision[], m_deleted_at double precision[],
  c_key text[], c_seq bigint[], c_id uuid[], c_version bigint[], c_content text[], c_metadata text[],
  c_edited_at double precision[], c_deleted_at double precision[],
  w_key text[], w_user_id text[], w_delivered bigint[], w_read bigint[]
) returns void language plpgsql as $$
declare
  wanted bigint;
  found_rows bigint;
  stepped bigint;
begin
  -- FOR SHARE waits for, and holds off, an owner that is raising the epoch: whoever commits first is seen by the other.
  perform 1
    from unnest(f_partition, f_epoch) as f(partition, epoch)
    join partition_owner o on o.partition = f.partition and o.epoch = f.epoch
    for share of o;
  get diagnostics found_rows = row_count;
  if found_rows <> cardinality(f_partition) then
    raise exception 'fenced: % of % partitions are owned', found_rows, cardinality(f_partition) using errcode = 'DC001';
  end if;

  wanted := cardinality(r_key);
  if wanted > 0 then
    update rooms r
      set last_seq = s.to_seq, last_version = s.to_version
      from unnest(r_key, r_from_seq, r_from_version, r_to_seq, r_to_version) as s(key, from_seq, from_version, to_seq, to_version)
      where r.room_key = s.key and r.last_seq = s.from_seq and r.last_version = s.from_version;
    get diagnostics stepped = row_count;
    if stepped < wanted then
      insert into rooms (room_key, last_seq, last_version)
        select s.key, s.to_seq, s.to_version
        from unnest(r_key, r_from_seq, r_from_version, r_to_seq, r_to_version) as s(key, from_seq, from_version, to_seq, to_version)
        where s.from_seq = 0 and s.from_version = 0
        on conflict (room_key) do nothing;
      get diagnostics found_rows = row_count;
      if stepped + found_rows <> wanted then
        raise exception 'stale: % of % rooms stand elsewhere', wanted - stepped - found_rows, wanted using errcode = 'DC002';
      end if;
    end if;
  end if;

  select coalesce(sum(s.to_seq - s.from_seq), 0) into wanted from unnest(r_from_seq, r_to_seq) as s(from_seq, to_seq);
  if wanted <> cardinality(m_key) then
    raise exception 'stale: % messages for % seqs', cardinality(m_key), wanted using errcode = 'DC003';
  end if;
  if wanted > 0 then
    insert into messages (
      room_key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content, message_type,
      client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at)
    select m.key, m.seq, m.id, m.version, m.sender_id, m.sender_name, m.sender_display_name, m.receiver_id, m.content, m.message_type,
      m.client_msg_id, m.reply_to, m.metadata::json,
      to_timestamp(m.created_at / 1000), to_timestamp(m.edited_at / 1000), to_timestamp(m.deleted_at / 1000)
    from unnest(m_key, m_seq, m_id, m_version, m_sender_id, m_sender_name, m_sender_display_name, m_receiver_id, m_content,
      m_message_type, m_client_msg_id, m_reply_to, m_metadata, m_created_at, m_edited_at, m_deleted_at)
      as m(key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content,
      message_type, client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at);
  end if;

  wanted := cardinality(c_key);
  if wanted > 0 then
    update messages m
      set version = c.version, content = c.content, metadata = c.metadata::json,
        edited_at = to_timestamp(c.edited_at / 1000), deleted_at = to_timestamp(c.deleted_at / 1000)
      from unnest(c_key, c_seq, c_id, c_version, c_content, c_metadata, c_edited_at, c_deleted_at)
        as c(key, seq, id, version, content, metadata, edited_at, deleted_at)
      where m.room_key = c.key and m.seq = c.seq and m.id = c.id;
    get diagnostics found_rows = row_count;
    if found_rows <> wanted then
      raise exception 'stale: % of % changed messages are there', found_rows, wanted using errcode = 'DC003';
    end if;
  end if;

  -- Watermarks only grow and never pass the room's last seq. A room without a row has no messages: nothing to mark.
  if cardinality(w_key) > 0 then
    insert into receipts as t (room_key, user_id, delivered_seq, read_seq)
      select w.key, w.user_id, least(max(greatest(w.delivered, w.read)), r.last_seq), least(max(w.read), r.last_seq)
      from unnest(w_key, w_user_id, w_delivered, w_read) as w(key, user_id, delivered, read)
      join rooms r on r.room_key = w.key
      group by w.key, w.user_id, r.last_seq
      on conflict (room_key, user_id) do update
        set delivered_seq = greatest(t.delivered_seq, excluded.delivered_seq), read_seq = greatest(t.read_seq, excluded.read_seq);
  end if;
end
$$;
