-- The fence: a new epoch for each partition of $1, under the node $2. Nothing is raised, and no row comes back, where the
-- database was set up with a number of partitions other than $3. Run only after the locks were granted, as a statement of its
-- own, so that it sees all that a former owner committed. Every node hears of it (one notification, however many rows).
with raised as (
  insert into partition_owner as o (partition, epoch, node, since)
  select p, 1, $2, now() from unnest($1::integer[]) as p
  where not exists (select from settings where name = 'partitions' and value <> $3)
  order by p
  on conflict (partition) do update set epoch = o.epoch + 1, node = excluded.node, since = excluded.since
  returning partition, epoch
)
select partition, epoch, pg_notify('dinguscord_cluster', '') from raised
