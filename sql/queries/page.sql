-- One page of a conversation: $1 key, $2 limit, $3 how $4 is meant: an offset from the newest message, or a seq that the page
-- lies before, after or around. seq is gapless, so every page is a range of the primary key; nothing is skipped row by row.
select r.last_seq, page.messages,
  case when page.lo is not null then room_marks($1, page.lo, page.hi, page.senders) end as marks
from rooms r
cross join lateral (
  select case $3::text
    when 'offset' then r.last_seq - $4::bigint
    when 'before' then least($4::bigint - 1, r.last_seq)
    when 'after' then $4::bigint + $2::integer
    else greatest(least($4::bigint + ($2::integer - 1) / 2, r.last_seq), $2::integer)
  end as hi
) as edge
cross join lateral (
  select json_agg(message_json(m) order by m.seq) as messages, min(m.seq) as lo, max(m.seq) as hi, array_agg(distinct m.sender_id) as senders
  from messages m
  where m.room_key = $1 and m.seq > edge.hi - $2::integer and m.seq <= edge.hi and m.seq <= r.last_seq
) as page
where r.room_key = $1
