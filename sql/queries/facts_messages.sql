-- Single messages by room and id: $1 keys, $2 ids. `place` counts the pairs from 1; what is not there has no row.
select n.place, message_json(m) as message, counts.delivered, counts.read
from unnest($1::text[], $2::uuid[]) with ordinality as n(key, id, place)
join messages m on m.id = n.id and m.room_key = n.key
cross join lateral (
  select count(*) filter (where w.delivered_seq >= m.seq) as delivered, count(*) filter (where w.read_seq >= m.seq) as read
  from receipts w where w.room_key = m.room_key and w.user_id <> m.sender_id
) as counts
