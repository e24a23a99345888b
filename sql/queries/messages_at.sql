-- Messages of a room as they are now: $1 key, $2 seqs, ascending.
select found.messages, case when found.lo is not null then room_marks($1, found.lo, found.hi, found.senders) end as marks
from (
  select json_agg(message_json(m) order by m.seq) as messages, min(m.seq) as lo, max(m.seq) as hi, array_agg(distinct m.sender_id) as senders
  from unnest($2::bigint[]) as n(seq)
  join messages m on m.room_key = $1 and m.seq = n.seq
) as found
