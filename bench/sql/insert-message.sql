-- One message as a row, its place given: what an INSERT per message costs without anything around it.
insert into messages (
  room_key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content, message_type,
  client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, to_timestamp($14::float8 / 1000), to_timestamp($15::float8 / 1000), to_timestamp($16::float8 / 1000))
