-- What changed in a room since a version, and where it stands: $1 key, $2 version, $3 limit; at most limit + 1 messages, so that
-- too many is seen. No row when nobody wrote to the room. How it finds them is told in facts_changes.sql.
select r.last_seq, r.last_version, found.messages,
  (select json_agg(json_build_array(x.id, x.user_id, x.version) order by x.version)
    from room_removals x where x.room_key = $1 and x.version > $2::bigint) as removals,
  case when found.lo is not null then room_marks($1, found.lo, found.hi, found.senders) end as marks
from rooms r
cross join lateral (
  select coalesce((
    select walk.seq
    from (
      select m.seq, m.version from messages m
      where m.room_key = $1 and m.seq <= $2::bigint
      order by m.seq desc limit $3::integer + 2
    ) as walk
    where walk.version <= $2::bigint
    order by walk.seq desc limit 1
  ), 0) as seq
) as unchanged
cross join lateral (
  select json_agg(message_json(changed.m) order by (changed.m).seq) as messages,
    min((changed.m).seq) as lo, max((changed.m).seq) as hi, array_agg(distinct (changed.m).sender_id) as senders
  from (
    (select m from messages m where m.room_key = $1 and m.seq > unchanged.seq order by m.seq limit $3::integer + 1)
    union all
    (select m from messages m
      where m.room_key = $1 and m.version > $2::bigint and (m.edited_at is not null or m.deleted_at is not null)
        and m.seq < unchanged.seq
      order by m.version limit $3::integer + 1)
  ) as changed(m)
) as found
where r.room_key = $1
