-- A sign of life of the node $1, draining or not ($2), and what the cluster looks like. Rows not renewed for $3 seconds are
-- deleted. Nodes come with the ms since their last sign, as it was before this one; the node itself is missing if it had no
-- row. Holders are those of the session advisory locks of the class $4; a lock without a row in partition_owner is so new
-- that its epoch is not raised yet.
with alive as (
  insert into nodes (id, seen_at, draining) values ($1, clock_timestamp(), $2)
  on conflict (id) do update set seen_at = excluded.seen_at, draining = excluded.draining
), dead as (
  delete from nodes where id <> $1 and seen_at < clock_timestamp() - make_interval(secs => $3)
)
select
  (select coalesce(json_agg(json_build_object(
      'id', n.id, 'draining', n.draining,
      'ageMs', round(extract(epoch from clock_timestamp() - n.seen_at) * 1000)) order by n.id), '[]')
    from nodes n) as nodes,
  (select coalesce(json_agg(json_build_array(o.partition, o.node, o.epoch)), '[]')
    from pg_locks l join partition_owner o on o.partition = l.objid::bigint::integer
    where l.locktype = 'advisory' and l.classid = $4::bigint::oid and l.objsubid = 2 and l.granted
      and l.database = (select d.oid from pg_database d where d.datname = current_database())) as owners
