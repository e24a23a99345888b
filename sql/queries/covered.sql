-- Others' undeleted messages with $3 < seq <= $4, the newest $5 of them: $1 key, $2 user.
select found.messages, case when found.lo is not null then room_marks($1, found.lo, found.hi, found.senders) end as marks
from (
  select json_agg(message_json(newest.m) order by (newest.m).seq) as messages,
    min((newest.m).seq) as lo, max((newest.m).seq) as hi, array_agg(distinct (newest.m).sender_id) as senders
  from (
    select m from messages m
    where m.room_key = $1 and m.seq > $3::bigint and m.seq <= $4::bigint and m.sender_id <> $2 and m.deleted_at is null
    order by m.seq desc limit $5::integer
  ) as newest(m)
) as found
