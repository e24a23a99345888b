-- Which messages of a room changed since a version, for a cursor: $1 key, $2 version. Seqs only: what is in a message is read
-- when it is sent, so that content erased meanwhile is not in it (messages_at.sql). Every row says where the room stands, in the
-- same snapshot; one row without a seq when nothing changed, none when nobody wrote to the room.
--
-- How it finds them is told in facts_changes.sql. Nothing is sorted but the older messages that were edited or deleted since,
-- so the first rows come at once however many there are.
select r.last_seq, r.last_version, changed.seq
from rooms r
cross join lateral (
  select coalesce((
    select m.seq from messages m
    where m.room_key = $1 and m.seq <= $2::bigint and m.version <= $2::bigint
    order by m.seq desc limit 1
  ), 0) as seq
) as unchanged
left join lateral (
  (select m.seq from messages m
    where m.room_key = $1 and m.version > $2::bigint and (m.edited_at is not null or m.deleted_at is not null)
      and m.seq < unchanged.seq
    order by m.seq)
  union all
  (select m.seq from messages m where m.room_key = $1 and m.seq > unchanged.seq order by m.seq)
) as changed on true
where r.room_key = $1
