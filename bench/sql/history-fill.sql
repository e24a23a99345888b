-- $2 rooms named by $1 and a number from 0, each with $3 messages, as if they had been sent long ago, all read by the user $4.
with filled as (
  insert into rooms (room_key, last_seq, last_version)
  select $1::text || n, $3, $3 from generate_series(0, $2::integer - 1) as n
), marked as (
  insert into receipts (room_key, user_id, delivered_seq, read_seq)
  select $1::text || n, $4, $3, $3 from generate_series(0, $2::integer - 1) as n
)
insert into messages (room_key, seq, id, version, sender_id, sender_name, content, message_type, client_msg_id, created_at)
select $1::text || n, seq, gen_random_uuid(), seq, 'bench-user-' || seq % 10, 'bench-user-' || seq % 10,
  format('%s%s %s %s', $1::text, n, seq, repeat('the quick brown fox jumps over the lazy dog ', 2)), 'text', 'filled-' || seq,
  now() - interval '1 day' + seq * interval '1 second'
from generate_series(0, $2::integer - 1) as n, generate_series(1, $3::integer) as seq
