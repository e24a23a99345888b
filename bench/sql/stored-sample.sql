-- Every $1th message in full.
select room_key, seq, id, version, sender_id, sender_name, content, message_type, client_msg_id,
  round(extract(epoch from created_at) * 1000)::float8 as created_at,
  num_nulls(sender_display_name, receiver_id, reply_to, metadata, edited_at, deleted_at) as nulls
from messages
where seq % $1 = 0
