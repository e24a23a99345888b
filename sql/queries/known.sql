-- Messages that exist already: $1 keys, $2 ids, $3 senders, $4 client message ids (or null). `place` counts from 1.
select n.place, message_json(found.m) as message, counts.delivered, counts.read
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) with ordinality as n(key, id, sender_id, client_msg_id, place)
cross join lateral (
  select m from messages m where m.id = n.id and m.room_key = n.key
  union all
  select m from messages m where m.room_key = n.key and m.sender_id = n.sender_id and m.client_msg_id = n.client_msg_id
  limit 1
) as found(m)
cross join lateral (
  select count(*) filter (where w.delivered_seq >= (found.m).seq) as delivered,
    count(*) filter (where w.read_seq >= (found.m).seq) as read
  from receipts w where w.room_key = n.key and w.user_id <> (found.m).sender_id
) as counts
