-- append_frame as in 0002, with the same groups, refusals and order of statements, made cheaper. Arrays are turned into rows
-- by unnest in select lists: in FROM each array is a function of its own, whose rows go through a tuplestore of its own before
-- they are joined side by side. A list that ends before its neighbours goes on as NULLs either way, so a column that is NULL
-- in all rows of its group may come as an empty array.
create or replace function append_frame(
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
    from (select unnest(f_partition) as partition, unnest(f_epoch) as epoch) as f
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
      from (
        select unnest(r_key) as key, unnest(r_from_seq) as from_seq, unnest(r_from_version) as from_version,
          unnest(r_to_seq) as to_seq, unnest(r_to_version) as to_version
      ) as s
      where r.room_key = s.key and r.last_seq = s.from_seq and r.last_version = s.from_version;
    get diagnostics stepped = row_count;
    if stepped < wanted then
      insert into rooms (room_key, last_seq, last_version)
        select s.key, s.to_seq, s.to_version
        from (
          select unnest(r_key) as key, unnest(r_from_seq) as from_seq, unnest(r_from_version) as from_version,
            unnest(r_to_seq) as to_seq, unnest(r_to_version) as to_version
        ) as s
        where s.from_seq = 0 and s.from_version = 0
        on conflict (room_key) do nothing;
      get diagnostics found_rows = row_count;
      if stepped + found_rows <> wanted then
        raise exception 'stale: % of % rooms stand elsewhere', wanted - stepped - found_rows, wanted using errcode = 'DC002';
      end if;
    end if;
  end if;

  -- A loop: for the few rooms of a frame it costs less than it takes to start a statement, and no more for hundreds.
  wanted := 0;
  for i in 1..cardinality(r_key) loop
    wanted := wanted + r_to_seq[i] - r_from_seq[i];
  end loop;
  if wanted is distinct from cardinality(m_key) then
    raise exception 'stale: % messages for % seqs', cardinality(m_key), wanted using errcode = 'DC003';
  end if;
  if wanted > 0 then
    insert into messages (
      room_key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id,
      content, message_type, client_msg_id, reply_to, metadata,
      created_at, edited_at, deleted_at)
    select
      unnest(m_key), unnest(m_seq), unnest(m_id), unnest(m_version), unnest(m_sender_id), unnest(m_sender_name),
      unnest(m_sender_display_name), unnest(m_receiver_id),
      unnest(m_content), unnest(m_message_type), unnest(m_client_msg_id), unnest(m_reply_to), unnest(m_metadata)::json,
      to_timestamp(unnest(m_created_at) / 1000), to_timestamp(unnest(m_edited_at) / 1000), to_timestamp(unnest(m_deleted_at) / 1000);
  end if;

  wanted := cardinality(c_key);
  if wanted > 0 then
    update messages m
      set version = c.version, content = c.content, metadata = c.metadata::json,
        edited_at = to_timestamp(c.edited_at / 1000), deleted_at = to_timestamp(c.deleted_at / 1000)
      from (
        select unnest(c_key) as key, unnest(c_seq) as seq, unnest(c_id) as id, unnest(c_version) as version,
          unnest(c_content) as content, unnest(c_metadata) as metadata,
          unnest(c_edited_at) as edited_at, unnest(c_deleted_at) as deleted_at
      ) as c
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
      from (
        select unnest(w_key) as key, unnest(w_user_id) as user_id, unnest(w_delivered) as delivered, unnest(w_read) as read
      ) as w
      join rooms r on r.room_key = w.key
      group by w.key, w.user_id, r.last_seq
      on conflict (room_key, user_id) do update
        set delivered_seq = greatest(t.delivered_seq, excluded.delivered_seq), read_seq = greatest(t.read_seq, excluded.read_seq);
  end if;
end
$$;
