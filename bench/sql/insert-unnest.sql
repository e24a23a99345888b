-- The messages of a frame as rows, one array per column, and nothing around it.
insert into messages (
  room_key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content, message_type,
  client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at)
select m.key, m.seq, m.id, m.version, m.sender_id, m.sender_name, m.sender_display_name, m.receiver_id, m.content, m.message_type,
  m.client_msg_id, m.reply_to, m.metadata::json,
  to_timestamp(m.created_at / 1000), to_timestamp(m.edited_at / 1000), to_timestamp(m.deleted_at / 1000)
from unnest(
    $1::text[], $2::bigint[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::uuid[], $13::text[], $14::float8[], $15::float8[], $16::float8[])
  as m(key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content, message_type,
    client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at)
