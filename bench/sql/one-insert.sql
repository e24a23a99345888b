-- One message of the yardstick: its place in the room and its row, in one statement and so in one transaction of its own.
-- Same tables, indexes and columns as the service's. The row lock on the room is what makes seq gapless.
with place as (
  insert into rooms (room_key, last_seq, last_version)
  values ($1, 1, 1)
  on conflict (room_key) do update set last_seq = rooms.last_seq + 1, last_version = rooms.last_version + 1
  returning last_seq
)
insert into messages (room_key, seq, id, version, sender_id, sender_name, content, message_type, client_msg_id, created_at)
select $1, place.last_seq, $2, place.last_seq, $3, $4, $5, 'text', $6, $7
from place
returning seq
