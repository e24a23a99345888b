-- What changed since a version: $1 keys, $2 versions, $3 limits; at most limit + 1 messages each, so that too many is seen.
--
-- No index over version is needed. Versions at creation rise with seq, and a message's version is never below its seq. So walk
-- the primary key down from seq = since to the first message whose version is not above it: everything after that one has
-- changed, and before it only messages that were edited or deleted later, which a partial index lists.
-- The walk visits changed messages only, and ends when they are too many.
select n.place, found.messages, found.lo, found.hi,
  case when found.lo is not null then room_marks(n.key, found.lo, found.hi, found.senders) end as marks
from unnest($1::text[], $2::bigint[], $3::integer[]) with ordinality as n(key, since, most, place)
cross join lateral (
  select coalesce((
    select walk.seq
    from (
      select m.seq, m.version from messages m
      where m.room_key = n.key and m.seq <= n.since
      order by m.seq desc limit n.most + 2
    ) as walk
    where walk.version <= n.since
    order by walk.seq desc limit 1
  ), 0) as seq
) as unchanged
cross join lateral (
  select json_agg(message_json(changed.m) order by (changed.m).seq) as messages,
    min((changed.m).seq) as lo, max((changed.m).seq) as hi, array_agg(distinct (changed.m).sender_id) as senders
  from (
    (select m from messages m where m.room_key = n.key and m.seq > unchanged.seq order by m.seq limit n.most + 1)
    union all
    (select m from messages m
      where m.room_key = n.key and m.version > n.since and (m.edited_at is not null or m.deleted_at is not null)
        and m.seq < unchanged.seq
      order by m.version limit n.most + 1)
  ) as changed(m)
) as found
order by n.place
