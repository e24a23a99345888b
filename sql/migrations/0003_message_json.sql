-- message_json is a message as the reads return it: a JSON array in the order of `src/runtime/store/postgres/rows.ts`.
-- An array, because it parses to half the size of an object; metadata as a JSON string, so that its text survives exactly.
create function message_json(m messages) returns json language sql stable as $$
  select json_build_array(
    m.room_key, m.id, m.seq, m.version, m.sender_id, m.sender_name, m.sender_display_name, m.receiver_id, m.content,
    m.message_type, m.client_msg_id, m.reply_to, m.metadata::text,
    floor(extract(epoch from m.created_at) * 1000)::bigint,
    floor(extract(epoch from m.edited_at) * 1000)::bigint,
    floor(extract(epoch from m.deleted_at) * 1000)::bigint)
$$;
