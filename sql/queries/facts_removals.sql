-- The latest removals of the rooms $1, at most $2 each: those young enough to have been in flight together with a command,
-- which never is for longer than REPLY_DEADLINE_MS.
select n.place, x.id, x.version, x.user_id
from unnest($1::text[], $2::integer[]) with ordinality as n(key, most, place)
cross join lateral (
  select r.id, r.version, r.user_id from room_removals r
  where r.room_key = n.key and r.removed_at > now() - interval '10 minutes'
  order by r.version desc limit n.most
) as x
