-- How many rows of the partitions $1 wait (counted up to $2), and how long the oldest has, in seconds.
select
  (select count(*) from (select from outbox o where o.partition = any ($1::integer[]) limit $2::integer) as counted) as depth,
  (select coalesce(extract(epoch from clock_timestamp() - min(oldest.happened_at)), 0)::double precision
    from unnest($1::integer[]) as p(partition)
    cross join lateral (
      select o.happened_at from outbox o where o.partition = p.partition order by o.position limit 1
    ) as oldest) as age
