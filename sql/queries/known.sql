-- Messages that exist already: $1 keys, $2 ids, $3 senders, $4 client message ids (or null). `place` counts from 1.
with n as materialized (
  select *, client_msg_key(sender_id, client_msg_id) as sent
  from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) with ordinality as n(key, id, sender_id, client_msg_id, place)
)
select n.place, message_json(found.m) as message, counts.delivered, counts.read
from n
cross join lateral (
  select m from messages m where m.id = n.id and m.room_key = n.key
  union all
  -- By the index messages_client_msg_key. What is looked for is made above, so that even on an empty table, for which the plan
  -- may have been made, no other index seems to be as cheap.
  select m from messages m where m.room_key = n.key and client_msg_key(m.sender_id, m.client_msg_id) = n.sent
    and m.sender_id = n.sender_id and m.client_msg_id = n.client_msg_id
  limit 1
) as found(m)
cross join lateral (
  select count(*) filter (where w.delivered_seq >= (found.m).seq) as delivered,
    count(*) filter (where w.read_seq >= (found.m).seq) as read
  from receipts w where w.room_key = n.key and w.user_id <> (found.m).sender_id
) as counts
