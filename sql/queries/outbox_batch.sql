-- The oldest unsent events: of each partition of $1 at most $3, those past the position in $2. In order within a partition.
select o.partition, o.position, o.room_key, o.kind, o.from_seq, o.to_seq, o.version, o.user_id, o.message_ids,
  floor(extract(epoch from o.happened_at) * 1000)::bigint as happened_at
from unnest($1::integer[], $2::bigint[]) as p(partition, after)
cross join lateral (
  select * from outbox each where each.partition = p.partition and each.position > p.after order by each.position limit $3::integer
) as o
order by o.partition, o.position
