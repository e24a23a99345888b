-- The lease: session advisory locks of the class $1 on the partitions $2. Never waits for a holder.
select p as partition, pg_try_advisory_lock($1::integer, p) as granted from unnest($2::integer[]) as p
