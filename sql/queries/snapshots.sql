-- Rooms with their newest messages: $1 keys, $2 how many messages each. One row per key, in the order of the keys.
select k.key, coalesce(r.last_seq, 0) as last_seq, coalesce(r.last_version, 0) as last_version, page.messages,
  case when exists (select from receipts w where w.room_key = k.key)
    then room_marks(k.key, page.lo, r.last_seq, page.senders) end as marks
from unnest($1::text[]) with ordinality as k(key, place)
left join rooms r on r.room_key = k.key
left join lateral (
  select json_agg(message_json(m) order by m.seq) as messages, min(m.seq) as lo, array_agg(distinct m.sender_id) as senders
  from messages m where m.room_key = k.key and m.seq > r.last_seq - $2::integer and m.seq <= r.last_seq
) as page on true
order by k.place
