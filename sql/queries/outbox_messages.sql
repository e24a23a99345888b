-- Messages as they are now, of the ranges of seqs $2..$3 in the rooms $1. `place` counts the ranges from 1.
select n.place, found.messages, found.lo, found.hi,
  case when found.lo is not null then room_marks(n.key, found.lo, found.hi, found.senders) end as marks
from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as n(key, lo, hi, place)
cross join lateral (
  select json_agg(message_json(m) order by m.seq) as messages, min(m.seq) as lo, max(m.seq) as hi,
    array_agg(distinct m.sender_id) as senders
  from messages m where m.room_key = n.key and m.seq between n.lo and n.hi
) as found
