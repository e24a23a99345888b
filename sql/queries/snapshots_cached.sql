-- Rooms with their newest messages: $1 keys, $2 how many messages each. Of some a cache has the messages: $3 the version and $4 the
-- last seq at which it has the room, $5 the first seq that it has, $6 the senders (JSON array); nulls where it has nothing. Where
-- the room stands exactly there, `cached` says so and no messages are read; the receipts are read in any case.
select k.key, coalesce(r.last_seq, 0) as last_seq, coalesce(r.last_version, 0) as last_version, page.messages, hit.cached,
  case when exists (select from receipts w where w.room_key = k.key)
    then room_marks(k.key,
      case when hit.cached then k.first_seq else page.lo end,
      r.last_seq,
      case when hit.cached then array(select json_array_elements_text(k.senders::json)) else page.senders end) end as marks
from unnest($1::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
  with ordinality as k(key, version, last_seq, first_seq, senders, place)
left join rooms r on r.room_key = k.key
cross join lateral (select coalesce(k.version = r.last_version and k.last_seq = r.last_seq, false) as cached) as hit
left join lateral (
  select json_agg(message_json(m) order by m.seq) as messages, min(m.seq) as lo, array_agg(distinct m.sender_id) as senders
  from messages m
  where not hit.cached and m.room_key = k.key and m.seq > r.last_seq - $2::integer and m.seq <= r.last_seq
) as page on true
order by k.place
