-- The messages of a frame as rows in the text format of COPY.
copy messages (
  room_key, seq, id, version, sender_id, sender_name, sender_display_name, receiver_id, content, message_type,
  client_msg_id, reply_to, metadata, created_at, edited_at, deleted_at)
from stdin
